"""Who answers here, and how much may be asked for?"""

from decimal import Decimal
from typing import Any, Literal

from django.conf import settings
from ninja import Router
from pydantic import Field

from content.api.door import TokenRequest
from content.api.shapes import Shape, read
from content.exporting.formats import FORMATS
from roadmap_project.library.subjects import subjects
from roadmaps import added_subjects, limits

router = Router(tags=["About"])


class LibrarySubject(Shape):
    key: str = Field(examples=["sql"])
    title: str = Field(examples=["SQL and relational databases"])
    language: str = Field(examples=["en"])


class Provider(Shape):
    name: Literal["library", "openai"]
    model: str = Field(description="Empty where no model is used.")
    subjects: list[LibrarySubject] = Field(description="What the bundled library has; used where no model is.")


class Limits(Shape):
    """A limit of 0 is none. Costs are US dollars of model calls, of one day (UTC)."""

    roadmaps_being_made: int = Field(examples=[0])
    most_roadmaps_being_made: int = Field(examples=[5])
    spent_today: Decimal = Field(examples=["0.12"])
    most_a_day: Decimal = Field(examples=["5"])
    requests_a_minute: int = Field(examples=[300], description="Of one token, as each web process counts them.")
    changes_in_fifteen_minutes: int = Field(examples=[600])


class About(Shape):
    username: str
    token: str = Field(description="The name of the token that you used.")
    provider: Provider
    limits: Limits
    export_formats: list[str] = Field(examples=[["epub", "json"]])


@router.get("about", response=read(About), summary="Who answers, and your limits")
def about(request: TokenRequest) -> Any:
    added_subjects.refresh()
    standing = limits.standing(request.user.pk)
    return About(
        username=request.user.get_username(),
        token=request.auth.name,
        provider=Provider(
            name=settings.LLM_PROVIDER,
            model=settings.OPENAI_MODEL if settings.LLM_PROVIDER == "openai" else "",
            subjects=[LibrarySubject.model_validate(each) for each in subjects()],
        ),
        limits=Limits(
            roadmaps_being_made=standing.being_made,
            most_roadmaps_being_made=standing.most_being_made,
            spent_today=standing.spent_today,
            most_a_day=standing.most_a_day,
            requests_a_minute=settings.API_REQUESTS_PER_TOKEN,
            changes_in_fifteen_minutes=settings.API_CHANGES_PER_PERSON,
        ),
        export_formats=list(FORMATS),
    )
