"""Tutorials, resource lists and quizzes in versions: saving an edited one makes the next."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet, URLField
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from content import curating, revising, writing
from content.admin.roadmaps import DRAWS_DIAGRAMS, BrokenLinksFilter
from content.contents import NAMES, Contents
from content.models import Note, Piece, Question, Quiz, QuizAttempt, Resource, ResourceList, Share, Tutorial
from roadmaps.admin.base import (
    KnownValuesFilter,
    LargeListAdmin,
    NotAddable,
    NotDeletable,
    NothingToDoError,
    OriginFilter,
    ReadOnly,
    WithVerbs,
)
from roadmaps.deciding import RefusedError

DIFFICULTIES = ("easy", "medium", "hard")
PIECE_LIST: tuple[str, ...] = ("concept", "version", "is_current", "origin", "author", "created_at")
PIECE_SEARCH: tuple[str, ...] = ("concept__name", "concept__roadmap__slug")


def checked(piece: Piece, wanted: Contents) -> Contents:
    """Raises ValidationError for what cannot be a version, or where the piece moved on or has as many as are kept.

    Locks the roadmap.
    """
    if found := revising.problems(type(piece), wanted):
        raise ValidationError(found)
    try:
        revising.require_current(piece, wanted)
    except RefusedError as error:
        raise ValidationError(str(error)) from error
    return wanted


def _value(value: Any) -> Any:
    """Browsers send lines that end in two characters."""
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


class TutorialForm(forms.ModelForm):  # type: ignore[type-arg]
    wanted: Contents

    class Meta:
        model = Tutorial
        fields = ("title", "summary", "minutes", "markdown")
        widgets = {
            "title": forms.TextInput(attrs={"class": "vLargeTextField"}),
            "summary": forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
            "markdown": forms.Textarea(attrs={"rows": 30, "class": "vLargeTextField source"}),
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            wanted = Contents({name: _value(cleaned[name]) for name in NAMES[Tutorial].fields})
            self.wanted = checked(self.instance, wanted)
        return cleaned


class RowsFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    """A list's links or a quiz's questions, judged together and with the list's own fields."""

    wanted: Contents

    def clean(self) -> None:
        super().clean()
        kept = [form for form in self.forms if not self._should_delete_form(form)]  # type: ignore[attr-defined]
        if any(form.errors for form in kept):
            return
        names = NAMES[type(self.instance)]
        rows = [
            {name: _value(form.cleaned_data[name]) for name in names.row_fields} for form in kept if form.cleaned_data
        ]
        fields = {name: _value(self.data.get(name, "")).strip() for name in names.fields}
        self.wanted = checked(self.instance, Contents(fields, rows))


class QuestionForm(forms.ModelForm):  # type: ignore[type-arg]
    """The options and which are right, as ticked lines."""

    ticked = forms.CharField(
        label="Options",
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5, "class": "vLargeTextField source"}),
        help_text="One a line: [x] before a right one, [ ] before the others; an option’s further lines begin with "
        "four blanks.",
    )
    difficulty = forms.ChoiceField(choices=[(name, name) for name in DIFFICULTIES])

    class Meta:
        model = Question
        fields = ("kind", "text", "explanation", "difficulty")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["ticked"] = revising.marked_options(self.instance.options, self.instance.correct)

    def clean_ticked(self) -> str:
        text: str = _value(self.cleaned_data["ticked"])
        try:
            options, correct = revising.options_and_right_ones(text)
        except ValueError as error:
            raise ValidationError(str(error)) from error
        self.cleaned_data |= {"options": options, "correct": correct}
        return text


class PieceAdmin(WithVerbs, NotDeletable, NotAddable, LargeListAdmin):
    """The current version is edited into the next one; earlier ones are read, compared and restored."""

    list_display = PIECE_LIST
    list_filter: ClassVar[Any] = ("is_current", OriginFilter, "created_at")
    list_select_related = ("concept", "author")
    search_fields = PIECE_SEARCH
    way_to_concept = "concept"
    readonly_fields = ("concept", "version", "is_current", "origin", "author", "wish", "created_at")
    actions = page_verbs = ("restore",)
    change_form_template = "admin/content/piece.html"

    class Media:
        css = {"all": ["content/curating.css"]}
        js = (DRAWS_DIAGRAMS,)

    def has_change_permission(self, request: HttpRequest, obj: Piece | None = None) -> bool:
        """An earlier version is shown, not offered for editing; who posts to it is told that it moved on."""
        is_offered = obj is None or obj.is_current or request.method == "POST"
        return is_offered and super().has_change_permission(request, obj)

    @admin.action(description="Restore this version", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        author: Any = request.user

        def decide(piece: Piece) -> None:
            before = revising.current_of(piece)
            restored = revising.restore(piece, author=author)
            if restored == before:
                raise NothingToDoError(f"Version {before.version}, which is current, says the same.")
            self._tell_of_calling_off(request, restored)

        self.decide(request, queryset.select_related("concept"), decide, "restored as the current one")

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        piece: Piece = context["original"]
        verbs = [] if piece.is_current else self.verbs(request)
        context |= {"comparison": curating.comparison(piece, request.GET.get("against", "")), "verbs": verbs}
        shown = curating.shown(piece) if isinstance(piece, Tutorial) else ""
        rewrite = writing.rewrites(piece.concept_id, piece.kind).first()
        context |= {"show_save_and_continue": False, "shown": shown, "rewrite": rewrite}
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Piece, form: Any, change: bool) -> None:  # noqa: FBT001
        """By save_related, once everything was judged."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        wanted: Contents = formsets[0].wanted if formsets else form.wanted
        edited: Any = form.instance
        author: Any = request.user
        form.instance.saved = revising.revise(edited, wanted, author=author)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> str:  # type: ignore[override]  # noqa: FBT001, FBT002
        return f"version {form.instance.saved.version} is current"

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        saved: Piece = obj.saved
        made = f"Version {saved.version} is current." if saved.pk != obj.pk else "Nothing was changed."
        self.message_user(request, made, messages.SUCCESS)
        self._tell_of_calling_off(request, saved)
        return redirect(f"{reverse('admin:roadmaps_concept_change', args=[saved.concept_id])}#{self.opts.model_name}")

    def _tell_of_calling_off(self, request: HttpRequest, made: Piece) -> None:
        if made.has_called_off:
            self.message_user(request, "The writing of it again, which was under way, is called off.", messages.WARNING)


@admin.register(Tutorial)
class TutorialAdmin(PieceAdmin):
    form = TutorialForm
    list_display = ("title", *PIECE_LIST)
    search_fields = ("title", *PIECE_SEARCH)
    fieldsets = (
        (None, {"fields": ("title", "summary", "minutes", "markdown")}),
        ("Where it came from", {"fields": PieceAdmin.readonly_fields}),
    )


HTTPS_BY_DEFAULT: Any = {URLField: {"assume_scheme": "https"}}


class ResourceInline(admin.StackedInline):  # type: ignore[type-arg]
    model = Resource
    formset = RowsFormSet
    formfield_overrides = HTTPS_BY_DEFAULT
    fields = ("title", "url", "kind", "language", "relevance", "description", "status", "status_detail", "checked_at")
    readonly_fields = ("status", "status_detail", "checked_at")
    extra = 0


class ListBrokenLinksFilter(BrokenLinksFilter):
    path = "resource_list"


@admin.register(ResourceList)
class ResourceListAdmin(PieceAdmin):
    list_filter = (*PieceAdmin.list_filter, ListBrokenLinksFilter)
    inlines = (ResourceInline,)
    fields = ("note", *PieceAdmin.readonly_fields)


@admin.register(Resource)
class ResourceAdmin(ReadOnly, LargeListAdmin):
    """To find links; they are edited in their list, which makes a version."""

    formfield_overrides = HTTPS_BY_DEFAULT
    list_display = ("title", "url", "kind", "status", "status_detail", "checked_at")
    list_filter = ("status", "kind", "resource_list__is_current")
    search_fields = ("title", "url", "resource_list__concept__name")
    way_to_concept = "resource_list__concept"


class DifficultyFilter(KnownValuesFilter):
    title = parameter_name = "difficulty"
    values = DIFFICULTIES


class QuestionInline(admin.StackedInline):  # type: ignore[type-arg]
    model = Question
    form = QuestionForm
    formset = RowsFormSet
    fields = ("kind", "text", "ticked", "explanation", "difficulty")
    extra = 0


@admin.register(Quiz)
class QuizAdmin(PieceAdmin):
    inlines = (QuestionInline,)
    fields = PieceAdmin.readonly_fields


@admin.register(Question)
class QuestionAdmin(ReadOnly, LargeListAdmin):
    """To find questions; they are edited in their quiz, which makes a version."""

    list_display = ("text", "kind", "difficulty", "quiz")
    list_filter = ("kind", DifficultyFilter)
    list_select_related = ("quiz__concept",)
    search_fields = ("text", "quiz__concept__name")
    way_to_concept = "quiz__concept"


@admin.register(QuizAttempt)
class QuizAttemptAdmin(ReadOnly, LargeListAdmin):
    list_display = ("user", "quiz", "right", "total", "is_finished", "created_at")
    list_select_related = ("user", "quiz__concept")
    search_fields = ("user__username", "quiz__concept__name")
    way_to_concept = "quiz__concept"

    @admin.display(description="finished", boolean=True)
    def is_finished(self, attempt: QuizAttempt) -> bool:
        return not attempt.left


@admin.register(Note)
class NoteAdmin(ReadOnly, LargeListAdmin):
    """That there is one: its words are for nobody but their writer."""

    list_display = ("user", "concept", "saved_at")
    list_select_related = ("user", "concept")
    search_fields = ("user__username", "concept__name")
    way_to_concept = "concept"
    exclude = ("text",)


@admin.register(Share)
class ShareAdmin(NotAddable, LargeListAdmin):
    """Which roadmaps can be read by a link; the link itself is their owners'. Deleting a row ends the sharing."""

    list_display = ("roadmap", "created_at")
    list_select_related = ("roadmap",)
    search_fields = ("roadmap__slug",)
    exclude = ("token",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
