"""gunicorn's workers and threads, from the connection budget; refuses to start when the fleet does not fit."""

import os
import sys
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "roadmap_project.settings")

import django
from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.core.exceptions import ImproperlyConfigured

from roadmap_project import process

try:
    _web = settings.CONNECTION_BUDGET.service("web")
except ImproperlyConfigured as error:
    sys.exit(f"Wrong configuration: {error}")

bind = f"{os.environ.get('HOST', '0.0.0.0')}:{os.environ.get('PORT', '8000')}"  # noqa: S104  a container's port
worker_class = "gthread"
workers = _web.processes
threads = _web.threads
timeout = 60
graceful_timeout = max(settings.STOP_GRACE, 1)
accesslog = "-" if os.environ.get("ACCESS_LOG") else None
control_socket_disable = True


def on_starting(server: Any) -> None:
    """gunicorn runs no system checks by itself: run them once, in the master, before any worker exists."""
    process.become("web", "master")
    django.setup()
    problems = run_checks()
    for problem in problems:
        print(problem, file=sys.stderr)
    if any(problem.is_serious(ERROR) for problem in problems):
        sys.exit(1)


def post_fork(server: Any, worker: Any) -> None:
    process.become("web", "worker")


def nworkers_changed(server: Any, new_value: int, old_value: int | None) -> None:
    """SIGTTIN would add workers that nothing counts."""
    if new_value > _web.processes:
        print(
            f"gunicorn stays at {_web.processes} workers: the connection budget declares no more (WEB_WORKERS).",
            file=sys.stderr,
        )
        server.num_workers = _web.processes
