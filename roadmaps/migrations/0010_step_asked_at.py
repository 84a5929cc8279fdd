import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    """For rows that are there already: now. A default that is computed once rewrites no table."""

    dependencies = [("roadmaps", "0009_purge_schedules")]

    operations = [
        migrations.AddField(
            model_name="step",
            name="asked_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                editable=False,
                help_text="When it was created or started over.",
            ),
        ),
    ]
