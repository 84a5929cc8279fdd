"""Where every page begins."""

from django.contrib import admin
from django.urls import include, path, re_path

from roadmap_project import health, metrics, page_urls, token_pages

handler400 = "roadmap_project.errors.bad_request"
handler403 = "roadmap_project.errors.permission_denied"
handler404 = "roadmap_project.errors.not_found"
handler500 = "roadmap_project.errors.server_error"

urlpatterns = [
    path("health/", health.ready, name="health"),
    path("health/live/", health.live, name="health-live"),
    re_path(r"^metrics/?$", metrics.page, name="metrics"),
    path("admin/", admin.site.urls),
    path("account/tokens/", token_pages.tokens, name="tokens"),
    path("account/tokens/<int:pk>/revoke/", token_pages.revoke, name="token-revoke"),
    path("api/v1/", include("content.api.urls")),
    *page_urls.urlpatterns,
]
