"""What the gate says about known vulnerabilities, and what it says where it could not look."""

import json
import runpy
import subprocess
import time
from pathlib import Path

import pytest
from django.conf import settings

AUDIT = runpy.run_path(str(Path(settings.BASE_DIR, ".ci/audit.py")))
SOUND = {"name": "django", "version": "5.2", "vulns": []}
SKIPPED = {"name": "nh3", "skip_reason": "no such project"}
WRONG = {"name": "anyio", "version": "1.0", "vulns": [{"id": "PYSEC-2030-1", "fix_versions": ["1.1"]}]}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([SOUND], 0, "1 of 1 packages looked up, 0 with known vulnerabilities"),
        ([SOUND, WRONG], 1, "VULNERABLE, anyio 1.0 has PYSEC-2030-1, mended in 1.1"),
        ([SKIPPED, SOUND], 0, "NOT LOOKED UP, the index here has no data: nh3"),
        ([SKIPPED], 0, "NOT LOOKED UP, the index here has no data: all of them"),
    ],
)
def test_only_a_known_vulnerability_fails_and_nothing_passes_in_silence(capsys, packages, status, said):
    assert AUDIT["verdict"](packages) == status
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("packages", "advised"),
    [
        ([SOUND], []),
        ([WRONG], ["pyproject.toml"]),
        ([SKIPPED], ["public package index"]),
        ([SKIPPED, WRONG], ["public package index", "lock"]),
    ],
)
def test_what_is_to_be_done_is_said_where_there_is_something(capsys, packages, advised):
    AUDIT["verdict"](packages)

    said = capsys.readouterr().out
    assert all(word in said for word in advised)
    assert ("make audit" in said) == bool(advised)


def run(command, *, seconds=20.0):
    return AUDIT["run"]("It failed", "sh", "-c", command, until=time.monotonic() + seconds)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo first >&2; echo what is wrong >&2; exit 3", "It failed (what is wrong)"),
        ("exit 3", "It failed (status 3)"),
    ],
)
def test_a_program_that_fails_says_why(command, said):
    with pytest.raises(AUDIT["NotAuditedError"]) as failed:
        run(command)

    assert str(failed.value) == said


def test_a_program_that_is_not_there_says_so():
    with pytest.raises(AUDIT["NotAuditedError"], match=r"^It failed \(.*No such file"):
        AUDIT["run"]("It failed", "/nowhere/pip", until=time.monotonic() + 20)


@pytest.mark.parametrize("seconds", [0.1, -1.0])
def test_one_that_hangs_is_ended_when_the_time_for_all_is_over(seconds):
    began = time.monotonic()

    with pytest.raises(AUDIT["NotAuditedError"], match=r"^It failed within 180 seconds"):
        run("sleep 30", seconds=seconds)

    assert time.monotonic() - began < 10


PIP_AUDIT = """#!/bin/sh
while [ "$1" != --output ]; do shift; done
%s
"""


@pytest.mark.parametrize(
    ("pip", "pip_audit", "status", "said"),
    [
        (
            "echo 'No matching distribution' >&2; exit 1",
            "",
            0,
            "could not be installed from the package index (No match",
        ),
        (
            "exit 0",
            "echo 'ConnectionError: no route' >&2; exit 1",
            0,
            "gave no answer about requirements.txt (ConnectionEr",
        ),
        ("exit 0", "echo '{}' > $2", 0, "gave no answer about requirements.txt ('dependencies')"),
        ("exit 0", """echo '{"dependencies": []}' > $2""", 0, "0 of 0 packages looked up"),
        ("exit 0", f"""echo '{json.dumps({"dependencies": [WRONG]})}' > $2; exit 1""", 1, "VULNERABLE, anyio 1.0"),
    ],
)
def test_unreachable_is_told_from_vulnerable(capsys, monkeypatch, pip, pip_audit, status, said):
    """pip-audit's own status is 1 for both; what a stranger reads is not."""
    install(monkeypatch, pip=pip, pip_audit=pip_audit)

    assert AUDIT["main"]() == status
    told = capsys.readouterr().out
    assert said in told
    assert ("NOT DONE, nothing is known" in told) == ("looked up" not in told) == ("public package index" in told)


def install(monkeypatch, *, pip, pip_audit):
    """Programs that do this instead."""

    def make(place, **_):
        (place / "bin").mkdir(parents=True)
        for name, script in (("pip", f"#!/bin/sh\n{pip}\n"), ("pip-audit", PIP_AUDIT % pip_audit)):
            (place / "bin" / name).write_text(script)
            (place / "bin" / name).chmod(0o755)

    monkeypatch.setattr(AUDIT["venv"], "create", make)


@pytest.mark.parametrize(("package", "status"), [(WRONG, 1), (SOUND, 0)])
def test_what_was_found_before_the_index_went_away_counts(capsys, monkeypatch, package, status):
    first = json.dumps({"dependencies": [package]})
    answers = f"""[ "$4" = requirements.txt ] && echo '{first}' > $2 && exit; echo gone >&2; exit 1"""
    install(monkeypatch, pip="exit 0", pip_audit=answers)

    assert AUDIT["main"]() == status
    told = capsys.readouterr().out
    assert f"1 of 1 packages looked up, {status} with known vulnerabilities" in told
    assert "NOT DONE, the rest is unknown: pip-audit~=2.10 ran and gave no answer about requirements-run.txt" in told


def test_no_two_sets_of_requirements_are_audited_at_once(monkeypatch, capsys):
    """pip-audit takes none of two that pin the same package, as ours do; what is found in several is told once."""
    asked = []

    def answer(_, *command, **__):
        if "--requirement" in command:
            asked.append([command[at + 1] for at, word in enumerate(command) if word == "--requirement"])
            Path(command[command.index("--output") + 1]).write_text(json.dumps({"dependencies": [SOUND]}))
        return ""

    monkeypatch.setitem(AUDIT["audited"].__globals__, "run", answer)
    monkeypatch.setattr(AUDIT["venv"], "create", lambda *_, **__: None)

    assert AUDIT["main"]() == 0
    assert "1 of 1 packages looked up" in capsys.readouterr().out
    assert asked == [[each] for each in AUDIT["REQUIREMENTS"]]


def test_every_set_of_requirements_is_looked_at():
    tracked = subprocess.run(
        ["git", "ls-files", "*requirements*.txt"], cwd=settings.BASE_DIR, capture_output=True, text=True
    )

    assert sorted(AUDIT["REQUIREMENTS"]) == sorted(tracked.stdout.split())
