"""What does a person decide about a roadmap?

Each decision is one transaction under the roadmap's lock, and happens once however often it is clicked.
"""

import math
from datetime import date, datetime
from typing import TypedDict, Unpack

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from roadmap_project.llm.asking import storable
from roadmap_project.told import kept
from roadmaps import limits, log_lines, mailing, outline
from roadmaps.models import Concept, Feedback, OutlineReview, Roadmap, Step
from roadmaps.models.step import FIRST_TUTORIAL, rank_of
from roadmaps.steps import kinds
from roadmaps.steps.waking import wake
from roadmaps.words import has_words

MOST_REQUESTED_ROUNDS = 10
MOST_REQUESTED_REVIEWS = 10
LONGEST_REQUEST = 4000
LONGEST_WISH = 1000
CANCELLED = kept(gettext_noop("cancelled"))


class RefusedError(Exception):
    """A decision that the roadmap's state does not allow, in words for the person."""


class OutdatedError(RefusedError):
    """The outline moved on from the version that the person saw."""


class LimitError(RefusedError):
    """What a person's limits or everybody's do not allow, in words for the roadmap's owner."""


class PastDeadlineError(RefusedError):
    """The day that something should be done by is over, in words for the person."""


class Plan(TypedDict, total=False):
    """When a person wants to learn, what for, and how; what is not named stays as it is."""

    hours_per_week: int  # 1 to 168
    deadline: date | None
    motivation: str
    preference: str
    second_language: str


def locked(roadmap_id: int) -> Roadmap:
    roadmap = Roadmap.objects.select_for_update(no_key=True).filter(pk=roadmap_id).first()
    if roadmap is None:
        raise RefusedError(_("This roadmap is gone for good."))
    if roadmap.deleted_at:
        raise RefusedError(_("This roadmap was deleted."))
    return roadmap


def locked_with_owner(roadmap_id: int) -> Roadmap:
    """To begin something for its owner, which `limits` judges under their lock.

    The owner's row comes first: an account's deletion takes the two in this order, too.
    """
    limits.lock(Roadmap.objects.filter(pk=roadmap_id).values("owner"))
    return locked(roadmap_id)


def refuse(problem: str, *, error: type[RefusedError] = RefusedError) -> None:
    if problem:
        raise error(problem)


def present(roadmap: Roadmap, *, notice: str = "", may_skip_review: bool = True) -> None:
    """The outline is there: wait for the person, or go on writing where they asked not to be asked.

    The caller holds the lock.
    """
    if roadmap.skips_review and may_skip_review:
        _write(roadmap)
    else:
        roadmap.move(Roadmap.State.IN_REVIEW, notice=notice)
        mailing.announce(roadmap)


def approve(roadmap_id: int, *, seen_version: int | None = None) -> Roadmap:
    """Start writing. A second click finds it done and changes nothing.

    Raises OutdatedError where the outline is not at the version that the person saw (None: whichever it is at).
    """
    with transaction.atomic():
        roadmap = locked_with_owner(roadmap_id)
        if is_first := roadmap.state == Roadmap.State.IN_REVIEW:
            if seen_version is not None and seen_version != outline.latest(roadmap).number:
                raise OutdatedError(
                    _(
                        "The outline changed meanwhile, perhaps in another tab. Nothing is being written yet; "
                        "here it is as it is now."
                    )
                )
            refuse(limits.problem_with_another(roadmap.owner_id), error=LimitError)
            _write(roadmap)
        elif not roadmap.steps.content().exists():
            raise RefusedError(
                _("There is nothing to approve. The roadmap’s state: %(state)s.")
                % {"state": roadmap.get_state_display()}
            )
    if is_first:
        log_lines.line(roadmap, "outline_approved")
    return roadmap


def _write(roadmap: Roadmap) -> None:
    concepts = roadmap.concepts.order_by("position")
    Step.objects.bulk_create(
        Step(
            roadmap=roadmap,
            concept=concept,
            kind=kind,
            queue=Step.QUEUES[kind],
            rank=rank_of(FIRST_TUTORIAL if (concept.position, kind) == (0, Step.Kind.TUTORIAL) else concept.position),
        )
        for concept in concepts
        for kind in Step.CONTENT_KINDS
    )
    roadmap.move(Roadmap.State.WRITING)
    wake("content")


def request_changes(roadmap_id: int, *, text: str, author: User) -> Feedback:
    """Have the outline changed as the person says. A double click gives one request."""
    words = storable(text).strip()
    if not has_words(words):
        raise RefusedError(_("Say in a few words what should change."))
    if len(words) > LONGEST_REQUEST:
        raise RefusedError(
            _("Please say it in at most %(most)s characters; these are %(length)s.")
            % {"most": f"{LONGEST_REQUEST:,}", "length": f"{len(words):,}"}
        )
    with transaction.atomic():
        roadmap = locked_with_owner(roadmap_id)
        working = roadmap.feedback.filter(state=Feedback.State.WORKING, text=words).last()
        if working:
            return working
        if roadmap.state != Roadmap.State.IN_REVIEW:
            raise RefusedError(
                _("The outline cannot be changed now. The roadmap’s state: %(state)s.")
                % {"state": roadmap.get_state_display()}
            )
        if roadmap.feedback.count() >= MOST_REQUESTED_ROUNDS:
            raise RefusedError(
                _("You have asked for changes %(most)s times; approve it, or start a new roadmap.")
                % {"most": MOST_REQUESTED_ROUNDS}
            )
        refuse(limits.problem_with_another(roadmap.owner_id), error=LimitError)
        revision = roadmap.revisions.order_by("-number")[0]
        feedback = Feedback.objects.create(roadmap=roadmap, revision=revision, author=author, text=words)
        Step.objects.create(
            roadmap=roadmap, kind=Step.Kind.PLAN, feedback=feedback, rank=rank_of(0), payload={"round": 0}
        )
        roadmap.move(Roadmap.State.DESIGNING)
        wake("workflow")
    log_lines.line(roadmap, "changes_requested", words)
    return feedback


def request_review(roadmap_id: int) -> Roadmap:
    """Have the latest version reviewed that was not, for example after edits by hand. Nothing is changed by it.

    A second click finds the review under way.
    """
    with transaction.atomic():
        roadmap = locked_with_owner(roadmap_id)
        asked = roadmap.steps.filter(kind=Step.Kind.REVIEW, payload__is_asked_for=True)
        if asked.active().exists():
            return roadmap
        if roadmap.state != Roadmap.State.IN_REVIEW:
            raise RefusedError(_("The outline can be reviewed only while it waits for your decision."))
        revision = roadmap.revisions.order_by("-number")[0]
        if OutlineReview.objects.filter(revision=revision, is_reviewed=True).exists():
            raise RefusedError(_("This version is reviewed already."))
        if asked.count() >= MOST_REQUESTED_REVIEWS:
            raise RefusedError(
                _("You have asked for %(number)s reviews, which is the most. Approve the outline, or ask for changes.")
                % {"number": MOST_REQUESTED_REVIEWS}
            )
        refuse(limits.problem_with_another(roadmap.owner_id), error=LimitError)
        payload = {"revision": revision.number, "round": 0, "is_asked_for": True}
        Step.objects.create(roadmap=roadmap, kind=Step.Kind.REVIEW, rank=rank_of(0), payload=payload)
        roadmap.move(Roadmap.State.DESIGNING)
        wake("workflow")
    log_lines.line(roadmap, "review_requested", version=revision.number)
    return roadmap


def cancel(roadmap_id: int) -> Roadmap:
    """Stop: nothing that is under way is stored any more, and nothing new begins. What was written stays."""
    with transaction.atomic():
        roadmap = locked(roadmap_id)
        if is_first := not roadmap.is_final:
            _stop(roadmap)
    if is_first:
        log_lines.line(roadmap, "roadmap_cancelled")
    return roadmap


def _stop(roadmap: Roadmap) -> None:
    """Whatever is under way ends as cancelled, what was asked for as well. The caller holds the lock."""
    roadmap.steps.all().cancel()
    roadmap.feedback.filter(state=Feedback.State.WORKING).update(state=Feedback.State.FAILED, answer=CANCELLED)
    if not roadmap.is_final:
        roadmap.move(Roadmap.State.CANCELLED)


def _look_at_links_again(roadmap: Roadmap) -> None:
    """Links whose check was cancelled: what a reader reported would else wait for a look as long as a month."""
    if roadmap.steps.filter(kind=Step.Kind.LINKS, state=Step.State.CANCELLED).start_over():
        wake("logs")


def retry(roadmap_id: int) -> Roadmap:
    """Take up what failed or was cancelled, and only that."""
    with transaction.atomic():
        roadmap = locked_with_owner(roadmap_id)
        stopped = roadmap.steps.filter(state__in=(Step.State.FAILED, Step.State.CANCELLED))
        if roadmap.is_changing or roadmap.state == Roadmap.State.IN_REVIEW:
            return roadmap
        if roadmap.steps.content().exists():
            if not stopped.content().start_over():
                return roadmap
            refuse(limits.problem_with_another(roadmap.owner_id), error=LimitError)
            _look_at_links_again(roadmap)
            roadmap.move(Roadmap.State.WRITING)
            wake("content")
        elif roadmap.revisions.exists():
            roadmap.move(Roadmap.State.IN_REVIEW)
        else:
            _design_again(roadmap)
    log_lines.line(roadmap, "roadmap_retried")
    return roadmap


def _design_again(roadmap: Roadmap) -> None:
    latest = roadmap.steps.order_by("-pk").first()
    if latest and latest.state in (Step.State.FAILED, Step.State.CANCELLED):
        refuse(limits.problem_with_another(roadmap.owner_id), error=LimitError)
        Step.objects.filter(pk=latest.pk).start_over()
        roadmap.move(Roadmap.State.DESIGNING)
        wake("workflow")


def regenerate(concept: Concept, kind: str, *, wish: str = "", seen: datetime | None = None) -> Step:
    """Write one piece of a concept again. What is under way already is left alone, so a double click costs nothing.

    `seen` is when the piece was finished that the person had before them. Where it has been written again since, with
    the same wish, they have what they ask for: the second click of two may be heard after the first one's answer.
    Another wish than the one that is being worked on is refused, as nobody would see to it.
    """
    wish = storable(wish).strip()[:LONGEST_WISH]
    with transaction.atomic():
        roadmap = locked_with_owner(concept.roadmap_id)
        step = roadmap.steps.select_for_update(no_key=True).filter(concept=concept, kind=kind).first()
        if step is None or roadmap.state == Roadmap.State.CANCELLED:
            raise RefusedError(_("This cannot be written now: the roadmap is not approved, or was cancelled."))
        if step.is_active:
            if wish and wish != step.wish:
                raise RefusedError(_("It is being written already. When it is there, say what should be different."))
            return step
        if (
            seen
            and step.state == Step.State.DONE
            and not step.last_error
            and step.finished_at
            and step.finished_at > seen
            and wish == step.wish
        ):
            return step
        refuse(kinds.definition(kind).problem(step))
        is_rewrite = step.is_rewrite or step.state == Step.State.DONE
        begins = not is_rewrite and not roadmap.is_changing
        problem_with = limits.problem_with_another if begins else limits.problem_with_cost
        refuse(problem_with(roadmap.owner_id), error=LimitError)
        Step.objects.filter(pk=step.pk).start_over()
        step.refresh_from_db()
        step.wish, step.is_rewrite = wish, is_rewrite
        step.save(update_fields=["wish", "is_rewrite"])
        if not is_rewrite:
            roadmap.move(Roadmap.State.WRITING)
        wake("content")
    log_lines.line(
        roadmap,
        "piece_regenerated",
        f"{concept.key} {step.kind}",
        concept=concept,
        wish=step.wish,
    )
    return step


def change_plan(roadmap_id: int, **wanted: Unpack[Plan]) -> Roadmap:
    """Other hours, another deadline or other wishes, in whatever state the roadmap is. Said again, it changes nothing.

    What is there already stays; what is designed or written later fits the new plan. Raises PastDeadlineError for a new
    deadline that is not in the future; one that passed meanwhile may stay.
    """
    with transaction.atomic():
        roadmap = locked(roadmap_id)
        changed = sorted(name for name, value in wanted.items() if getattr(roadmap, name) != value)
        for name in changed:
            setattr(roadmap, name, wanted[name])  # type: ignore[literal-required]
        if "deadline" in changed and roadmap.deadline and roadmap.deadline <= timezone.localdate():
            raise PastDeadlineError(_("Choose a day in the future."))
        if changed:
            roadmap.weeks = math.ceil(roadmap.hours / roadmap.hours_per_week)
            roadmap.save(update_fields=[*changed, "weeks", "updated_at"])
    if changed:
        told = [name if name == "motivation" else f"{name}={getattr(roadmap, name)}" for name in changed]
        log_lines.line(roadmap, "plan_changed", ", ".join(told))
    return roadmap


def delete(roadmap_id: int) -> None:
    """Out of sight at once; gone for good with the purge."""
    with transaction.atomic():
        roadmap = Roadmap.objects.locked(roadmap_id)
        _stop(roadmap)
        is_first = Roadmap.objects.filter(pk=roadmap.pk, deleted_at__isnull=True).update(deleted_at=timezone.now())
    if is_first:
        log_lines.line(roadmap, "roadmap_deleted")


def take_back(roadmap_id: int) -> Roadmap:
    """A deleted roadmap as it was, but for what was being made: that is taken up again by `retry`.

    Raises RefusedError where the purge came first. A second click changes nothing.
    """
    with transaction.atomic():
        roadmap = Roadmap.objects.select_for_update(no_key=True).filter(pk=roadmap_id).first()
        if roadmap is None:
            raise RefusedError(_("This roadmap is gone for good."))
        is_first = Roadmap.objects.deleted().filter(pk=roadmap.pk).update(deleted_at=None)
        if is_first:
            _look_at_links_again(roadmap)
    if is_first:
        log_lines.line(roadmap, "roadmap_taken_back")
    roadmap.deleted_at = None
    return roadmap


def retry_concept(concept: Concept) -> list[Step]:
    """Take up a concept's failed pieces, also those that could not be written again, each as it was wished for."""
    return [regenerate(concept, step.kind, wish=step.wish) for step in concept.steps.content().failed().order_by("pk")]


def retry_all(roadmap_id: int) -> tuple[Roadmap, int]:
    """`retry`, and how many pieces are written again besides, since that failed and an earlier version stands.

    Raises RefusedError where nothing was taken up at all.
    """
    before = Roadmap.objects.filter(pk=roadmap_id).values_list("state", flat=True).first()
    roadmap = retry(roadmap_id)
    again, refused = 0, None
    failed = Step.objects.rewrites_failed().filter(roadmap=roadmap).order_by()
    for concept in roadmap.concepts.filter(pk__in=failed.values("concept")).order_by("position"):
        try:
            again += len(retry_concept(concept))
        except RefusedError as error:
            refused = error
    if refused and not again and roadmap.state == before:
        raise refused
    return roadmap, again
