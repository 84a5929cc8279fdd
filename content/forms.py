"""What may a reader type about a concept, and bring in?"""

import uuid
from hashlib import sha256
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from content import importing
from content.models import Note
from roadmaps import starting
from roadmaps.forms import WordsField


class WishForm(forms.Form):
    wish = WordsField(required=False, max_length=1000)


class NoteForm(forms.Form):
    text = WordsField(
        label=gettext_lazy("Your notes"),
        required=False,
        strip=False,
        max_length=Note.LENGTH,
        help_text=gettext_lazy("Only you see them."),
        widget=forms.Textarea(attrs={"rows": 5, "placeholder": " "}),  # by which the style knows that it is empty
    )


class CopyForm(forms.Form):
    request_key = forms.UUIDField(required=False, widget=forms.HiddenInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["request_key"].initial = uuid.uuid4

    def key(self) -> uuid.UUID | None:
        """The key that was sent; None for none, and for junk."""
        found: uuid.UUID | None = self.cleaned_data.get("request_key") if self.is_valid() else None
        return found


class ImportForm(CopyForm):
    """A roadmap's JSON, as a file or as text: `content`. The domain judges what it holds."""

    file = forms.FileField(
        label=gettext_lazy("A file"),
        required=False,
        help_text=format_lazy(
            gettext_lazy("What “Everything (JSON)” gave you, at most {most} MB."),
            most=importing.MOST_BYTES // 1024 // 1024,
        ),
        widget=forms.FileInput(attrs={"accept": ".json,application/json"}),
    )
    text = forms.CharField(
        label=gettext_lazy("Or its text"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )

    def clean_file(self) -> "UploadedFile[Any] | None":
        file: UploadedFile[Any] | None = self.cleaned_data["file"]
        if file and (file.size or 0) > importing.MOST_BYTES:
            raise forms.ValidationError(importing.too_large(file.size or 0))
        return file

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        file, text = cleaned.get("file"), cleaned.get("text", "")
        if self.errors:
            return cleaned
        if not file and not text.strip():
            raise forms.ValidationError(_("Choose a file, or paste its text."))
        content = bytes(file.read()) if file else text.encode("utf-8", "surrogatepass")
        if key := cleaned["request_key"]:
            cleaned["request_key"] = starting.key_of(key, sha256(content).hexdigest())
        return {**cleaned, "content": content}
