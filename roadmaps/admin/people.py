"""People: Django's own pages, on which deleting somebody is deleting their account."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from roadmaps import accounts
from roadmaps.admin.base import LargeListAdmin
from roadmaps.models import Roadmap

admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(LargeListAdmin, UserAdmin):  # type: ignore[type-arg]
    def get_deleted_objects(
        self, objs: Sequence[Any] | QuerySet[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Counted, not listed: all that is theirs goes with them, and no other permission is needed."""
        chosen = list(objs)
        roadmaps = Roadmap.objects.filter(owner__in=chosen).count()
        counted = {"people": len(chosen), "roadmaps with all that was written, answered and noted": roadmaps}
        return [str(each) for each in chosen], counted, set(), []

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        self.delete_queryset(request, [obj])

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[User]) -> None:
        for user in list(queryset):
            accounts.delete(user)
