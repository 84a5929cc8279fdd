"""One hour is one, and no other number is."""

import pytest
from django.utils import translation

from roadmap_project import lengths

SAID = [(1, "1 hour"), (0.5, "0.5 hours"), (1.25, "1.3 hours"), (2.0, "2 hours"), (1234, "1234 hours")]


@pytest.mark.parametrize(("number", "said"), SAID)
def test_hours_are_said_as_their_number_reads(number, said):
    assert lengths.hours(number) == said
    assert lengths.hours_a_week(number) == f"{said} a week"


def test_in_chinese_there_is_no_other_word_for_one():
    with translation.override("zh-hans"):
        assert [lengths.hours(1), lengths.hours_a_week(2)] == ["1 小时", "每周 2 小时"]
