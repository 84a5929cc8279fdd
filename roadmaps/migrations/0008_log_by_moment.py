"""The purge looks for old log lines of all roadmaps; made without blocking those who write lines meanwhile."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("roadmaps", "0007_time_limited")]

    operations = [
        AddIndexConcurrently(model_name="logentry", index=models.Index(fields=["happened_at"], name="log_by_moment"))
    ]
