"""What Prometheus reads, and who may."""

import pytest
from django.db import connection
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from roadmap_project import health, process
from roadmap_project.models import ConnectionTrouble
from roadmap_project.postgresql import base
from tests.factories import make_cluster, make_user


@pytest.fixture(autouse=True)
def _nothing_seen():
    health.forget()
    yield
    health.forget()


@pytest.fixture
def scrape(client, settings):
    settings.METRICS_TOKEN = "sesame"

    def read(**headers):
        response = client.get("/metrics", headers={"Authorization": "Bearer sesame", **headers})
        assert response.status_code == 200
        return response

    return read


def samples(response):
    """Values by name and labels but the process's number."""
    found = {}
    for family in text_string_to_metric_families(response.content.decode()):
        for sample in family.samples:
            labels = {value for name, value in sample.labels.items() if name != "process_pid"}
            found[(sample.name, *sorted(labels))] = sample.value
    return found


@pytest.mark.django_db
def test_A17_declared_and_observed_are_told_by_service(scrape, settings):
    budget = settings.CONNECTION_BUDGET

    found = samples(scrape())

    for service in budget.services:
        assert found["roadmaps_connections_declared", service.name] == service.total
        assert found["roadmaps_connections_observed", service.name] == 0
    assert found["roadmaps_connections_observed", "other"] >= 1
    assert found["roadmaps_connections_observed", "unplanned"] >= 0
    assert found[("roadmaps_connections_steady",)] == budget.steady
    assert found[("roadmaps_connections_deploying",)] == budget.deploy
    assert 0 < found[("roadmaps_connections_usable",)] < found[("roadmaps_connections_limit",)]
    assert found[("roadmaps_connections_fits",)] == 1
    assert found[("roadmaps_database_up",)] == 1


@pytest.mark.django_db
def test_the_process_tells_of_itself_in_opentelemetrys_names(scrape, monkeypatch):
    troubles = base.Troubles(waits=2)
    troubles.refusals.update({base.SERVER: 3, base.ALLOTMENT: 4})
    monkeypatch.setattr(base, "_troubles", troubles)
    monkeypatch.setattr(process, "current", process.Process(service="web", kind="worker"))

    found = samples(scrape())

    assert found["db_client_connection_max", "web"] == 2
    assert found["db_client_connection_count", "used", "web"] == 1
    assert found["db_client_connection_pending_requests", "web"] == 0
    assert found["db_client_connection_timeouts_total", "web"] == 3
    assert found["roadmaps_connection_waits_total", "web"] == 2
    assert found["roadmaps_connection_refusals_total", "allotment", "web"] == 4
    assert found["roadmaps_connection_refusals_total", "role", "web"] == 0


@pytest.mark.django_db
def test_D10_a_dead_cluster_beside_a_live_one_is_counted(scrape):
    make_cluster(queue="content", name="alive:1", seconds_ago=5)
    make_cluster(queue="content", name="dead:1", seconds_ago=240)

    found = samples(scrape())

    assert found["roadmaps_clusters_serving", "content"] == 1
    assert found["roadmaps_clusters_declared", "content"] == 1
    assert 240 <= found["roadmaps_cluster_pick_up_age_seconds", "content", "dead:1"] < 300


@pytest.mark.django_db
def test_a_scrape_needs_few_queries_and_shares_healths_look(scrape, client, django_assert_num_queries):
    with django_assert_num_queries(2 + 6 + 2):
        scrape()

    with django_assert_num_queries(0):
        client.get("/health/")
        scrape()


@pytest.mark.django_db(transaction=True)
def test_without_a_database_the_declared_fleet_is_still_told(scrape, settings, monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"host": "/nonexistent", "connect_timeout": 2})

    found = samples(scrape())

    assert found[("roadmaps_database_up",)] == 0
    assert found[("roadmaps_connections_steady",)] == settings.CONNECTION_BUDGET.steady
    assert ("roadmaps_connections_observed", "web") not in found


@pytest.mark.django_db
def test_openmetrics_is_spoken_to_who_asks_for_it(scrape):
    response = scrape(Accept="application/openmetrics-text; version=1.0.0")

    assert response["Content-Type"].startswith("application/openmetrics-text")
    assert response.content.endswith(b"# EOF\n")


@pytest.mark.django_db
@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer wrong", "Bearer sésame", "sesame", "Basic sesame"])
@pytest.mark.parametrize("token", ["", "sesame"])
def test_for_others_there_is_no_such_page(client, settings, token, authorization):
    settings.METRICS_TOKEN = token

    assert client.get("/metrics", headers={"Authorization": authorization}).status_code == 404


@pytest.mark.django_db
def test_staff_may_read_it_and_other_accounts_may_not(client):
    client.force_login(make_user())
    assert client.get("/metrics").status_code == 404

    client.force_login(make_user(is_staff=True))
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics/").status_code == 200


@pytest.mark.django_db
def test_waits_and_refusals_of_all_processes_are_told_by_service(scrape):
    now = timezone.now()
    ConnectionTrouble.objects.create(
        service="content", refused_by="role", waits=4, refusals=9, lately=0, began_at=now, last_at=now
    )

    found = samples(scrape())

    assert found["roadmaps_connections_waits_total", "content", "role"] == 4
    assert found["roadmaps_connections_refusals_total", "content", "role"] == 9
