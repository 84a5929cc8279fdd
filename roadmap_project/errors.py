"""What does a visitor see when something broke?"""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.defaults import server_error as default_server_error


def server_error(request: HttpRequest) -> HttpResponse:
    """503 and "try again" while the database cannot be used, else the plain 500 page; neither uses the database."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return HttpResponse(
            "The database cannot be reached right now. Nothing is lost; please try again in a moment.\n",
            status=503,
            content_type="text/plain; charset=utf-8",
            headers={"Retry-After": "10"},
        )
    return default_server_error(request)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was open while somebody signed in or out: the page says to load it again."""
    return render(request, "403.html", status=403)
