"""Which items of a list come next? By where the last page ended, so that what is added or gone shifts nothing."""

from typing import Any, Generic, TypeVar

from django.core import signing
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from pydantic import Field

from content.api.errors import InvalidError
from content.api.shapes import Sent, Shape

Item = TypeVar("Item")

PLACE = "WyIyIl0:1vQ2aZ:nO4x"


class Paging(Sent):
    after: str | None = Field(
        None,
        max_length=300,
        pattern="^[!-~]+$",
        examples=[PLACE],
        description="What the page before gave as `next`. Not sent: from the list's beginning.",
    )
    per_page: int = Field(20, ge=1, le=100)


class Page(Shape, Generic[Item]):
    """Some of the items. What is added or removed meanwhile shifts nothing on the pages that follow."""

    items: list[Item]
    next: str | None = Field(
        examples=[PLACE], description="Send it as `after` for what follows; null at the list's end."
    )


def paged(rows: "QuerySet[Any]", paging: Paging, shape: Any, *, by: tuple[str, ...]) -> dict[str, Any]:
    """One query, which costs the same on every page. `shape` makes an item of a row.

    The rows come from the highest down, by columns that are unique together and never null.
    """
    fields = [rows.model._meta.get_field(name) for name in by]
    place = f"{rows.model._meta.label} {by}"
    found = rows.order_by(*(f"-{name}" for name in by))
    if paging.after is not None:
        last = _read(paging.after, place)
        found = found.filter(
            _below([(field.name, field.to_python(text)) for field, text in zip(fields, last, strict=True)])
        )
    shown = list(found[: paging.per_page + 1])
    items, more = shown[: paging.per_page], shown[paging.per_page :]
    return {
        "items": [shape(each) for each in items],
        "next": signing.dumps([field.value_to_string(items[-1]) for field in fields], salt=place) if more else None,
    }


def _read(after: str, place: str) -> list[str]:
    """Signed, so that nobody takes it for more than it is: a place in one kind of list."""
    try:
        return list(signing.loads(after, salt=place))
    except signing.BadSignature as error:
        said = _("No page gave this. Send what the page before has as “next”.")
        raise InvalidError([{"field": "after", "message": said}]) from error


def _below(last: list[tuple[str, Any]]) -> Q:
    """What comes after a row with these values. The first column bounds what an index has to be read for."""
    (name, value), *rest = last
    lower = Q(**{f"{name}__lt": value})
    return Q(**{f"{name}__lte": value}) & (lower | _below(rest)) if rest else lower
