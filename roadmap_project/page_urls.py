"""Addresses of the pages that people read: all that clusters know, whose texts and mail lead to them.

Beside them the web has the admin and the API (urls.py), whose import costs each process a third of its start.
"""

from django.urls import include, path

urlpatterns = [
    path("", include("roadmaps.urls")),
    path("", include("content.urls")),
]
