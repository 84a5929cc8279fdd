"""Where are sessions kept? In the database, which is asked only for a key that it could have given out."""

import re

from django.contrib.sessions.backends import db

KEY = re.compile(r"[a-z0-9]{8,40}", re.ASCII)  # the column's length; PostgreSQL takes no NUL at all


class SessionStore(db.SessionStore):
    def _validate_session_key(self, key: str | None) -> bool:
        """Django's looks at the length alone; whatever is no key begins a new session."""
        return bool(key and KEY.fullmatch(key))
