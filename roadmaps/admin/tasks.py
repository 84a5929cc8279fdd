"""Django-Q's lists of what its tasks became. Its one verb asks for no right and takes any number; here it does."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django_q import admin as django_q
from django_q.models import Failure, Success

from roadmaps.admin.base import MOST_AT_ONCE, are_too_many


@admin.action(permissions=["change"], description=django_q.resubmit_task.short_description)
def resubmit_task(of: Any, request: HttpRequest, queryset: QuerySet[Any]) -> None:
    """What failed is taken off the list, and done again by a cluster."""
    if not are_too_many(of, request, list(queryset[: MOST_AT_ONCE + 1])):
        django_q.resubmit_task(of, request, queryset)


admin.site.unregister([Success, Failure])  # registered by the import above


@admin.register(Success)
class SuccessAdmin(django_q.TaskAdmin):  # type: ignore[misc]
    actions = (resubmit_task,)


@admin.register(Failure)
class FailureAdmin(django_q.FailAdmin):  # type: ignore[misc]
    actions = (resubmit_task,)
