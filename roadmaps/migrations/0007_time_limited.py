"""How long a step waited for a provider that limits us, apart from its attempts."""

import datetime

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("roadmaps", "0006_settling_in_turns")]

    operations = [
        migrations.AddField(
            model_name="step",
            name="limited_for",
            field=models.DurationField(
                db_default=datetime.timedelta(0),
                default=datetime.timedelta,
                help_text="How long a limiting provider has made it wait so far.",
            ),
        ),
    ]
