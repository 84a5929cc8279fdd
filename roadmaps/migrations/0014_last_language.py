from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("roadmaps", "0013_subject_versions"),
    ]

    operations = [
        migrations.AddField(
            model_name="profile",
            name="last_language",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="What the pages spoke at the last visit.",
                max_length=10,
            ),
        ),
    ]
