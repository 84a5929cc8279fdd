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
from roadmaps import added_subjects, estimating, limits

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
    roadmaps_kept: int = Field(examples=[3], description="Without those that you deleted.")
    most_roadmaps_kept: int = Field(examples=[200])
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


class Range(Shape):
    least: float = Field(examples=[8])
    most: float = Field(examples=[30])


class Expected(Shape):
    """What one more roadmap takes, while nobody else's is being made."""

    provider: Literal["library", "openai"]
    models: list[str] = Field(examples=[["gpt-4o-mini"]], description="None where no model is used.")
    concepts: Range
    pieces: Range = Field(description="A tutorial, a list of resources and a quiz for each concept.")
    design_minutes: int = Field(examples=[2], description="To the outline.")
    writing_minutes: int = Field(examples=[4], description="From your approval to the end.")
    tokens: Range
    cost: Range | None = Field(description="US dollars; null where the price of these models is not known here.")
    is_size_known: bool = Field(description="By the latest roadmaps made here; else an assumption.")
    is_measured: bool = Field(description="Time and tokens by the latest calls made here; else assumptions.")

    @classmethod
    def of(cls, made: estimating.Estimate) -> "Expected":
        uses_models = settings.LLM_PROVIDER != "library"
        same = ("design_minutes", "writing_minutes", "is_size_known", "is_measured")
        return cls(
            provider=settings.LLM_PROVIDER,
            models=list(made.models) if uses_models else [],
            concepts=_range(*made.concepts),
            pieces=_range(*made.pieces),
            tokens=_range(1000 * made.tokens[0], 1000 * made.tokens[1]),
            cost=_range(*made.cost) if made.is_price_known or not uses_models else None,
            **{name: getattr(made, name) for name in same},
        )


def _range(least: float, most: float) -> Range:
    return Range(least=least, most=most)


@router.get("estimate", response=read(Expected), summary="What a new roadmap will take")
def estimate(request: TokenRequest) -> Any:
    """Size, time and cost with the provider that answers now, before you start one."""
    return Expected.of(estimating.estimate(service=settings.CONNECTION_BUDGET.service("content")))


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
            roadmaps_kept=standing.kept,
            most_roadmaps_kept=standing.most_kept,
            spent_today=standing.spent_today,
            most_a_day=standing.most_a_day,
            requests_a_minute=settings.API_REQUESTS_PER_TOKEN,
            changes_in_fifteen_minutes=settings.API_CHANGES_PER_PERSON,
        ),
        export_formats=list(FORMATS),
    )
