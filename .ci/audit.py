"""Are there known vulnerabilities in what the requirements pin? Asks the package index through pip-audit.

Fails for a vulnerability alone. Where the auditor or its data cannot be reached it says what was not looked at, so that
nobody takes silence for a clean bill.
"""

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

AUDITOR = "pip-audit~=2.10"
REQUIREMENTS = (
    "requirements.txt",
    "requirements-run.txt",
    "requirements-dev.txt",
    "tests/benchmarks/requirements.txt",
)
SECONDS = 240


def main() -> int:
    with tempfile.TemporaryDirectory() as place:
        try:
            packages = audited(Path(place))
        except (subprocess.SubprocessError, OSError, ValueError, KeyError) as error:
            print(f"audit: NOT DONE, {AUDITOR} could not be run here: {last_words(error)}")
            return 0
    return verdict(packages)


def audited(place: Path) -> list[dict]:
    """Of a throw-away environment: the auditor's own requirements are none of this project's."""
    venv.create(place / "env", with_pip=True)
    run(place / "env/bin/pip", "install", "--quiet", "--disable-pip-version-check", AUDITOR)
    found = place / "found.json"
    files = [word for each in REQUIREMENTS for word in ("--requirement", each)]
    arguments = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    run(place / "env/bin/pip-audit", *arguments, "--output", found, *files, fails_with=(0, 1))
    return json.loads(found.read_text())["dependencies"]


def run(*command: str | Path, fails_with: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode not in fails_with:
        raise subprocess.CalledProcessError(done.returncode, command, stderr=done.stderr)


def last_words(error: Exception) -> str:
    lines = str(getattr(error, "stderr", None) or error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__


def verdict(packages: list[dict]) -> int:
    skipped = sorted(each["name"] for each in packages if "skip_reason" in each)
    wrong = [each for each in packages if each.get("vulns")]
    for each in wrong:
        for known in each["vulns"]:
            fixed = ", ".join(known["fix_versions"]) or "no version yet"
            print(f"audit: {each['name']} {each['version']} has {known['id']}, mended in {fixed}")
    looked_at = len(packages) - len(skipped)
    print(f"audit: {looked_at} of {len(packages)} packages looked up, {len(wrong)} with known vulnerabilities")
    if skipped:
        which = ", ".join(skipped) if looked_at else "all of them"
        print(f"audit: NOT LOOKED UP, the index here has no data: {which}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
