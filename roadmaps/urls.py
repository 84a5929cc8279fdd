"""Addresses of the pages about roadmaps."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from roadmap_project.forms import SignInForm
from roadmaps import outline_views, views

app_name = "roadmaps"

urlpatterns = [
    path("", views.list_roadmaps, name="list"),
    path("sign-up/", views.sign_up, name="signup"),
    path(
        "sign-in/",
        LoginView.as_view(
            form_class=SignInForm, template_name="roadmaps/sign_in.html", redirect_authenticated_user=True
        ),
        name="login",
    ),
    path("sign-out/", LogoutView.as_view(), name="logout"),
    path("new/", views.new, name="new"),
    path("roadmaps/<slug:slug>/", views.roadmap, name="roadmap"),
    path("roadmaps/<slug:slug>/progress/", views.progress, name="progress"),
    path("roadmaps/<slug:slug>/approve/", views.approve, name="approve"),
    path("roadmaps/<slug:slug>/request-changes/", views.request_changes, name="request_changes"),
    path("roadmaps/<slug:slug>/edit/", outline_views.edit, name="edit"),
    path("roadmaps/<slug:slug>/edit/change/", outline_views.change_part, name="change_part"),
    path("roadmaps/<slug:slug>/edit/add/", outline_views.add_part, name="add_part"),
    path("roadmaps/<slug:slug>/edit/remove/", outline_views.remove_part, name="remove_part"),
    path("roadmaps/<slug:slug>/edit/move/", outline_views.move_part, name="move_part"),
    path("roadmaps/<slug:slug>/versions/", outline_views.versions, name="versions"),
    path("roadmaps/<slug:slug>/versions/restore/", outline_views.restore_version, name="restore_version"),
    path("roadmaps/<slug:slug>/cancel/", views.cancel, name="cancel"),
    path("roadmaps/<slug:slug>/retry/", views.retry, name="retry"),
    path("roadmaps/<slug:slug>/delete/", views.delete, name="delete"),
    path("roadmaps/<slug:slug>/log/", views.log, name="log"),
]
