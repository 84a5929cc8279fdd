from django.db import migrations


class Migration(migrations.Migration):
    """The page that stands in the place of the list is called so."""

    dependencies = [("roadmap_project", "0006_api_tokens")]

    operations = [migrations.AlterModelOptions(name="connectionsample", options={"verbose_name_plural": "operations"})]
