"""Addresses of the pages about roadmaps."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from roadmaps import account_views, outline_views, views

app_name = "roadmaps"

urlpatterns = [
    path("", views.list_roadmaps, name="list"),
    path("sign-up/", views.sign_up, name="signup"),
    path("sign-in/", account_views.SignIn.as_view(), name="login"),
    path("sign-out/", LogoutView.as_view(), name="logout"),
    path("forgotten-password/", account_views.forgotten_password, name="forgotten_password"),
    path("forgotten-password/sent/", account_views.new_password_sent, name="new_password_sent"),
    path("new-password/<uidb64>/<token>/", account_views.NewPassword.as_view(), name="new_password"),
    path("account/", account_views.account, name="account"),
    path("account/address/", account_views.address, name="address"),
    path("account/address/<str:token>/", account_views.confirm_address, name="confirm_address"),
    path("account/password/", account_views.ChangePassword.as_view(), name="change_password"),
    path("account/delete/", account_views.delete, name="delete_account"),
    path("language/", account_views.choose_language, name="language"),
    path("new/", views.new, name="new"),
    path("roadmaps/<slug:slug>/", views.roadmap, name="roadmap"),
    path("roadmaps/<slug:slug>/progress/", views.progress, name="progress"),
    path("roadmaps/<slug:slug>/approve/", views.approve, name="approve"),
    path("roadmaps/<slug:slug>/request-changes/", views.request_changes, name="request_changes"),
    path("roadmaps/<slug:slug>/request-review/", views.request_review, name="request_review"),
    path("roadmaps/<slug:slug>/plan/", views.change_plan, name="change_plan"),
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
    path("roadmaps/<slug:slug>/take-back/", views.take_back, name="take_back"),
    path("roadmaps/<slug:slug>/log/", views.log, name="log"),
]
