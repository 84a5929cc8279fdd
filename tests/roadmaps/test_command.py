"""manage.py roadmap: what it shows, what it changes, and its exit statuses."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from roadmap_project.fleet import ROOT
from roadmap_project.postgresql.base import open_connections
from roadmaps import deciding
from roadmaps.models import Roadmap, Step
from roadmaps.steps import draining, heartbeats
from tests.engine import in_thread
from tests.factories import (
    make_quiz,
    make_resources,
    make_roadmap,
    make_roadmap_in_review,
    make_tutorial,
    make_user,
    make_written_roadmap,
)
from tests.system.conftest import database_url

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("roadmap", *words, stdout=out)
    return out.getvalue()


def test_create_starts_a_roadmap_with_the_wishes(person):
    slug = run("create", "Learn SQL", "--owner", "ada", "--level", "advanced", "--hours", "9", "--skip-review").strip()

    roadmap = Roadmap.objects.get(slug=slug)
    assert (roadmap.owner, roadmap.goal, roadmap.level) == (person, "Learn SQL", "advanced")
    assert (roadmap.hours_per_week, roadmap.skips_review) == (9, True)
    assert roadmap.steps.waiting().count() == 1
    assert OrmQ.objects.filter(key="logs").exists()  # its log line was handed over before the end


@pytest.mark.parametrize(
    ("words", "says", "status"),
    [
        (("create", "Learn SQL", "--owner", "nobody"), "no user “nobody”", 2),
        (("create", "Learn SQL", "--owner", "ada", "--hours", "0"), "--hours: .*greater than or equal to 1", 2),
        (("create", " ", "--owner", "ada"), "Say what you want to learn", 1),
        (("follow", "x", "--every", "-1"), "--every: -1 is not a number", 1),
        (("show", "no-such-roadmap"), "no roadmap “no-such-roadmap”", 2),
        (("follow", "no-such-roadmap"), "no roadmap", 2),
        (("show", "no-such-roadmap", "c-1-1-1"), "no roadmap", 2),
        (("cancel", "no-such-roadmap"), "no roadmap", 2),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_made(person, words, says, status):
    with pytest.raises(CommandError, match=says) as caught:
        run(*words)

    assert caught.value.returncode == status
    assert not Roadmap.objects.exists()


def test_a_deleted_roadmap_is_unknown(person):
    roadmap = make_roadmap(owner=person)
    deciding.delete(roadmap.pk)

    with pytest.raises(CommandError, match="no roadmap"):
        run("retry", roadmap.slug)


def test_approve_cancel_and_retry_decide_as_the_pages_do():
    roadmap = make_roadmap_in_review()

    assert run("approve", roadmap.slug).endswith("Writing\n")
    assert run("approve", roadmap.slug).endswith("Writing (nothing to do)\n")
    assert "Cancelled" in run("cancel", roadmap.slug)
    assert "Writing" in run("retry", roadmap.slug)

    assert set(roadmap.steps.content().values_list("state", flat=True)) == {Step.State.WAITING}


def test_retry_takes_up_what_could_not_be_written_again():
    roadmap = make_written_roadmap()
    roadmap.steps.filter(kind="quiz").update(is_rewrite=True, wish="Harder", last_error="HTTP 500")
    waiting = roadmap.steps.filter(kind="quiz").count()

    assert run("retry", roadmap.slug).endswith(f"Ready (to be written again: {waiting})\n")
    assert run("retry", roadmap.slug).endswith("Ready (nothing to do)\n")

    assert set(roadmap.steps.waiting().values_list("kind", "wish")) == {("quiz", "Harder")}


def test_a_refused_decision_is_status_1():
    roadmap = make_roadmap()

    with pytest.raises(CommandError, match="nothing to approve") as caught:
        run("approve", roadmap.slug)

    assert caught.value.returncode == 1


def test_show_prints_the_outline_with_the_state_of_every_piece():
    roadmap = make_written_roadmap(concepts=2)
    roadmap.steps.filter(concept__key="c-1-1-2", kind="quiz").update(state=Step.State.FAILED)

    shown = run("show", roadmap.slug)

    assert f"{roadmap}: Ready" in shown
    assert "    c-1-1-1 Concept 1 (Tutorial: Done, Resources: Done, Quiz: Done)\n" in shown
    assert "    c-1-1-2 Concept 2 (Tutorial: Done, Resources: Done, Quiz: Failed)\n" in shown


def test_a_concept_that_is_not_there_is_said():
    with pytest.raises(CommandError, match="no concept “c-9-9-9”") as caught:
        run("show", make_written_roadmap().slug, "c-9-9-9")

    assert caught.value.returncode == 2


def test_list_shows_all_and_failing_shows_why(django_assert_num_queries):
    ready = make_written_roadmap()
    undesigned = make_roadmap(state=Roadmap.State.FAILED, notice="The goal was not understood.")
    partly = make_written_roadmap(state=Roadmap.State.PARTLY_READY)
    partly.steps.filter(kind="quiz").update(state=Step.State.FAILED, last_error="no answer")
    again = make_written_roadmap(concepts=2)
    again.steps.filter(kind="quiz").update(last_error="no answer either")
    deleted = make_written_roadmap(owner=make_user(), steps=Step.State.FAILED)
    deciding.delete(deleted.pk)

    everything = run("list")
    with django_assert_num_queries(2):
        failing = run("list", "--failing")

    assert [line.split()[0] for line in everything.splitlines()] == [
        again.slug,
        partly.slug,
        undesigned.slug,
        ready.slug,
    ]
    assert failing.splitlines() == [
        f"{again.slug}  {again.owner}  Ready",
        "    2 × no answer either (an earlier version stands)",
        f"{partly.slug}  {partly.owner}  Partly ready",
        "    3 × no answer",
        f"{undesigned.slug}  {undesigned.owner}  Failed",
        "    1 × The goal was not understood.",
    ]


@pytest.mark.parametrize("state", [Roadmap.State.PARTLY_READY, Roadmap.State.FAILED, Roadmap.State.CANCELLED])
def test_follow_ends_with_1_where_the_roadmap_did_not_become_ready(state):
    roadmap = make_written_roadmap(state=state)

    with pytest.raises(SystemExit) as caught:
        run("follow", roadmap.slug)

    assert caught.value.code == 1


def test_follow_ends_where_a_person_has_to_decide(capsys):
    roadmap = make_roadmap_in_review()

    with pytest.raises(SystemExit) as caught:
        call_command("roadmap", "follow", roadmap.slug)

    assert caught.value.code == 1
    assert f"roadmap approve {roadmap.slug}" in capsys.readouterr().out


class Finishing(io.StringIO):
    """An output whose reader finishes the roadmap at the first line, as a worker would while the command waits."""

    def write(self, text: str) -> int:
        Roadmap.objects.filter(state=Roadmap.State.WRITING).update(state=Roadmap.State.READY)
        return super().write(text)


@pytest.mark.django_db(transaction=True)
def test_follow_holds_no_connection_while_it_waits(monkeypatch):
    roadmap = make_written_roadmap(state=Roadmap.State.WRITING)
    held = []
    monkeypatch.setattr("time.sleep", lambda seconds: held.append((seconds, open_connections())))
    out = Finishing()

    call_command("roadmap", "follow", roadmap.slug, "--every", "0.5", stdout=out)

    assert held == [(0.5, 0)]
    assert out.getvalue().splitlines() == [
        "[########################] 9 of 9 pieces  Writing",
        "[########################] 9 of 9 pieces  Ready",
        f"{roadmap}: Ready",
    ]


@pytest.fixture
def waited(monkeypatch) -> Iterator[list[float]]:
    """How long was waited each time; the database is away from the first time on, and back after the third."""
    seconds: list[float] = []
    port = connection.settings_dict["PORT"]

    def wait(for_seconds: float) -> None:
        seconds.append(for_seconds)
        connection.settings_dict["PORT"] = "1" if len(seconds) < 3 else port

    monkeypatch.setattr("time.sleep", wait)
    yield seconds
    connection.settings_dict["PORT"] = port


@pytest.mark.django_db(transaction=True)
def test_follow_waits_for_a_database_that_restarts_and_says_so_beside_the_progress(waited):
    roadmap = make_written_roadmap(state=Roadmap.State.WRITING)
    out, aside = Finishing(), io.StringIO()

    call_command("roadmap", "follow", roadmap.slug, stdout=out, stderr=aside)

    assert len(waited) == 3
    assert out.getvalue().splitlines()[-1] == f"{roadmap}: Ready"
    said = [line for line in aside.getvalue().splitlines() if "The database" in line]
    assert said[0].startswith("The database does not answer, and is waited for: ")
    assert said[1:] == ["The database answers again."]


@pytest.mark.django_db(transaction=True)
def test_follow_does_not_wait_for_ever(waited, monkeypatch):
    roadmap = make_written_roadmap(state=Roadmap.State.WRITING)
    monkeypatch.setattr("roadmaps.management.commands.roadmap.LONGEST_OUTAGE", 0)

    with pytest.raises(CommandError, match="The database cannot be asked") as caught:
        call_command("roadmap", "follow", roadmap.slug, stdout=io.StringIO(), stderr=io.StringIO())

    assert (caught.value.returncode, len(waited)) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_D10_follow_says_once_that_nobody_picks_up_what_waits_and_when_somebody_does(monkeypatch):
    roadmap = make_written_roadmap(state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=1)
    roadmap.steps.update(created_at=timezone.now() - timedelta(minutes=3))
    looks = []

    def wait(_: float) -> None:
        looks.append(1)
        if len(looks) == 3:
            in_thread(heartbeats.picked_up, "content").result()
        if len(looks) == 4:
            in_thread(deciding.cancel, roadmap.pk).result()

    monkeypatch.setattr("time.sleep", wait)
    aside = io.StringIO()

    with pytest.raises(SystemExit):
        call_command("roadmap", "follow", roadmap.slug, stdout=io.StringIO(), stderr=aside)

    assert aside.getvalue().splitlines() == [
        "Nobody picks up what waits in the content queue. Start its cluster: Q_CLUSTER_NAME=content manage.py qcluster",
        "What waited is picked up again.",
    ]


def production() -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name not in ("DEBUG", "LOG_LEVEL")},
        "SECRET_KEY": settings.SECRET_KEY + "not-only-for-development",
        "DATABASE_URL": database_url(),
        "LLM_PROVIDER": "library",
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_who_has_had_enough_ends_it_without_a_word(unbuffered):
    make_roadmap()
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [sys.executable, "manage.py", "roadmap", "list"],
        cwd=ROOT, env={**production(), "PYTHONUNBUFFERED": unbuffered}, stdout=writing, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.django_db(transaction=True)
def test_in_production_create_and_follow_say_their_words_alone_and_end_with_0_when_all_is_written(person, library):
    command = subprocess.Popen(
        [
            sys.executable,
            "manage.py",
            "roadmap",
            "create",
            "Learn SQL",
            "--owner",
            "ada",
            "--skip-review",
            "--follow",
            "--every",
            "0.5",
        ],
        cwd=ROOT,
        env=production(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert command.stdout
        slug = command.stdout.readline().strip()
        for queue in ("workflow", "content"):
            draining.drain(queue)
        out, errors = command.communicate(timeout=60)
    finally:
        command.kill()
        command.wait()

    roadmap = Roadmap.objects.get(slug__endswith=slug[-8:])
    assert (command.returncode, roadmap.state) == (0, Roadmap.State.READY), errors
    assert out.splitlines()[-1] == f"{roadmap}: Ready"
    assert errors == ""


def test_a_concept_is_read_at_the_terminal_with_what_is_right_in_its_quiz(person):
    roadmap = make_written_roadmap(owner=person, concepts=2)
    first, second = roadmap.concepts.order_by("position")
    second.prerequisites.add(first)
    make_tutorial(concept=second, markdown=f"## Overview\n\nAfter [the first](concept:{first.key}).")
    make_resources(concept=second)
    make_quiz(concept=second)

    shown = run("show", roadmap.slug, second.key)

    assert f"# {second.name}\n" in shown
    assert f"Builds on [{first.name}]({first.key})\n" in shown
    assert f"After [the first]({first.key})." in shown
    assert "## Resources" in shown
    assert shown.index("## Quiz") < shown.index("## Answers")
    assert "Not written: Tutorial, Resources, Quiz." in run("show", roadmap.slug, first.key)


def test_an_export_to_the_standard_output_is_nothing_but_the_file(person, capfdbinary):
    roadmap = make_written_roadmap(owner=person, concepts=1)

    run("export", roadmap.slug, "--format", "json", "--output", "-")
    sys.stdout.flush()

    assert json.loads(capfdbinary.readouterr().out)["title"] == roadmap.title


@pytest.mark.parametrize(("form", "begins"), [("json", b"{"), ("markdown", b"PK"), ("epub", b"PK"), ("anki", b"#")])
def test_export_writes_everything_into_a_file(person, tmp_path, form, begins):
    roadmap = make_written_roadmap(owner=person, concepts=1)
    make_tutorial(concept=roadmap.concepts.get(), markdown="## Overview")
    there = tmp_path / "roadmap"

    said = run("export", roadmap.slug, "--format", form, "--output", str(there))

    assert there.read_bytes().startswith(begins)
    assert said.strip() == f"{there}: {there.stat().st_size} bytes"


def test_export_says_where_it_cannot_write(person, tmp_path):
    roadmap = make_written_roadmap(owner=person, concepts=1)

    with pytest.raises(CommandError, match="No such file or directory") as caught:
        run("export", roadmap.slug, "--output", str(tmp_path / "nowhere" / "roadmap"))

    assert caught.value.returncode == 2
