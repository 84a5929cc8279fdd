"""Headings of tutorials that are stored already get names, as `content.rendering` gives them to new ones."""

import re

from django.db import migrations

UNNAMED = re.compile(r"<h([23])>")


def name(apps, schema_editor):
    Tutorial = apps.get_model("content", "Tutorial")
    for tutorial in Tutorial.objects.filter(html__regex=UNNAMED.pattern).only("html").iterator(chunk_size=100):
        parts = UNNAMED.split(tutorial.html)
        tutorial.html = parts[0] + "".join(
            f'<h{level} id="section-{number}">{rest}'
            for number, (level, rest) in enumerate(zip(parts[1::2], parts[2::2], strict=True), start=1)
        )
        tutorial.save(update_fields=["html"])


class Migration(migrations.Migration):
    dependencies = [("content", "0004_notes_shares_and_reports")]

    operations = [migrations.RunPython(name, migrations.RunPython.noop)]
