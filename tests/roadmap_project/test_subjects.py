"""The bundled subjects: their shape, and every worked example run, its output compared to the letter."""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from content.answers import LIBRARY_LIMITS, SCAFFOLD_LIMITS, QuestionAnswer, QuizAnswer, ResourceAnswer, url_problem
from roadmap_project.library.subjects import FOLDER, SCAFFOLD, SubjectConcept, concept, subject, subjects
from roadmaps.answers import HOURS_BY_DIFFICULTY

CURATED = tuple(each.key for each in subjects())
EVERY = (*CURATED, SCAFFOLD)
CONCEPTS = [(key, name) for key in EVERY for name in subject(key).order]
HEADINGS = ["Overview", "An analogy", "Core ideas", "Worked example", "Exercise", "Summary"]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RUNNABLE = ("python", "js", "sql")

each_subject = pytest.mark.parametrize("key", EVERY)
each_concept = pytest.mark.parametrize(("key", "name"), CONCEPTS, ids=[f"{key}/{name}" for key, name in CONCEPTS])


def sections(markdown: str) -> dict[str, str]:
    """The text under each level-2 heading, in order; `##` inside code is none."""
    found: dict[str, str] = {"": ""}
    here, in_code = "", False
    for line in markdown.splitlines(keepends=True):
        in_code = in_code ^ line.startswith("```")
        if line.startswith("## ") and not in_code:
            here = line.removeprefix("## ").strip()
            assert here not in found, f"two sections are called {here}"
            found[here] = ""
        else:
            found[here] += line
    return found


def words_of_prose(text: str) -> int:
    return len(re.findall(r"[^\W_][\w'’-]*", FENCE.sub(" ", text)))


@each_subject
def test_a_subject_has_enough_concepts_each_in_one_place_and_one_file(key):
    order = subject(key).order

    assert len(order) >= (12 if key == SCAFFOLD else 24)
    assert len(set(order)) == len(order)
    assert {path.stem for path in (FOLDER / key).glob("*.md")} == set(order)
    assert subject(key).key == key


@each_subject
def test_no_part_of_a_subject_is_empty_or_nameless(key):
    for stage in subject(key).stages:
        assert stage.name.strip()
        assert stage.description.strip()
        assert stage.modules
        for module in stage.modules:
            assert module.name.strip()
            assert module.description.strip()
            assert module.concepts


@each_subject
def test_prerequisites_come_earlier_so_that_none_is_cyclic(key):
    earlier: set[str] = set()
    for each in subject(key).concepts():
        assert set(each.prerequisites) <= earlier, each.key
        assert len(set(each.prerequisites)) == len(each.prerequisites), each.key
        earlier.add(each.key)


@each_subject
def test_names_are_unique_and_can_be_told_apart(key):
    names = [each.name.casefold().strip() for each in subject(key).concepts()]

    assert len(set(names)) == len(names)


@each_subject
def test_questions_of_a_subject_are_not_all_answered_by_the_same_place(key):
    places = [
        question.correct[0]
        for each in subject(key).concepts()
        for question in each.questions
        if question.kind == "single_choice"
    ]

    assert max(places.count(place) for place in set(places)) <= len(places) * 0.6


@each_concept
def test_hours_match_the_difficulty(key, name):
    each = concept(key, name)
    least, most = HOURS_BY_DIFFICULTY[each.difficulty]

    assert least <= each.hours <= most
    assert 3 <= len(each.keywords) <= 5


@each_concept
def test_the_six_headings_are_there_in_order(key, name):
    headings = [heading for heading in sections(concept(key, name).markdown) if heading]

    assert headings == HEADINGS
    assert all(text.strip() for heading, text in sections(concept(key, name).markdown).items() if heading)
    assert concept(key, name).markdown.count("```") % 2 == 0


@each_concept
def test_there_is_enough_prose(key, name):
    parts = sections(concept(key, name).markdown)

    assert sum(words_of_prose(parts[heading]) for heading in HEADINGS[:3]) >= (250 if key == SCAFFOLD else 330)


@each_concept
def test_the_questions_can_be_answered(key, name):
    questions = [question.model_dump() for question in concept(key, name).questions]

    assert len(questions) >= (3 if key == SCAFFOLD else 4)
    for question in questions:
        QuestionAnswer.model_validate(question)
    limits = SCAFFOLD_LIMITS if key == SCAFFOLD else LIBRARY_LIMITS
    QuizAnswer.model_validate({"questions": questions}, context={"piece": limits})


@each_concept
def test_links_are_public_https_and_few(key, name):
    links = concept(key, name).resources

    assert len(links) in ((0,) if key == SCAFFOLD else (1, 2, 3))
    assert len({link.url for link in links}) == len(links)
    for link in links:
        assert link.url.startswith("https://")
        assert url_problem(link.url) == ""
    for answer in concept(key, name).links(language="en"):
        ResourceAnswer.model_validate(answer)


@each_concept
def test_no_raw_html_no_links_and_no_level_1_heading_stand_in_the_prose(key, name):
    prose = re.sub(r"`[^`\n]*`", " ", FENCE.sub(" ", concept(key, name).markdown))

    assert not re.search(r"^# ", prose, re.MULTILINE)
    assert not re.search(r"<(script|img|iframe|a|div|span|br)\b", prose)
    assert not re.search(r"\]\((?!concept:)", prose)


@each_concept
def test_diagrams_have_at_most_fifteen_nodes(key, name):
    for language, body in FENCE.findall(concept(key, name).markdown):
        if language == "mermaid":
            assert len(set(re.findall(r"\b(\w+)\s*[\[({]", body))) <= 15


@dataclass(frozen=True)
class Example:
    """A worked example's program and what it is said to print."""

    language: str
    program: str
    output: str


def example(each: SubjectConcept) -> Example | None:
    """The first runnable block of the worked example, where an output block directly follows it."""
    text = sections(each.markdown)["Worked example"]
    blocks = list(FENCE.finditer(text))
    for block, after in zip(blocks, [*blocks[1:], None], strict=True):
        if block[1] in RUNNABLE:
            if after is None or after[1] != "output" or text[block.end() : after.start()].strip():
                return None
            return Example(language=block[1], program=block[2], output=after[2].rstrip("\n"))
    return None


@pytest.mark.parametrize("key", CURATED)
def test_every_concept_has_a_worked_example_that_shows_what_it_prints(key):
    assert [each.key for each in subject(key).concepts() if example(each) is None] == []


EXAMPLES = {
    f"{key}/{name}": found for key, name in CONCEPTS if key != SCAFFOLD and (found := example(concept(key, name)))
}

# Imports the large libraries once; each program then runs in a fork of its own, in a directory of its own, as a script.
RUNNER = """
import contextlib, json, os, runpy, shutil, signal, sys, tempfile, traceback
with contextlib.suppress(ImportError):
    import numpy, pandas, sklearn.ensemble, sklearn.linear_model, sklearn.model_selection, sklearn.pipeline
programs, results, running = json.load(sys.stdin), {}, {}

def start(name, program):
    folder = tempfile.mkdtemp()
    child = os.fork()
    if child:
        running[child] = (name, folder)
        return
    status = 1
    try:
        os.chdir(folder)
        with open("example.py", "w") as file:
            file.write(program)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT), number)
        signal.alarm(30)
        sys.argv, sys.path[0] = ["example.py"], folder
        runpy.run_path("example.py", run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)

def finish():
    child, status = os.wait()
    name, folder = running.pop(child)
    texts = [open(os.path.join(folder, each), encoding="utf-8").read() for each in ("out", "err")]
    results[name] = [os.waitstatus_to_exitcode(status), *texts]
    shutil.rmtree(folder)

for name, program in programs.items():
    if len(running) == 2:
        finish()
    start(name, program)
while running:
    finish()
print(json.dumps(results))
"""


def of(language: str) -> dict[str, Example]:
    return {name: found for name, found in EXAMPLES.items() if found.language == language}


@pytest.fixture(scope="module")
def python_results() -> dict[str, list]:
    """Status, output and errors of every Python example, by its name."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONUTF8": "1", "TZ": "UTC",
        "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", RUNNER], input=json.dumps({name: found.program for name, found in of("python").items()}),
        env=environment, capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", of("python"))
def test_a_python_example_prints_what_it_says(name, python_results):
    if re.search(r"(import|from) (numpy|pandas|sklearn)", EXAMPLES[name].program) and not find_spec("sklearn"):
        pytest.skip("numpy, pandas and scikit-learn are not installed")

    status, output, errors = python_results[name]

    assert output.rstrip("\n") == EXAMPLES[name].output, errors
    assert status == 0, errors


@cache
def node() -> str | None:
    """The node on PATH, else the one that comes with playwright."""
    if found := shutil.which("node"):
        return found
    try:
        import playwright
    except ImportError:
        return None
    bundled = Path(playwright.__file__).parent / "driver" / "node"
    return str(bundled) if bundled.exists() else None


@pytest.fixture(scope="module")
def js_results(tmp_path_factory) -> "dict[str, subprocess.CompletedProcess[str]]":
    if not (program := node()):
        pytest.skip("no node")

    home = tmp_path_factory.mktemp("js")  # not by two threads: the first call makes its parent anew

    def run(name: str) -> "subprocess.CompletedProcess[str]":
        folder = home / name.replace("/", "-")
        folder.mkdir(exist_ok=True)
        (folder / "example.mjs").write_text(EXAMPLES[name].program, encoding="utf-8")
        return subprocess.run(
            [program, "example.mjs"], cwd=folder, env={"PATH": os.environ["PATH"], "TZ": "UTC", "NO_COLOR": "1"},
            capture_output=True, text=True, encoding="utf-8", timeout=30, check=False,
        )  # fmt: skip

    def result(name: str) -> "subprocess.CompletedProcess[str]":
        """Again where it printed something else: some wait for a tenth of a second, and a busy machine is slower."""
        done = run(name)
        for _ in range(3):
            if done.stdout.rstrip("\n") == EXAMPLES[name].output:
                break
            done = run(name)
        return done

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(of("js"), pool.map(result, of("js")), strict=True))


@pytest.mark.parametrize("name", of("js"))
def test_a_javascript_example_prints_what_it_says(name, js_results):
    done = js_results[name]

    assert done.stdout.rstrip("\n") == EXAMPLES[name].output, done.stderr
    assert done.returncode == 0, done.stderr


@pytest.fixture
def scratch(db):
    """A server connection in a schema of its own; nothing of it is kept."""
    parameters = connection.get_connection_params()
    for ours in ("cursor_factory", "context"):
        parameters.pop(ours, None)
    with psycopg.connect(**parameters | {"application_name": "examples"}) as outside:
        outside.execute("CREATE SCHEMA scratch")
        outside.execute("SET LOCAL search_path TO scratch")
        outside.execute("SET LOCAL timezone TO 'UTC'")
        yield outside
        outside.rollback()


def last_rows(outside: "psycopg.Connection[tuple]", program: str) -> str:
    """The last statement's rows that has any, as psql would write the values: header, then rows, between bars."""
    boolean = 16
    table = ""
    outside.pgconn.send_query(program.encode())
    while result := outside.pgconn.get_result():
        assert result.status not in (psycopg.pq.ExecStatus.FATAL_ERROR, psycopg.pq.ExecStatus.BAD_RESPONSE), (
            result.error_message.decode()
        )
        if not result.nfields:
            continue
        columns = range(result.nfields)
        lines = [" | ".join(result.fname(column).decode() for column in columns)]
        for row in range(result.ntuples):
            cells = []
            for column in columns:
                value = result.get_value(row, column)
                text = "NULL" if value is None else value.decode()
                is_boolean = value is not None and result.ftype(column) == boolean
                cells.append({"t": "true", "f": "false"}[text] if is_boolean else text)
            lines.append(" | ".join(cells))
        table = "\n".join(lines)
    return table


@pytest.mark.parametrize("name", of("sql"))
def test_an_sql_example_returns_what_it_says(name, scratch):
    assert last_rows(scratch, EXAMPLES[name].program) == EXAMPLES[name].output
    assert scratch.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS  # it ended nobody's transaction
