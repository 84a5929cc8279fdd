"""Is this process alive, and is the fleet being served?"""

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

# By name: the queues belong to an app that builds on this package.
QUEUES = "roadmaps.steps.heartbeats.ages"


@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """Without the database: a full or restarting database must not get the web killed."""
    return JsonResponse({"status": "alive"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """On this request's own connection. A queue that nobody serves is told, and is no reason to take the web away."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        queues = import_string(QUEUES)()
    except DatabaseError as error:
        return JsonResponse({"status": "no database", "detail": str(error).strip()[:200]}, status=503)
    return JsonResponse({"status": "ready", "queues": queues})
