"""What does a visitor see when something broke?"""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views import defaults

from roadmap_project import api_errors, request_ids

UNREACHABLE = gettext_noop("The database cannot be reached right now. Nothing is lost; please try again in a moment.")
BROKEN = gettext_noop("Something broke here. It is recorded under this request's id.")


def server_error(request: HttpRequest) -> HttpResponse:
    """503 and "try again" while the database cannot be used, else the 500 page; neither uses the database.

    Both say the request's id, under which the log and Sentry have what happened.
    """
    request_id = request_ids.of(request)
    is_unreachable = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    if request.path.startswith(api_errors.PREFIX):
        return _for_programs(request, is_unreachable=is_unreachable)
    # Without the request: its context processors would ask who is signed in.
    page = render_to_string("503.html" if is_unreachable else "500.html", {"request_id": request_id})
    if is_unreachable:
        return HttpResponse(page, status=503, headers={"Retry-After": "10"})
    return HttpResponse(page, status=500)


def _for_programs(request: HttpRequest, *, is_unreachable: bool) -> HttpResponse:
    if is_unreachable:
        return api_errors.answer(request, 503, _(UNREACHABLE), headers={"Retry-After": "10"})
    return api_errors.answer(request, 500, _(BROKEN))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What was sent cannot be read, or is not to be trusted: no part of the request is used to say so, but its id."""
    if request.path.startswith(api_errors.PREFIX):
        return api_errors.answer(request, 400, _("This request cannot be understood"))
    page = render_to_string("400.html", {"request_id": request_ids.of(request)})
    return HttpResponse(page, status=400)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """The usual page, and for programs their shape, also under a version of the API that there is not."""
    if request.path.startswith(api_errors.PREFIX):
        return api_errors.answer(request, 404, _("There is no such address."))
    return defaults.page_not_found(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if request.path.startswith(api_errors.PREFIX):
        return api_errors.answer(request, 403, _("This is not yours to do."))
    return defaults.permission_denied(request, exception)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was open while somebody signed in or out: the page says to load it again."""
    return render(request, "403.html", status=403)
