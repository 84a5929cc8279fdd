"""Each cluster sweeps its own queue every minute; a schedule without a cluster name would be run by none."""

from django.db import migrations
from django.utils import timezone

QUEUES = ("logs", "content", "workflow")


def add(apps, schema_editor):
    Schedule = apps.get_model("django_q", "Schedule")
    for queue in QUEUES:
        Schedule.objects.update_or_create(
            name=f"sweep {queue}",
            defaults={
                "func": "roadmaps.tasks.sweep",
                "args": f"'{queue}'",
                "schedule_type": "I",
                "minutes": 1,
                "repeats": -1,
                "cluster": queue,
                "next_run": timezone.now(),
            },
        )


def remove(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.filter(name__in=[f"sweep {queue}" for queue in QUEUES]).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("roadmaps", "0002_queue_index"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [migrations.RunPython(add, remove)]
