"""The logs cluster purges daily what was answered to requests with a key."""

from django.db import migrations
from django.utils import timezone

NAME = "purge keyed requests"


def add(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.update_or_create(
        name=NAME,
        defaults={
            "func": "roadmap_project.tasks.purge_keyed_requests",
            "schedule_type": "D",
            "repeats": -1,
            "cluster": "logs",
            "next_run": timezone.now(),
        },
    )


def remove(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("roadmap_project", "0008_keyed_requests"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [migrations.RunPython(add, remove)]
