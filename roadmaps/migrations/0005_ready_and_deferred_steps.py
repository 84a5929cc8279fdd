"""A claim reads ready steps in order, and none that is not due; running ones are counted by queue."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("roadmaps", "0004_library_subject")]

    operations = [
        migrations.AddIndex(
            model_name="step",
            index=models.Index(
                condition=models.Q(("not_before__isnull", True), ("state", "waiting")),
                fields=["queue", "rank", "id"],
                name="step_ready",
            ),
        ),
        migrations.AddIndex(
            model_name="step",
            index=models.Index(
                condition=models.Q(("not_before__isnull", False), ("state", "waiting")),
                fields=["queue", "not_before"],
                name="step_deferred",
            ),
        ),
        migrations.AddIndex(
            model_name="step",
            index=models.Index(
                condition=models.Q(("state", "running")), fields=["queue", "lease_expires_at"], name="step_running"
            ),
        ),
        migrations.RemoveIndex(model_name="step", name="step_claim"),
        migrations.RemoveIndex(model_name="step", name="step_lease"),
    ]
