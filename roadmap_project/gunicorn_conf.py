"""gunicorn's workers and threads, from the connection budget; refuses to start when the fleet does not fit."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
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
worker_class = "roadmap_project.web_worker.Worker"
workers = _web.processes
threads = _web.threads
worker_connections = 500  # each: with the rest below the 1,024 files that a process may open by default
timeout = 60
graceful_timeout = max(settings.STOP_GRACE, 1)
accesslog = "-" if os.environ.get("ACCESS_LOG") else None
# gunicorn's own, with the id that our log lines, error pages and Sentry have.
access_log_format = '%(h)s %(t)s "%(r)s" %(s)s %(b)s %(M)sms "%(a)s" request_id=%({x-request-id}o)s'
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
    import roadmap_project.urls  # noqa: F401  else each worker would load all pages by itself, upon its first request

    gc.freeze()  # a worker's collector would write to every page that it shares with the others


def _overridden(cfg: Any) -> Iterator[str]:
    """The command line beats this module: what it changes would be counted by nobody."""
    for name, declared, given in (
        ("worker class", worker_class, cfg.worker_class_str),
        ("workers", _web.processes, cfg.workers),
        ("threads", _web.threads, cfg.threads),
    ):
        if given != declared:
            yield f"(roadmap_project.E011) gunicorn's {name} {given!r} is not the connection budget's {declared!r}."


def when_ready(server: Any) -> None:
    """A reload and an upgrade make a second set of workers beside the first, for which DEPLOY_OVERLAP has room or not.

    There is never room for a third: while an earlier set has not ended, both are ignored.
    """
    for name in ("hup", "usr2"):
        handle = getattr(server, f"handle_{name}")
        setattr(server, f"handle_{name}", lambda *_, name=name, handle=handle: _unless_too_many(server, name, handle))
    if settings.CONNECTION_BUDGET.deploy_overlap == 1:
        server.handle_ttin = lambda *_: _ignore("ttin", "DEPLOY_OVERLAP=1 leaves no connections for more workers")


def _unless_too_many(server: Any, name: str, handle: Callable[[], None]) -> None:
    if settings.CONNECTION_BUDGET.deploy_overlap == 1:
        _ignore(name, "DEPLOY_OVERLAP=1 leaves no connections for a second set of workers")
    elif len(server.WORKERS) > _web.processes or server.reexec_pid or server.master_pid:
        _ignore(
            name,
            "workers of an earlier reload have not ended, and nothing counts a third set; send it again later",
        )
    else:
        handle()


def _ignore(name: str, reason: str) -> None:
    print(f"SIG{name.upper()} is ignored: {reason}.", file=sys.stderr)


def post_fork(server: Any, worker: Any) -> None:
    """A worker that outlived a killed master would hold its connections beside those of the next master's workers."""
    process.die_with_parent(server.pid)
    process.become("web", "worker")


def post_worker_init(worker: Any) -> None:
    """Once more: with --user or --group gunicorn changes whose process it is, and the kernel forgets what was asked."""
    process.die_with_parent(worker.ppid)


def nworkers_changed(server: Any, new_value: int, old_value: int | None) -> None:
    """SIGTTIN would add workers that nothing counts."""
    if new_value > _web.processes:
        print(
            f"gunicorn stays at {_web.processes} workers: the connection budget declares no more (WEB_WORKERS).",
            file=sys.stderr,
        )
        server.num_workers = _web.processes
