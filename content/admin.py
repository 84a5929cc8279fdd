"""Tutorials, resources and quizzes, for editors."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import URLField
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe

from content import rendering
from content.models import Question, Quiz, QuizAttempt, Resource, ResourceList, Tutorial
from content.writing import new_version
from roadmaps.admin import NotAddable, ReadOnly
from roadmaps.models import Roadmap

PIECE_LIST: tuple[str, ...] = ("concept", "version", "is_current", "origin", "author", "created_at")
PIECE_FILTERS: tuple[str, ...] = ("is_current", "created_at")
PIECE_SEARCH: tuple[str, ...] = ("concept__name", "concept__roadmap__slug")
PIECE_READONLY: tuple[str, ...] = ("concept", "version", "is_current", "origin", "author", "wish", "created_at")


class PieceAdmin(NotAddable, admin.ModelAdmin):  # type: ignore[type-arg]
    """Versions are made by steps and by editors, never by hand from nothing."""

    list_display = PIECE_LIST
    list_filter = PIECE_FILTERS
    list_select_related = ("concept", "author")
    search_fields = PIECE_SEARCH
    readonly_fields = PIECE_READONLY
    show_full_result_count = False


@admin.register(Tutorial)
class TutorialAdmin(PieceAdmin):
    """Saving an edited tutorial makes a new version by the editor; the one before stays readable."""

    list_display = ("title", *PIECE_LIST)
    search_fields = ("title", *PIECE_SEARCH)
    readonly_fields = (*PIECE_READONLY, "as_shown")
    fields = (
        "title",
        "summary",
        "minutes",
        "markdown",
        "as_shown",
        "concept",
        "version",
        "is_current",
        "origin",
        "author",
        "wish",
        "created_at",
    )

    @admin.display(description="As the learner sees it")
    def as_shown(self, tutorial: Tutorial) -> SafeString:
        return mark_safe(tutorial.html)  # noqa: S308  cleaned when it was made

    def save_model(self, request: HttpRequest, obj: Tutorial, form: Any, change: bool) -> None:  # noqa: FBT001
        with transaction.atomic():
            roadmap = Roadmap.objects.locked(obj.concept.roadmap_id)
            edited = new_version(
                Tutorial,
                obj.concept,
                origin=f"Edited by {request.user.get_username()}",
                author=request.user,
                title=obj.title,
                summary=obj.summary,
                minutes=obj.minutes,
                markdown=obj.markdown,
                html=rendering.to_html(obj.markdown, concept_url=rendering.concept_urls(roadmap)),
            )
        obj.pk = edited.pk


HTTPS_BY_DEFAULT: Any = {URLField: {"assume_scheme": "https"}}


class ResourceInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Resource
    formfield_overrides = HTTPS_BY_DEFAULT
    extra = 0
    readonly_fields = ("status", "status_detail", "checked_at")


@admin.register(ResourceList)
class ResourceListAdmin(PieceAdmin):
    inlines = (ResourceInline,)


@admin.register(Resource)
class ResourceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("title", "url", "kind", "status", "checked_at")
    list_filter = ("status", "kind", "resource_list__is_current")
    search_fields = ("title", "url", "resource_list__concept__name")
    raw_id_fields = ("resource_list",)
    formfield_overrides = HTTPS_BY_DEFAULT
    readonly_fields = ("status", "status_detail", "checked_at")
    show_full_result_count = False


class QuestionInline(admin.StackedInline):  # type: ignore[type-arg]
    model = Question
    extra = 0


@admin.register(Quiz)
class QuizAdmin(PieceAdmin):
    inlines = (QuestionInline,)


@admin.register(Question)
class QuestionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("text", "kind", "difficulty", "quiz")
    list_filter = ("kind", "difficulty")
    list_select_related = ("quiz__concept",)
    search_fields = ("text", "quiz__concept__name")
    raw_id_fields = ("quiz",)


@admin.register(QuizAttempt)
class QuizAttemptAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("user", "quiz", "right", "total", "created_at")
    list_select_related = ("user", "quiz__concept")
    search_fields = ("user__username", "quiz__concept__name")
