"""What happened, and the parts of an outline: lists to search and read."""

from typing import Any, ClassVar, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from roadmap_project.connection_budget import CLUSTER_NAMES
from roadmaps import reshaping, sketching
from roadmaps.admin.base import KnownValuesFilter, LargeListAdmin, NothingToDoError, ReadOnly, WithVerbs
from roadmaps.models import (
    ClusterHeartbeat,
    ConceptProgress,
    Feedback,
    LogEntry,
    Mail,
    ModelCall,
    Module,
    OutlineReview,
    OutlineRevision,
    Profile,
    ProviderPause,
    QueueHeartbeat,
    Stage,
    Step,
)


class RecordAdmin(ReadOnly, LargeListAdmin):
    """With the way to the roadmap and the concept that a row is about."""

    @admin.display(description="roadmap")
    def of_roadmap(self, record: Any) -> str:
        return _link("roadmap", record.roadmap_id, record.roadmap and record.roadmap.slug)

    @admin.display(description="concept")
    def of_concept(self, record: Any) -> str:
        return _link("concept", record.concept_id, record.concept)


def _link(model: str, pk: int | None, text: object) -> str:
    if pk is None:
        return ""
    return format_html('<a href="{}">{}</a>', reverse(f"admin:roadmaps_{model}_change", args=[pk]), text)


class StepKindFilter(KnownValuesFilter):
    title, parameter_name = "step", "step_kind"
    values = tuple(Step.Kind.values)


class QueueFilter(KnownValuesFilter):
    title = parameter_name = "queue"
    values = CLUSTER_NAMES


class OutcomeFilter(KnownValuesFilter):
    title = parameter_name = "outcome"
    values = (
        "ok", "invalid", "cut", "refused", "empty", "unreadable", "timeout", "given_up", "rate_limited", "connection",
        "not_in_library", "error",
    )  # fmt: skip

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("failed", "anything but ok"), ("http", "HTTP error"), *super().lookups(request, model_admin)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "failed":
            return queryset.exclude(outcome="ok")
        if self.value() == "http":
            return queryset.filter(outcome__startswith="http_")
        return queryset.filter(outcome=self.value()) if self.value() else queryset


class PurposeFilter(KnownValuesFilter):
    title = parameter_name = "purpose"
    values = settings.LLM_PURPOSES


class ProviderFilter(KnownValuesFilter):
    title = parameter_name = "provider"
    values = ("library", "openai")


@admin.register(Stage)
class StageAdmin(RecordAdmin):
    list_display = ("name", "of_roadmap", "position")
    list_select_related = ("roadmap",)
    search_fields = ("name", "roadmap__slug")


@admin.register(Module)
class ModuleAdmin(RecordAdmin):
    list_display = ("name", "stage", "position")
    list_select_related = ("stage",)
    search_fields = ("name", "stage__roadmap__slug")


@admin.register(OutlineRevision)
class OutlineRevisionAdmin(WithVerbs, RecordAdmin):
    """What is different between two versions, and the way back to an earlier one, as on the learner's pages."""

    list_display = ("__str__", "of_roadmap", "author", "reason", "created_at")
    list_filter = ("author",)
    list_select_related = ("roadmap",)
    search_fields = ("roadmap__slug", "reason")
    exclude = ("tree",)
    actions = page_verbs = ("restore",)
    change_form_template = "admin/roadmaps/revision.html"

    class Media:
        css: ClassVar[Any] = {"all": ["content/curating.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutlineRevision]:
        """Its page reads the one tree that it shows."""
        return super().get_queryset(request).select_related("roadmap").defer("tree")

    def has_curate_permission(self, request: HttpRequest) -> bool:
        """As who may change the roadmap."""
        return request.user.has_perm("roadmaps.change_roadmap")

    @admin.action(description="Restore this version", permissions=["curate"])
    def restore(self, request: HttpRequest, queryset: QuerySet[OutlineRevision]) -> None:
        """From its page, which says what would change: a list does not."""
        seen, by = request.POST.get("seen", ""), cast(User, request.user)
        if not (seen.isdecimal() and len(seen) < 10):
            self.message_user(request, "Please restore a version on its page, beside the difference.", messages.ERROR)
            return

        def decide(revision: OutlineRevision) -> None:
            edit = reshaping.restore(revision.roadmap_id, seen_version=int(seen), by=by, version=revision.number)
            if edit.revision and edit.revision.number == int(seen):
                raise NothingToDoError(f"Version {seen}, the latest, says the same.")

        self.decide(request, queryset.select_related("roadmap"), decide, "restored as the latest version")

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        revision: OutlineRevision = context["original"]
        compared = sketching.comparison(revision, request.GET.get("against", ""))
        is_latest = revision.number == compared.numbers[0]
        context |= {"compared": compared, "is_latest": is_latest, "sketch": sketching.drawn(revision)}
        context |= {"verbs": self.verbs(request)}
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(OutlineReview)
class OutlineReviewAdmin(RecordAdmin):
    list_display = ("revision_of", "overall", "passes", "is_reviewed", "created_at")
    list_filter = ("is_reviewed", "passes")
    list_select_related = ("revision__roadmap",)
    search_fields = ("revision__roadmap__slug",)

    @admin.display(description="revision")
    def revision_of(self, review: OutlineReview) -> str:
        return f"{review.revision.roadmap}, {review.revision}"


@admin.register(Feedback)
class FeedbackAdmin(RecordAdmin):
    list_display = ("text", "of_roadmap", "state", "created_at")
    list_filter = ("state",)
    list_select_related = ("roadmap",)
    search_fields = ("roadmap__slug", "text")


@admin.register(Step)
class StepAdmin(RecordAdmin):
    list_display = (
        "kind",
        "state",
        "of_roadmap",
        "of_concept",
        "attempts",
        "losses",
        "not_before",
        "started_at",
        "last_error",
    )
    list_filter = ("state", "kind", QueueFilter)
    list_select_related = ("roadmap", "concept")
    search_fields = ("roadmap__slug", "last_error")
    way_to_concept = "concept"


@admin.register(LogEntry)
class LogEntryAdmin(RecordAdmin):
    list_display = ("when", "level", "event", "step_label", "took", "message", "of_roadmap", "of_concept")
    list_filter = ("level", StepKindFilter)
    list_select_related = ("roadmap", "concept")
    search_fields = ("roadmap__slug", "event", "message", "details__request_id")
    way_to_concept = "concept"

    @admin.display(description="happened at", ordering="happened_at")
    def when(self, entry: LogEntry) -> str:
        return f"{timezone.localtime(entry.happened_at):%-d %b %Y, %H:%M:%S}"

    @admin.display(description="took")
    def took(self, entry: LogEntry) -> str:
        return "" if entry.seconds is None else f"{entry.seconds:.1f} s"


@admin.register(ModelCall)
class ModelCallAdmin(RecordAdmin):
    list_display = (
        "created_at",
        "purpose",
        "provider",
        "model",
        "outcome",
        "input_tokens",
        "output_tokens",
        "dollars",
        "latency",
        "of_roadmap",
        "of_concept",
    )
    list_filter = (OutcomeFilter, PurposeFilter, ProviderFilter, "created_at")
    list_select_related = ("roadmap", "concept")
    search_fields = ("roadmap__slug", "error", "model")
    way_to_concept = "concept"

    @admin.display(description="cost", ordering="cost")
    def dollars(self, call: ModelCall) -> str:
        return f"{call.cost} (assumed)" if call.is_cost_assumed else str(call.cost)


@admin.register(ConceptProgress)
class ConceptProgressAdmin(RecordAdmin):
    list_display = ("user", "concept", "done_at")
    list_select_related = ("user", "concept")
    search_fields = ("user__username", "concept__name")
    way_to_concept = "concept"


@admin.register(Mail)
class MailAdmin(RecordAdmin):
    list_display = ("created_at", "kind", "state", "user", "of_roadmap", "attempts", "sent_at", "last_error")
    list_filter = ("state", "kind")
    list_select_related = ("user", "roadmap")
    search_fields = ("user__username", "last_error")


@admin.register(Profile)
class ProfileAdmin(ReadOnly, LargeListAdmin):
    list_display = ("user", "level", "hours_per_week", "language", "gets_mail")
    list_select_related = ("user",)
    search_fields = ("user__username",)


@admin.register(ProviderPause)
class ProviderPauseAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Deleting a row ends the pause."""

    list_display = ("provider", "until", "reason")


@admin.register(ClusterHeartbeat)
class ClusterHeartbeatAdmin(ReadOnly, LargeListAdmin):
    list_display = ("queue", "cluster", "picked_up_at")


@admin.register(QueueHeartbeat)
class QueueHeartbeatAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("queue", "picked_up_at", "swept_at")
