"""python -m tests.released_migrations: note the migrations that are new; from then on nobody changes them."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).parent.parent
NOTED = Path(__file__).with_suffix(".txt")


def there() -> dict[str, str]:
    """The hash of every migration's text, by its path."""
    paths = sorted(ROOT.glob("*/migrations/[0-9]*.py"))
    return {path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def noted() -> dict[str, str]:
    lines = (line.split() for line in NOTED.read_text().splitlines())
    return {path: digest for digest, path in lines}


def main() -> None:
    """Adds lines and changes none."""
    lines = {**there(), **noted()}
    NOTED.write_text("".join(f"{digest}  {path}\n" for path, digest in sorted(lines.items())))


if __name__ == "__main__":
    main()
