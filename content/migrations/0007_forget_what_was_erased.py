"""What the admin noted about roadmaps that were erased before erasing took these words along."""

import re

from django.db import migrations
from django.db.models import TextField
from django.db.models.functions import Cast

ABOUT_A_ROADMAP = {
    "roadmaps": ("roadmap", "stage", "module", "concept", "step", "outlinerevision", "outlinereview", "feedback"),
    "content": ("tutorial", "resourcelist", "resource", "quiz", "question", "quizattempt", "note", "share"),
}
FORGOTTEN = "erased"
TOKEN = re.compile(r"(?=.*[0-9])[a-z0-9]{8}")  # what erasing leaves now


def forget(apps, schema_editor):
    notes = apps.get_model("admin", "LogEntry")
    for app, models in ABOUT_A_ROADMAP.items():
        for name in models:
            there = apps.get_model(app, name).objects.order_by().values_list(Cast("pk", TextField()), flat=True)
            about = notes.objects.filter(content_type__app_label=app, content_type__model=name)
            gone = about.exclude(object_id__in=there).exclude(object_repr=FORGOTTEN)
            ids = [pk for pk, said in gone.values_list("pk", "object_repr") if not TOKEN.fullmatch(said)]
            notes.objects.filter(pk__in=ids).update(object_repr=FORGOTTEN)


class Migration(migrations.Migration):
    dependencies = [
        ("content", "0006_editors_see_subject_versions"),
        ("roadmaps", "0016_cluster_heartbeats"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(forget, migrations.RunPython.noop)]
