"""What does Prometheus read?

`db_client_connection_*` are OpenTelemetry's names and attributes for a client's pool, here the answering process's own
share (its labels name service and process). `roadmaps_connections_*` are the whole fleet's, as the server counts it.
"""

import os
import secrets
from collections.abc import Iterable, Iterator

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from roadmap_project import counting, health, pool_status, troubles
from roadmap_project.connection_budget import CLUSTER_NAMES, ConnectionBudget
from roadmap_project.postgresql import base

OWN = ("db_client_connection_pool_name", "process_pid")


class Connections(Collector):
    """Reads when it is read; the look at the database is health's cached one."""

    def collect(self) -> Iterator[Metric]:
        yield from _own(pool_status.status())
        seen = health.look()
        yield GaugeMetricFamily(
            "roadmaps_database_up", "1 unless there is no database.", value=seen.status != health.NO_DATABASE
        )
        yield from _declared(seen.count.budget if seen.count else settings.CONNECTION_BUDGET)
        if seen.count:
            yield from _observed(seen.count)
            yield from _met(seen.met)
            yield from _clusters(seen.clusters)


def _own(status: pool_status.PoolStatus) -> Iterator[Metric]:
    own = [status.service, str(os.getpid())]
    most = GaugeMetricFamily("db_client_connection_max", "Connections that the answering process may hold.", labels=OWN)
    most.add_metric(own, status.pool_size)
    held = GaugeMetricFamily(
        "db_client_connection_count",
        "Connections that the answering process holds; each belongs to a thread, so none is idle in a pool.",
        labels=[*OWN, "db_client_connection_state"],
    )
    held.add_metric([*own, "used"], status.checked_out)
    pending = GaugeMetricFamily(
        "db_client_connection_pending_requests", "Threads that wait for a slot of the server now.", labels=OWN
    )
    pending.add_metric(own, status.waiting)
    timeouts = CounterMetricFamily(
        "db_client_connection_timeouts", "Connects that the server refused until their time was up.", labels=OWN
    )
    timeouts.add_metric(own, sum(number for reason, number in status.refusals.items() if reason != base.ALLOTMENT))
    waits = CounterMetricFamily(
        "roadmaps_connection_waits", "Connects that had to wait because the server was full.", labels=OWN
    )
    waits.add_metric(own, status.waits)
    refusals = CounterMetricFamily(
        "roadmaps_connection_refusals", "Connects that were refused, by who refused.", labels=[*OWN, "refused_by"]
    )
    for reason in (base.ALLOTMENT, base.ROLE, base.DATABASE, base.SERVER, base.POOLER):
        refusals.add_metric([*own, reason], status.refusals.get(reason, 0))
    yield from (most, held, pending, timeouts, waits, refusals)


def _declared(budget: ConnectionBudget) -> Iterator[Metric]:
    declared = GaugeMetricFamily(
        "roadmaps_connections_declared", "Connections that the budget declares, by service.", labels=["service"]
    )
    for name in counting.names(budget):
        declared.add_metric([name], counting.declared(budget, name))
    yield declared
    for name, documentation, value in (
        ("steady", "Declared connections of all services together.", budget.steady),
        ("deploying", "Declared connections while releases overlap.", budget.deploy),
        ("usable", "What the fleet may hold: the limit without headroom and other clients.", budget.usable),
        ("limit", "What the server takes from ordinary roles.", budget.limit),
        ("fits", "1 where every inequality of the budget holds.", budget.fits),
    ):
        yield GaugeMetricFamily(f"roadmaps_connections_{name}", documentation, value=value)


def _observed(count: counting.Count) -> Iterator[Metric]:
    observed = GaugeMetricFamily(
        "roadmaps_connections_observed", "Connections that the server counts, by service.", labels=["service"]
    )
    for name, number in count.observed.items():
        observed.add_metric([name], number)
    yield observed


def _met(rows: Iterable[troubles.Trouble]) -> Iterator[Metric]:
    waits = CounterMetricFamily(
        "roadmaps_connections_waits",
        "Connects of all processes that had to wait, by service and by who had no slot.",
        labels=["service", "refused_by"],
    )
    refusals = CounterMetricFamily(
        "roadmaps_connections_refusals",
        "Connects of all processes that were refused, by service and by who refused.",
        labels=["service", "refused_by"],
    )
    for row in rows:
        waits.add_metric([row.service, row.refused_by], row.waits)
        refusals.add_metric([row.service, row.refused_by], row.refusals)
    yield from (waits, refusals)


def _clusters(clusters: Iterable[health.ClusterBeat]) -> Iterator[Metric]:
    """Of all that served in the last hour: one that is gone beside one that serves is seen."""
    age = GaugeMetricFamily(
        "roadmaps_cluster_pick_up_age_seconds",
        "Seconds since a worker of this cluster last picked something up.",
        labels=["service", "cluster"],
    )
    for each in clusters:
        age.add_metric([each.queue, each.name], each.seconds_since_pick_up)
    serving = GaugeMetricFamily("roadmaps_clusters_serving", "Clusters that pick work up.", labels=["service"])
    declared = GaugeMetricFamily("roadmaps_clusters_declared", "Clusters that are declared.", labels=["service"])
    for name in CLUSTER_NAMES:
        serving.add_metric([name], sum(each.is_serving for each in clusters if each.queue == name))
        declared.add_metric([name], settings.CONNECTION_BUDGET.service(name).replicas)
    yield from (age, serving, declared)


# Its own, without the client library's figures of this process.
registry = CollectorRegistry(auto_describe=False)
registry.register(Connections())


@require_safe
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """For staff, or whoever sends METRICS_TOKEN; for others there is no such page."""
    if not (_bears_token(request) or (request.user.is_active and request.user.is_staff)):
        raise Http404
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(registry), content_type=content_type)


def _bears_token(request: HttpRequest) -> bool:
    expected = f"Bearer {settings.METRICS_TOKEN}"
    given = request.headers.get("Authorization", "")
    return bool(settings.METRICS_TOKEN) and secrets.compare_digest(given.encode(), expected.encode())
