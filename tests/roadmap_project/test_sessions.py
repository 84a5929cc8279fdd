"""What becomes of a session whose connection is lost."""

import pytest
from django.contrib.sessions.backends.base import UpdateError
from django.db import OperationalError, connection

from roadmap_project.sessions import SessionStore
from tests.system.conftest import superuser

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_lost_connection_is_no_session_that_was_ended():
    session = SessionStore()
    session.create()
    session["draft"] = "Learn to weld"
    connection.ensure_connection()
    with superuser() as server:
        server.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])

    with pytest.raises(OperationalError):
        session.save()

    connection.close()
    session.save()
    assert SessionStore(session.session_key)["draft"] == "Learn to weld"


def test_a_session_that_was_ended_is_not_saved_again():
    session = SessionStore()
    session.create()
    SessionStore(session.session_key).delete()

    with pytest.raises(UpdateError):
        session.save()
