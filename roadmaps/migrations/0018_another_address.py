from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("roadmaps", "0017_a_piece_that_came_out_the_same"),
    ]

    operations = [
        migrations.AlterField(
            model_name="mail",
            name="kind",
            field=models.CharField(
                choices=[
                    ("review", "A review is needed"),
                    ("ready", "A roadmap is ready"),
                    ("partly_ready", "A roadmap is partly ready"),
                    ("failed", "A roadmap failed"),
                    ("password", "A new password"),
                    ("address", "An address is to be confirmed"),
                    ("address_changed", "Another address took this one's place"),
                ],
                max_length=20,
            ),
        ),
    ]
