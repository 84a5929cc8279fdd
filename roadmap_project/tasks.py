"""The functions that Django-Q runs for the shared ground."""

from django.conf import settings

from roadmap_project import sampling


def sample_connections() -> None:
    sampling.take()


def purge_connection_samples() -> None:
    sampling.purge(days=settings.SAMPLE_RETENTION_DAYS)
