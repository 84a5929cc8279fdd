"""What the gate says about known vulnerabilities, and what it says where it could not look."""

import runpy
import subprocess
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
        ([SOUND, WRONG], 1, "anyio 1.0 has PYSEC-2030-1, mended in 1.1"),
        ([SKIPPED, SOUND], 0, "NOT LOOKED UP, the index here has no data: nh3"),
        ([SKIPPED], 0, "NOT LOOKED UP, the index here has no data: all of them"),
    ],
)
def test_only_a_known_vulnerability_fails_and_nothing_passes_in_silence(capsys, packages, status, said):
    assert AUDIT["verdict"](packages) == status
    assert said in capsys.readouterr().out


def test_a_program_that_cannot_be_run_says_why():
    with pytest.raises(AUDIT["subprocess"].CalledProcessError) as failed:
        AUDIT["run"]("sh", "-c", "echo what is wrong >&2; exit 3")

    assert AUDIT["last_words"](failed.value) == "what is wrong"


def test_every_set_of_requirements_is_looked_at():
    tracked = subprocess.run(
        ["git", "ls-files", "*requirements*.txt"], cwd=settings.BASE_DIR, capture_output=True, text=True
    )

    assert sorted(AUDIT["REQUIREMENTS"]) == sorted(tracked.stdout.split())
