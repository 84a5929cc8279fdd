"""Subjects that this installation added to the library: taken in as an archive of files, and given out as one."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from content import publishing, taking_in
from content.subject_rules import LONGEST_TERM, SubjectError
from roadmap_project.library.subjects import Subject, SubjectConcept, Term
from roadmaps import added_subjects
from roadmaps.admin.base import LargeListAdmin, ReadOnly, WithVerbs
from roadmaps.models import LibrarySubject, Roadmap, SubjectVersion

MOST_NAMED = 8  # goals in one message


class ArchiveForm(forms.ModelForm):  # type: ignore[type-arg]
    archive = forms.FileField(
        help_text="A ZIP of one folder: subject.toml and a .md file for each concept. Where there is a subject of the "
        "same key, taken in or bundled, you see the difference before it is replaced."
    )

    class Meta:
        model = LibrarySubject
        fields = ()

    def clean_archive(self) -> bytes:
        uploaded = self.cleaned_data["archive"]
        packed: bytes = uploaded.read(taking_in.LARGEST_ARCHIVE + 1)
        try:
            taking_in.unpacked(packed)
        except SubjectError as error:
            raise ValidationError(str(error)) from error
        return packed


@admin.register(LibrarySubject)
class LibrarySubjectAdmin(LargeListAdmin):
    list_display = ("key", "title", "in_place", "is_offered", "author", "updated_at")
    list_filter = ("is_offered",)
    list_select_related = ("author",)
    search_fields = ("key", "title")
    fields = ("key", "title", "is_offered", "in_place", "author", "created_at", "updated_at")
    readonly_fields = ("key", "title", "in_place", "author", "created_at", "updated_at")
    actions = ("download",)
    change_form_template = "admin/content/library_subject.html"

    class Media:
        css = {"all": ["content/curating.css"]}

    @admin.display(description="in place", ordering="version")
    def in_place(self, row: LibrarySubject) -> str:
        return f"version {row.version}" if row.version else "the bundled subject"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ("archive",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Before a bundled subject of its key nothing is offered but what was put in place beside the difference."""
        return self.readonly_fields if obj is None or obj.version else (*self.readonly_fields, "is_offered")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        return super().get_form(request, obj, change, **(kwargs if obj else {**kwargs, "form": ArchiveForm}))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        if change:
            super().save_model(request, obj, form, change)
            return
        author: Any = request.user
        obj.taken = taking_in.take_in(form.cleaned_data["archive"], author=author)
        obj.pk, obj.title = obj.taken.of_id, obj.taken.title

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:  # noqa: FBT001, FBT002
        changed = super().construct_change_message(request, form, formsets, add)
        return f"version {form.instance.taken.number} was taken in" if add else changed

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        taken: SubjectVersion = obj.taken
        if taken.is_in_place:
            say_where_goals_lead(self, request, taken)
            return super().response_add(request, taken.of, post_url_continue)
        said = f"There is a subject “{taken.of.key}”. Version {taken.number} is kept beside it, and not in place yet."
        self.message_user(request, said, messages.WARNING)
        return redirect("admin:roadmaps_subjectversion_change", taken.pk)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if (row := context["original"]) is not None:
            context |= {"subject_versions": row.versions.select_related("author").defer("subject", "concepts")[:50]}
        return super().render_change_form(request, context, *args, **kwargs)

    def get_deleted_objects(
        self, objs: Sequence[Any] | QuerySet[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Counted, not listed: its versions go with it, and no other permission is needed."""
        chosen = list(objs)
        counted = {
            "library subjects": len(chosen),
            "versions of them": SubjectVersion.objects.filter(of__in=chosen).count(),
            "roadmaps made of them that cannot be finished then (they can while a subject is only withdrawn)": (
                taking_in.unfinished_without(chosen).count()
            ),
        }
        return [f"{each} ({each.key})" for each in chosen], counted, set(), []

    @admin.action(description="Download as files", permissions=["view"])
    def download(self, request: HttpRequest, queryset: QuerySet[LibrarySubject]) -> HttpResponse | None:
        if len(chosen := queryset[:2]) != 1:
            self.message_user(request, "Please choose one subject.", messages.ERROR)
            return None
        return downloaded(self, request, chosen[0])


@admin.register(SubjectVersion)
class SubjectVersionAdmin(WithVerbs, ReadOnly, LargeListAdmin):
    """What is different from the subject in place, and the button that puts this version there."""

    list_display = ("__str__", "of_key", "in_place", "author", "created_at")
    list_select_related = ("of", "author")
    search_fields = ("title", "of__key")
    fields = readonly_fields = ("of", "number", "title", "author", "created_at")
    actions = page_verbs = ("put_in_place", "download")
    change_form_template = "admin/content/subject_version.html"

    class Media:
        css = {"all": ["content/curating.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[SubjectVersion]:
        versions = super().get_queryset(request).select_related("of__author")
        return versions.defer("subject", "concepts", "of__subject", "of__concepts")

    @admin.display(description="subject", ordering="of__key")
    def of_key(self, version: SubjectVersion) -> str:
        return version.of.key

    @admin.display(description="in place", boolean=True)
    def in_place(self, version: SubjectVersion) -> bool:
        return version.is_in_place

    def has_replace_permission(self, request: HttpRequest) -> bool:
        """As who may change the subject."""
        return request.user.has_perm("roadmaps.change_librarysubject")

    @admin.action(description="Put this version in place", permissions=["replace"])
    def put_in_place(self, request: HttpRequest, queryset: QuerySet[SubjectVersion]) -> None:
        """From its page, which says what is replaced: a list does not."""
        seen = request.POST.get("seen", "")
        if not re.fullmatch(taking_in.MARK, seen):
            self.message_user(request, "Please put it in place on its page, beside the difference.", messages.ERROR)
            return
        self.decide(request, queryset, lambda version: taking_in.put_in_place(version, seen=seen), "is in place")
        for version in queryset.all():
            say_where_goals_lead(self, request, version)

    @admin.action(description="Download as files", permissions=["view"])
    def download(self, request: HttpRequest, queryset: QuerySet[SubjectVersion]) -> HttpResponse | None:
        if len(chosen := queryset[:2]) != 1:
            self.message_user(request, "Please choose one version.", messages.ERROR)
            return None
        return downloaded(self, request, chosen[0])

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        version: SubjectVersion = context["original"]
        verbs = [each for each in self.verbs(request) if not (version.is_in_place and each["name"] == "put_in_place")]
        context |= {"verbs": verbs, "in_place": version.of, "seen": taking_in.mark(version.of)}
        if not version.is_in_place:
            context |= {"differences": taking_in.differences(taking_in.in_place(version.of), taking_in.read(version))}
        return super().render_change_form(request, context, *args, **kwargs)


def downloaded(of: Any, request: HttpRequest, row: LibrarySubject | SubjectVersion) -> HttpResponse | None:
    if contents := taking_in.read(row):
        return as_download(*contents)
    of.message_user(request, f"{row} cannot be read any more: its format is outdated.", messages.ERROR)
    return None


def say_where_goals_lead(of: Any, request: HttpRequest, version: SubjectVersion) -> None:
    """Where goals of this subject, in place now, find another one, and where those of others find this one."""
    added_subjects.refresh()
    if not version.is_in_place or (contents := taking_in.read(version)) is None:
        return
    subject, _ = contents
    if elsewhere := taking_in.led_elsewhere(subject):
        found = ", ".join(f"“{goal}” (finds {name})" for goal, name in elsewhere.items())
        of.message_user(request, f"By its terms these goals do not find it: {found}.", messages.WARNING)
    if taken := list(taking_in.led_here(subject).items()):
        found = ", ".join(f"“{goal}” (of {name})" for goal, name in taken[:MOST_NAMED])
        more = f" and {len(taken) - MOST_NAMED} more" if len(taken) > MOST_NAMED else ""
        said = (
            f"By its terms these goals, which are not its own, find it: {found}{more}. Is one of its terms too broad?"
        )
        of.message_user(request, said, messages.WARNING)


def as_download(subject: Subject, concepts: list[SubjectConcept]) -> HttpResponse:
    return HttpResponse(
        publishing.archive(subject, concepts),
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{subject.key}.zip"'},
    )


class SubjectForm(forms.Form):
    """What a roadmap does not know about itself as a subject for others."""

    key = forms.RegexField(
        r"^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=80,
        widget=AdminTextInputWidget,
        help_text="Small letters, digits and hyphens; the folder’s name. Taken in, it stands before the library’s "
        "subject of the same key.",
    )
    title = forms.CharField(max_length=200, widget=AdminTextInputWidget)
    description = forms.CharField(
        max_length=2000, widget=forms.Textarea(attrs={"rows": 4}), help_text="What somebody can do afterwards."
    )
    terms = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="How goals are known to mean this subject: one a line, a weight from 1 to 3 before it (“3 python”). "
        "A goal needs a sum of 2. In Chinese “…” stands for up to eight characters between; simplified "
        "and traditional characters are the same.",
    )

    def clean_terms(self) -> list[Term]:
        terms = []
        for line in self.cleaned_data["terms"].splitlines():
            weight, _, term = line.strip().partition(" ")
            if weight not in ("1", "2", "3") or not term.strip():
                raise ValidationError(f"“{line[:80]}” is not a weight from 1 to 3 and a term.")
            terms.append(Term(term=" ".join(term.lower().split()), weight=int(weight)))
        return terms

    @classmethod
    def for_roadmap(cls, roadmap: Roadmap) -> "SubjectForm":
        """As the library's subject that it was made from, which the curated one is then to replace; else a new one."""
        if behind := publishing.subject_behind(roadmap):
            same = {"key": behind.key, "title": behind.title, "description": behind.description}
            return cls(initial={**same, "terms": "\n".join(f"{each.weight} {each.term}" for each in behind.terms)})
        stages = ", ".join(stage.name for stage in roadmap.stages.all())
        title = " ".join(roadmap.title.lower().split())
        technologies = [f"2 {term.lower()}" for term in roadmap.intent.get("key_technologies", [])[:10]]
        return cls(
            initial={
                "key": roadmap.slug.removesuffix(f"-{roadmap.token}"),
                "title": roadmap.title,
                "description": f"In this order: {stages}.",
                "terms": "\n".join([f"3 {title}", *technologies] if len(title) <= LONGEST_TERM else technologies),
            }
        )
