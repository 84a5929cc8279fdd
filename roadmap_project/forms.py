"""The forms with which somebody shows who they are; each counts its tries."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm, UserCreationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from roadmap_project import known_browsers, throttling


@contextmanager
def _refusal_as_words() -> Iterator[None]:
    try:
        yield
    except throttling.TooManyTriesError as error:
        raise ValidationError(str(error), code="too_many_tries") from error


class ThrottledSignIn:
    """Before the password is looked at, so that a refusal says nothing about it; the same for unknown accounts."""

    def clean(self: Any) -> Any:
        if not (name := self.cleaned_data.get("username")):
            return super().clean()  # type: ignore[misc]
        with _refusal_as_words(), throttling.counted(*throttling.sign_in(self.request, name)):
            cleaned = super().clean()  # type: ignore[misc]
        known_browsers.proven(self.request, name)
        return cleaned


class SignInForm(ThrottledSignIn, AuthenticationForm):
    pass


class StaffSignInForm(ThrottledSignIn, AdminAuthenticationForm):
    pass


class SignUpForm(UserCreationForm):  # type: ignore[type-arg]
    """Every form that is sent counts, also one that makes an account: it tells which names are taken, or makes many.

    An address is asked for where mail is sent. It is nobody's yet: whoever opens the link that is sent there has it.
    """

    email = forms.EmailField(
        label=gettext_lazy("E-mail address (optional)"),
        required=False,
        max_length=254,
        help_text=gettext_lazy("For a new password when yours is forgotten, and for news of your roadmaps."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.request = request
        super().__init__(*args, **kwargs)
        if not settings.MAIL_IS_SENT:
            del self.fields["email"]

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if email:
            tries_counted(self.request, email.casefold(), kind="address")
        return email

    def clean_username(self) -> str:
        with _refusal_as_words():
            throttling.count(throttling.sign_up(self.request))
        return super().clean_username()


def tries_counted(request: HttpRequest, name: str, *, kind: str) -> None:
    """For what is counted however it ends: by the address that it comes from, and by what it is about."""
    with _refusal_as_words():
        throttling.count(throttling.address(request))
        throttling.count(throttling.about(kind, name))


def right_password(user: Any, password: str) -> str:
    """The password, if it is the signed-in user's; guessing it is as slow as at the sign-in.

    For them alone: what strangers at the same address try must not keep them from leaving or from a new password.
    """
    with _refusal_as_words(), throttling.counted(throttling.own_password(user.pk)):
        if not user.check_password(password):
            raise ValidationError(_("This is not your password."), code="password_incorrect")
    return password
