"""The WSGI application that gunicorn serves."""

import os

from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "roadmap_project.settings")


def _application() -> WSGIHandler:
    loaded = get_wsgi_application()
    from roadmap_project.checks import require_counted_server  # after the setup

    require_counted_server()
    return loaded


application = _application()
