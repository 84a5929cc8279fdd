"""What does a stored version of an outline say, whatever it holds? Never refused: a person must be able to mend it."""

import re
from typing import Any, Literal

from roadmaps.answers import HOURS_BY_DIFFICULTY, ConceptOutline, ModuleOutline, OutlineTree, StageOutline

KEY = re.compile(r"c-\d{1,3}-\d{1,3}-\d{1,3}", re.ASCII)


def tree_of(stored: Any) -> OutlineTree:
    """Every part that is there, in the shapes that rows take. What rules it breaks is `allowing.problems`' affair.

    A concept with too few keywords, which nobody sees, gets those of one that is added by hand. Of two concepts with
    one key the second gets another.
    """
    stored = _table(stored)
    used: set[str] = set()
    return OutlineTree.model_construct(
        title=_text(stored.get("title"), 200),
        stages=[_stage(each, number, used) for number, each in enumerate(_tables(stored.get("stages")), start=1)],
    )


def _stage(stored: dict[str, Any], number: int, used: set[str]) -> StageOutline:
    name = _text(stored.get("name"), 200)
    modules = enumerate(_tables(stored.get("modules")), start=1)
    return StageOutline.model_construct(
        name=name,
        description=_text(stored.get("description"), 4000),
        modules=[_module(each, name, f"c-{number}-{place}", used) for place, each in modules],
    )


def _module(stored: dict[str, Any], stage: str, prefix: str, used: set[str]) -> ModuleOutline:
    name = _text(stored.get("name"), 200)
    return ModuleOutline.model_construct(
        name=name,
        description=_text(stored.get("description"), 4000),
        concepts=[_concept(each, [name, stage], prefix, used) for each in _tables(stored.get("concepts"))],
    )


def _concept(stored: dict[str, Any], around: list[str], prefix: str, used: set[str]) -> ConceptOutline:
    name = _text(stored.get("name"), 200)
    hours = stored.get("hours")
    hours = min(8.0, max(0.5, float(hours))) if isinstance(hours, int | float) else 1.0
    keywords = [each for each in _texts(stored.get("keywords"), 200) if each]
    return ConceptOutline.model_construct(
        key=_key(stored.get("key"), prefix, used),
        name=name,
        description=_text(stored.get("description"), 1000),
        hours=hours,
        difficulty=_difficulty(stored.get("difficulty"), hours),
        keywords=(keywords if len(keywords) >= 3 else [name, *around])[:5],
        prerequisites=_texts(stored.get("prerequisites"), 20)[:12],
        source=_text(stored.get("source"), 200),
    )


def _key(stored: Any, prefix: str, used: set[str]) -> str:
    key = stored if isinstance(stored, str) and KEY.fullmatch(stored) else ""
    number = 1
    while not key or key in used:
        key, number = f"{prefix}-{number}", number + 1
    used.add(key)
    return key


def _difficulty(stored: Any, hours: float) -> Literal["easy", "medium", "hard"]:
    known: Literal["easy", "medium", "hard"]
    for known in ("easy", "medium", "hard"):
        if stored == known:
            return known
    return "easy" if hours <= HOURS_BY_DIFFICULTY["easy"][1] else "medium" if hours <= 4 else "hard"


def _text(stored: Any, most: int) -> str:
    return stored.strip()[:most] if isinstance(stored, str) else ""


def _texts(stored: Any, most: int) -> list[str]:
    return [_text(each, most) for each in stored if isinstance(each, str)] if isinstance(stored, list) else []


def _table(stored: Any) -> dict[str, Any]:
    return stored if isinstance(stored, dict) else {}


def _tables(stored: Any) -> list[dict[str, Any]]:
    return [each for each in stored if isinstance(each, dict)] if isinstance(stored, list) else []
