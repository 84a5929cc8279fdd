"""The logs cluster purges daily what is kept for a time; a schedule without a cluster name would be run by none."""

from django.db import migrations
from django.utils import timezone

SCHEDULES = {
    "purge records": "roadmaps.tasks.purge_records",
    "purge deleted roadmaps": "roadmaps.tasks.purge_deleted_roadmaps",
}


def add(apps, schema_editor):
    Schedule = apps.get_model("django_q", "Schedule")
    for name, func in SCHEDULES.items():
        Schedule.objects.update_or_create(
            name=name,
            defaults={
                "func": func,
                "schedule_type": "D",
                "repeats": -1,
                "cluster": "logs",
                "next_run": timezone.now(),
            },
        )


def remove(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.filter(name__in=SCHEDULES).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("roadmaps", "0008_log_by_moment"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [migrations.RunPython(add, remove)]
