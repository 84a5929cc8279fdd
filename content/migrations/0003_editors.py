"""A group that can curate: read roadmaps and the work on them, decide about them, and edit what was written.

It touches no users, and deletes no roadmap: that takes the learner's answers along, for good.
"""

from django.db import migrations

NAME = "Editors"
PERMISSIONS = {
    "roadmaps": {
        "roadmap": ("view", "change"),
        "concept": ("view", "change"),
        "stage": ("view",),
        "module": ("view",),
        "outlinerevision": ("view",),
        "outlinereview": ("view",),
        "feedback": ("view",),
        "step": ("view",),
        "logentry": ("view",),
        "modelcall": ("view",),
        "librarysubject": ("view", "add", "change", "delete"),
    },
    "content": {
        "tutorial": ("view", "change"),
        "resourcelist": ("view", "change"),
        "resource": ("view", "add", "change", "delete"),  # within the list whose next version is made
        "quiz": ("view", "change"),
        "question": ("view", "add", "change", "delete"),
    },
}


def add(apps, schema_editor):
    """Django itself makes permissions only after all migrations, and finds these then."""
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=NAME)
    for app, models in PERMISSIONS.items():
        for model, verbs in models.items():
            kind, _ = ContentType.objects.get_or_create(app_label=app, model=model)
            name = apps.get_model(app, model)._meta.verbose_name
            for verb in verbs:
                permission, _ = Permission.objects.get_or_create(
                    content_type=kind, codename=f"{verb}_{model}", defaults={"name": f"Can {verb} {name}"}
                )
                group.permissions.add(permission)


def remove(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("content", "0002_link_schedule"),
        ("roadmaps", "0004_library_subject"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(add, remove)]
