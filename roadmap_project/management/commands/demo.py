"""manage.py demo: see the whole system work, then leave nothing running."""

import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from roadmap_project.demo import Demo, DemoError
from roadmap_project.fleet import Fleet, FleetError

# By name: what there is to see belongs to an app that builds on this package.
SIGHT = "content.demonstrating.SIGHT"


class Command(BaseCommand):
    help = "Make a sample roadmap from a goal to finished content with the real processes, and show it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("goal", nargs="?", default="Learn Python programming")

    def handle(self, *args: Any, **options: Any) -> None:
        with tempfile.TemporaryDirectory(prefix="roadmaps-demo-") as logs:
            fleet = Fleet(logs=Path(logs), environment={})
            try:
                fleet.release()
                with fleet:
                    is_good = Demo(fleet, import_string(SIGHT)).run(options["goal"])
            except (DemoError, FleetError) as error:
                raise CommandError(str(error)) from error
            except KeyboardInterrupt:
                raise CommandError("Interrupted; everything is stopped.", returncode=130) from None
        sys.exit(0 if is_good else 1)
