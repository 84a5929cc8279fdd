"""How does a person say which language they mean? By its own name, or with words or a code where it is not offered."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from roadmap_project import languages

OTHER = "other"


class LanguageChoice(forms.Select):
    """The offered languages, the one that is chosen already, and a line for any other."""

    template_name = "roadmaps/_language_choice.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        codes = [*languages.OFFERED]
        if value and value not in codes:
            codes.append(value)
        none = [] if self.is_required else [("", _("None"))]
        self.choices = [*none, *((code, languages.own_name(code)) for code in codes), (OTHER, _("Another language"))]
        return super().get_context(name, value, attrs)

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if value in languages.OFFERED:
            option["attrs"]["lang"] = value
        return option

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        chosen = data.get(name)
        return data.get(f"{name}_{OTHER}") if chosen == OTHER else chosen


class LanguageField(forms.CharField):
    """A language's code where its name is known; whatever else was typed stays, up to 40 characters."""

    widget = LanguageChoice

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=40, **kwargs)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {}

    def to_python(self, value: Any) -> str:
        return languages.code_of(super().to_python(value) or "")
