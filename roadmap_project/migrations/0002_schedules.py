"""The logs cluster counts every minute and purges daily; a schedule without a cluster name would be run by none."""

from django.db import migrations
from django.utils import timezone

SCHEDULES = {
    "sample connections": {"func": "roadmap_project.tasks.sample_connections", "schedule_type": "I", "minutes": 1},
    "purge connection samples": {"func": "roadmap_project.tasks.purge_connection_samples", "schedule_type": "D"},
}


def add(apps, schema_editor):
    Schedule = apps.get_model("django_q", "Schedule")
    for name, fields in SCHEDULES.items():
        Schedule.objects.update_or_create(
            name=name, defaults={**fields, "repeats": -1, "cluster": "logs", "next_run": timezone.now()}
        )


def remove(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.filter(name__in=SCHEDULES).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("roadmap_project", "0001_connection_samples"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [migrations.RunPython(add, remove)]
