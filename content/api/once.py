"""How does a request that is sent twice change things once? By the key that its sender gave it."""

import functools
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Func, IntegerField, Q, Sum
from django.urls import ResolverMatch
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Header, Status
from ninja.utils import contribute_operation_args
from pydantic import BaseModel

from content.api.door import TokenRequest
from content.api.errors import KeyUsedOtherwiseError
from roadmap_project.models import KeyedRequest
from roadmaps.deciding import RefusedError
from roadmaps.slugs import token_of

KEPT = timedelta(days=1)
MOST_KEPT = 16 * 1024 * 1024  # bytes of one person's answers, as the database stores them
KEY: Any = Header(  # type: ignore[type-arg]
    None,
    alias="Idempotency-Key",
    min_length=1,
    max_length=255,
    pattern="^[!-~]+$",
    description="Any word of yours for this request. Sent again with the same within a day, it is answered as the "
    "first time, and changes nothing more.",
)
RequestKey = Annotated[str | None, KEY]


def once(operation: Callable[..., Any]) -> Callable[..., Any]:
    """The operation takes a key, and is done once for each.

    Of the parsed body what differs from its defaults counts: nothing, `{}` and a field's own default are the same.
    """

    @functools.wraps(operation)
    def wrapped(request: TokenRequest, *, idempotency_key: str | None = None, **sent: Any) -> Any:
        bodies = [each.model_dump_json(exclude_defaults=True) for each in sent.values() if isinstance(each, BaseModel)]
        said = "".join(body for body in bodies if body != "{}")
        return answer_once(request, idempotency_key, said.encode(), lambda _: operation(request, **sent))

    contribute_operation_args(wrapped, "idempotency_key", cast("type[Any]", str | None), KEY)
    return wrapped


def answer_once(
    request: TokenRequest,
    key: str | None,
    sent: bytes,
    answer: Callable[[Any], Any],
    *,
    prepare: Callable[[], Any] = lambda: None,
) -> Any:
    """What `answer` gives, or what it gave to the request of this person that had the same key.

    In one transaction with the answer's own: a second request waits until the first is over. What is refused leaves
    nothing, and its key can be used again; so what must be counted when it is refused, and what takes a while, belongs
    into `prepare`, which comes before the transaction and gives `answer` its argument. Raises KeyUsedOtherwiseError,
    and RefusedError where the answer went with its roadmap, which is no reason to do it again, and where there is no
    room to keep a further one: whole as it was, or the request is not done.
    """
    if key is None:
        return answer(prepare())
    digest = _digest(request, sent)
    # Apart from the rest, so that whoever waits for a kept answer holds nothing else.
    same = KeyedRequest.objects.filter(user=request.user, key=key)
    same.filter(created_at__lt=timezone.now() - KEPT).delete()
    kept = same.filter(Q(digest=digest) | Q(about="")).first()
    if kept and kept.status is not None:
        return _again(kept)
    _require_room(request.user)
    prepared = prepare()
    with transaction.atomic():
        # Without a conflict to raise: an insertion waits for another one of the same key.
        KeyedRequest.objects.bulk_create(
            [KeyedRequest(user=request.user, key=key, digest=digest)], ignore_conflicts=True
        )
        row = same.select_for_update().get()
        if row.digest != digest and row.about:  # of the release before, which told them apart otherwise, any will do
            raise KeyUsedOtherwiseError(_("This key was used before, with something else."))
        if row.status is None:
            row.status, row.answer = _plain(answer(prepared))
            row.about = _roadmap_of(request, row.answer)
            row.save(update_fields=["status", "answer", "about"])
    return _again(row)


def _digest(request: TokenRequest, sent: bytes) -> str:
    """Of what is asked for: of a roadmap's name its lasting part, as the words before it may change meanwhile."""
    match = cast(ResolverMatch, request.resolver_match)
    named = {name: token_of(value) if name == "slug" else str(value) for name, value in match.kwargs.items()}
    asked = json.dumps([request.method, match.route, named], sort_keys=True)
    return hashlib.sha256(f"{asked}\n".encode() + sent).hexdigest()


def _roadmap_of(request: TokenRequest, answer: dict[str, Any]) -> str:
    """The token of the one that was named, or made."""
    named = cast(ResolverMatch, request.resolver_match).kwargs.get("slug")
    return token_of(named or answer["slug"])


def _again(row: KeyedRequest) -> Any:
    if row.answer is None:
        raise RefusedError(
            _(
                "This was done when it was first sent with this key, and is not done again. Its roadmap is gone for "
                "good since, and the answer with it. Send it with another key to have it done anew."
            )
        )
    return Status(cast(int, row.status), row.answer)


def _require_room(user: User) -> None:
    size = Func(F("answer"), function="pg_column_size", output_field=IntegerField())
    kept = KeyedRequest.objects.filter(user=user, created_at__gte=timezone.now() - KEPT).aggregate(size=Sum(size))
    if (kept["size"] or 0) >= MOST_KEPT:
        raise RefusedError(
            _(
                "There is no room for a further answer beside those that are kept for your keys of the last day. "
                "Send this without a key, or try again some hours later."
            )
        )


def _plain(answered: Any) -> tuple[int, Any]:
    status, shape = (answered.status_code, answered.value) if isinstance(answered, Status) else (200, answered)
    return status, shape.model_dump(mode="json")
