"""Samples of how many connections each service holds."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ConnectionSample",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sampled_at", models.DateTimeField()),
                ("service", models.CharField(max_length=20)),
                ("observed", models.PositiveIntegerField()),
                ("declared", models.PositiveIntegerField()),
                ("limit", models.IntegerField()),
                ("usable", models.IntegerField()),
            ],
            options={
                "verbose_name_plural": "connections",
                "constraints": [
                    models.UniqueConstraint(fields=("sampled_at", "service"), name="one_sample_per_moment_and_service")
                ],
            },
        ),
    ]
