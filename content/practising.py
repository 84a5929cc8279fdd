"""What did a person answer right and wrong, all over a roadmap, and how do they practise what was wrong?"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Max, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Greatest

from content import answering
from content.models import Question, Quiz, QuizAttempt
from roadmaps.learning import QuizResult
from roadmaps.models import Roadmap

ROUND = 20  # questions; what else was missed is in the next one


def results(roadmap: Roadmap) -> dict[int, QuizResult]:
    """The owner's, by the primary key of each concept of whose current quiz they answered a question,
    in whatever version it was asked.

    Two queries at most, whatever the number of concepts.
    """
    found = {}
    for questions in _answered_quizzes(roadmap, _with_concepts(roadmap).defer("explanation")):
        answered = [is_right for _, is_right in questions if is_right is not None]
        right = sum(answered)
        if answered:
            found[questions[0][0].quiz.concept_id] = QuizResult(right, len(answered) - right, len(questions))
    return found


def missed(roadmap: Roadmap) -> list[Question]:
    """What the owner answered wrong the last time, with its concept, in the roadmap's order."""
    quizzes = _answered_quizzes(roadmap, _with_concepts(roadmap))
    return [each for questions in quizzes for each, is_right in questions if is_right is False]


def answers_so_far(roadmap: Roadmap) -> QuerySet[QuizAttempt, tuple[int, int, datetime]]:
    """One row, as `roadmaps.reading` wants it: no concept, how many answers the owner gave, and the latest moment.

    That is of an attempt or of a quiz's version, as an earlier one taken back brings its answers back.
    """
    quizzes = Quiz.objects.filter(concept__roadmap=roadmap, is_current=True).order_by("-created_at")
    latest = Greatest(Max("created_at"), Subquery(quizzes.values("created_at")[:1]))
    given = _attempts(roadmap).order_by().annotate(concept=Value(0)).values("concept")
    return given.annotate(number=Sum("total"), latest=latest).values_list("concept", "number", "latest")


def next_question(roadmap: Roadmap, left: Sequence[int], *, done: int = 0, since: int = 0) -> dict[str, Any]:
    """The first of the questions that a round has left, by their primary keys; it begins with all that were missed.

    `since` is the owner's latest attempt when it began: later ones are the round's, which is how a question that is
    sent again is known.
    """
    known = {each.pk: each for each in _with_concepts(roadmap).filter(pk__in=left)} if left else {}
    asked = [known[pk] for pk in dict.fromkeys(left) if pk in known]
    since = since if asked else _latest_attempt(roadmap)
    weak = [] if asked else missed(roadmap)
    asked = asked or weak[:ROUND]
    return {
        "roadmap": roadmap,
        "question": asked[0] if asked else None,
        "concept": asked[0].quiz.concept if asked else None,
        "left": [each.pk for each in asked[1:]],
        "since": since,
        "done": done,
        "number": done + 1,
        "total": done + len(asked),
        "weak": weak,
        "weak_concepts": len({each.quiz.concept_id for each in weak}),
        "was_answered": bool(asked) or _attempts(roadmap).exists(),
    }


def answer(
    roadmap: Roadmap, pk: int, *, user: User, since: int, values: Iterable[str]
) -> tuple[Question, QuizAttempt, answering.MarkedQuestion] | None:
    """Kept as every answer to a quiz is, in the round's attempt. None where the roadmap has no such question."""
    question = _with_concepts(roadmap).filter(pk=pk).first()
    if question is None:
        return None
    answered = answering.answer_one(
        question.quiz,
        user=user,
        way=QuizAttempt.Way.ROUND,
        since=since or None,
        position=question.position,
        values=values,
    )
    return (question, *answered) if answered else None


def _with_concepts(roadmap: Roadmap) -> QuerySet[Question]:
    found = Question.objects.filter(quiz__concept__roadmap=roadmap).select_related("quiz__concept")
    return found.order_by("quiz__concept__position", "position")


def _attempts(roadmap: Roadmap) -> QuerySet[QuizAttempt]:
    """The owner's, at whatever versions of the quizzes; the latest first."""
    return QuizAttempt.objects.filter(user=roadmap.owner_id, quiz__concept__roadmap=roadmap).order_by("-pk")


def _latest_attempt(roadmap: Roadmap) -> int:
    return _attempts(roadmap).values_list("pk", flat=True).first() or 0


def _answered_quizzes(roadmap: Roadmap, asked: QuerySet[Question]) -> list[list[tuple[Question, bool | None]]]:
    """Each concept's questions as they are now, and whether the last answer was right; None where none was given.

    Of earlier versions only those are read that were answered.
    """
    last = answering.last_answers(_attempts(roadmap))
    by_concept: dict[int, tuple[list[Question], list[Question]]] = defaultdict(lambda: ([], []))
    concepts = Quiz.objects.filter(pk__in=last).values("concept")
    answered = Q(quiz__is_current=True, quiz__concept__in=concepts) | Q(quiz__in=last)
    for each in asked.filter(answered) if last else ():
        by_concept[each.quiz.concept_id][0 if each.quiz.is_current else 1].append(each)
    return [answering.judged(now, earlier, last) for now, earlier in by_concept.values() if now]
