"""A sweep looks at some of the roadmaps that are being written, and remembers where it stopped."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("roadmaps", "0005_ready_and_deferred_steps")]

    operations = [
        migrations.AddField(
            model_name="queueheartbeat",
            name="settled_to",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddIndex(
            model_name="roadmap",
            index=models.Index(condition=models.Q(("state", "writing")), fields=["id"], name="roadmap_writing"),
        ),
    ]
