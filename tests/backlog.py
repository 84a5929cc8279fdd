"""Rows by the hundred thousand, and what a statement costs beside them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import time_machine
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Model
from django.db.models.functions import Now
from django.utils import timezone

from roadmaps.models import Concept, Module, Roadmap, Stage, Step
from roadmaps.models.step import rank_of
from tests.factories import make_piece_steps, make_roadmap, make_tree

CONCEPTS = 30
STEPS_PER_ROADMAP = CONCEPTS * len(Step.CONTENT_KINDS)
STRIDE = 100_000  # between the ids of two copies of one row
EXPLAINED = ("SELECT", "WITH", "UPDATE", "INSERT", "DELETE")


def make_backlog(*, steps: int, done: int = 0, deferred: int = 0, age: timedelta = timedelta()) -> Roadmap:
    """At least so many content steps, approved so long ago, on roadmaps of thirty concepts with an owner each.

    Of each roadmap, the pieces of the first `done` concepts are done, those of the next `deferred` wait for an hour
    to pass, and the rest is ready. Returns one of the roadmaps.
    """
    roadmap = make_tree(roadmap=make_roadmap(state=Roadmap.State.WRITING), concepts=CONCEPTS)
    make_piece_steps(roadmap=roadmap)
    with time_machine.travel(timezone.now() - age, tick=False):
        for concept in roadmap.concepts.all():
            concept.steps.update(rank=rank_of(concept.position))
    of_first = Step.objects.filter(concept__position__lt=done)
    of_first.update(state=Step.State.DONE, started_at=Now(), finished_at=Now())
    of_next = Step.objects.filter(concept__position__range=(done, done + deferred - 1))
    of_next.update(not_before=Now() + timedelta(hours=1))
    number = -(-steps // STEPS_PER_ROADMAP) - 1
    name = "lpad(to_hex(number), 8, '0')"
    _copy(User, number, username=name)
    _copy(Roadmap, number, "owner_id", token=name, slug=f"'copy-' || {name}")
    _copy(Stage, number, "roadmap_id")
    _copy(Module, number, "stage_id")
    _copy(Concept, number, "roadmap_id", "module_id")
    _copy(Step, number, "roadmap_id", "concept_id")
    analyse()
    return roadmap


def _copy(model: type[Model], number: int, *foreign_keys: str, **values: str) -> None:
    """Every row so many times more; copies belong to copies of the same number."""
    moved = {column: f"original.{column} + number * {STRIDE}" for column in ("id", *foreign_keys)}
    columns = [each.column for each in model._meta.local_concrete_fields]
    chosen = ", ".join({**moved, **values}.get(column, f"original.{column}") for column in columns)
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) "
            f"SELECT {chosen} FROM {table} original, generate_series(1, {number}) number"
        )


def analyse() -> None:
    """What autovacuum does soon after so many rows."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


@dataclass(frozen=True)
class Plan:
    """How the server carried one statement out."""

    statement: str
    root: dict[str, Any]

    @property
    def buffers(self) -> int:
        """Pages touched, in memory or on disk."""
        return int(self.root["Shared Hit Blocks"] + self.root["Shared Read Blocks"])

    @property
    def scanned_in_full(self) -> set[str]:
        return {node["Relation Name"] for node in self._nodes() if node["Node Type"] == "Seq Scan"}

    @property
    def indexes(self) -> set[str]:
        return {node["Index Name"] for node in self._nodes() if "Index Name" in node}

    @property
    def rows_read(self) -> int:
        """The most that one scan looked at, those that it threw away included."""
        return max((_rows_of(node) for node in self._nodes() if "Scan" in node["Node Type"]), default=0)

    def _nodes(self) -> Iterator[dict[str, Any]]:
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.get("Plans", [])


def _rows_of(node: dict[str, Any]) -> int:
    kept_or_not = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return round(sum(node.get(name, 0) for name in kept_or_not) * node["Actual Loops"])


@dataclass
class Plans:
    """Every statement that ran in a block."""

    all: list[Plan] = field(default_factory=list)

    @property
    def buffers(self) -> int:
        return sum(plan.buffers for plan in self.all)

    @property
    def scanned_in_full(self) -> set[str]:
        return {table for plan in self.all for table in plan.scanned_in_full}

    @property
    def rows_read(self) -> int:
        return max(plan.rows_read for plan in self.all)


@contextmanager
def plans() -> Iterator[Plans]:
    """Each statement is carried out once for its plan and undone, then once for its caller."""
    found = Plans()

    def explain(execute: Any, sql: str, parameters: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.lstrip().startswith(EXPLAINED):
            with transaction.atomic():
                execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + sql, parameters, many, context)
                (answer,) = context["cursor"].fetchone()
                explained = answer if isinstance(answer, list) else json.loads(answer)
                found.all.append(Plan(sql, explained[0]["Plan"]))
                transaction.set_rollback(True)
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(explain):
        yield found
