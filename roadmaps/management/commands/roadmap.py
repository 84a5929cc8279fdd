"""manage.py roadmap: start, follow and steer roadmaps without a browser."""

import os
import shutil
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from roadmap_project.connections import LOST_CONNECTION, connection_released
from roadmaps import deciding, log_lines, operating, reading, starting
from roadmaps.deciding import RefusedError
from roadmaps.models import Roadmap

# By name: what takes a roadmap away belongs to an app that builds on this one.
FORMATS, DOCUMENT = "content.exporting.formats.FORMATS", "content.exporting.reading.for_owner"
CONCEPT_TEXT = "content.exporting.markdown.alone"

BAR = 24  # characters
DECISIONS: dict[str, Callable[[int], Roadmap]] = {
    "approve": deciding.approve,
    "retry": deciding.retry,
    "cancel": deciding.cancel,
}
LONGEST_OUTAGE = 600.0  # seconds that `follow` waits for a database that does not answer any more
READY, NOT_READY, USAGE, INTERRUPTED, NOBODY_READS = 0, 1, 2, 130, 141


class Command(BaseCommand):
    help = "Start, follow and steer roadmaps. Exit status: 0 done (follow: ready), 1 refused or not ready, 2 usage."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="start a roadmap from a goal")
        create.add_argument("goal")
        create.add_argument("--owner", required=True, metavar="USERNAME")
        create.add_argument("--level", choices=Roadmap.Level.values, default=Roadmap.Level.BEGINNER)
        create.add_argument("--hours", type=int, default=6, metavar="A_WEEK")
        create.add_argument("--skip-review", action="store_true", help="write without waiting for an approval")
        create.add_argument("--follow", action="store_true")
        follow = verbs.add_parser("follow", help="show the progress until nothing happens by itself any more")
        follow.add_argument("slug")
        for each in (create, follow):
            each.add_argument("--every", type=_seconds, default=2.0, metavar="SECONDS", help="between two looks")
        show = verbs.add_parser("show", help="the outline with the state of every piece, or a concept as Markdown")
        show.add_argument("slug")
        show.add_argument("concept", nargs="?", metavar="CONCEPT", help="like c-2-2-1")
        export = verbs.add_parser("export", help="everything that was written, as a file")
        export.add_argument("slug")
        export.add_argument("--format", choices=("epub", "markdown", "anki", "json"), default="json", dest="form")
        export.add_argument("--output", required=True, metavar="FILE", help="- is the standard output")
        for verb in DECISIONS:
            verbs.add_parser(verb, help=f"{verb} a roadmap").add_argument("slug")
        several = verbs.add_parser("list", help="all roadmaps, the newest first")
        several.add_argument("--failing", action="store_true", help="only those with failures, and why")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            status = self._decide(verb, **options) if verb in DECISIONS else getattr(self, f"_{verb}")(**options)
            self.stdout.flush()
        except RefusedError as error:
            raise CommandError(str(error), returncode=NOT_READY) from error
        except LOST_CONNECTION as error:
            raise CommandError(f"The database cannot be asked: {str(error).strip()}", returncode=NOT_READY) from error
        except KeyboardInterrupt:
            status = INTERRUPTED
        except BrokenPipeError:  # its reader, like `head`, has had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where the rest goes, at the exit too
            status = NOBODY_READS
        finally:
            log_lines.flush()
        if status:
            sys.exit(status)

    def _create(self, *, goal: str, owner: str, level: str, hours: int, skip_review: bool, **options: Any) -> int:
        user = get_user_model().objects.filter(username=owner).first()
        if user is None:
            raise CommandError(f"There is no user “{owner}”.", returncode=USAGE)
        wishes: dict[str, Any] = {"level": level, "hours_per_week": hours, "skips_review": skip_review}
        try:
            Roadmap(**wishes).clean_fields(exclude={"slug", "token", "owner", "goal"})
        except ValidationError as error:
            raise CommandError("--hours: " + " ".join(error.messages), returncode=USAGE) from error
        roadmap = starting.start(owner=user, goal=goal, **wishes)
        self.stdout.write(roadmap.slug)
        self.stdout.flush()
        return self._follow(slug=roadmap.slug, every=options["every"]) if options["follow"] else 0

    def _follow(self, *, slug: str, every: float, **_: Any) -> int:
        """One look is three or four short queries; no connection is held between two looks."""
        (roadmap, line, idle), shown = _look(slug), ""
        said: list[str] = []
        while True:
            if line != shown:
                self._rewrite(line)
                shown = line
            if not roadmap.is_changing:
                break
            if idle != said:
                self._say_unserved(idle)
                said = idle
            roadmap, line, idle = self._next_look(slug, every)
        return self._end(roadmap)

    def _say_unserved(self, queues: list[str]) -> None:
        for queue in queues:
            self._say_aside(
                f"Nobody picks up what waits in the {queue} queue. Start its cluster: "
                f"Q_CLUSTER_NAME={queue} manage.py qcluster"
            )
        if not queues:
            self._say_aside("What waited is picked up again.")

    def _next_look(self, slug: str, every: float) -> tuple[Roadmap, str, list[str]]:
        """A database that restarts is waited for; one that stays away so long raises what the last look met."""
        away_since = None
        while True:
            with connection_released():
                time.sleep(every)
            try:
                look = _look(slug)
            except LOST_CONNECTION as error:
                if away_since is None:
                    away_since = time.monotonic()
                    self._say_aside(f"The database does not answer, and is waited for: {str(error).strip()}")
                if time.monotonic() - away_since >= LONGEST_OUTAGE:
                    raise
            else:
                if away_since is not None:
                    self._say_aside("The database answers again.")
                return look

    def _say_aside(self, words: str) -> None:
        if self.stdout.isatty():
            self.stdout.write("")  # below the line that is rewritten in place
            self.stdout.flush()
        self.stderr.write(words)

    def _rewrite(self, line: str) -> None:
        """In place on a terminal, else a line for every change."""
        if self.stdout.isatty():
            width = shutil.get_terminal_size().columns - 1
            self.stdout.write("\r" + line[:width].ljust(width), ending="")
        else:
            self.stdout.write(line)
        self.stdout.flush()  # whoever reads it through a pipe follows, too

    def _end(self, roadmap: Roadmap) -> int:
        if self.stdout.isatty():
            self.stdout.write("")
        self.stdout.write(f"{roadmap}: {roadmap.get_state_display()}")
        if roadmap.notice:
            self.stdout.write(roadmap.notice)
        if roadmap.state == Roadmap.State.IN_REVIEW:
            self.stdout.write(f"Look at it with “roadmap show {roadmap.slug}”, then “roadmap approve {roadmap.slug}”.")
        return READY if roadmap.state == Roadmap.State.READY else NOT_READY

    def _show(self, *, slug: str, concept: str | None, **_: Any) -> int:
        return self._print(_found(slug), concept) if concept else self._outline(_found(slug))

    def _print(self, roadmap: Roadmap, key: str) -> int:
        if not roadmap.concepts.filter(key=key).exists():
            raise CommandError(f"There is no concept “{key}” in “{roadmap.slug}”.", returncode=USAGE)
        self.stdout.write(import_string(CONCEPT_TEXT)(import_string(DOCUMENT)(roadmap), key))
        return 0

    def _outline(self, roadmap: Roadmap) -> int:
        page = reading.page(roadmap)
        self.stdout.write(f"{page.roadmap}: {page.roadmap.get_state_display()}")
        for stage in page.stages:
            self.stdout.write(f"\n{stage.name}")
            for module in stage.modules:
                self.stdout.write(f"  {module.name}")
                for line in module.concepts:
                    pieces = ", ".join(f"{each.get_kind_display()}: {each.get_state_display()}" for each in line.pieces)
                    self.stdout.write(f"    {line.concept}" + (f" ({pieces})" if pieces else ""))
        return 0

    def _export(self, *, slug: str, form: str, output: str, **_: Any) -> int:
        written = import_string(FORMATS)[form].write(import_string(DOCUMENT)(_found(slug)))
        if output == "-":
            sys.stdout.buffer.write(written)
            return 0
        try:
            Path(output).write_bytes(written)
        except OSError as error:
            raise CommandError(f"{output}: {error.strerror}", returncode=USAGE) from error
        self.stdout.write(f"{output}: {len(written)} bytes")
        return 0

    def _decide(self, verb: str, *, slug: str, **_: Any) -> int:
        """What was decided before, or fits no more, is no failure, and not said to have been done."""
        before = _found(slug)
        roadmap, again = deciding.retry_all(before.pk) if verb == "retry" else (DECISIONS[verb](before.pk), 0)
        idle = " (nothing to do)" if roadmap.state == before.state and not again else ""
        told = f" (to be written again: {again})" if again else idle
        self.stdout.write(f"{roadmap.slug}: {roadmap.get_state_display()}{told}")
        return 0

    def _list(self, *, failing: bool, **_: Any) -> int:
        if not failing:
            for roadmap in Roadmap.objects.kept().select_related("owner").iterator():
                self.stdout.write(_line(roadmap))
            return 0
        for roadmap, reasons in operating.failing():
            self.stdout.write(_line(roadmap))
            for reason, count in reasons:
                self.stdout.write(f"    {count} × {reason}")
        return 0


def _seconds(text: str) -> float:
    if text.replace(".", "", 1).isdecimal() and 0.5 <= float(text) <= 3600:
        return float(text)
    raise ArgumentTypeError(f"{text} is not a number from 0.5 to 3600")


def _line(roadmap: Roadmap) -> str:
    return f"{roadmap.slug}  {roadmap.owner}  {roadmap.get_state_display()}"


def _found(slug: str) -> Roadmap:
    roadmap = operating.found(slug)
    if roadmap is None:
        raise CommandError(f"There is no roadmap “{slug}”.", returncode=USAGE)
    return roadmap


def _look(slug: str) -> tuple[Roadmap, str, list[str]]:
    """How it stands, in a line too; and the queues in which it waits for nobody."""
    roadmap = _found(slug)
    return roadmap, _progress(roadmap), [each.queue for each in reading.unserved(roadmap)]


def _progress(roadmap: Roadmap) -> str:
    pieces = operating.count_pieces(roadmap)
    if not pieces.all:
        return roadmap.get_state_display()
    bar = ("#" * (BAR * pieces.done // pieces.all)).ljust(BAR, ".")
    failed = f", {pieces.failed} failed" if pieces.failed else ""
    return f"[{bar}] {pieces.done} of {pieces.all} pieces{failed}  {roadmap.get_state_display()}"
