"""Which fleet fits a server? The largest counts of a fleet's shape, where the next larger ones do not fit."""

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from roadmap_project.connection_budget import ConnectionBudget, Service, largest

LARGEST_SCALE = 64
STEPS_OF_SCALE = 64
MARGINS = ("DEPLOY_OVERLAP", "DB_OTHER_CLIENTS", "DB_HEADROOM")


def suggestion(budget: ConnectionBudget) -> ConnectionBudget | None:
    """The largest counts that fit the limit; None where even the smallest fleet does not.

    Where the smallest fleet needs it, margins are given up first, in this order: overlapping releases, room for
    other clients, headroom; `given_up` tells which. Raising any one count of the result by one no longer fits. A
    service that runs nowhere keeps its counts.
    """
    for eased in map(_with_largest_pool, _eased(budget)):
        if _scaled(eased, Fraction(0)).fits:
            return _filled(eased)
    return None


def one_more(budget: ConnectionBudget) -> Iterator[ConnectionBudget]:
    """The fleet with one process, thread or pooled connection more, every way there is.

    A service that runs nowhere takes no part.
    """
    for service in (each for each in budget.services if each.replicas):
        yield budget.with_service(replace(service, processes=service.processes + 1))
        if not service.is_cluster:
            yield budget.with_service(replace(service, threads=service.threads + 1))
    if budget.pooler:
        pooler = replace(budget.pooler, max_db_connections=budget.pooler.max_db_connections + 1)
        yield replace(budget, pooler=pooler)


def given_up(budget: ConnectionBudget, found: ConnectionBudget) -> dict[str, str]:
    """Which margins a suggestion has less of: what they were, by variable."""
    before, after = budget.as_environment(), found.as_environment()
    return {name: before[name] for name in MARGINS if before[name] != after[name]}


def _eased(budget: ConnectionBudget) -> Iterator[ConnectionBudget]:
    yield budget
    single = replace(budget, deploy_overlap=1)
    yield single
    alone = replace(single, other_clients=min(budget.other_clients, 2))
    yield alone
    for headroom in (0.10, 0.05, 0.0):
        yield replace(alone, headroom=min(budget.headroom, headroom))


def _with_largest_pool(budget: ConnectionBudget) -> ConnectionBudget:
    """Behind a pooler the server's room is the pool's; unchanged where there is none for any."""
    if budget.pooler is None or (room := budget.largest_pool) < 1:
        return budget
    return replace(budget, pooler=replace(budget.pooler, max_db_connections=room))


def _scaled(budget: ConnectionBudget, share: Fraction) -> ConnectionBudget:
    return replace(budget, services=tuple(_scaled_service(service, share) for service in budget.services))


def _scaled_service(service: Service, share: Fraction) -> Service:
    if not service.replicas:
        return service
    return replace(
        service,
        processes=max(1, math.floor(service.processes * share)),
        threads=max(1, math.floor(service.threads * share)),
    )


def _filled(budget: ConnectionBudget) -> ConnectionBudget:
    """The largest scale that fits, then one more wherever there is room."""
    best = largest(lambda step: _scaled(budget, Fraction(step, STEPS_OF_SCALE)).fits, LARGEST_SCALE * STEPS_OF_SCALE)
    fleet = _scaled(budget, Fraction(best, STEPS_OF_SCALE))
    while larger := next((each for each in one_more(fleet) if each.fits), None):
        fleet = larger
    return fleet
