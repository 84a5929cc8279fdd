"""Subjects that this installation added to the library: taken in as an archive of files, and given out as one."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from content import publishing, taking_in
from content.subject_rules import LONGEST_TERM, SubjectError
from roadmap_project.library.subjects import Subject, SubjectConcept, Term
from roadmaps import added_subjects
from roadmaps.admin.base import LargeListAdmin
from roadmaps.models import LibrarySubject, Roadmap


class ArchiveForm(forms.ModelForm):  # type: ignore[type-arg]
    archive = forms.FileField(
        help_text="A ZIP of one folder: subject.toml and a .md file for each concept. A subject of the same key is "
        "replaced; a bundled one of the same key stands behind it."
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
    list_display = ("key", "title", "version", "is_offered", "author", "updated_at")
    list_filter = ("is_offered",)
    list_select_related = ("author",)
    search_fields = ("key", "title")
    fields = ("key", "title", "is_offered", "version", "author", "created_at", "updated_at")
    readonly_fields = ("key", "title", "version", "author", "created_at", "updated_at")
    actions = ("download",)

    class Media:
        css = {"all": ["content/curating.css"]}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ("archive",)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        return super().get_form(request, obj, change, **(kwargs if obj else {**kwargs, "form": ArchiveForm}))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        if change:
            super().save_model(request, obj, form, change)
            return
        author: Any = request.user
        taken = taking_in.take_in(form.cleaned_data["archive"], author=author)
        obj.pk, obj.title = taken.pk, taken.title
        if taken.version > 1:
            replaced = f"Version {taken.version} took the place of version {taken.version - 1}, which is not kept here."
            self.message_user(request, replaced, messages.WARNING)
        added_subjects.refresh()
        if elsewhere := taking_in.led_elsewhere(Subject.model_validate(taken.subject)):
            found = ", ".join(f"“{goal}” (finds {name})" for goal, name in elsewhere.items())
            self.message_user(request, f"By its terms these goals do not find it: {found}.", messages.WARNING)

    @admin.action(description="Download as files", permissions=["view"])
    def download(self, request: HttpRequest, queryset: QuerySet[LibrarySubject]) -> HttpResponse | None:
        if len(chosen := queryset[:2]) != 1:
            self.message_user(request, "Please choose one subject.", messages.ERROR)
            return None
        concepts = [SubjectConcept.model_validate(each) for each in chosen[0].concepts.values()]
        return as_download(Subject.model_validate(chosen[0].subject), concepts)


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
        "A goal needs a sum of 2.",
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
