"""How is a quiz answered and marked?"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Func, QuerySet, TextField

from content.models import Question, Quiz, QuizAttempt


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

    @property
    def is_right(self) -> bool:
        return self.question.is_right(self.chosen)

    @property
    def options(self) -> list[MarkedOption]:
        return [
            MarkedOption(text, place in self.chosen, place in self.question.correct)
            for place, text in enumerate(self.question.options)
        ]


def answer(quiz: Quiz, *, user: User, submitted: Mapping[int, Iterable[str]]) -> QuizAttempt:
    """Mark and keep an attempt at this version. `submitted` holds raw values by the position of each question asked."""
    found = mark(quiz, submitted)
    return QuizAttempt.objects.create(
        quiz=quiz,
        user=user,
        answers={str(each.question.position): each.chosen for each in found},
        right=sum(each.is_right for each in found),
        total=len(found),
    )


def answer_one(
    quiz: Quiz, *, user: User, attempt_pk: int, position: int, values: Iterable[str]
) -> tuple[QuizAttempt, MarkedQuestion] | None:
    """Mark one question and add it to the attempt, which begins with its first answer.

    The first answer counts: sent again, after its explanation was seen, it changes nothing. None where the quiz asks
    no such question.
    """
    question = quiz.questions.filter(position=position).first()
    if question is None:
        return None
    with transaction.atomic():
        own = QuizAttempt.objects.select_for_update().filter(quiz=quiz, user=user)
        attempt = own.filter(pk=attempt_pk).first() or QuizAttempt(quiz=quiz, user=user, answers={}, right=0, total=0)
        chosen = attempt.answers.setdefault(str(position), choices(question, values))
        found = MarkedQuestion(question, chosen)
        if len(attempt.answers) > attempt.total:
            attempt.total += 1
            attempt.right += found.is_right
            attempt.save()
    return attempt, found


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


Given = tuple[int, list[int]]  # the attempt's primary key, and what was chosen


def last_answers(attempts: QuerySet[QuizAttempt]) -> dict[int, dict[int, Given]]:
    """What was chosen last for each question that was ever answered in these attempts, by its quiz and its position.

    One query, and a row for each question, however many attempts there are.
    """
    last: dict[int, dict[int, Given]] = defaultdict(dict)
    asked = attempts.annotate(asked=Keys("answers")).order_by("quiz", "asked", "-pk").distinct("quiz", "asked")
    for quiz, position, pk, answers in asked.values_list("quiz", "asked", "pk", "answers"):
        last[quiz][int(position)] = pk, answers[position]
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
    return [(each, each.is_right(newest[each.words][1]) if each.words in newest else None) for each in questions]


def missed(quiz: Quiz, questions: Iterable[Question], user: User) -> set[int]:
    """Positions of the quiz's questions that the person answered wrong the last time."""
    last = last_answers(QuizAttempt.objects.filter(quiz__concept=quiz.concept_id, user=user))
    before = last.keys() - {quiz.pk}
    earlier = Question.objects.filter(quiz__in=before) if before else ()
    return {each.position for each, is_right in judged(questions, earlier, last) if is_right is False}
