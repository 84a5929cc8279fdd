"""What may a person type, and what is asked for when they start a roadmap?"""

import json
import uuid
from datetime import date
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from roadmaps import reshaping, starting
from roadmaps.language_choice import LanguageField
from roadmaps.models import Concept, Roadmap, Step
from roadmaps.reshaping import Edit
from roadmaps.sketching import Node, Sketch


class WordsField(forms.CharField):
    """Text whose line ends count as one character, as the browser counted them."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")


class GoalForm(forms.ModelForm):  # type: ignore[type-arg]
    """A goal and wishes; which button was pressed says whether the outline is reviewed.

    The domain judges the goal's length, after joining its lines.
    """

    goal = forms.CharField(
        label=gettext_lazy("What do you want to learn?"),
        help_text=gettext_lazy("One sentence is enough. The more you say about what for, the better it fits."),
        widget=forms.Textarea(
            attrs={
                "rows": 3,
                "maxlength": Roadmap.GOAL_LENGTH,
                "placeholder": gettext_lazy("Query our sales database myself, without asking an engineer"),
            }
        ),
    )
    level = forms.ChoiceField(
        label=gettext_lazy("Where are you now?"),
        choices=Roadmap.Level,
        initial=Roadmap.Level.BEGINNER,
        widget=forms.RadioSelect,
    )
    language = LanguageField(
        label=gettext_lazy("Language"), help_text=gettext_lazy("In which your roadmap is written.")
    )
    skips_review = forms.BooleanField(required=False, widget=forms.HiddenInput)
    request_key = forms.UUIDField(required=False, widget=forms.HiddenInput(attrs={"autocomplete": "off"}))

    class Meta:
        model = Roadmap
        fields = [
            "goal",
            "level",
            "hours_per_week",
            "deadline",
            "background",
            "language",
        ]  # as many as one looks through
        field_classes = {"background": WordsField}
        labels = {
            "hours_per_week": gettext_lazy("Hours a week"),
            "deadline": gettext_lazy("Done by"),
            "background": gettext_lazy("What you know already"),
        }
        help_texts = {
            "hours_per_week": gettext_lazy(
                "Two evenings are 4; an hour on most days is 6; half of your working time is 20."
            ),
            "deadline": gettext_lazy("Leave empty to take the time it takes."),
            "background": gettext_lazy(
                "Like: I use spreadsheets daily, and have never programmed. Leave empty if nothing."
            ),
        }
        widgets = {
            "deadline": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "background": forms.Textarea(attrs={"rows": 2, "maxlength": 2000}),
            "hours_per_week": forms.NumberInput(attrs={"min": 1, "max": 168}),
        }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["request_key"].initial = uuid.uuid4

    def typed(self) -> dict[str, str]:
        """What is otherwise than the form began, right or wrong, and where all is right the key of its request."""
        no_words = {"skips_review", "request_key"}
        typed = {name: self[name].data or "" for name in self.changed_data if name not in no_words}
        if self.is_valid() and (key := self.cleaned_data["request_key"]):
            typed["request_key"] = str(key)
        return typed

    def own_key(self) -> str:
        """The form's own, of which its request's is made with the words; nothing where somebody tampered with it."""
        return "" if "request_key" in self.errors else self["request_key"].data or ""

    def clean(self) -> dict[str, Any]:
        """Whichever of its buttons was pressed, the same words are the same request."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if key := cleaned.get("request_key"):
            words = {name: str(cleaned.get(name)) for name in self.Meta.fields}
            words["goal"] = " ".join(words["goal"].split())
            cleaned["request_key"] = starting.key_of(key, json.dumps(words))
        return cleaned

    def clean_deadline(self) -> date | None:
        deadline: date | None = self.cleaned_data["deadline"]
        if deadline and deadline <= timezone.localdate():
            raise forms.ValidationError(_("Choose a day in the future."))
        return deadline


class PlanForm(forms.ModelForm):  # type: ignore[type-arg]
    """When somebody wants to learn, what for, and how. The domain judges the day."""

    second_language = LanguageField(label=gettext_lazy("Second language for resources"), required=False)

    class Meta:
        model = Roadmap
        fields = ["hours_per_week", "deadline", "motivation", "preference", "second_language"]
        field_classes = {"motivation": WordsField}
        labels = {
            "hours_per_week": gettext_lazy("Hours a week"),
            "deadline": gettext_lazy("Done by"),
            "motivation": gettext_lazy("What you want it for"),
            "preference": gettext_lazy("How you like to learn"),
        }
        help_texts = {"deadline": GoalForm.Meta.help_texts["deadline"]}
        widgets = {
            "hours_per_week": GoalForm.Meta.widgets["hours_per_week"],
            "deadline": GoalForm.Meta.widgets["deadline"],
            "motivation": forms.Textarea(attrs={"rows": 2, "maxlength": 1000}),
        }


class FeedbackForm(forms.Form):
    """What should change in the outline. The domain asks for words and judges their length."""

    text = WordsField(
        label=gettext_lazy("What should change?"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": 4000, "placeholder": gettext_lazy("Make it shorter")}),
    )


class Checkboxes(forms.CheckboxSelectMultiple):
    """Of which only the first may take the focus when the page is there."""

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(*args, **kwargs)
        if option["index"] != "0":
            option["attrs"].pop("autofocus", None)
        return option


# Editing an outline by hand. The domain judges; the forms ask, and bring its words back to the field.


class EditForm(forms.Form):
    """What a stage has, and every part; subclasses ask for more."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    description = forms.CharField(
        label=gettext_lazy("What it is about"), max_length=4000, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, sketch: Sketch, reference: str, typed: Any = None, initial: Any = None) -> None:
        super().__init__(typed, initial=initial)
        self.sketch, self.reference = sketch, reference

    verb = "change_part"

    @property
    def verb_name(self) -> str:
        return f"roadmaps:{self.verb}"

    @property
    def back(self) -> str:
        """The id of the control that opened the form."""
        return f"{'add' if self.verb == 'add_part' else 'edit'}-{self.reference}"

    @property
    def part(self) -> Node | None:
        return self.sketch.find(self.reference)

    def store(self, roadmap_id: int, *, seen_version: int, by: User) -> Edit:
        raise NotImplementedError

    def begin(self) -> None:
        """Put the focus where something is to be typed: on what is wrong, else on the first field."""
        first = next((name for name in self.fields if self.is_bound and name in self.errors), "name")
        self.fields[first].widget.attrs["autofocus"] = True


class StageForm(EditForm):
    def store(self, roadmap_id: int, **who: Any) -> Edit:
        return reshaping.change_stage(roadmap_id, stage=self.reference, **self.cleaned_data, **who)


class ModuleForm(EditForm):
    stage = forms.ChoiceField(label=gettext_lazy("In the stage"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["stage"].choices = [(each.reference, each.name) for each in self.sketch.stages]  # type: ignore[attr-defined]

    def store(self, roadmap_id: int, **who: Any) -> Edit:
        return reshaping.change_module(roadmap_id, module=self.reference, **self.cleaned_data, **who)


class MeasuredForm(EditForm):
    """A concept: how long and how hard it is, and what it builds on."""

    description = forms.CharField(
        label=gettext_lazy("What it is about"), max_length=1000, widget=forms.Textarea(attrs={"rows": 2})
    )
    hours = forms.FloatField(
        label=gettext_lazy("Hours"),
        initial=1,
        min_value=0.5,
        max_value=8,
        widget=forms.NumberInput(attrs={"step": "0.5"}),
    )
    difficulty = forms.ChoiceField(
        label=gettext_lazy("Difficulty"),
        choices=Concept.Difficulty,
        help_text=gettext_lazy("Easy takes up to 2 hours, medium 2 to 4, hard 4 to 8."),
    )
    prerequisites = forms.MultipleChoiceField(label=gettext_lazy("Builds on"), required=False, widget=Checkboxes)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        concepts = self.sketch.concepts
        own = {self.reference} | {each.reference for each in (self.part.parts if self.part else [])}
        place = max((number for number, each in enumerate(concepts) if each.reference in own), default=0)
        self.fields["prerequisites"].choices = [  # type: ignore[attr-defined]
            (each.reference, each.name if number <= place else _("%(name)s (comes later)") % {"name": each.name})
            for number, each in enumerate(concepts)
            if each.reference != self.reference
        ]


class ConceptForm(MeasuredForm):
    module = forms.ChoiceField(label=gettext_lazy("In the module"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["module"].choices = [  # type: ignore[attr-defined]
            (stage.name, [(module.reference, module.name) for module in stage.parts]) for stage in self.sketch.stages
        ]

    def store(self, roadmap_id: int, **who: Any) -> Edit:
        return reshaping.change_concept(roadmap_id, key=self.reference, **self.cleaned_data, **who)


class NewConceptForm(MeasuredForm):
    verb = "add_part"

    def store(self, roadmap_id: int, **who: Any) -> Edit:
        return reshaping.add_concept(
            roadmap_id, module=self.reference, concept=reshaping.NewConcept(**self.cleaned_data), **who
        )


class NewGroupForm(EditForm):
    """A module or a stage, which are never empty."""

    verb = "add_part"
    concept_name = forms.CharField(label=gettext_lazy("Its first concept"), max_length=200)
    concept_description = forms.CharField(
        label=gettext_lazy("What this concept is about"), max_length=1000, widget=forms.Textarea(attrs={"rows": 2})
    )

    def store(self, roadmap_id: int, **who: Any) -> Edit:
        typed = self.cleaned_data
        first = reshaping.NewConcept(name=typed["concept_name"], description=typed["concept_description"])
        texts = {"name": typed["name"], "description": typed["description"], "first": first}
        if self.reference == WHOLE:
            return reshaping.add_stage(roadmap_id, **texts, **who)
        return reshaping.add_module(roadmap_id, stage=self.reference, **texts, **who)


WHOLE = "outline"


def edit_form(sketch: Sketch, *, opened: str = "", adding: str = "", typed: Any = None) -> EditForm | None:
    """The form of a part, or of a new part in it; None where there is no such part."""
    if adding == WHOLE:
        return NewGroupForm(sketch, adding, typed)
    part, parent = sketch.find(opened or adding), sketch.parent(opened)
    if part is None or adding.startswith("c-"):
        return None
    if adding:
        return (NewGroupForm if adding.startswith("s-") else NewConceptForm)(sketch, adding, typed)
    values = {"name": part.name, "description": part.description}
    if parent is None:
        return StageForm(sketch, opened, typed, values)
    if opened.startswith("m-"):
        return ModuleForm(sketch, opened, typed, {**values, "stage": parent.reference})
    measures = {"hours": part.hours, "difficulty": part.difficulty, "prerequisites": part.prerequisites}
    return ConceptForm(sketch, opened, typed, {**values, **measures, "module": parent.reference})


class LogFilterForm(forms.Form):
    """What of a roadmap's log is shown. In an address, so that wrong values are as good as none."""

    level = forms.ChoiceField(
        label=gettext_lazy("Level"),
        required=False,
        choices=[
            ("", gettext_lazy("Everything")),
            ("warning", gettext_lazy("Warnings and errors")),
            ("error", gettext_lazy("Errors")),
        ],
    )
    step = forms.ChoiceField(label=gettext_lazy("Step"), required=False)
    concept = forms.ChoiceField(label=gettext_lazy("Concept"), required=False)

    def __init__(self, roadmap: Roadmap, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        concepts = roadmap.concepts.order_by("position").values_list("key", "name")
        steps: Any = self.fields["step"]
        steps.choices = [("", gettext_lazy("All steps")), *Step.Kind.choices]
        named: Any = self.fields["concept"]
        named.choices = [("", gettext_lazy("All concepts")), *((key, f"{key} {name}") for key, name in concepts)]

    def chosen(self) -> dict[str, str]:
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}
