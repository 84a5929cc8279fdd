"""Concepts, each with all that was written for it on one page."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse

from content import curating, links
from content.admin.roadmaps import DRAWS_DIAGRAMS, BrokenLinksFilter
from content.models import Tutorial
from roadmaps import amending, deciding
from roadmaps.admin.base import (
    LargeListAdmin,
    NotAddable,
    NotDeletable,
    NothingToDoError,
    OriginFilter,
    SearchedBySubqueries,
    WithVerbs,
)
from roadmaps.answers import OutlineTree
from roadmaps.models import Concept, Roadmap, Step


class ConceptForm(forms.ModelForm):  # type: ignore[type-arg]
    """What belongs to the outline; saving makes a new version of it."""

    keywords = forms.CharField(
        help_text="Three to five, one a line.", max_length=1200, widget=AdminTextareaWidget(attrs={"rows": 5})
    )
    prerequisites = forms.ModelMultipleChoiceField(
        queryset=Concept.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    seen_version = forms.IntegerField(widget=forms.HiddenInput)
    tree: OutlineTree

    class Meta:
        model = Concept
        fields = ("name", "description", "hours", "difficulty", "keywords", "prerequisites")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        concept = self.instance
        self.initial["keywords"] = "\n".join(concept.keywords)
        self.initial["seen_version"] = amending.version_of(concept.roadmap)
        earlier = Concept.objects.filter(roadmap=concept.roadmap_id, position__lt=concept.position)
        self.fields["prerequisites"].queryset = earlier.order_by("position")  # type: ignore[attr-defined]

    def clean_keywords(self) -> list[str]:
        return [word.strip() for word in self.cleaned_data["keywords"].splitlines() if word.strip()]

    def clean(self) -> dict[str, Any]:
        """Takes the roadmap's lock, which holds until what was checked here is saved."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            fields = {name: cleaned[name] for name in ("name", "description", "hours", "difficulty", "keywords")}
            try:
                self.tree = amending.amended(
                    Roadmap.objects.locked(self.instance.roadmap_id),
                    self.instance.key,
                    seen_version=cleaned["seen_version"],
                    prerequisites=[each.key for each in cleaned["prerequisites"]],
                    **fields,
                )
            except deciding.RefusedError as error:
                self.add_error(None, str(error))
        return cleaned


class ConceptOriginFilter(OriginFilter):
    """Of the current tutorial."""

    title = "tutorial’s origin"

    def narrow(self, queryset: QuerySet[Any], condition: Q) -> QuerySet[Any]:
        tutorials = Tutorial.objects.current().filter(condition).order_by()
        return queryset.filter(pk__in=tutorials.values("concept"))


class ConceptBrokenLinksFilter(BrokenLinksFilter):
    path = "resource_list__concept"


class PiecesFilter(admin.SimpleListFilter):
    """By the state of the work on any of the three."""

    title = "pieces"
    parameter_name = "pieces"
    REWRITE = "rewrite_failed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        states = [(state.value, f"One is {state.label.lower()}") for state in Step.State]
        return [*states, (self.REWRITE, "One could not be written again")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == self.REWRITE:
            steps = Step.objects.rewrites_failed()
        elif self.value() in Step.State.values:
            steps = Step.objects.content().filter(state=self.value())
        else:
            return queryset
        return queryset.filter(pk__in=steps.filter(concept__isnull=False).order_by().values("concept"))


@admin.register(Concept)
class ConceptAdmin(WithVerbs, SearchedBySubqueries, NotDeletable, NotAddable, LargeListAdmin):
    form = ConceptForm
    fields = ("name", "description", "hours", "difficulty", "keywords", "prerequisites", "seen_version")
    list_display = ("public_id", "name", "difficulty", "hours", "pieces", "failures", "roadmap")
    list_filter = ("difficulty", "roadmap__state", PiecesFilter, ConceptOriginFilter, ConceptBrokenLinksFilter)
    list_select_related = ("roadmap",)
    ordering = ("-roadmap_id", "position")
    search_fields = ("name",)
    change_list_template = "admin/roadmaps/searched_list.html"
    search_hint = "A concept’s id (…:c-2-2-1), its name, its roadmap’s slug, title or owner, or an error’s text."
    actions = page_verbs = (
        "retry_failed",
        "regenerate_tutorial",
        "regenerate_resources",
        "regenerate_quiz",
        "check_links",
    )
    change_form_template = "admin/roadmaps/concept/page.html"

    class Media:
        css = {"all": ["content/curating.css"]}
        js = (DRAWS_DIAGRAMS,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        content = Step.objects.content().filter(concept=OuterRef("pk")).order_by().values("concept")
        concepts: QuerySet[Any] = super().get_queryset(request).select_related("roadmap", "module__stage")
        counted: QuerySet[Any] = concepts.annotate(
            pieces_done=_count(content.filter(state=Step.State.DONE)),
            pieces_failed=_count(content.filter(state=Step.State.FAILED)),
        )
        return counted

    def matches(self, word: str) -> Q:
        return curating.concepts_matching(word)

    @admin.display(description="pieces done")
    def pieces(self, concept: Any) -> str:
        return f"{concept.pieces_done} of {len(Step.CONTENT_KINDS)}"

    @admin.display(description="failures")
    def failures(self, concept: Any) -> str:
        return f"{concept.pieces_failed} failed" if concept.pieces_failed else ""

    @admin.action(description="Retry what failed", permissions=["change"])
    def retry_failed(self, request: HttpRequest, queryset: QuerySet[Concept]) -> None:
        self.decide(request, queryset, _retry, "what failed is taken up again")

    @admin.action(description="Write the tutorial again", permissions=["change"])
    def regenerate_tutorial(self, request: HttpRequest, queryset: QuerySet[Concept]) -> None:
        self._regenerate(request, queryset, Step.Kind.TUTORIAL)

    @admin.action(description="Choose the resources again", permissions=["change"])
    def regenerate_resources(self, request: HttpRequest, queryset: QuerySet[Concept]) -> None:
        self._regenerate(request, queryset, Step.Kind.RESOURCES)

    @admin.action(description="Write the quiz again", permissions=["change"])
    def regenerate_quiz(self, request: HttpRequest, queryset: QuerySet[Concept]) -> None:
        self._regenerate(request, queryset, Step.Kind.QUIZ)

    def _regenerate(self, request: HttpRequest, queryset: QuerySet[Concept], kind: Step.Kind) -> None:
        wish = request.POST.get("wish", "")

        def decide(concept: Concept) -> None:
            before = concept.steps.filter(kind=kind).first()
            step = deciding.regenerate(concept, kind, wish=wish)
            if before and step.asked_at == before.asked_at:
                raise NothingToDoError("It is being written already.")

        self.decide(request, queryset, decide, f"the {kind.label.lower()} will be written again")

    @admin.action(description="Check links now", permissions=["change"])
    def check_links(self, request: HttpRequest, queryset: QuerySet[Concept]) -> None:
        self.decide(request, queryset, links.check_concept, "its links are being checked")

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        concept = context["original"]
        context |= {"title": concept.name, "subtitle": None, "sight": curating.concept_sight(concept)}
        context |= {"verbs": {verb["name"]: verb["label"] for verb in self.verbs(request)}}
        context |= {"provider": settings.LLM_PROVIDER}
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Concept, form: Any, change: bool) -> None:  # noqa: FBT001
        """By save_related, with the prerequisites."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        amending.amend(form.instance, form.tree, by=request.user.get_username())


def _retry(concept: Concept) -> None:
    if not deciding.retry_concept(concept):
        raise NothingToDoError("Nothing of it has failed.")


def _count(steps: QuerySet[Any, Any]) -> Coalesce:
    return Coalesce(Subquery(steps.annotate(count=Count("pk")).values("count"), output_field=IntegerField()), 0)
