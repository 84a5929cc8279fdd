"""What may a person change about their account, and what must they know for it?"""

from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from roadmap_project.forms import right_password, tries_counted
from roadmaps.forms import WordsField
from roadmaps.language_choice import LanguageField
from roadmaps.models import Profile, Roadmap


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    level = forms.ChoiceField(label=_("Where you usually start"), choices=Roadmap.Level, widget=forms.RadioSelect)
    language = LanguageField(label=_("Language of your roadmaps"))
    second_language = LanguageField(label=_("Second language for resources"), required=False)

    class Meta:
        model = Profile
        fields = [
            "level",
            "hours_per_week",
            "background",
            "preference",
            "language",
            "second_language",
            "interface_language",
            "gets_mail",
        ]
        field_classes = {"background": WordsField}
        labels = {
            "hours_per_week": _("Hours a week"),
            "background": _("What you know already"),
            "preference": _("How you like to learn"),
            "interface_language": _("Language of these pages"),
            "gets_mail": _("Write to me when a roadmap waits for my review, and when it is ready or failed"),
        }
        widgets = {
            "background": forms.Textarea(attrs={"rows": 3, "maxlength": 2000}),
            "hours_per_week": forms.NumberInput(attrs={"min": 1, "max": 168}),
        }


class PasswordField(forms.CharField):
    def __init__(self) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "current-password"})
        super().__init__(label=_("Your password"), strip=False, widget=widget)


class MailedForm(forms.Form):
    """Every form that is sent counts, for the address that it comes from and the one that mail would go to."""

    kind: str

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.request = request
        super().__init__(*args, **kwargs)

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        tries_counted(self.request, email.casefold(), kind=self.kind)
        return email


class ForgottenPasswordForm(MailedForm):
    kind = "new-password"


class AddressForm(MailedForm):
    """Whoever has the address can have a new password sent, so an open session is not enough to change it.

    The one that waits to be confirmed was given with the password, or when signing up: its link is sent again without.
    Who has no password, as an account of which the admin took it, is sent no new one, and cannot be asked for it.
    """

    kind = "address"
    password = PasswordField()

    def __init__(self, request: Any, *args: Any, waiting: str, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        is_sent_again = bool(waiting) and self.data.get("email") == waiting
        if is_sent_again or not request.user.has_usable_password():
            del self.fields["password"]

    def clean_password(self) -> str:
        return right_password(self.request.user, self.cleaned_data["password"])


class NewPasswordForm(PasswordChangeForm):
    """The old password is asked for, and guessing it counts as at sign-in."""

    def clean_old_password(self) -> str:
        return right_password(self.user, self.cleaned_data["old_password"])


class DeleteForm(forms.Form):
    password = PasswordField()

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        return right_password(self.user, self.cleaned_data["password"])
