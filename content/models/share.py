"""Who holds this link may read a roadmap."""

import secrets

from django.db import models


def new_token() -> str:
    """43 characters that hold 256 random bits."""
    return secrets.token_urlsafe(32)


class ShareQuerySet(models.QuerySet["Share"]):
    def open(self) -> "ShareQuerySet":
        return self.filter(roadmap__deleted_at__isnull=True)


class Share(models.Model):
    """A roadmap's read-only link; without a row there is none.

    The token is stored as it is, not hashed, because the owner is shown the link whenever they ask for it. Who reads
    this table can read the roadmaps beside it, so that a hash would protect nothing that is not lost already.
    """

    roadmap = models.OneToOneField("roadmaps.Roadmap", on_delete=models.CASCADE, related_name="share")
    token = models.CharField(max_length=43, unique=True, default=new_token, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ShareQuerySet.as_manager()

    def __str__(self) -> str:
        return f"link to {self.roadmap.token}"  # not the title: what is noted of a deleted link outlives the roadmap
