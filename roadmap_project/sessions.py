"""Where are sessions kept? In the database, asked only for a key it could have given out, and an error stays one."""

import re

from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import UpdateError
from django.db import InterfaceError, OperationalError

KEY = re.compile(r"[a-z0-9]{8,40}", re.ASCII)  # the column's length; PostgreSQL takes no NUL at all


class SessionStore(db.SessionStore):
    def _validate_session_key(self, key: str | None) -> bool:
        """Django's looks at the length alone; whatever is no key begins a new session."""
        return bool(key and KEY.fullmatch(key))

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002  as Django has it
        """A lost connection stays one: Django calls any error here a session that was ended, and answers 400."""
        try:
            super().save(must_create)
        except UpdateError as error:
            if isinstance(error.__context__, OperationalError | InterfaceError):
                raise error.__context__ from None
            raise
