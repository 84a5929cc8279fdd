"""Roadmaps, each with its whole tree on one page."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html

from content import curating, links, publishing
from content.admin.subjects import SubjectForm, as_download
from content.subject_rules import SubjectError
from roadmaps import deciding, erasing
from roadmaps.admin.base import (
    LargeListAdmin,
    NotAddable,
    NothingToDoError,
    OriginFilter,
    SearchedBySubqueries,
    WithVerbs,
)
from roadmaps.models import Concept, Roadmap

DRAWS_DIAGRAMS = Script("content/reading.js", defer=True)


class RoadmapOriginFilter(OriginFilter):
    editor = Q(pk__in=[])

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return super().lookups(request, model_admin)[:2]


class BrokenLinksFilter(admin.SimpleListFilter):
    """Whether a link of a current version is broken; `path` leads from a resource to the listed rows."""

    title = "broken links"
    parameter_name = "broken"
    path = "resource_list__concept__roadmap"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "With broken links")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() != "yes":
            return queryset
        return queryset.filter(pk__in=curating.broken_links().order_by().values(self.path))


class DeletedFilter(admin.SimpleListFilter):
    """Whether its owner deleted it; purged after DELETED_ROADMAP_RETENTION_DAYS."""

    title = "deletion"
    parameter_name = "deleted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Kept"), ("yes", "Deleted by its owner")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = {"no": True, "yes": False}.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(deleted_at__isnull=wanted)


# When a verb is offered on a roadmap's own page; a list offers all, and says what is refused.
FITS: dict[str, Callable[[Roadmap], bool]] = {
    "approve": lambda roadmap: roadmap.state == Roadmap.State.IN_REVIEW and not roadmap.deleted_at,
    "cancel": lambda roadmap: not roadmap.is_final and not roadmap.deleted_at,
    "retry": lambda roadmap: (
        roadmap.is_final
        and not roadmap.deleted_at
        and (roadmap.state != Roadmap.State.READY or roadmap.steps.rewrites_failed().exists())
    ),
    "check_links": lambda roadmap: not roadmap.deleted_at,
    "take_back": lambda roadmap: roadmap.deleted_at is not None,
}


def _changed(decide: Callable[[int], Roadmap], roadmap: Roadmap) -> None:
    """A decision that was taken before, or fits no more, changes nothing and is not said to have."""
    _require_change(roadmap, decide(roadmap.pk))


def _retry(roadmap: Roadmap) -> None:
    decided, again = deciding.retry_all(roadmap.pk)
    if not again:
        _require_change(roadmap, decided)


def _require_change(roadmap: Roadmap, decided: Roadmap) -> None:
    if (decided.state, decided.deleted_at) == (roadmap.state, roadmap.deleted_at):
        raise NothingToDoError(f"Its state: {decided.get_state_display()}.")


@admin.register(Roadmap)
class RoadmapAdmin(WithVerbs, SearchedBySubqueries, NotAddable, LargeListAdmin):
    """Read and decided about; its fields are the learner's and the steps'."""

    list_display = ("slug", "title_or_goal", "owner", "state", "progress", "failures", "created_at")
    list_filter = (
        "state",
        RoadmapOriginFilter,
        BrokenLinksFilter,
        "level",
        DeletedFilter,
    )
    list_select_related = ("owner",)
    search_fields = ("slug",)
    change_list_template = "admin/roadmaps/searched_list.html"
    search_hint = "A slug, a concept’s id (…:c-2-2-1), words of the title or goal, an owner, or an error’s text."
    actions = page_verbs = ("approve", "cancel", "retry", "take_back", "check_links")

    class Media:
        css = {"all": ["content/curating.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return curating.with_progress(super().get_queryset(request))

    def matches(self, word: str) -> Q:
        return curating.roadmaps_matching(word)

    @admin.display(description="title", ordering="title")
    def title_or_goal(self, roadmap: Roadmap) -> str:
        return str(roadmap)

    @admin.display(description="progress")
    def progress(self, roadmap: Any) -> str:
        if not roadmap.pieces_all:
            return "–"
        return format_html(
            '{} of {} <progress value="{}" max="{}" aria-hidden="true"></progress>',
            *(roadmap.pieces_done, roadmap.pieces_all) * 2,
        )

    @admin.display(description="failures")
    def failures(self, roadmap: Any) -> str:
        if not roadmap.steps_failed:
            return ""
        return format_html('<span class="failed">{} failed</span>', roadmap.steps_failed)

    @admin.action(description="Approve the outline and start writing", permissions=["change"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Roadmap]) -> None:
        self.decide(request, queryset, partial(_changed, deciding.approve), "approved")

    @admin.action(description="Cancel", permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Roadmap]) -> None:
        self.decide(request, queryset, partial(_changed, deciding.cancel), "cancelled")

    @admin.action(description="Retry what failed or was cancelled", permissions=["change"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Roadmap]) -> None:
        self.decide(request, queryset, _retry, "taken up again")

    @admin.action(description="Take back what its owner deleted", permissions=["change"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[Roadmap]) -> None:
        self.decide(request, queryset, partial(_changed, deciding.take_back), "is its owner’s again")

    @admin.action(description="Check links now", permissions=["change"])
    def check_links(self, request: HttpRequest, queryset: QuerySet[Roadmap]) -> None:
        self.decide(request, queryset, links.check_roadmap, "its links are being checked")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "POST":
            return self.act(request, unquote(object_id))
        roadmap: Any = self.get_object(request, unquote(object_id))
        if roadmap is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.has_view_or_change_permission(request, roadmap):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": str(roadmap),
            "opts": self.opts,
            "original": roadmap,
            "media": self.media,
            "sight": curating.roadmap_sight(roadmap),
            "verbs": [verb for verb in self.verbs(request) if FITS[verb["name"]](roadmap)],
            "may_publish": not roadmap.deleted_at and self.has_change_permission(request, roadmap),
            "may_delete": self.has_delete_permission(request, roadmap),
        }
        return TemplateResponse(request, "admin/roadmaps/roadmap/page.html", context)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.subject_view)
        return [path("<int:pk>/subject/", view, name="roadmaps_roadmap_subject"), *super().get_urls()]

    def subject_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The roadmap as a subject of the library: what it does not know is asked for, then the files are given."""
        roadmap = get_object_or_404(Roadmap.objects.kept(), pk=pk)
        if not self.has_change_permission(request, roadmap):
            raise PermissionDenied
        form = SubjectForm(request.POST) if request.method == "POST" else SubjectForm.for_roadmap(roadmap)
        if form.is_valid():
            try:
                return as_download(*publishing.subject_of(roadmap, **form.cleaned_data))
            except SubjectError as error:
                form.add_error(None, str(error))
        context = {**self.admin_site.each_context(request), "title": f"{roadmap} as a subject", "form": form}
        context |= {"opts": self.opts, "original": roadmap, "media": self.media}
        context |= {"losses": publishing.losses(roadmap)}
        if behind := publishing.subject_behind(roadmap):
            context |= {"behind": behind, "left_out": publishing.left_out(roadmap, behind)}
        return TemplateResponse(request, "admin/roadmaps/roadmap/subject.html", context)

    def get_deleted_objects(
        self, objs: Sequence[Any] | QuerySet[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Counted, not listed: all that hangs on a roadmap goes with it, and no other permission is needed."""
        chosen = list(objs)
        concepts = Concept.objects.filter(roadmap__in=chosen).count()
        counted = {"roadmaps": len(chosen), "concepts with all that was written, answered and noted": concepts}
        return [f"{each} ({each.slug})" for each in chosen], counted, set(), []

    def delete_model(self, request: HttpRequest, obj: Roadmap) -> None:
        self.delete_queryset(request, [obj])

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[Roadmap]) -> None:
        """For good, with what was just noted about it."""
        for roadmap in list(queryset):
            erasing.erase(roadmap.pk)
