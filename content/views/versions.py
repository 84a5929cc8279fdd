"""A piece's versions: read, compared, and taken back."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from content import reading, writing
from content.views.lookup import address, own_concept
from roadmaps.deciding import RefusedError
from roadmaps.models import Step
from roadmaps.views import SignedInRequest, decision, number


@require_safe
@login_required
def versions(request: SignedInRequest, slug: str, key: str, kind: str) -> HttpResponse:
    found = own_concept(request, slug, key)
    context = reading.versions_page(found, _kind(kind), number(request.GET.get("version", "0")))
    if context is None:
        raise Http404
    return render(request, "content/versions.html", context)


@decision
def restore(request: SignedInRequest, slug: str, key: str, kind: str) -> HttpResponse:
    """Make an earlier version the current one; of the one that is current already nothing new is made."""
    found = own_concept(request, slug, key)
    try:
        restored = writing.restore(found, _kind(kind), number(request.POST.get("version", "")))
    except RefusedError as error:
        messages.error(request, str(error))
        return redirect("content:versions", slug, key, kind)
    if restored is None:
        raise Http404
    messages.success(
        request,
        _("%(piece)s: version %(number)s is the current one.")
        % {"piece": _kind(kind).label, "number": restored.version},
    )
    if restored.has_called_off:
        messages.info(request, _("The writing of it again, which was under way, is called off."))
    return redirect(f"{address(found)}#{kind}")


def _kind(kind: str) -> Step.Kind:
    if kind not in Step.CONTENT_KINDS:
        raise Http404
    return Step.Kind(kind)
