"""How is a quiz answered and marked?"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import DateTimeField, F, Func, QuerySet, TextField
from django.db.models.functions import Greatest
from django.utils import timezone

from content.models import Question, Quiz, QuizAttempt
from roadmaps import limits

GOES_ON = timedelta(days=1)  # an attempt that was left; after that it is begun anew


@dataclass(frozen=True)
class MarkedOption:
    text: str
    is_chosen: bool
    is_correct: bool


@dataclass(frozen=True)
class MarkedQuestion:
    """A question after answering, with what was chosen and what was right."""

    question: Question
    chosen: list[int]
    is_earlier: bool = False  # another answer came first and counts; this is that one

    @property
    def is_right(self) -> bool:
        return self.question.is_right(self.chosen)

    @property
    def options(self) -> list[MarkedOption]:
        return [
            MarkedOption(text, place in self.chosen, place in self.question.correct)
            for place, text in enumerate(self.question.options)
        ]


def answer(quiz: Quiz, *, user: User, submitted: Mapping[int, Iterable[str]], attempt_pk: int = 0) -> QuizAttempt:
    """Mark and keep answers to this version. `submitted` holds raw values by the position of each question asked.

    As an attempt of their own, unless they are what another one had left to ask.
    """
    with transaction.atomic():
        attempt = _own(quiz, user).filter(pk=attempt_pk).first() if attempt_pk and limits.lock([user.pk]) else None
        attempt = attempt or _new(quiz, user)
        for each in mark(quiz, submitted):
            attempt.keep(each.question, each.chosen)
        attempt.save()
    return attempt


def answer_one(
    quiz: Quiz,
    *,
    user: User,
    way: QuizAttempt.Way,
    position: int,
    values: Iterable[str],
    attempt_pk: int = 0,
    since: int | None = None,
    left: Iterable[int] = (),
) -> tuple[QuizAttempt, MarkedQuestion] | None:
    """Mark one question and add it to its attempt.

    That is the named one; or the one that was begun in this way after the attempt `since`, not long ago, by another
    tab or by the same answer sent twice; or a new one, which has `left` still to ask. A person's answers are taken one
    after the other, so that two at the same instant find the same attempt. None where the quiz asks no such question,
    or their account is gone.
    """
    questions = {each.position: each for each in quiz.questions.all()}
    if position not in questions:
        return None
    with transaction.atomic():
        if not limits.lock([user.pk]):
            return None
        own = _own(quiz, user)
        begun = own.none() if since is None else _recent(own, way).filter(pk__gt=since).order_by("pk")
        attempt = own.filter(pk=attempt_pk).first() or begun.first()
        attempt = attempt or _new(quiz, user, way, [each for each in dict.fromkeys(left) if each in questions])
        chosen = choices(questions[position], values)
        counts = attempt.keep(questions[position], chosen)
        attempt.save()
    return attempt, MarkedQuestion(questions[position], counts, is_earlier=counts != chosen)


def unfinished(quiz: Quiz, user: User, way: QuizAttempt.Way) -> QuizAttempt | None:
    """The attempt at this version that goes on: the latest, if it has something left to ask and is not too old."""
    latest = _recent(_own(quiz, user), way).order_by("pk").last()
    return latest if latest and latest.left else None


def start_over(quiz: Quiz, *, user: User, way: QuizAttempt.Way, left: Iterable[int]) -> None:
    """With an attempt that nothing is answered of; what was answered before still counts. Sent twice, it is one."""
    with transaction.atomic():
        if limits.lock([user.pk]) and (before := unfinished(quiz, user, way)) and before.answers:
            _new(quiz, user, way, left).save()


def _own(quiz: Quiz, user: User) -> QuerySet[QuizAttempt]:
    return QuizAttempt.objects.filter(quiz=quiz, user=user)


def _recent(own: QuerySet[QuizAttempt], way: QuizAttempt.Way) -> QuerySet[QuizAttempt]:
    return own.filter(way=way, created_at__gt=timezone.now() - GOES_ON)


def _new(
    quiz: Quiz, user: User, way: QuizAttempt.Way = QuizAttempt.Way.AT_ONCE, left: Iterable[int] = ()
) -> QuizAttempt:
    return QuizAttempt(quiz=quiz, user=user, way=way, left=list(left), answers={}, right=0, total=0)


def mark(quiz: Quiz, submitted: Mapping[int, Iterable[str]]) -> list[MarkedQuestion]:
    """The questions that were asked. What names no option counts as not chosen, and nothing chosen as wrong."""
    return [
        MarkedQuestion(question, choices(question, submitted[question.position]))
        for question in quiz.questions.all()
        if question.position in submitted
    ]


def choices(question: Question, values: Iterable[str]) -> list[int]:
    """The options that were chosen, once each and in order."""
    known = {str(place): place for place in range(len(question.options))}
    return sorted({known[value] for value in values if value in known})


def marked(attempt: QuizAttempt) -> list[MarkedQuestion]:
    """An attempt's questions, as its own version of the quiz asked them."""
    return [
        MarkedQuestion(question, attempt.answers[str(question.position)])
        for question in attempt.quiz.questions.all()
        if str(question.position) in attempt.answers
    ]


class Keys(Func):
    """One row for each key of a JSON object."""

    function = "jsonb_object_keys"
    set_returning = True
    output_field = TextField()


class Moment(Func):
    """When a question was answered, by the moments of its attempt and its position; null where they do not say."""

    template = "(%(expressions)s)::timestamptz"
    arg_joiner = " ->> "
    output_field = DateTimeField()


class LatestMoment(Func):
    """When an attempt's latest answer was given; null where its moments do not say."""

    template = "(SELECT max(value::timestamptz) FROM jsonb_each_text(%(expressions)s))"
    output_field = DateTimeField()


Given = tuple[datetime, int, list[int]]  # when, in which attempt, and what was chosen


def last_answers(attempts: QuerySet[QuizAttempt]) -> dict[int, dict[int, Given]]:
    """What was chosen last for each question that was ever answered in these attempts, by its quiz and its position.

    An attempt that was left goes on after others: what is the last answer is told by its own moment. One query, and a
    row for each question, however many attempts there are.
    """
    last: dict[int, dict[int, Given]] = defaultdict(dict)
    given = attempts.annotate(asked=Keys("answers")).annotate(at=Greatest("created_at", Moment("given_at", F("asked"))))
    latest = given.order_by("quiz", "asked", "-at", "-pk").distinct("quiz", "asked")
    for quiz, position, *when, answers in latest.values_list("quiz", "asked", "at", "pk", "answers"):
        last[quiz][int(position)] = *when, answers[position]
    return last


def judged(
    questions: Iterable[Question], earlier: Iterable[Question], last: Mapping[int, Mapping[int, Given]]
) -> list[tuple[Question, bool | None]]:
    """Whether each question of a quiz was answered right the last time; None where it never was.

    An answer counts for whatever version asks the same in the same words; `earlier` are the other versions' questions.
    """
    questions = list(questions)
    newest: dict[object, Given] = {}
    for each in [*questions, *earlier]:
        if given := last.get(each.quiz_id, {}).get(each.position):
            newest[each.words] = max(given, newest.get(each.words, given))
    return [(each, each.is_right(newest[each.words][-1]) if each.words in newest else None) for each in questions]


def missed(quiz: Quiz, questions: Iterable[Question], user: User) -> set[int]:
    """Positions of the quiz's questions that the person answered wrong the last time."""
    last = last_answers(QuizAttempt.objects.filter(quiz__concept=quiz.concept_id, user=user))
    before = last.keys() - {quiz.pk}
    earlier = Question.objects.filter(quiz__in=before) if before else ()
    return {each.position for each, is_right in judged(questions, earlier, last) if is_right is False}
