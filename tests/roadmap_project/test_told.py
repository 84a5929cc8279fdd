"""What is kept in English is told in the reader's language, whatever else stands in the same column."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from roadmap_project.library import sentences
from roadmap_project.told import DEEPEST, is_ours, told
from roadmaps.answers import OTHER_HOURS
from roadmaps.reshaping import REMOVED_FROM


def test_a_sentence_is_told_with_what_stands_in_its_gaps():
    sentence = OTHER_HOURS % {"key": "c-1-1-1", "difficulty": "easy", "least": 0.5, "most": 2, "hours": 9}

    with translation.override("zh-hans"):
        found = told(sentence)

    assert found != sentence
    assert [part in found for part in ("c-1-1-1", "0.5", "9")] == [True] * 3
    assert is_ours(sentence)


def test_between_quoted_names_stands_what_the_reader_writes_there_and_the_names_stay():
    sentence = REMOVED_FROM % {"name": "Tables, rows", "names": "“Keys, and why”, “Joins” …"}

    with translation.override("zh-hans"):
        found = told(sentence)

    assert ("“Tables, rows”" in found, "“Keys, and why”、“Joins” …" in found) == (True, True)
    assert told(sentence) == sentence


@pytest.mark.parametrize("words", ["a" + ": " * 500 + "means" + " means " * 140 + "z" + " to " * 240, "“" * 3000])
def test_a_persons_own_words_are_looked_through_in_linear_time(words):
    """They stand in the same columns, and may be made to be slow; tried with backtracking it took minutes."""
    began = time.process_time()

    assert told(words) == words

    assert time.process_time() - began < 2


def test_who_serves_pages_tells_whatever_any_process_keeps():
    """A sentence is known once its module is imported; in the tests' own process all of them are."""
    root = Path(settings.BASE_DIR)
    sources = [path for app in ("roadmap_project", "roadmaps", "content") for path in (root / app).rglob("*.py")]
    keeping = {
        ".".join(path.relative_to(root).with_suffix("").parts)
        for path in sources
        if re.search(r"\bkept\(\s*gettext_noop\(", path.read_text())
    }
    program = "import django, sys; django.setup(); import roadmap_project.urls; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)

    assert len(keeping) > 10
    assert keeping - set(done.stdout.split()) == set()


def test_what_looks_like_sentences_in_sentences_without_end_is_told_at_once():
    assert is_ours(sentences.NEW % {"names": "“x”"})
    deep = "New: " * 660 + "x" + "." * 660

    assert told(deep) == deep
    with translation.override("zh-hans"):
        assert told(deep).count("New: ") == 660 - DEEPEST
