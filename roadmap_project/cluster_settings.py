"""Django-Q's settings, derived from the connection budget."""

import math
from typing import Any

from roadmap_project.connection_budget import CLUSTER_NAMES, ConnectionBudget

# Prefetched tasks' `retry` clock runs while they wait, and a stopping cluster finishes what it prefetched.
QUEUE_LIMIT = 1
BULK = 1


def least_retry(*, timeout: int, workers: int, queue_limit: int = QUEUE_LIMIT, bulk: int = BULK) -> int:
    """Seconds after which a task may be handed out again without ever running beside its first execution."""
    return timeout * (1 + math.ceil((queue_limit + bulk) / workers))


def q_cluster(budget: ConnectionBudget, *, task_timeout: int) -> dict[str, Any]:
    """Q_CLUSTER: the common part carries what is read by whoever enqueues (ack_failures, save, timeout)."""
    clusters = {name: budget.service(name).processes for name in CLUSTER_NAMES}
    return {
        "name": "roadmaps",
        "orm": "default",
        "broker_class": "roadmap_project.broker.Broker",
        "timeout": task_timeout,
        "retry": least_retry(timeout=task_timeout, workers=min(clusters.values())) + 60,
        "queue_limit": QUEUE_LIMIT,
        "bulk": BULK,
        "guard_cycle": 0.5,  # must divide timeout + 3 exactly, else a stuck task is never killed
        "poll": 0,  # broker.py waits
        "max_attempts": 3,
        "ack_failures": True,
        "save_limit": -1,
        "catch_up": False,
        "recycle": 500,
        "label": "Task queue",
        "ALT_CLUSTERS": {name: {"workers": workers} for name, workers in clusters.items()},
    }
