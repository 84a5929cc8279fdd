"""The tables of the peers that use Django's ORM; the runner creates them."""

from django.db import models

from tests.benchmarks import work

work.client()  # before a cluster forks: its workers share the SDK, and none has to load certificates at its first call


class Concept(models.Model):
    """What is to be written about."""

    pk = models.CompositePrimaryKey("roadmap", "place")
    roadmap = models.IntegerField()
    place = models.IntegerField()
    name = models.TextField()

    class Meta:
        app_label = "benchmarks"
        managed = False
        db_table = "concept"


class Piece(models.Model):
    """What was written; when is set by the database."""

    roadmap = models.IntegerField()
    place = models.IntegerField()
    kind = models.TextField()
    text = models.TextField()

    class Meta:
        app_label = "benchmarks"
        managed = False
        db_table = "piece"
