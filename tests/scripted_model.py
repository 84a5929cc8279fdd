"""A model that says what it is told to, and answers damaged in every way that was met."""

import asyncio
import copy
import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from roadmap_project.llm import Completion, ModelRequest, Turn


@dataclass
class ScriptedModel:
    """The outside door: says what it is told to, one thing a call; the last one again and again."""

    says: list[Any]
    name: str = "scripted"
    origin: str = "From a test"
    repairs: list[Turn | None] = field(default_factory=list)

    async def complete(self, request: ModelRequest, repair: Turn | None, *, timeout: float) -> Completion:
        said = self.says[min(len(self.repairs), len(self.says) - 1)]
        self.repairs.append(repair)
        if isinstance(said, BaseException):
            raise said
        if isinstance(said, float):
            await asyncio.sleep(said)
            raise AssertionError("slept to the end")
        if isinstance(said, Completion):
            return said
        return Completion(text=said, model="scripted-1", input_tokens=10, output_tokens=5)


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, as the keys and indices that lead there."""
    found = [here] if here else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*here, key))
    return found


HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "```\n" * 300,
    "> " * 3000,
    "[" * 3000,
    "*a " * 3000,
)
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.just(10**400), st.text(max_size=20),
    st.sampled_from(["", " ", "\x00", "a\x00b", "\ud800", "c-1-1-1", "c-9-9-9", "c-1-1-1\n", "x" * 5000, *HOSTILE]),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
    st.just([{} for _ in range(40)]), st.just({"a": {"b": {"c": []}}}),
)  # fmt: skip
WRAPPINGS = ["{}", "```json\n{}\n```", "{}\nthat is all", "Sure:\n\n```\n{}\n```", '[{"x": 1}, {}]', "{{}}"]


@st.composite
def damaged(draw: st.DrawFn, value: Any) -> str:
    """A model's text for a value: with parts left out, replaced and doubled, then wrapped, cut or blown up."""
    value = copy.deepcopy(value)
    known = places(value)
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.sampled_from(known))
        try:
            parent = value
            for key in place[:-1]:
                parent = parent[key]
            what = draw(st.sampled_from(["delete", "replace", "duplicate"]))
            if what == "delete":
                del parent[place[-1]]
            elif what == "replace":
                parent[place[-1]] = copy.deepcopy(draw(ODD))  # later mutations may be inside it
            elif isinstance(parent, list):
                parent.insert(0, copy.deepcopy(parent[place[-1]]))
            else:
                parent[f"{place[-1]}2"] = copy.deepcopy(parent[place[-1]])
        except (KeyError, IndexError, TypeError):
            continue  # an earlier mutation took that place away
    text = json.dumps(value)
    text = draw(st.sampled_from([text, text, text, *_as_text(text)]))
    cut = draw(st.one_of(st.none(), st.none(), st.integers(0, len(text))))
    return draw(st.sampled_from(WRAPPINGS)).replace("{}", text if cut is None else text[:cut])


def _as_text(text: str) -> list[str]:
    """What no value can say: the same key twice, objects in objects without end, a megabyte."""
    return [
        text.replace('"title":', '"title": 7, "title":').replace('"kind":', '"kind": null, "kind":'),
        '{"a":' * 5000 + text,
        text[:-1] + ', "more": "' + "x" * 1_000_000 + '"}',
    ]
