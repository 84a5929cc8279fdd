"""What is kept in English is told in the reader's language, whatever else stands in the same column."""

import time

import pytest
from django.utils import translation

from roadmap_project.told import is_ours, told
from roadmaps.answers import OTHER_HOURS


def test_a_sentence_is_told_with_what_stands_in_its_gaps():
    sentence = OTHER_HOURS % {"key": "c-1-1-1", "difficulty": "easy", "least": 0.5, "most": 2, "hours": 9}

    with translation.override("zh-hans"):
        found = told(sentence)

    assert found != sentence
    assert [part in found for part in ("c-1-1-1", "0.5", "9")] == [True] * 3
    assert is_ours(sentence)


@pytest.mark.parametrize("words", ["a" + ": " * 500 + "means" + " means " * 140 + "z" + " to " * 240, "“" * 3000])
def test_a_persons_own_words_are_looked_through_in_linear_time(words):
    """They stand in the same columns, and may be made to be slow; tried with backtracking it took minutes."""
    began = time.process_time()

    assert told(words) == words

    assert time.process_time() - began < 2
