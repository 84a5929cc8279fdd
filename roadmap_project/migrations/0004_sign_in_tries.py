"""Tries to sign in or up, counted lately, each key as a hash."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("roadmap_project", "0003_purge_task_results"),
    ]

    operations = [
        migrations.CreateModel(
            name="SignInTries",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("tries", models.PositiveIntegerField()),
                ("ends_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "verbose_name_plural": "tries to sign in",
            },
        ),
    ]
