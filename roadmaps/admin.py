"""Roadmaps, their outline and the work on them, for editors and operators."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from roadmaps import deciding
from roadmaps.models import (
    Concept,
    ConceptProgress,
    Feedback,
    LogEntry,
    ModelCall,
    Module,
    OutlineReview,
    OutlineRevision,
    ProviderPause,
    QueueHeartbeat,
    Roadmap,
    Stage,
    Step,
)


class NotAddable:
    """Made by steps, with everything that belongs to them; an empty form would make half of one."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False


class ReadOnly(NotAddable):
    """Records of what happened: to be read and purged, never edited."""

    def has_change_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False


@admin.register(Roadmap)
class RoadmapAdmin(NotAddable, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("slug", "title", "owner", "state", "pieces", "origin", "created_at")
    list_filter = ("state", "level", "language", ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("owner",)
    search_fields = ("slug", "title", "goal", "owner__username")
    raw_id_fields = ("owner",)
    readonly_fields = (
        "slug",
        "token",
        "state",
        "origin",
        "hours",
        "weeks",
        "intent",
        "request_key",
        "created_at",
        "updated_at",
    )
    actions = ("approve", "cancel", "retry")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        content = Q(steps__kind__in=Step.CONTENT_KINDS)
        queryset: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = queryset.annotate(
            pieces_done=Count("steps", filter=content & Q(steps__state=Step.State.DONE)),
            pieces_all=Count("steps", filter=content),
        )
        return counted

    @admin.display(description="pieces")
    def pieces(self, roadmap: Any) -> str:
        return f"{roadmap.pieces_done} of {roadmap.pieces_all}"

    @admin.action(description="Approve the outline and start writing", permissions=["change"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Roadmap]) -> None:
        self._decide(request, queryset, deciding.approve, "approved")

    @admin.action(description="Cancel", permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Roadmap]) -> None:
        self._decide(request, queryset, deciding.cancel, "cancelled")

    @admin.action(description="Retry what failed or was cancelled", permissions=["change"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Roadmap]) -> None:
        self._decide(request, queryset, deciding.retry, "taken up again")

    def _decide(self, request: HttpRequest, queryset: QuerySet[Roadmap], decision: Any, done: str) -> None:
        for roadmap in queryset:
            try:
                decision(roadmap.pk)
            except deciding.RefusedError as error:
                self.message_user(request, f"{roadmap}: {error}", messages.ERROR)
            else:
                self.message_user(request, f"{roadmap}: {done}.", messages.SUCCESS)


@admin.register(Stage)
class StageAdmin(NotAddable, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "roadmap", "position")
    list_select_related = ("roadmap",)
    search_fields = ("name", "roadmap__slug")
    raw_id_fields = ("roadmap",)


@admin.register(Module)
class ModuleAdmin(NotAddable, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "stage", "position")
    list_select_related = ("stage",)
    search_fields = ("name", "stage__roadmap__slug")
    raw_id_fields = ("stage",)


class ConceptForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_prerequisites(self) -> Any:
        """Only concepts that come earlier in the same roadmap, so that none can be its own, by whatever way."""
        chosen = self.cleaned_data["prerequisites"]
        for each in chosen:
            if each.roadmap_id != self.instance.roadmap_id or each.position >= self.instance.position:
                raise forms.ValidationError(f"{each} does not come before this concept in its roadmap.")
        return chosen


@admin.register(Concept)
class ConceptAdmin(NotAddable, admin.ModelAdmin):  # type: ignore[type-arg]
    form = ConceptForm
    list_display = ("public_id", "name", "difficulty", "hours", "roadmap")
    list_filter = ("difficulty", "roadmap__state")
    list_select_related = ("roadmap",)
    search_fields = ("key", "name", "roadmap__slug", "roadmap__title")
    search_help_text = "A concept's id (…:c-2-2-1), its name, or its roadmap."
    raw_id_fields = ("roadmap", "module")
    filter_horizontal = ()
    autocomplete_fields = ("prerequisites",)
    readonly_fields = ("key", "position", "source")
    show_full_result_count = False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Concept], search_term: str
    ) -> tuple[QuerySet[Concept], bool]:
        """A public id names one concept; everything else is searched for."""
        slug, colon, key = search_term.strip().rpartition(":")
        if colon and slug:
            return queryset.filter(roadmap__slug=slug, key=key), False
        return super().get_search_results(request, queryset, search_term)


@admin.register(OutlineRevision)
class OutlineRevisionAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("roadmap", "number", "author", "created_at")
    list_filter = ("author",)
    list_select_related = ("roadmap",)
    search_fields = ("roadmap__slug", "reason")


@admin.register(OutlineReview)
class OutlineReviewAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("revision_of", "overall", "passes", "is_reviewed", "created_at")
    list_filter = ("is_reviewed", "passes")
    list_select_related = ("revision__roadmap",)
    search_fields = ("revision__roadmap__slug",)

    @admin.display(description="revision")
    def revision_of(self, review: OutlineReview) -> str:
        return f"{review.revision.roadmap}, {review.revision}"


@admin.register(Feedback)
class FeedbackAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("roadmap", "text", "state", "created_at")
    list_filter = ("state",)
    list_select_related = ("roadmap",)
    search_fields = ("roadmap__slug", "text")


@admin.register(Step)
class StepAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = (
        "kind",
        "state",
        "roadmap",
        "concept",
        "attempts",
        "losses",
        "not_before",
        "started_at",
        "last_error",
    )
    list_filter = ("state", "kind", "queue")
    list_select_related = ("roadmap", "concept")
    search_fields = ("roadmap__slug", "last_error")
    show_full_result_count = False


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("happened_at", "level", "event", "message", "roadmap", "concept")
    list_filter = ("level", "step_kind")
    list_select_related = ("roadmap", "concept")
    search_fields = ("roadmap__slug", "event", "message")
    show_full_result_count = False


@admin.register(ModelCall)
class ModelCallAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = (
        "created_at",
        "purpose",
        "provider",
        "model",
        "outcome",
        "input_tokens",
        "output_tokens",
        "cost",
        "latency",
        "roadmap",
    )
    list_filter = ("outcome", "purpose", "provider")
    list_select_related = ("roadmap",)
    search_fields = ("roadmap__slug", "error", "model")
    date_hierarchy = "created_at"
    show_full_result_count = False


@admin.register(ConceptProgress)
class ConceptProgressAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("user", "concept", "done_at")
    list_select_related = ("user", "concept")
    search_fields = ("user__username", "concept__name")


@admin.register(ProviderPause)
class ProviderPauseAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Deleting a row ends the pause."""

    list_display = ("provider", "until", "reason")


@admin.register(QueueHeartbeat)
class QueueHeartbeatAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("queue", "picked_up_at", "swept_at")
