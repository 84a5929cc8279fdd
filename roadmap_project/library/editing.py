"""What can be done to a library outline without a model? Taking out and adding curated concepts, and fewer of them."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from roadmap_project.library import explaining, planning, sentences
from roadmap_project.library.meaning import Choice, Found, Meaning, choices_of, concepts_of, found_by, stems
from roadmap_project.library.subjects import Subject
from roadmap_project.library.understanding import Action, Request, plain, understood

MUCH_SHORTER = 0.8  # of the hours, where these fit already
ABOUT = 0.95  # of the hours and more, where they are said to be too many: "it has 60 hours, which is too much"
# Characters, so that a question and a summary stay within what an answer may hold.
LONGEST_EXAMPLE, LONGEST_LIST, LONGEST_DONE, LONGEST_REST = 60, 900, 1200, 250
MOST_INTENTS = 40
MOST_ASKED = 2  # of the words that can be several concepts
YES = re.compile(
    r"\W*(?:yes|yep|yeah|sure|ok|okay|please do|do it|remove it|是的?|对|好的?|可以|嗯|行)\W*(?:please|吧|了)?\W*", re.I
)
ALL = re.compile(
    r"\W*(?:(?:yes,? )?(?:please )?(?:remove |add )?(?:all|both|each|every one)(?: of (?:them|these|those|it))?"
    r"|(?:yes,? )?(?:please )?(?:add everything|(?:remove|add) (?:them|these|those)(?: all)?)"
    r"|(?:这?两个|它们)?(?:全?都|全部)(?:去掉|删掉|加上|添加|加进来|不?要|是)?了?)\W*(?:please|吧)?\W*",
    re.I,
)


def plan(each: Subject, tree: dict[str, Any], asked: Sequence[str], *, budget: float) -> dict[str, Any]:
    """An edit plan out of somebody's words, the last of which may answer what was asked about the earlier ones."""
    choices = choices_of(each, tree)
    names = list(dict.fromkeys(name for choice in choices for name in (*choice.called, *choice.sections)))
    earlier, request = Request(), Request()
    for text in asked:
        earlier, request = request, understood(text, names, before=request.last)
    reading = Meaning(choices, names, own_words=stems(each.title))
    found = found_by(reading, request)
    hours = sum(choice.hours for choice in choices if choice.is_there)
    if request.budget and not (request.is_shorter and request.budget.of(hours) > ABOUT * hours):
        found.wanted_hours = request.budget.of(hours)
        found.removed += _optional(each, tree, choices, found, found.wanted_hours)
    elif request.is_shorter:
        found.is_shorter = True
        found.removed += _optional(each, tree, choices, found, budget if hours > budget else MUCH_SHORTER * hours)
    questions: list[str] = []
    if not found.removed and not found.added:
        text = asked[-1] if asked else ""
        if ALL.fullmatch(text):
            found.listed = _listed_before(each, tree, choices, asked[-3:-1], budget)
        questions = _answer(reading, found, earlier, request, text=text, hours=hours)
    if not questions and len(concepts_of(tree)) - len(found.removed) + len(found.added) < planning.FEWEST_CONCEPTS:
        questions = [sentences.TOO_FEW % {"count": planning.FEWEST_CONCEPTS}] if found.removed else []
    if not found.removed and not found.added:
        questions += _offered(each, tree, choices, found, is_lost=bool(found.unknown) or not questions, hours=hours)
    found.needed = _needed(each, tree, found)
    return _planned(found, questions, hours)


def _needed(each: Subject, tree: dict[str, Any], found: Found) -> list[str]:
    """What is new builds on directly, and is not there, or goes."""
    curated = {concept.key: concept for concept in each.concepts()}
    going = {choice.key for choice in found.removed}
    there = {concept["source"].partition("/")[2] for concept in concepts_of(tree) if concept["key"] not in going}
    there |= {choice.key for choice in found.added}
    needed = dict.fromkeys(key for choice in found.added for key in curated[choice.key].prerequisites)
    return [curated[key].name for key in needed if key not in there]


def _optional(
    each: Subject, tree: dict[str, Any], choices: list[Choice], found: Found, budget: float
) -> Iterable[Choice]:
    """What an outline of fewer hours does without, as the first design does.

    What comes or is named stays, with what it needs.
    """
    going = {choice.key for choice in found.removed}
    staying = {choice.key for choice in (*found.kept, *found.there, *found.named)}
    curated = {f"{each.key}/{concept.key}": concept for concept in each.concepts()}
    weighed = [
        planning.Weighed(
            concept["key"],
            concept["hours"],
            1 if concept["key"] in staying or not known else known.importance,
            concept["prerequisites"],
        )
        for concept, known in ((concept, curated.get(concept["source"])) for concept in concepts_of(tree))
        if concept["key"] not in going
    ]
    keys = {concept["source"].partition("/")[2]: concept["key"] for concept in concepts_of(tree)}
    for choice in found.added:
        needed = [keys[key] for key in curated[f"{each.key}/{choice.key}"].prerequisites if key in keys]
        weighed.append(planning.Weighed(choice.key, choice.hours, 1, needed))
    kept = planning.fit(weighed, budget)
    gone = {concept.key for concept in weighed} - {concept.key for concept in kept}
    return [choice for choice in choices if choice.is_there and choice.key in gone]


def _answer(
    reading: Meaning, found: Found, earlier: Request, request: Request, *, text: str, hours: float
) -> list[str]:
    """What to ask, unless a name alone says enough: one that is missing comes; one that is there may be meant to go."""
    asked = found_by(reading, earlier)
    if ALL.fullmatch(text):
        _take_all(found, asked, earlier, _verb_of_all(text, request))
        if found.removed or found.added:
            return []
    before = _named_alone(reading, earlier, Found())
    named = _named_alone(reading, request, found)
    asked_about = [choice for choice in before if choice.is_there]
    asked_about += [choice for _, choice in asked.guessed if choice not in asked_about]
    if asked_about and (YES.fullmatch(text) or (before and named == before)):
        found.removed = asked_about
        return []
    found.added = [choice for choice in named if not choice.is_there]
    if found.added:
        return []
    questions = [
        sentences.WHICH % {"words": words[:40], "names": _few(choices)} for words, choices in found.several[:MOST_ASKED]
    ]
    if named or found.guessed:
        doubtful = [*named, *(choice for _, choice in found.guessed if choice not in named)]
        questions.append(sentences.SHALL_GO % {"names": _few(doubtful)})
    if found.there:
        questions.append(sentences.THERE % {"names": _few(found.there)})
    if found.not_there:
        questions.append(sentences.NOT_THERE % {"names": _few(found.not_there)})
    if found.wanted_hours is not None and hours <= found.wanted_hours:
        questions.append(sentences.FITS % {"hours": f"{hours:g}", "wanted": f"{found.wanted_hours:g}"})
    elif request.is_shorter or found.wanted_hours is not None:
        questions.append(sentences.NOT_SHORTER)
    return questions


def _take_all(found: Found, asked: Found, earlier: Request, verb: Action) -> None:
    """All that the question was about, as far as the answer says the same of it; else all that was listed."""
    several = dict.fromkeys(choice for _, choices in asked.several[:MOST_ASKED] for choice in choices)
    if verb in ("unsaid", earlier.last):
        found.removed = [choice for choice in several if earlier.last == "remove" and choice.is_there]
        found.added = [choice for choice in several if earlier.last == "add" and not choice.is_there]
    if not several and earlier.last != "remove" and verb in ("unsaid", "add"):
        found.added = found.listed


def _verb_of_all(text: str, request: Request) -> Action:
    """What "all of them" says of them by itself."""
    return "add" if request.last == "unsaid" and "要" in text else request.last


def _named_alone(reading: Meaning, request: Request, found: Found) -> list[Choice]:
    return [choice for part in request.of("unsaid") for choices in reading.meant(part, found) for choice in choices]


def _offered(
    each: Subject, tree: dict[str, Any], choices: list[Choice], found: Found, *, is_lost: bool, hours: float
) -> list[str]:
    """What to ask for, where somebody's words say nothing of it; what can come, where there are hours left for it."""
    if is_lost:
        return _how(each, tree, choices)
    has_room = found.wanted_hours is not None and hours <= found.wanted_hours
    return _can_add(choices) if has_room else []


def _how(each: Subject, tree: dict[str, Any], choices: list[Choice]) -> list[str]:
    """What can be said, with an example that does no harm."""
    optional = list(_optional(each, tree, choices, Found(), 0)) or [choice for choice in choices if choice.is_there]
    questions = [sentences.HOW % {"name": explaining.listed([optional[-1].name], longest=LONGEST_EXAMPLE)}]
    return questions + _can_add(choices)


def _can_add(choices: list[Choice]) -> list[str]:
    absent = [choice for choice in choices if not choice.is_there]
    return [sentences.CAN_ADD % {"names": _few(absent)}] if absent else []


def _listed_before(
    each: Subject, tree: dict[str, Any], choices: list[Choice], asked: Sequence[str], budget: float
) -> list[Choice]:
    """What can be added, where that was said last: to a list one answers "all of them"."""
    said = plan(each, tree, asked, budget=budget)["questions"] if asked else []
    was_said = any(question in said for question in _can_add(choices))
    return [choice for choice in choices if was_said and not choice.is_there]


def _few(choices: Sequence[Choice]) -> str:
    return explaining.listed([choice.name for choice in choices], longest=LONGEST_LIST)


def _planned(found: Found, questions: list[str], hours: float) -> dict[str, Any]:
    if questions:
        return {
            "summary": sentences.NOTHING,
            "intents": [],
            "confidence": 0.2,
            "needs_clarification": True,
            "questions": questions,
        }
    found.removed = found.removed[:MOST_INTENTS]
    found.added = found.added[: MOST_INTENTS - len(found.removed)]
    return {
        "summary": _summary(found, hours),
        "intents": [_intent("remove", each) for each in found.removed] + [_intent("add", each) for each in found.added],
        "preserve": ["every other concept"],
        "confidence": 0.8,
        "needs_clarification": False,
        "questions": [],
    }


def _intent(action: str, choice: Choice) -> dict[str, Any]:
    return {
        "action": action,
        "level": "concept",
        "target": choice.key,
        "description": f"{action} {choice.name}",
        "priority": "must",
    }


def _summary(found: Found, hours: float) -> str:
    removed, added = (
        explaining.listed([choice.name for choice in choices], longest=LONGEST_DONE)
        for choices in (found.removed, found.added)
    )
    if removed and added:
        done = sentences.BOTH % {"added": added, "removed": removed}
    else:
        done = sentences.LEFT_OUT % {"names": removed} if removed else sentences.NEW % {"names": added}
    if found.is_shorter or found.wanted_hours is not None:
        hours += sum(choice.hours for choice in found.added) - sum(choice.hours for choice in found.removed)
        wanted = hours if found.wanted_hours is None else found.wanted_hours
        values = {"hours": f"{hours:g}", "wanted": f"{wanted:g}", "count": planning.FEWEST_CONCEPTS}
        is_all = hours <= wanted or len(found.removed) + len(found.added) >= MOST_INTENTS
        done = (sentences.HOURS_LEFT if is_all else sentences.HOURS_STAY) % {"done": done, **values}
    elif found.added and found.added == found.listed:
        hours += sum(choice.hours for choice in found.added)
        done = sentences.HOURS_IN_ALL % {"done": done, "hours": f"{hours:g}"}
    if found.needed:
        needed = explaining.listed(found.needed, longest=LONGEST_REST)
        done = sentences.NOT_IN_IT % {"done": done, "names": needed}
    if found.several:
        done = sentences.SEVERAL % {
            "done": done,
            "words": explaining.listed([words for words, _ in found.several], longest=LONGEST_REST),
        }
    if idle := _not_done(found):
        done = sentences.NOT_DONE % {"done": done, "names": explaining.listed(idle, longest=LONGEST_REST)}
    missed = [*found.unknown, *(words for words, _ in found.guessed), *(choice.name for choice in found.not_there)]
    return (
        sentences.NOT_FOUND % {"done": done, "words": explaining.listed(missed, longest=LONGEST_REST)}
        if missed
        else done
    )


def _not_done(found: Found) -> list[str]:
    """What is named and neither changed nor kept, nor spoken of elsewhere: also what is there already."""
    spoken_of = [*found.removed, *found.added, *found.kept, *found.not_there, *(choice for _, choice in found.guessed)]
    if found.is_shorter or found.wanted_hours is not None:
        spoken_of += found.there  # it stays, as is wished
    told_of = {name for choice in spoken_of for name in choice.called}
    words = plain(" ".join([*found.unknown, *(words for words, _ in found.several)])).lower()
    return [
        choice.name
        for choice in found.named
        if not told_of.intersection(choice.called) and not any(plain(name).lower() in words for name in choice.called)
    ]


def edit(each: Subject, tree: dict[str, Any], plan_of_edit: dict[str, Any], goal: str) -> dict[str, Any]:
    """The tree with the plan carried out: curated order kept, every other concept as it was, by hand or not."""
    targets = {
        action: {intent["target"] for intent in plan_of_edit["intents"] if intent["action"] == action}
        for action in ("remove", "add")
    }
    kept = [concept for concept in concepts_of(tree) if concept["key"] not in targets["remove"]]
    curated = {concept["source"].partition("/")[2]: concept for concept in kept if concept["source"]}
    wanted = [concept for concept in each.concepts() if concept.key in curated or concept.key in targets["add"]]
    shaped = planning.stages(each, wanted, goal)
    _restore(shaped, curated)
    # Also what the subject had once: of a replaced one that may be everything.
    _put_back([concept for concept in kept if concept["source"].partition("/")[2] not in each.order], tree, shaped)
    _drop_lost_prerequisites(shaped)
    return {"title": tree["title"], "stages": shaped, "summary": plan_of_edit["summary"]}


def _restore(shaped: list[dict[str, Any]], kept: dict[str, dict[str, Any]]) -> None:
    """Kept concepts are what they were; added ones get a key that nobody had."""
    concepts = concepts_of({"stages": shaped})
    renamed = {}
    for number, concept in enumerate(concepts, start=1):
        old = kept.get(concept["source"].partition("/")[2])
        renamed[concept["key"]] = old["key"] if old else f"c-99-99-{number}"
    for concept in concepts:
        prerequisites = [renamed[key] for key in concept["prerequisites"]]
        old = kept.get(concept["source"].partition("/")[2])
        concept.update(old or {"key": renamed[concept["key"]], "prerequisites": prerequisites})


def _put_back(others: list[dict[str, Any]], tree: dict[str, Any], shaped: list[dict[str, Any]]) -> None:
    """Each in the module that it was in, which is there again where the subject has nothing in it."""
    place = 0
    for stage in tree["stages"]:
        home = _named(stage["name"], shaped)
        for module in stage["modules"]:
            theirs = [concept for concept in module["concepts"] if concept in others]
            if not theirs:
                continue
            parts = [*([home] if home else []), *shaped]  # in its own stage before another
            if same := _named(module["name"], [each for part in parts for each in part["modules"]]):
                same["concepts"] += theirs
                continue
            if home is None:
                home = {**stage, "modules": []}
                shaped.insert(place, home)
            home["modules"].append({**module, "concepts": theirs})
        place = shaped.index(home) + 1 if home else place


def _named(name: str, parts: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((part for part in parts if part["name"] == name), None)


def _drop_lost_prerequisites(shaped: list[dict[str, Any]]) -> None:
    earlier: set[str] = set()
    for concept in concepts_of({"stages": shaped}):
        concept["prerequisites"] = [key for key in concept["prerequisites"] if key in earlier]
        earlier.add(concept["key"])
