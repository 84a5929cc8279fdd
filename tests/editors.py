"""People who curate, for tests of the admin."""

from importlib import import_module
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, User
from django.urls import reverse

from tests.factories import make_user


def make_editor(**fields: Any) -> User:
    """Of the ready-made group, which a test that empties the database takes along."""
    if not Group.objects.filter(name="Editors").exists():
        for migration in ("0003_editors", "0006_editors_see_subject_versions"):
            import_module(f"content.migrations.{migration}").add(apps, None)
    editor = make_user(is_staff=True, **fields)
    editor.groups.add(Group.objects.get(name="Editors"))
    return editor


def address(row: Any, page: str = "change") -> str:
    """A row's page in the admin; of a model its list (`changelist`)."""
    arguments = [] if isinstance(row, type) else [row.pk]
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=arguments)
