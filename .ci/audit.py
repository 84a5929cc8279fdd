"""Are there known vulnerabilities in what the requirements pin? Asks the package index through pip-audit.

Fails for a vulnerability alone. Where the auditor or its data cannot be reached, or not in time, it says what happened,
what was not looked at and what to do, so that nobody takes silence for a clean bill.
"""

import json
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path

AUDITOR = "pip-audit~=2.10"
REQUIREMENTS = (
    "requirements.txt",
    "requirements-run.txt",
    "requirements-dev.txt",
    "tests/benchmarks/requirements.txt",
)
SECONDS = 180  # for all of it
TO_DO = (
    "before a release, run `make audit` where the public package index itself answers; most mirrors have no such data"
)


def main() -> int:
    found: list[dict] = []
    problem = ""
    with tempfile.TemporaryDirectory() as place:
        try:
            for packages in audited(Path(place), time.monotonic() + SECONDS):
                found += packages
        except NotAuditedError as error:
            problem = str(error)
    status = 0 if problem and not found else verdict(told_once(found))
    if problem:
        unknown = "the rest is unknown" if found else "nothing is known about vulnerabilities"
        print(f"audit: NOT DONE, {unknown}: {problem}")
        print(f"audit: {TO_DO}")
    return status


def told_once(found: list[dict]) -> list[dict]:
    """Several sets of requirements pin the same."""
    return list({(each["name"], each.get("version")): each for each in found}.values())


class NotAuditedError(Exception):
    """A step failed; the text says which, and its own last words."""


def audited(place: Path, until: float) -> Iterator[list[dict]]:
    """Of a throw-away environment: the auditor's own requirements are none of this project's. `until` is monotonic."""
    try:
        venv.create(place / "env", with_pip=True)
    except (subprocess.SubprocessError, OSError) as error:
        raise NotAuditedError(f"no environment could be made for {AUDITOR} ({error})") from error
    pip = ["install", "--quiet", "--disable-pip-version-check", AUDITOR]
    run(f"{AUDITOR} could not be installed from the package index", place / "env/bin/pip", *pip, until=until)
    for each in REQUIREMENTS:  # one at a time: of two that pin the same package it takes none
        yield audited_one(place, each, until)


def audited_one(place: Path, requirements: str, until: float) -> list[dict]:
    found = place / "found.json"
    found.unlink(missing_ok=True)
    arguments = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    asking = f"{AUDITOR} ran and gave no answer about {requirements}"
    pip_audit = place / "env/bin/pip-audit"
    arguments += ["--output", str(found), "--requirement", requirements]
    said = run(asking, pip_audit, *arguments, fails_with=(0, 1), until=until)
    try:
        return json.loads(found.read_text())["dependencies"]
    except (OSError, ValueError, KeyError) as error:  # it fails with 1 both for what it found and for what went wrong
        raise NotAuditedError(f"{asking} ({last_words(said) or error})") from error


def run(what_failed: str, *command: str | Path, until: float, fails_with: tuple[int, ...] = (0,)) -> str:
    """What it said on stderr. Raises NotAuditedError."""
    try:
        rest = max(0.0, until - time.monotonic())
        done = subprocess.run(command, capture_output=True, text=True, timeout=rest, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotAuditedError(f"{what_failed} within {SECONDS} seconds, which all of it may take") from error
    except OSError as error:
        raise NotAuditedError(f"{what_failed} ({error})") from error
    if done.returncode not in fails_with:
        raise NotAuditedError(f"{what_failed} ({last_words(done.stderr) or f'status {done.returncode}'})")
    return done.stderr


def last_words(said: str) -> str:
    """The last line, which of a traceback or of pip is what went wrong."""
    lines = said.strip().splitlines()
    return lines[-1].strip()[:300] if lines else ""


def verdict(packages: list[dict]) -> int:
    skipped = sorted(each["name"] for each in packages if "skip_reason" in each)
    wrong = [each for each in packages if each.get("vulns")]
    for each in wrong:
        for known in each["vulns"]:
            fixed = ", ".join(known["fix_versions"]) or "no version yet"
            print(f"audit: VULNERABLE, {each['name']} {each['version']} has {known['id']}, mended in {fixed}")
    looked_at = len(packages) - len(skipped)
    print(f"audit: {looked_at} of {len(packages)} packages looked up, {len(wrong)} with known vulnerabilities")
    if skipped:
        which = ", ".join(skipped) if looked_at else "all of them"
        print(f"audit: NOT LOOKED UP, the index here has no data: {which}")
        print(f"audit: {TO_DO}")
    if wrong:
        print("audit: raise these in pyproject.toml, run `make lock`, then `make audit` again")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
