"""What may a person type, and what is asked for when they start a roadmap?"""

import uuid
from datetime import date

from django import forms
from django.utils import timezone

from roadmaps.models import Roadmap


class GoalForm(forms.ModelForm):  # type: ignore[type-arg]
    """A goal and wishes. The domain judges the goal's length, after joining its lines."""

    goal = forms.CharField(
        label="What do you want to learn?",
        help_text="One sentence is enough. The more you say about what for, the better it fits.",
        widget=forms.Textarea(
            attrs={
                "rows": 3,
                "maxlength": Roadmap.GOAL_LENGTH,
                "placeholder": "Query our sales database myself, without asking an engineer",
            }
        ),
    )
    level = forms.ChoiceField(
        label="Where are you now?", choices=Roadmap.Level, initial=Roadmap.Level.BEGINNER, widget=forms.RadioSelect
    )
    request_key = forms.UUIDField(required=False, widget=forms.HiddenInput(attrs={"autocomplete": "off"}))

    class Meta:
        model = Roadmap
        fields = [
            "goal",
            "level",
            "hours_per_week",
            "deadline",
            "background",
            "motivation",
            "preference",
            "language",
            "second_language",
            "skips_review",
        ]
        labels = {
            "hours_per_week": "Hours a week",
            "deadline": "Done by",
            "background": "What you know already",
            "motivation": "What it is for",
            "preference": "How you like to learn",
            "language": "Language",
            "second_language": "Second language for resources",
            "skips_review": "Start writing without my review",
        }
        help_texts = {
            "deadline": "Leave empty to take the time it takes.",
            "language": "Like en, de, or French.",
            "skips_review": "Otherwise you see the outline first and may have it changed.",
        }
        widgets = {
            "deadline": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "background": forms.Textarea(attrs={"rows": 3, "maxlength": 2000}),
            "motivation": forms.Textarea(attrs={"rows": 2, "maxlength": 1000}),
            "hours_per_week": forms.NumberInput(attrs={"min": 1, "max": 168}),
        }

    FIRST = ("goal", "level", "hours_per_week")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["request_key"].initial = uuid.uuid4

    def first_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.FIRST]

    def more_fields(self) -> list[forms.BoundField]:
        return [field for field in self.visible_fields() if field.name not in self.FIRST]

    def more_is_wrong(self) -> bool:
        """Whether the folded part holds an error and must be shown unfolded."""
        return any(field.errors for field in self.more_fields())

    def clean_deadline(self) -> date | None:
        deadline: date | None = self.cleaned_data["deadline"]
        if deadline and deadline <= timezone.localdate():
            raise forms.ValidationError("Choose a day in the future.")
        return deadline


class FeedbackForm(forms.Form):
    """What should change in the outline. The domain asks for words and judges their length."""

    text = forms.CharField(
        label="What should change?",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": 4000, "placeholder": "Less theory, more practice"}),
    )
