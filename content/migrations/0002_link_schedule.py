"""Links that could not be checked yet, or were checked long ago, are looked at again every day."""

from django.db import migrations
from django.utils import timezone


def add(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.update_or_create(
        name="check links again",
        defaults={
            "func": "content.tasks.check_links_again",
            "schedule_type": "D",
            "repeats": -1,
            "cluster": "logs",
            "next_run": timezone.now(),
        },
    )


def remove(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.filter(name="check links again").delete()


class Migration(migrations.Migration):
    dependencies = [
        ("content", "0001_initial"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [migrations.RunPython(add, remove)]
