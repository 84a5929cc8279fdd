"""The functions that Django-Q runs for the shared ground."""

from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from roadmap_project import purging, sampling
from roadmap_project.models import KeyedRequest


def sample_connections() -> None:
    sampling.take()


def purge_connection_samples() -> None:
    sampling.purge(days=settings.SAMPLE_RETENTION_DAYS)


def purge_task_results() -> None:
    now = timezone.now()
    purging.purge_task_results(
        before=now - timedelta(days=settings.TASK_RETENTION_DAYS),
        failures_before=now - timedelta(days=settings.TASK_FAILURE_RETENTION_DAYS),
    )


def purge_keyed_requests() -> None:
    """Those that are a day old: nobody sends the same request for so long. And sessions whose time is over."""
    now = timezone.now()
    purging.purge(KeyedRequest.objects.filter(created_at__lt=now - timedelta(days=1)).order_by("created_at"))
    purging.purge(Session.objects.filter(expire_date__lt=now).order_by("expire_date"))
