"""Liveness without a database, readiness with one, and a page's words when there is none."""

import pytest
from django.db import OperationalError, connection
from django.test import RequestFactory

from roadmap_project import errors
from roadmaps.steps import heartbeats


def test_liveness_uses_no_database(client):
    response = client.get("/health/live/")  # pytest-django refuses the database to this test

    assert response.json() == {"status": "alive"}


@pytest.mark.django_db
def test_readiness_tells_the_age_of_each_queues_last_pick_up(client):
    heartbeats.picked_up("content")

    answer = client.get("/health/").json()

    assert answer["status"] == "ready"
    assert 0 <= answer["queues"]["content"]["seconds_since_pick_up"] < 10
    assert answer["queues"]["logs"] == {"seconds_since_pick_up": None, "seconds_since_sweep": None}


@pytest.mark.django_db
def test_readiness_needs_few_queries(client, django_assert_num_queries):
    with django_assert_num_queries(2):
        client.get("/health/")


@pytest.mark.django_db
def test_probes_are_not_redirected_to_https(client, settings):
    settings.SECURE_SSL_REDIRECT = True

    assert client.get("/health/live/").status_code == 200
    assert client.get("/health/").status_code == 200
    assert client.get("/").status_code == 301


def test_a_page_without_a_database_says_so_and_asks_to_come_back():
    try:
        raise OperationalError("connection refused")
    except OperationalError:
        response = errors.server_error(RequestFactory().get("/"))

    assert response.status_code == 503
    assert response["Retry-After"] == "10"
    assert b"try again" in response.content


@pytest.mark.django_db(transaction=True)
def test_readiness_is_503_when_the_database_is_gone(client, monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"host": "/nonexistent", "connect_timeout": 2})

    response = client.get("/health/")

    assert response.status_code == 503
    assert response.json()["status"] == "no database"
