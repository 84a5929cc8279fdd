"""What can be done to a library outline without a model? Taking out and adding curated concepts by name."""

import re
from typing import Any

from roadmap_project.library import planning
from roadmap_project.library.chinese import CHARACTER
from roadmap_project.library.subjects import Subject

REMOVE_CHINESE, ADD_CHINESE = "去掉|删除|删掉|移除|不要|不需要", "加上|增加|添加|加入|补充"
REMOVE = re.compile(
    rf"\b(remove|drop|skip|without|leave out|delete|no|not|don't|already know|know)\b|{REMOVE_CHINESE}", re.IGNORECASE
)
# "I don't know joins", "I want to know more about joins": not what somebody wants to get rid of.
LACKING = re.compile(r"\b(?:don't|doesn't|do not|not|never|to)\s+(?:\w+\s+)?know\b", re.IGNORECASE)
ADD = re.compile(rf"\b(add|include|more|also|with|bring back|put back)\b|{ADD_CHINESE}", re.IGNORECASE)
# A sentence ends where the next thing to do begins, too: "remove joins and add window functions".
NEXT = re.compile(
    r"[.;\n,。；，、]| but "
    r"| (?:and|then) (?=(?:then |also |please )*(?:remove|drop|skip|leave out|delete|add|include|bring|put)\b)"
    rf"|(?={REMOVE_CHINESE}|{ADD_CHINESE})",
    re.IGNORECASE,
)
BESIDE_CHINESE = re.compile(rf"(?<={CHARACTER})(?=\w)(?!{CHARACTER})|(?<=\w)(?<!{CHARACTER})(?={CHARACTER})")
COMMON = {
    *("a", "an", "and", "the", "of", "to", "in", "on", "for", "with", "i", "it", "is", "my", "me", "about", "please"),
    *("concept", "concepts", "part", "more", "also", "how"),
}


def plan(each: Subject, tree: dict[str, Any], wanted: str) -> dict[str, Any]:
    """An edit plan out of sentences such as "remove regular expressions" or "add window functions"."""
    wanted = BESIDE_CHINESE.sub(" ", wanted.replace("’", "'"))
    sentences = NEXT.split(_with_whole_names(each, tree, wanted))
    intents = [intent for sentence in sentences for intent in _intents(each, tree, sentence)]
    if not intents:
        return {
            "summary": "The request names no concept that the library can add or remove.",
            "intents": [],
            "confidence": 0.2,
            "needs_clarification": True,
            "questions": [
                "Without a language model only curated concepts can be added or removed. Which ones? Say it with "
                f"“remove” or “add” before each name, such as: remove {_concepts(tree)[0]['name']}."
            ],
        }
    return {
        "summary": "; ".join(intent["description"] for intent in intents),
        "intents": intents,
        "preserve": ["every other concept"],
        "confidence": 0.8,
        "needs_clarification": False,
        "questions": [],
    }


def _names(each: Subject, tree: dict[str, Any]) -> set[str]:
    return {concept.name for concept in each.concepts()} | {concept["name"] for concept in _concepts(tree)}


def _in_one_piece(name: str) -> str:
    return " ".join(re.split(r"[.;\n,]\s*", name))


def _with_whole_names(each: Subject, tree: dict[str, Any], wanted: str) -> str:
    """Without the commas inside concepts' names, at which a sentence does not end."""
    for name in _names(each, tree):
        wanted = re.sub(re.escape(name), _in_one_piece(name), wanted, flags=re.IGNORECASE)
    return wanted


def _without_names(each: Subject, tree: dict[str, Any], sentence: str) -> str:
    """What is to be done is not said by a name such as "INSERT, UPDATE, DELETE and upsert"."""
    for name in _names(each, tree):
        sentence = re.sub(re.escape(_in_one_piece(name)), " ", sentence, flags=re.IGNORECASE)
    return sentence


def _intents(each: Subject, tree: dict[str, Any], sentence: str) -> list[dict[str, Any]]:
    concepts = _concepts(tree)
    present = {concept["source"] for concept in concepts}
    asked = LACKING.sub(" ", _without_names(each, tree, sentence))
    if REMOVE.search(asked):
        found = [concept for concept in concepts if _is_meant(concept["name"], concept["keywords"], sentence)]
        return [_intent("remove", concept["key"], f"Remove {concept['name']}") for concept in found]
    if ADD.search(asked):
        absent = [concept for concept in each.concepts() if f"{each.key}/{concept.key}" not in present]
        return [
            _intent("add", concept.key, f"Add {concept.name}")
            for concept in absent
            if _is_meant(concept.name, concept.keywords, sentence)
        ]
    return []


def _intent(action: str, target: str, description: str) -> dict[str, Any]:
    return {"action": action, "level": "concept", "target": target, "description": description, "priority": "must"}


def _is_meant(name: str, keywords: list[str], sentence: str) -> bool:
    said = _words(sentence)
    return any(words and words <= said for words in (_words(name), *map(_words, keywords)))


def _words(text: str) -> set[str]:
    return {word.rstrip("s") for word in re.findall(r"\w+", text.lower())} - COMMON


def _concepts(tree: dict[str, Any]) -> list[dict[str, Any]]:
    return [concept for stage in tree["stages"] for module in stage["modules"] for concept in module["concepts"]]


def edit(each: Subject, tree: dict[str, Any], plan_of_edit: dict[str, Any], goal: str) -> dict[str, Any]:
    """The tree with the plan carried out: curated order kept, every other concept as it was, by hand or not."""
    targets = {
        action: {intent["target"] for intent in plan_of_edit["intents"] if intent["action"] == action}
        for action in ("remove", "add")
    }
    kept = [concept for concept in _concepts(tree) if concept["key"] not in targets["remove"]]
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
    concepts = _concepts({"stages": shaped})
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
    for concept in _concepts({"stages": shaped}):
        concept["prerequisites"] = [key for key in concept["prerequisites"] if key in earlier]
        earlier.add(concept["key"])
