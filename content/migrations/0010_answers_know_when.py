from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("content", "0009_attempts_go_on")]

    operations = [
        migrations.AddField(
            model_name="quizattempt",
            name="given_at",
            field=models.JSONField(
                blank=True,
                db_default={},
                default=dict,
                help_text="Question position to when it was answered; where it is not said, when the attempt began.",
            ),
        ),
    ]
