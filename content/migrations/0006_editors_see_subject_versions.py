"""Editors see what a subject taken in again would change; who may change the subject puts it in place."""

from django.db import migrations

MODEL, VERB = "subjectversion", "view"


def add(apps, schema_editor):
    """Django itself makes permissions only after all migrations, and finds this one then."""
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name="Editors")
    kind, _ = ContentType.objects.get_or_create(app_label="roadmaps", model=MODEL)
    permission, _ = Permission.objects.get_or_create(
        content_type=kind, codename=f"{VERB}_{MODEL}", defaults={"name": "Can view subject version"}
    )
    group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("content", "0005_sections"),
        ("roadmaps", "0013_subject_versions"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
