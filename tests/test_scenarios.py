"""Every scenario has a test that is named after it, and the table at the end of a run tells the truth."""

import ast
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.scenarios import SCENARIOS, id_of, table


def names_of_tests() -> Iterator[str]:
    for path in Path(__file__).parent.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node.name


def test_every_scenario_has_a_test_and_no_test_is_named_after_another():
    named = {found for name in names_of_tests() if (found := id_of(name))}

    assert sorted(set(SCENARIOS) - named) == [], "scenarios without a test"
    assert sorted(named - set(SCENARIOS)) == [], "tests of scenarios that are not in the list"


@pytest.mark.parametrize(
    ("test", "scenario"),
    [
        ("tests/system/test_deaths.py::test_D3_after_a_death[idle worker]", "D3"),
        ("tests/x.py::TestThat::test_C10_it", "C10"),
        ("tests/x.py::test_A6_a_link[http://[::1]:80/]", "A6"),
        ("test_D3_it", "D3"),
        ("tests/x.py::test_E001_is_a_checks_id", None),
        ("tests/x.py::test_that_a_D3_is_not_meant", None),
    ],
)
def test_a_scenario_is_read_from_the_beginning_of_a_tests_name(test, scenario):
    assert id_of(test) == scenario


def test_the_table_counts_each_test_once_and_shows_a_failure():
    def report(name):
        return SimpleNamespace(nodeid=f"tests/x.py::{name}")

    lines = table(
        {
            "passed": [report("test_D3_one"), report("test_D3_two"), report("test_D4_one")],
            "error": [report("test_D3_two")],  # passed, and then its fixture's end failed
            "skipped": [report("test_A16_one")],
        }
    )

    assert [line.split()[:2] for line in lines] == [["A16", "skipped"], ["D3", "FAILED"], ["D4", "passed"]]
    assert "(1 error, 1 passed)" in lines[1]
