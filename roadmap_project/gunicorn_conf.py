"""gunicorn's workers and threads, from the connection budget; refuses to start when the fleet does not fit."""

import os
import sys
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "roadmap_project.settings")

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from roadmap_project import process

try:
    _web = settings.CONNECTION_BUDGET.service("web")
except ImproperlyConfigured as error:
    sys.exit(f"Wrong configuration: {error}")

process.become("web", "master")  # read before any application is: wsgi.py refuses to be loaded by whoever says nothing

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
    django.setup()
    from roadmap_project.checks import undeclared  # after the setup
    from roadmap_project.live_checks import refusals_at_start

    refusals = [*undeclared("web"), *refusals_at_start(), *_overridden(server.cfg)]
    for refusal in refusals:
        print(refusal, file=sys.stderr)
    if refusals:
        sys.exit(1)


def _overridden(cfg: Any) -> Iterator[str]:
    """The command line beats this module: what it changes would be counted by nobody."""
    for name, declared, given in (
        ("worker class", "gthread", cfg.worker_class_str),
        ("workers", _web.processes, cfg.workers),
        ("threads", _web.threads, cfg.threads),
    ):
        if given != declared:
            yield f"(roadmap_project.E011) gunicorn's {name} {given!r} is not the connection budget's {declared!r}."


def when_ready(server: Any) -> None:
    """With DEPLOY_OVERLAP=1 nothing covers growth: a reload, an upgrade and one more worker are refused."""
    if settings.CONNECTION_BUDGET.deploy_overlap == 1:
        for name in ("hup", "usr2", "ttin"):
            setattr(server, f"handle_{name}", lambda *_, name=name: _refuse(name))


def _refuse(signal_name: str) -> None:
    print(
        f"SIG{signal_name.upper()} is ignored: DEPLOY_OVERLAP=1 leaves no connections for a second set of workers.",
        file=sys.stderr,
    )


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
