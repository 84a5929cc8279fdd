from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("content", "0008_notes_know_their_page")]

    operations = [
        migrations.AddField(
            model_name="quizattempt",
            name="way",
            field=models.CharField(
                choices=[
                    ("at_once", "all at once"),
                    ("in_turn", "one after the other"),
                    ("missed", "one after the other, only those missed before"),
                    ("round", "in a round over the whole roadmap"),
                ],
                db_default="at_once",
                default="at_once",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="quizattempt",
            name="left",
            field=models.JSONField(
                blank=True,
                db_default=[],
                default=list,
                help_text="Positions that are still to be asked, in this order; none where it is finished.",
            ),
        ),
    ]
