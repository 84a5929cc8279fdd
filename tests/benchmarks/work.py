"""The piece of work that every peer does: one chat completion through the official SDK."""

import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import openai
import psycopg

from tests.benchmarks.contender import CONCEPTS

KINDS = ("tutorial", "resources", "quiz")
SYSTEM = "You write the content of a learning roadmap for one person. " + 12 * (
    "Keep to what is known, name sources where there are any, and give every claim an example that can be tried. "
)


def pieces(roadmaps: int) -> Iterator[tuple[int, int, str]]:
    """Roadmap, place of the concept, kind: in the order in which they are handed over."""
    for roadmap in range(1, roadmaps + 1):
        for place in range(1, CONCEPTS + 1):
            for kind in KINDS:
                yield roadmap, place, kind


def concept(roadmap: int, place: int) -> str:
    """As it stands in the table, for tasks that get it with their message."""
    return f"Concept {place} of roadmap {roadmap}"


def request(name: str, kind: str) -> dict[str, Any]:
    return {
        "model": "stub",
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"Write the {kind}: {name}."}],
        "response_format": {"type": "json_schema", "json_schema": {"name": kind, "schema": {"type": "object"}}},
    }


@cache
def client() -> openai.OpenAI:
    """One per process, with the SDK's own two retries."""
    return openai.OpenAI()


@cache
def async_client() -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI()


def ask(name: str, kind: str) -> str:
    return str(client().chat.completions.create(**request(name, kind)).choices[0].message.content)


async def ask_async(name: str, kind: str) -> str:
    response = await async_client().chat.completions.create(**request(name, kind))
    return str(response.choices[0].message.content)


def start_clock() -> int:
    """Called right before the first piece is handed over; returns for how many roadmaps."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("INSERT INTO clock DEFAULT VALUES")
    return int(os.environ["ROADMAPS"])
