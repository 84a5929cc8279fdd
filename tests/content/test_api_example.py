"""The README's example is run as it stands, from the goal to the first tutorial."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from roadmap_project import api_tokens
from roadmaps.models import Roadmap
from roadmaps.steps import draining


@pytest.mark.django_db(transaction=True)
def test_the_readmes_example_reads_a_first_tutorial(live_server, person, library, tmp_path):
    readme = Path(settings.BASE_DIR, "README.md").read_text()
    example = re.search(r"<!-- example -->\n```python\n(.*?)```\n<!-- /example -->", readme, re.DOTALL)
    assert example
    assert len(example[1].strip().splitlines()) <= 22
    _, secret = api_tokens.make(user=person, name="the README")
    environment = {**os.environ, "ROADMAPS_URL": live_server.url, "ROADMAPS_TOKEN": secret}

    program = subprocess.Popen(
        [sys.executable, "-c", example[1]], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while program.poll() is None:
        draining.drain("workflow")
        draining.drain("content")
    printed, complaints = program.communicate()

    assert program.returncode == 0, complaints
    assert printed.startswith("## ")
    assert person.roadmaps.get().state == Roadmap.State.READY
