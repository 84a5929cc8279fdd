"""An index that Django-Q's queue table lacks: without it a poll reads every other queue's waiting rows."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("roadmaps", "0001_initial"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX IF NOT EXISTS roadmaps_ormq_key_lock ON django_q_ormq (key, lock)",
            "DROP INDEX IF EXISTS roadmaps_ormq_key_lock",
        )
    ]
