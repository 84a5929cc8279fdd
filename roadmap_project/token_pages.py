"""The page on which a person makes and revokes the tokens of their programs."""

from datetime import timedelta

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from roadmap_project import api_tokens
from roadmap_project.compressing import holds_a_secret


class TokenForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        help_text=gettext_lazy("What you will use it for, so that you know later which one to revoke."),
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("Valid for"),
        coerce=int,
        initial=365,
        choices=(
            (30, gettext_lazy("30 days")),
            (90, gettext_lazy("90 days")),
            (365, gettext_lazy("A year")),
            (0, gettext_lazy("Until you revoke it")),
        ),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache  # the secret is in no cache, and Back does not show it
@holds_a_secret
@login_required
def tokens(request: HttpRequest) -> HttpResponse:
    """The person's tokens; after making one also its secret, this once. A reload finds the name taken."""
    form = TokenForm(request.POST or None)
    secret = ""
    if form.is_valid():
        name, days = form.cleaned_data["name"], form.cleaned_data["days"]
        expires_at = timezone.now() + timedelta(days=days) if days else None
        try:
            _made, secret = api_tokens.make(user=request.user, name=name, expires_at=expires_at)
        except api_tokens.TokenRefusedError as error:
            form.add_error("name", str(error))
        else:
            form = TokenForm()
    context = {"form": form, "secret": secret, "tokens": api_tokens.of(request.user)}
    return render(request, "account/tokens.html", context)


@require_POST
@login_required
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    revoked = api_tokens.revoke(user=request.user, pk=pk)
    if revoked is None:
        raise Http404
    messages.success(request, _("The token “%(name)s” is revoked.") % {"name": revoked.name})
    return redirect("tokens")
