"""Do the README and .env.example say what the code reads?"""

import logging
import re
from pathlib import Path

import pytest
from django.conf import settings

from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.counting import table
from roadmap_project.environment import Environment
from roadmap_project.logs import without_personal_words

ROOT = Path(settings.BASE_DIR)
READ = re.compile(
    r"""env\.(?:text|words|flag|whole|fraction|decimal|choice|database|mail)\(\s*f?["']([A-Z][A-Z_{}a-z().]*)["']"""
)


def test_every_variable_that_is_read_is_described():
    sources = [*ROOT.glob("roadmap_project/*.py")]
    read = {name for path in sources for name in READ.findall(path.read_text()) if "{" not in name}
    described = set(re.findall(r"^#? ?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert len(read) > 20
    assert read <= described


def test_no_variable_is_described_that_nothing_reads():
    code = "\n".join(path.read_text() for path in ROOT.glob("roadmap_project/**/*.py"))
    described = re.findall(r"^#? ?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)

    unread = [name for name in described if name not in code and not re.match(r"(LOGS|CONTENT|WORKFLOW)_", name)]
    assert [name for name in unread if not re.match(r"OPENAI_MODEL_|LLM_PRICE_(IN|OUT)PUT_", name)] == []


def test_the_readmes_table_is_the_budgets():
    shown = re.search(r"<!-- budget -->\n```\n(.*?)\n```", (ROOT / "README.md").read_text(), re.DOTALL)

    assert shown
    assert shown[1] == table(ConnectionBudget.from_environment(Environment({})))


FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^    (\S.*)$", re.MULTILINE)


def facts(section: str) -> dict[str, object]:
    """What a translation leaves as it is: names in code, numbers, the commands of blocks, how long tables are."""
    fences, unfenced = FENCED.findall(section), FENCED.sub("", section)
    commands = [line for _, block in fences for line in block.splitlines()] + INDENTED.findall(unfenced)
    return {
        "names": {" ".join(name.split()) for name in re.findall(r"`([^`]+)`", INDENTED.sub("", unfenced))},
        "numbers": set(re.findall(r"\d+(?:[.,]\d+)*", section)),
        "commands": [re.split(r" {2,}", line)[0] for line in commands],
        "programs": [block for language, block in fences if language],
        "rows": len(re.findall(r"^\|", section, re.MULTILINE)),
    }


@pytest.mark.parametrize(("folder", "sections"), [(".", 7), ("tests/benchmarks", 2)])
def test_both_readmes_say_the_same_section_by_section(folder, sections):
    english, chinese = (
        re.split(r"^## .*$", (ROOT / folder / name).read_text(), flags=re.MULTILINE)
        for name in ("README.md", "README.zh-CN.md")
    )

    assert [facts(section) for section in chinese] == [facts(section) for section in english]
    assert len(english) - 1 == sections


def test_what_the_readmes_point_to_is_there():
    readmes = [*ROOT.glob("README*.md"), *ROOT.glob("tests/benchmarks/README*.md")]
    pointed = {each: re.findall(r"\]\(([^)#:]+)\)", each.read_text()) for each in readmes}

    assert [name for each, names in pointed.items() for name in names if not (each.parent / name).is_file()] == []
    assert sum(map(len, pointed.values())) >= 6


def test_the_readmes_variables_are_described_in_the_example():
    described = (ROOT / ".env.example").read_text()
    table_rows = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| `")]
    named = {name for line in table_rows for name in re.findall(r"`([A-Z][A-Z_]{4,})`", line.split("|")[1])}

    assert len(named) > 20
    assert [name for name in sorted(named) if f"{name}=" not in described] == []


def test_the_example_can_be_copied_as_it_is(tmp_path):
    """A comment behind a value would become the value: a secret key that everybody knows."""
    copy = tmp_path / ".env"
    copy.write_text(re.sub(r"^# ([A-Z][A-Z_]+=)", r"\1", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))

    read = dict(line.split("=", 1) for line in copy.read_text().splitlines() if re.match(r"[A-Z_]+=", line))

    assert len(read) > 50
    assert [name for name, value in read.items() if "#" in value] == []
    assert read["SECRET_KEY"] == ""


def test_sentry_is_told_names_and_ids_and_no_personal_words():
    record = logging.LogRecord(
        "roadmaps", logging.ERROR, "x.py", 1, {"event": "step_failed", "message": "my goal", "step": 3}, None, None
    )

    event = without_personal_words(
        {"logentry": {"message": "my goal"}, "extra": {"message": "my goal"}}, {"log_record": record}
    )

    assert event == {"logentry": {"message": "step_failed"}, "tags": {"step": "3"}}
