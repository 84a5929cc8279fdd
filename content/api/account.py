"""What does a program learn and change about its person? Without their password nothing that keeps them out."""

from typing import Any, Literal

from django.http import FileResponse
from ninja import Router, Status
from pydantic import Field

from content.api.door import TokenRequest
from content.api.errors import require
from content.api.roadmap_shapes import Level, Preference
from content.api.shapes import (
    READS,
    ErrorAnswer,
    Language,
    LanguageOrNone,
    Sent,
    Shape,
    Text,
    Truth,
    WholeOrNone,
    change,
    read,
)
from content.views.taking_away import everything_of
from roadmaps import accounts
from roadmaps.account_forms import DeleteForm
from roadmaps.models import Profile as Row

router = Router(tags=["Account"])


class Profile(Shape):
    """What the form of a new roadmap begins with, and how you are addressed."""

    level: Level
    hours_per_week: int = Field(examples=[6])
    background: str
    preference: Preference
    language: str = Field(examples=["en"], description="Of new roadmaps.")
    second_language: str = Field(description="For resources.")
    interface_language: Literal["", "en", "zh-hans"] = Field(description="Empty: as your browser asks for.")
    gets_mail: bool = Field(description="When a roadmap waits for your review, and when it is ready or failed.")


class ProfileToChange(Sent):
    """What is not sent stays as it is."""

    level: Level | None = None
    hours_per_week: WholeOrNone = Field(None, ge=1, le=168, examples=[8])
    background: Text | None = Field(None, max_length=2000)
    preference: Preference | None = None
    language: Language | None = Field(None, min_length=1, max_length=40, examples=["en"])
    second_language: LanguageOrNone | None = Field(None, max_length=40)
    interface_language: Literal["", "en", "zh-hans"] | None = None
    gets_mail: Truth | None = None


class AccountToDelete(Sent):
    password: Text = Field(min_length=1, max_length=4096, examples=["correct horse battery staple"])


@router.get("profile", response=read(Profile), summary="Read your profile")
def read_profile(request: TokenRequest) -> Any:
    return Row.of(request.user)


@router.patch("profile", response=change(Profile), summary="Change your profile")
def change_profile(request: TokenRequest, body: ProfileToChange) -> Any:
    """Your password, your address and your tokens are changed on the pages alone."""
    sent = {name: value for name, value in body.model_dump().items() if value is not None}
    Row.objects.update_or_create(user=request.user, defaults=sent, create_defaults={"language": ""} | sent)
    return Row.of(request.user)


@router.get(
    "everything",
    response={READS: ErrorAnswer},
    summary="Take everything away",
    openapi_extra={
        "responses": {
            200: {
                "description": "A zip",
                "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
            }
        }
    },
)
def export_everything(request: TokenRequest) -> FileResponse:
    """All your roadmaps, what was written for them, your notes, answers and progress."""
    return everything_of(request.user)


@router.post("delete", response=change(None, status=204), summary="Delete your account")
def delete_account(request: TokenRequest, body: AccountToDelete) -> Any:
    """At once, with everything in it and all tokens. A token alone is not enough for it: your password is asked for."""
    require(DeleteForm(request.user, {"password": body.password}))
    accounts.delete(request.user)
    return Status(204, None)
