"""The pages about a person's account."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, PasswordChangeView, PasswordResetConfirmView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils import translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.i18n import set_language
from django_q.tasks import async_task

from roadmap_project import api_tokens, known_browsers, languages
from roadmap_project.forms import SignInForm
from roadmaps import accounts, middleware, sending
from roadmaps.account_forms import AddressForm, DeleteForm, ForgottenPasswordForm, NewPasswordForm, ProfileForm
from roadmaps.models import Profile
from roadmaps.views import SignedInRequest, on_its_way, unconfirmed

FORM = require_http_methods(["GET", "HEAD", "POST"])


@FORM
@login_required
def account(request: SignedInRequest) -> HttpResponse:
    """With `?new` somebody comes from the form of a new roadmap, and goes back to it."""
    is_for_a_new_roadmap = "new" in request.GET
    form = ProfileForm(request.POST or None, instance=Profile.of(request.user))
    if form.is_valid():
        language = form.save().interface_language
        response = redirect("roadmaps:new" if is_for_a_new_roadmap else "roadmaps:account")
        if not language and "interface_language" in form.changed_data:
            languages.forget(request, response)
        with translation.override(language or translation.get_language_from_request(request)):
            messages.success(request, _("Saved. New roadmaps begin with this."))
        return _spoken(response, language)
    context = {"form": form, "is_for_a_new_roadmap": is_for_a_new_roadmap, "unconfirmed": unconfirmed(request)}
    return render(request, "roadmaps/account.html", context)


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """For this browser; of somebody who is signed in, for what is written to them as well."""
    wanted = request.POST.get("language", "")
    if request.user.is_authenticated and wanted in Profile.InterfaceLanguage.values:
        accounts.speak(request.user, wanted)
    response: HttpResponse = set_language(request)
    return response


def _spoken(response: HttpResponse, language: str) -> HttpResponse:
    """With the person's language for this browser, where they chose one; else the browser's choice stays."""
    if language:
        languages.remember(response, language)
    return response


class SignIn(LoginView):
    """From here on in the person's language."""

    form_class = SignInForm
    template_name = "roadmaps/sign_in.html"
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        profile = Profile.of(form.get_user())
        response = super().form_valid(form)
        self.request.session[middleware.LANGUAGE] = profile.last_language or settings.LANGUAGE_CODE
        return _spoken(response, profile.interface_language)


@FORM
@login_required
def address(request: SignedInRequest) -> HttpResponse:
    """An address is the person's once they open the link that is sent to it."""
    waiting = unconfirmed(request)
    address = waiting.address if waiting else ""
    initial = {"email": address or request.user.email}
    form = AddressForm(request, request.POST or None, initial=initial, waiting=address)
    if form.is_valid():
        wanted = form.cleaned_data["email"]
        if accounts.ask_for_address(request.user, wanted):
            messages.success(request, on_its_way(wanted))
        else:
            messages.info(request, _("%(address)s is your address already.") % {"address": wanted})
        return redirect("roadmaps:account")
    context = {"form": form, "mail_is_sent": settings.MAIL_IS_SENT, "unconfirmed": waiting}
    return render(request, "roadmaps/address.html", context)


@FORM
@login_required
def confirm_address(request: SignedInRequest, token: str) -> HttpResponse:
    """By a button: programs that look at links in mail must not confirm one."""
    confirmed = sending.address_of(token, request.user)
    if confirmed and request.method == "POST":
        if not accounts.take_address(request.user, confirmed):
            return redirect(request.path)  # which says what is so now
        messages.success(request, _("%(address)s is your address now.") % {"address": confirmed})
        return redirect("roadmaps:account")
    is_theirs_already = sending.is_theirs_already(token, request.user)
    context = {"address": confirmed, "is_theirs_already": is_theirs_already, "unconfirmed": unconfirmed(request)}
    status = 200 if confirmed or is_theirs_already else 404
    return render(request, "roadmaps/confirm_address.html", context, status=status)


@FORM
@login_required
def delete(request: SignedInRequest) -> HttpResponse:
    form = DeleteForm(request.user, request.POST or None)
    if form.is_valid():
        accounts.delete(request.user)
        logout(request)
        messages.success(request, _("Your account and everything in it are gone."))
        return redirect("roadmaps:list")
    return render(request, "roadmaps/delete_account.html", {"form": form})


@FORM
def forgotten_password(request: HttpRequest) -> HttpResponse:
    """The same answer, in the same time, whether or not somebody has the address."""
    form = ForgottenPasswordForm(request, request.POST or None)
    if settings.MAIL_IS_SENT and form.is_valid():
        async_task(
            "roadmaps.tasks.send_new_password", form.cleaned_data["email"], cluster="logs", task_name="new password"
        )
        return redirect("roadmaps:new_password_sent")
    return render(request, "roadmaps/forgotten_password.html", {"form": form, "mail_is_sent": settings.MAIL_IS_SENT})


@require_safe
def new_password_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "roadmaps/new_password_sent.html")


class NewPassword(PasswordResetConfirmView):
    """By the link that was sent. One that is used up or too old is none."""

    template_name = "roadmaps/new_password.html"
    success_url = reverse_lazy("roadmaps:login")

    def form_valid(self, form: Any) -> HttpResponse:
        """Who lost it to somebody else knows neither what tokens were made since nor which address was asked for."""
        with transaction.atomic():
            response = super().form_valid(form)
            revoked = api_tokens.revoke_all(form.user)
            accounts.drop_unconfirmed(form.user)
        known_browsers.proven(self.request, form.user.get_username())
        messages.success(self.request, _("Your password is changed. Sign in with the new one."))
        if revoked:
            words = ngettext(
                "%(number)s token with which programs used your account is revoked. Make a new one where it was yours.",
                "%(number)s tokens with which programs used your account are revoked. Make new ones where they were "
                "yours.",
                revoked,
            )
            messages.info(self.request, words % {"number": revoked})
        return response

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        context["has_tokens"] = self.validlink and api_tokens.of(self.user).usable().exists()
        return super().render_to_response(context, status=200 if self.validlink else 404, **kwargs)


class ChangePassword(PasswordChangeView):
    template_name = "roadmaps/change_password.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("roadmaps:account")

    def form_valid(self, form: Any) -> HttpResponse:
        known_browsers.proven(self.request, self.request.user.get_username())
        messages.success(self.request, _("Your password is changed. Other browsers are signed out."))
        if number := api_tokens.of(self.request.user).usable().count():
            messages.info(self.request, _tokens_go_on(number))
        return super().form_valid(form)


def _tokens_go_on(number: int) -> SafeString:
    words = ngettext(
        "%(number)s token with which programs use your account goes on working.",
        "%(number)s tokens with which programs use your account go on working.",
        number,
    )
    link = format_html('<a href="{}">{}</a>', reverse("tokens"), _("Look whether they are all yours"))
    return format_html("{} {}", words % {"number": number}, link)
