from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("content", "0007_forget_what_was_erased")]

    operations = [
        migrations.AddField(
            model_name="note",
            name="saved_by",
            field=models.UUIDField(
                blank=True,
                help_text="The loading of the concept’s page that wrote it; empty where a program did.",
                null=True,
            ),
        ),
    ]
