from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations, models

from roadmap_project.postgresql.indexes import AddIndexInUse


class Migration(migrations.Migration):
    """What the operations page reads, and the sums of what a day has cost."""

    atomic = False

    dependencies = [("roadmaps", "0010_step_asked_at")]

    operations = [
        AddIndexInUse(
            "step",
            models.Index(
                condition=models.Q(("state", "waiting")), fields=["queue", "asked_at"], name="step_waiting_since"
            ),
        ),
        AddIndexInUse(
            "step",
            models.Index(
                condition=models.Q(("state__in", ("done", "failed")), models.Q(("last_error", ""), _negated=True)),
                fields=["finished_at"],
                name="step_ended_in_error",
            ),
        ),
        AddIndexInUse(
            "modelcall",
            models.Index(
                fields=["-created_at"],
                include=("purpose", "outcome", "input_tokens", "output_tokens", "cost"),
                name="model_call_by_moment",
            ),
        ),
        RemoveIndexConcurrently("modelcall", "model_call_by_day"),
    ]
