"""Which roadmap the answer to a request with a key is about, so that no other's goes with it when it is erased."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("roadmap_project", "0009_purge_keyed_requests")]

    operations = [
        migrations.AddField(
            model_name="keyedrequest",
            name="about",
            field=models.CharField(blank=True, db_default="", default="", max_length=8),
        ),
    ]
