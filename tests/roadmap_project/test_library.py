"""The provider that needs no key: which subject, which concepts, and answers that keep every rule."""

import asyncio
import html
import re
from types import SimpleNamespace

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from content import answers as content_answers
from content.answers import QuizAnswer, ResourcesAnswer, TutorialAnswer
from content.rendering import to_html
from roadmap_project.library import editing, planning
from roadmap_project.library.hours import of_goal
from roadmap_project.library.matching import best_subject, is_meant
from roadmap_project.library.subjects import (
    SCAFFOLD,
    AddedSubject,
    Term,
    by_source,
    concept,
    escaped,
    plain_with_goal,
    subject,
    subjects,
    with_goal,
)
from roadmap_project.llm import LanguageModelError, ModelRequest, asking
from roadmap_project.llm.asking import ask
from roadmap_project.llm.library import LibraryProvider
from roadmap_project.llm.reasons import FORM_OF_THE_LIBRARY
from roadmap_project.told import is_ours, told
from roadmaps import answers, outline
from roadmaps.answers import EditedOutline, EditPlan, GoalAnalysis, Outline, Review
from roadmaps.reviewing import WEIGHTS

LEVELS = ("beginner", "intermediate", "advanced")
ALL = tuple(each.key for each in subjects())
EVERY = (*ALL, SCAFFOLD)
GOALS = {
    "sql-databases": "Learn SQL",
    "python-programming": "Learn Python programming",
    "web-development": "Learn web development",
    "data-analysis-machine-learning": "Learn machine learning",
}


def goal_for(key: str) -> str:
    return "Build a violin" if key == SCAFFOLD else GOALS.get(key) or f"Learn {subject(key).terms[0].term}"


def facts(key: str, **changes: object) -> dict:
    return {
        "goal": goal_for(key), "level": "beginner", "hours_per_week": 10, "weeks": None, "language": "English",
        "second_language": "", "preference": "any", **changes,
    }  # fmt: skip


@pytest.fixture
def library(monkeypatch):
    """Ask the real provider through the real door; hands back the validated answer."""
    model = LibraryProvider()
    monkeypatch.setattr(asking, "provider", lambda: model)

    def run(purpose: str, shape, given_facts: dict, **limits):
        request = ModelRequest(purpose=purpose, system="", prompt="", answer=shape, facts=given_facts, limits=limits)
        answer = asyncio.run(ask(request))
        assert [call.outcome for call in answer.calls] == ["ok"]
        return answer.value

    return run


def test_the_subjects_that_the_project_promises_are_there():
    assert set(GOALS) <= set(ALL)
    assert SCAFFOLD not in ALL


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        ("Learn SQL for data analysis", "sql-databases"),
        ("I want to learn SQL so that I can do machine learning", "sql-databases"),
        ("postgresql", "sql-databases"),
        ("Learn Python programming", "python-programming"),
        ("LEARN   PYTHON", "python-programming"),
        ("python for data analysis", "python-programming"),
        ("Learn Python to become a web developer", "python-programming"),
        ("build a website", "web-development"),
        ("HTML and CSS", "web-development"),
        ("machine learning", "data-analysis-machine-learning"),
        ("Data analysis with pandas", "data-analysis-machine-learning"),
        ("For my new job: learn SQL", "sql-databases"),
        ("我想学习Python编程", "python-programming"),
        ("学习SQL数据库", "sql-databases"),
        ("学machine learning入门", "data-analysis-machine-learning"),
        ("Python.", "python-programming"),
        ("(python)", "python-programming"),
        ("Build a violin", SCAFFOLD),
        ("Learn Welsh", SCAFFOLD),
        ("Learn to draw", SCAFFOLD),
        ("Cook for my family", SCAFFOLD),
        ("Care for a ball python", SCAFFOLD),
        ("mysqlx", SCAFFOLD),
        ("Pythonesque humour", SCAFFOLD),
        ("spider web identification", SCAFFOLD),
        ("学习数据库", "sql-databases"),
        ("SQL 查询", "sql-databases"),
        ("MySQL 数据库优化", "sql-databases"),
        ("查询公司的销售数据", "sql-databases"),
        ("分析数据库的性能", "sql-databases"),
        ("我是会计，为了转行，想学数据库", "sql-databases"),
        ("学 SQL 是为了做机器学习", "sql-databases"),
        ("学习 Python 编程", "python-programming"),
        ("学会编程", "python-programming"),
        ("编程入门", "python-programming"),
        ("想学写代码", "python-programming"),
        ("学习 Python，用来做数据分析", "python-programming"),
        ("网页开发", "web-development"),
        ("做一个自己的网站", "web-development"),
        ("Vue 前端开发", "web-development"),
        ("用 Django 做网站", "web-development"),
        ("学习机器学习", "data-analysis-machine-learning"),
        ("学习数据分析", "data-analysis-machine-learning"),
        ("用Python做数据分析", "data-analysis-machine-learning"),
        ("Python 数据分析", "data-analysis-machine-learning"),
        ("分析公司的销售数据", "data-analysis-machine-learning"),
        ("机器学习PyTorch入门", "data-analysis-machine-learning"),
        ("学习小提琴", SCAFFOLD),
        ("做 Shopify 的网站", SCAFFOLD),
        ("学习日语", SCAFFOLD),
        ("学做日本菜", SCAFFOLD),
        ("学吉他", SCAFFOLD),
        ("学习炒股", SCAFFOLD),
        ("学习管理团队", SCAFFOLD),
        ("学习缝纫机", SCAFFOLD),
        ("建一个花园", SCAFFOLD),
        ("学习网球", SCAFFOLD),
        ("推荐学日语的网站", SCAFFOLD),
        ("学会拍视频，做自媒体，网站以后再说", SCAFFOLD),  # no term goes over the end of a sentence
        ("查询航班", SCAFFOLD),
        ("学习 AI 绘画", SCAFFOLD),
        ("养蟒蛇", SCAFFOLD),
        ("学习 Java 编程", SCAFFOLD),
        ("Java 编程入门", SCAFFOLD),
        ("C语言编程入门", SCAFFOLD),
        ("学习编程语言 Rust", SCAFFOLD),
        ("Redis 数据库", SCAFFOLD),
        ("做 WordPress 网站", SCAFFOLD),
        ("", SCAFFOLD),
        (" ", SCAFFOLD),
        ("?", SCAFFOLD),
        ("for", SCAFFOLD),
        ("because", SCAFFOLD),
        ("😀", SCAFFOLD),
        ("(*[", SCAFFOLD),
    ],
)
def test_a_goal_finds_its_subject_or_the_scaffold(goal, expected):
    assert best_subject(goal).key == expected


@pytest.mark.parametrize("key", ALL)
def test_a_subject_is_found_by_its_own_title_and_its_strongest_terms(key):
    assert best_subject(f"Learn {subject(key).title.lower()}").key == key
    for term in subject(key).terms:
        if term.weight == 3:
            assert best_subject(f"Learn {term.term}").key == key, term.term


@pytest.mark.parametrize("key", ALL)
def test_terms_are_written_as_they_are_looked_for(key):
    for term in subject(key).terms:
        assert term.term == " ".join(term.term.lower().split())


def test_a_term_whose_gaps_would_take_for_ever_is_looked_for_as_it_is_written():
    """A row that no check saw; with each “…” as a gap the first goal would keep its process for good."""
    term = Term(term=f"做{'…' * 14}网站", weight=3)
    hostile = subject("web-development").model_copy(update={"terms": [term]})

    assert not is_meant(hostile, f"做{'一' * 60}网页")
    assert is_meant(hostile, f"我想{term.term}")


@pytest.mark.parametrize("key", ALL)
def test_the_technologies_that_an_analysis_names_are_a_subjects_english_ones(library, key):
    assert all(term.isascii() for term in library("goal_analysis", GoalAnalysis, facts(key)).key_technologies)


@given(st.text(max_size=60))
def test_any_goal_has_a_subject(goal):
    assert best_subject(goal).key in EVERY


@pytest.mark.parametrize("key", ALL)
@pytest.mark.parametrize("level", LEVELS)
def test_time_and_level_prune_and_leave_a_whole(key, level):
    each = subject(key)
    unhurried = planning.chosen(each, level=level, hours_per_week=168, weeks=500)
    known = {name for name in each.order if name not in {found.key for found in unhurried}}
    essential = {found.key for found in unhurried if found.importance == 1}

    for hours, weeks in ((168, 500), (20, 12), (10, None), (5, 8), (2, 4), (1, 1)):
        kept = planning.chosen(each, level=level, hours_per_week=hours, weeks=weeks)
        keys = [found.key for found in kept]

        assert len(keys) >= 8
        assert keys == [name for name in each.order if name in set(keys)]  # learning order, no duplicates
        assert essential <= set(keys)
        assert not set(keys) & known
        for found in kept:
            assert set(found.prerequisites) <= set(keys) | known, found.key


@pytest.mark.parametrize("key", ALL)
@pytest.mark.parametrize("level", LEVELS)
def test_less_time_never_means_more_concepts_and_nothing_is_left_out_needlessly(key, level):
    each = subject(key)
    before: set[str] = set()
    for hours in (1, 2, 4, 8, 16, 32, 168):
        kept = planning.chosen(each, level=level, hours_per_week=hours, weeks=12)
        assert before <= {found.key for found in kept}
        before = {found.key for found in kept}
    assert before == {found.key for found in planning.chosen(each, level=level, hours_per_week=168, weeks=None)}


@pytest.mark.parametrize(
    ("goal", "hours"),
    [
        ("Learn SQL in 20 hours", 20),
        ("Learn SQL for data analysis within 30 hours", 30),
        ("I only have 20 hours in total, teach me SQL", 20),
        ("Learn SQL. No more than 20 hours!", 20),
        ("Learn SQL (20h)", 20),
        ("20小时学会SQL", 20),
        ("我只有20個小時，想學資料庫", 20),
        ("三十小时内学会SQL", 30),
        ("总共30小时，学SQL", 30),
        ("给我30小时的SQL课程", 30),
        ("I can spend 30 hours on SQL", 30),
        ("Learn SQL in 20–30 hours", 30),
        ("A 30-hour introduction to SQL", 30),
        ("Learn SQL, 5 hours a week", None),
        ("每周5小时学SQL", None),
        ("I have 20 hours of Python experience; learn SQL", None),
        ("I already know Python and want to learn SQL in 20 hours", 20),
        ("学过Python，想用20小时学SQL", 20),
        ("I spent 20 hours in total on Python, now SQL", None),
        ("我已经学了20小时 SQL", None),
        ("我用了20小时学 SQL", None),
        ("Learn machine learning to forecast load within 24 hours", None),
        ("Predict demand of the next 24 hours", None),
        ("24小时营业的便利店数据分析", None),
        ("Learn SQL, I have more than 100 hours", None),
        ("Learn SQL", None),
        ("Learn SQL with no experience of programming in 20 hours", 20),
        ("With no former knowledge learn SQL in 20 hours", 20),
        ("Learn SQL in 6 hours", 6),
        ("6小时学会SQL", 6),
        ("Learn SQL for my job in 20 hours by Friday", 20),
        ("I have 20 hours until next Monday, teach me SQL", 20),
        ("周五之前用10小时学会SQL", 10),
        ("三周一共20小时学SQL", 20),
        ("I work in the evenings, teach me SQL in 20 hours", 20),
        ("Learn SQL, 5 hours a week, 40 hours in total", 40),
        ("Learn Python, I have 2 hours on weekdays", None),
        ("I have 12 hours on Saturdays, teach me SQL", None),
        ("我晚上有12小时学习时间，想学Python", None),
        ("周末有15小时，想学SQL", None),
        ("我下班后有10小时，想学SQL", None),
        ("下周我有10小时，学SQL", None),
        ("Learn SQL, I have 2 hours to spend", None),
        ("我有2小时，想学SQL", None),
        ("Learn SQL, weekends only, 10 hours", None),
        ("Learn SQL, 10 hours, mostly on weekends", None),
        ("I have a job with 40 hours, teach me SQL", None),
        ("I took a 30-hour course in SQL", None),
        ("I have 40 hours of work, teach me SQL", None),
        ("I already have 20 hours, learn SQL", None),
        ("Learn to run a marathon in 4 hours", None),
    ],
)
def test_a_goal_may_name_its_hours(goal, hours):
    assert of_goal(goal) == hours


@pytest.mark.parametrize(("hours", "weeks"), [(10, None), (10, 52), (1, None)])
def test_the_hours_that_a_goal_names_are_its_time(library, hours, weeks):
    given = facts("sql-databases", goal="Learn SQL in 50 hours", hours_per_week=hours, weeks=weeks)
    designed = outline_of(library, given)

    taken = sum(concept.hours for concept in designed.concepts())
    assert 45 < taken <= 50
    assert "for your level and the 50 hours that your goal names" in designed.rationale
    assert "50 hours in all" in library("goal_analysis", GoalAnalysis, given).time_constraint
    assert library("review", Review, {**given, "tree": designed.tree()}).issues == []


def test_a_nearer_deadline_leaves_fewer_than_the_goal_names(library):
    given = facts("sql-databases", goal="Learn SQL in 50 hours", hours_per_week=10, weeks=4)
    designed = outline_of(library, given)

    assert sum(concept.hours for concept in designed.concepts()) <= 40
    assert "10 hours a week over 4 weeks" in designed.rationale


@pytest.mark.parametrize("key", ["sql-databases", SCAFFOLD])
def test_hours_of_a_goal_that_cannot_be_reached_are_said(library, key):
    given = facts(key, goal=f"{goal_for(key)} in 6 hours")
    designed = outline_of(library, given)
    reviewed = library("review", Review, {**given, "tree": designed.tree()})

    taken = sum(concept.hours for concept in designed.concepts())
    assert f"The outline takes {taken:g} hours, not the 6 that your goal names" in designed.rationale
    assert [issue.suggestion for issue in reviewed.issues] == [f"Plan about {taken:g} hours, or take concepts out."]
    with translation.override("zh-hans"):
        for sentence in (*designed.rationale.splitlines()[1:], reviewed.issues[0].suggestion):
            assert re.search("[\u4e00-\u9fff]", told(sentence))


CONCEPT_FILE = """+++
name = "{key}"
description = "One thing."
difficulty = "easy"
hours = 2.0
importance = {importance}
keywords = ["one", "two", "three"]
prerequisites = {prerequisites}
minutes = 20
summary = "One thing."
questions = []
+++
Nothing.
"""


def test_what_something_kept_builds_on_is_kept_however_unimportant(tmp_path, monkeypatch):
    """In a subject of our own: the curated ones never make something essential build on something optional."""
    keys = [f"k{number}" for number in range(12)]
    (tmp_path / "made-up").mkdir()
    (tmp_path / "made-up" / "subject.toml").write_text(
        f'key = "made-up"\ntitle = "T"\nlanguage = "en"\ndescription = "D"\nslug_words = ["a", "b", "c"]\n'
        f'[[stages]]\nname = "S"\ndescription = "D"\n[[stages.modules]]\n'
        f'name = "M"\ndescription = "D"\nconcepts = {keys}\n'
    )
    for number, key in enumerate(keys):
        needs = ["k10"] if key == "k11" else []
        (tmp_path / "made-up" / f"{key}.md").write_text(
            CONCEPT_FILE.format(key=key, importance=3 if key == "k10" else 2 if number < 5 else 1, prerequisites=needs)
        )
    monkeypatch.setattr("roadmap_project.library.subjects.FOLDER", tmp_path)

    kept = planning.chosen(subject("made-up"), level="beginner", hours_per_week=1, weeks=1)

    assert [found.key for found in kept] == ["k0", *keys[5:]]


@pytest.mark.parametrize("key", ALL)
def test_a_beginner_with_time_gets_everything_and_others_less_of_the_basics(key):
    each = subject(key)

    counts = [len(planning.chosen(each, level=level, hours_per_week=168, weeks=52)) for level in LEVELS]

    assert counts[0] == len(each.order)
    assert counts[0] >= counts[1] >= counts[2] >= 8


def test_the_scaffold_is_never_pruned_by_level():
    for level in LEVELS:
        kept = planning.chosen(subject(SCAFFOLD), level=level, hours_per_week=168, weeks=52)
        assert [found.key for found in kept] == subject(SCAFFOLD).order


def outline_of(library, given_facts: dict) -> Outline:
    return library("outline", Outline, given_facts, outline=answers.LIBRARY_LIMITS)


@pytest.mark.parametrize("key", EVERY)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("hours", "weeks"), [(168, 52), (10, None), (1, 1)])
def test_an_outline_keeps_the_projects_rules(library, key, level, hours, weeks):
    designed = outline_of(library, facts(key, level=level, hours_per_week=hours, weeks=weeks))

    concepts = designed.concepts()
    assert len(concepts) >= 8
    assert all(each.source.startswith(f"{key}/") for each in concepts)
    for s, stage in enumerate(designed.stages, start=1):
        for m, module in enumerate(stage.modules, start=1):
            assert [each.key for each in module.concepts] == [
                f"c-{s}-{m}-{n}" for n in range(1, len(module.concepts) + 1)
            ]
    assert "{{" not in designed.model_dump_json()


@pytest.mark.parametrize("key", EVERY)
def test_an_analysis_and_a_review_keep_the_projects_rules(library, key):
    for second in ("", "Deutsch"):
        for preference in ("any", "visual", "text", "audio", "hands_on"):
            library("goal_analysis", GoalAnalysis, facts(key, second_language=second, preference=preference))
    analysed = library("goal_analysis", GoalAnalysis, facts(key))
    tree = outline_of(library, facts(key)).tree()

    reviewed = library("review", Review, facts(key, tree=tree))
    hurried = library("review", Review, facts(key, tree=tree, hours_per_week=1, weeks=1))

    assert "{{" not in analysed.model_dump_json()
    assert reviewed.knowledge_progression.score == 100
    assert [issue.severity for issue in hurried.issues] == ["warning"]


@pytest.mark.parametrize("key", EVERY)
def test_what_the_library_says_by_itself_is_told_in_the_readers_language(library, key):
    short = facts(key, hours_per_week=1, weeks=1)
    designed = outline_of(library, short)
    tree = designed.model_dump()
    tree["stages"][0]["modules"][0]["concepts"][0]["source"] = ""

    review = library("review", Review, {**short, "tree": tree})
    whole = library("review", Review, {**short, "tree": designed.model_dump()})

    description, *lines = designed.rationale.splitlines()
    said = [getattr(each, name).reason for each in (review, whole) for name in WEIGHTS]
    said += [words for each in review.issues for words in (each.issue, each.suggestion)]
    assert key == SCAFFOLD or description == subject(key).description
    assert [sentence for sentence in (*lines, *said) if not is_ours(sentence)] == []
    assert len(lines) == (0 if key == SCAFFOLD else 2)
    with translation.override("zh-hans"):
        assert all(re.search("[\u4e00-\u9fff]", told(sentence)) for sentence in (*lines, *said))
        assert not any(re.search("[A-Za-z]{2}", told(sentence)) for sentence in said)


@pytest.mark.parametrize("key", EVERY)
def test_every_concepts_pieces_keep_the_projects_rules(library, key):
    limits = content_answers.SCAFFOLD_LIMITS if key == SCAFFOLD else content_answers.LIBRARY_LIMITS
    for name in subject(key).order:
        here = facts(key, source=f"{key}/{name}", prerequisites=[{"key": "c-1-1-1", "name": "Before"}])

        tutorial = library("tutorial", TutorialAnswer, here, piece=limits)
        quiz = library("quiz", QuizAnswer, here, piece=limits)
        resources = library("resources", ResourcesAnswer, here, piece=limits)

        assert "## Prerequisites\n\n- [Before](concept:c-1-1-1)" in tutorial.markdown
        for piece in (tutorial, quiz, resources):
            assert "{{goal}}" not in piece.model_dump_json(), name


@pytest.mark.parametrize("key", EVERY)
def test_the_longest_goal_still_gives_answers_inside_the_limits(library, key):
    goal = (goal_for(key) + " " + "x" * 1000)[:1000]
    limits = content_answers.SCAFFOLD_LIMITS if key == SCAFFOLD else content_answers.LIBRARY_LIMITS

    library("goal_analysis", GoalAnalysis, facts(key, goal=goal))
    tree = outline_of(library, facts(key, goal=goal)).tree()
    library("review", Review, facts(key, goal=goal, tree=tree))
    for name in subject(key).order:
        here = facts(key, goal=goal, source=f"{key}/{name}", prerequisites=[])
        library("tutorial", TutorialAnswer, here, piece=limits)
        library("quiz", QuizAnswer, here, piece=limits)


def test_the_scaffold_says_what_it_is_and_offers_no_links(library):
    designed = outline_of(library, facts(SCAFFOLD))

    assert "Build a violin" in designed.title
    assert "no facts about the field and no links" in designed.rationale
    for name in subject(SCAFFOLD).order:
        assert concept(SCAFFOLD, name).resources == []
        assert "http" not in concept(SCAFFOLD, name).markdown


@pytest.mark.parametrize(
    "source",
    ["nonsense", "sql-databases/no-such-concept", "../../etc/passwd", "sql-databases/../study-scaffold/subject"],
)
def test_what_the_library_does_not_have_is_a_permanent_failure_with_a_reason(source):
    request = ModelRequest(
        purpose="tutorial",
        system="",
        prompt="",
        answer=TutorialAnswer,
        facts=facts(SCAFFOLD, source=source, prerequisites=[]),
    )

    with pytest.raises(LanguageModelError, match="nothing about this") as refused:
        asyncio.run(LibraryProvider().complete(request, None, timeout=1))

    assert refused.value.permanent


HOSTILE_NAME = "{{description}} 1. [x](javascript:alert(1)) <b>" + "n" * 150


@pytest.mark.parametrize("name", ["Joining a choir", HOSTILE_NAME])
def test_a_concept_without_a_mark_gets_a_form_that_invents_nothing(library, name):
    here = facts("sql-databases", source="", name=name, description="What *I* want. {{concept}}", prerequisites=[])
    limits = content_answers.SCAFFOLD_LIMITS

    tutorial = library("tutorial", TutorialAnswer, here, piece=limits)
    quiz = library("quiz", QuizAnswer, here, piece=limits)
    resources = library("resources", ResourcesAnswer, here, piece=limits)

    assert tutorial.title == name
    assert escaped(name) in tutorial.markdown
    assert f"> “{escaped(here['description'])}”" in tutorial.markdown
    assert "knows nothing about this concept" in tutorial.summary
    assert any(name in each.question for each in quiz.questions)
    assert resources.resources == []
    assert "http" not in tutorial.markdown


def test_a_form_says_that_it_is_one_and_a_curated_concept_does_not():
    def origin_of(source: str) -> str:
        here = facts("sql-databases", source=source, name="Joining", description="Two tables.", prerequisites=[])
        request = ModelRequest(purpose="quiz", system="", prompt="", answer=QuizAnswer, facts=here)
        return asyncio.run(LibraryProvider().complete(request, None, timeout=1)).origin

    assert origin_of("sql-databases/indexes") == LibraryProvider.origin
    assert origin_of("") == FORM_OF_THE_LIBRARY
    assert "knows nothing" in FORM_OF_THE_LIBRARY


def test_a_review_counts_what_is_curated_and_says_of_how_much_it_knows_nothing(library):
    tree = tree_for(library, "sql-databases", hours_per_week=168)
    here = facts("sql-databases", tree=tree, hours_per_week=168)
    assert library("review", Review, here).stage_coherence.score == 100
    first, last = tree["stages"][0]["modules"][0]["concepts"], tree["stages"][-1]["modules"][-1]["concepts"]
    first.append({**first[0], "key": "c-1-1-99", "name": "By hand", "source": ""})
    first.append(last.pop())

    reviewed = library("review", Review, here)

    assert "About the other 1 the library knows nothing." in reviewed.knowledge_completeness.reason
    assert reviewed.knowledge_completeness.score == 100
    assert reviewed.stage_coherence.score < 100


@pytest.mark.parametrize(
    "source", ["/", "..", "study-scaffold/subject.toml", "study-scaffold/../sql-databases/indexes"]
)
def test_a_mark_that_is_no_concept_is_refused(source):
    with pytest.raises(KeyError):
        by_source(source)


def tree_for(library, key: str, **changes: object) -> dict:
    return outline_of(library, facts(key, **changes)).model_dump()


def names(tree: dict) -> list[str]:
    return [each["name"] for stage in tree["stages"] for module in stage["modules"] for each in module["concepts"]]


def by_name(tree: dict) -> dict[str, dict]:
    return {
        each["name"]: each for stage in tree["stages"] for module in stage["modules"] for each in module["concepts"]
    }


def edited(library, key: str, tree: dict, wanted: str) -> dict:
    """Plan and edit through the door, then number new concepts as the project does when it stores an edit."""
    given_facts = facts(key, tree=tree, asked=[wanted])
    plan = library("edit_plan", EditPlan, given_facts)
    assert not plan.needs_clarification, wanted
    after = library(
        "edited_outline", EditedOutline, given_facts | {"plan": plan.model_dump()}, outline=answers.LIBRARY_LIMITS
    )
    before = answers.OutlineTree.model_validate(tree, context={"outline": answers.HAND_LIMITS})
    outline.renumber_new(before, after, keeps_sources=True)
    return after.model_dump()


@pytest.mark.parametrize(
    "wanted", ["Remove {} and add {}.", "remove {} and then please add {}", "去掉 {}，增加 {}。", "去掉{}增加{}"]
)
def test_one_concept_is_taken_out_and_another_put_in_by_one_sentence(library, wanted):
    key = "python-programming"
    whole = tree_for(library, key, hours_per_week=168, weeks=52)
    out, back = names(whole)[3], names(whole)[-2]
    less = edited(library, key, whole, f"remove {back}")

    after = names(edited(library, key, less, wanted.format(out, back)))

    assert out not in after
    assert back in after
    assert len(after) == len(names(less))


@pytest.mark.parametrize("key", EVERY)
def test_each_concept_can_be_taken_out_by_name_and_put_back(library, key):
    tree = tree_for(library, key, hours_per_week=168, weeks=52)
    for name in names(tree):
        less = edited(library, key, tree, f"Please remove {name}")

        assert name not in names(less)
        kept = by_name(less)
        assert {each: found["key"] for each, found in kept.items()} == {
            each: found["key"] for each, found in by_name(tree).items() if each in kept
        }

        again = edited(library, key, less, f"Please add {name}")

        assert name in names(again)
        assert set(names(less)) <= set(names(again))
        order = [found for found in names(tree) if found in set(names(again))]
        assert names(again) == order


def replaced(monkeypatch, key: str, *, keeps: int) -> None:
    """As if a version of the subject had been put in place that has other concepts after the first `keeps`."""
    old = subject(key)
    concepts = [
        each if place < keeps else each.model_copy(update={"key": f"new-{place}", "name": f"New {place}"})
        for place, each in enumerate(old.concepts())
    ]
    keys = {before: after.key for before, after in zip(old.order, concepts, strict=True)}
    concepts = [
        each.model_copy(update={"prerequisites": [keys[name] for name in each.prerequisites]}) for each in concepts
    ]
    new = old.model_copy(deep=True)
    new.__dict__.pop("order", None)
    for stage in new.stages:
        for module in stage.modules:
            module.concepts[:] = [keys[name] for name in module.concepts]
    added = AddedSubject(new, {each.key: each for each in concepts})
    monkeypatch.setattr("roadmap_project.library.subjects._added", {key: added})


@pytest.mark.parametrize("keeps", [0, 1, 5])
def test_an_outline_is_changed_though_its_subject_has_other_concepts_now(library, monkeypatch, keeps):
    key = "sql-databases"
    tree = tree_for(library, key, hours_per_week=168, weeks=52)
    gone = "Migrations and backups"
    stages = [stage["name"] for stage in tree["stages"]]
    replaced(monkeypatch, key, keeps=keeps)

    less = edited(library, key, tree, f"Please remove {gone}")

    assert by_name(less) == {name: found for name, found in by_name(tree).items() if name != gone}
    assert names(less) == [name for name in names(tree) if name != gone]
    assert [stage["name"] for stage in less["stages"]] == stages
    new = f"New {keeps}"
    more = edited(library, key, less, f"Please add {new}")
    assert set(names(more)) == {*names(less), new}


@pytest.mark.parametrize("key", ALL)
def test_a_prerequisite_that_was_taken_out_is_gone_everywhere(library, key):
    tree = tree_for(library, key, hours_per_week=168, weeks=52)
    needed = next(
        each
        for each in by_name(tree).values()
        if any(each["key"] in other["prerequisites"] for other in by_name(tree).values())
    )

    less = edited(library, key, tree, f"remove {needed['name']}")

    assert all(needed["key"] not in each["prerequisites"] for each in by_name(less).values())


@pytest.mark.parametrize(
    "wanted",
    [
        "Make it nicer",
        "add quantum gravity",
        "remove quantum gravity",
        "",
        "   ",
        "?!",
        "add",
        "remove",
        "add the",
        "no",
        "more",
        "I want to know more",
        "don't",
    ],
)
def test_words_that_name_no_concept_are_answered_with_a_question(library, wanted):
    tree = tree_for(library, "python-programming")

    plan = library("edit_plan", EditPlan, facts("python-programming", tree=tree, asked=[wanted]))

    assert plan.needs_clarification
    assert plan.questions
    assert not plan.intents


@pytest.mark.parametrize(
    "wanted",
    [
        "I don't know {}",
        "I do not know {} yet",
        "I want to know {}",
        "I would like to know more about {}",
        "I want to learn {} because I don't know it",
    ],
)
def test_what_somebody_does_not_know_is_never_taken_out(library, wanted):
    tree = tree_for(library, "python-programming", hours_per_week=168, weeks=52)
    name = names(tree)[-2]

    plan = library("edit_plan", EditPlan, facts("python-programming", tree=tree, asked=[wanted.format(name)]))

    assert "remove" not in {intent.action for intent in plan.intents}


@pytest.mark.parametrize(
    "wanted",
    [
        "I already know {}",
        "I know {}",
        "I don’t want {}",
        "skip {}",
        "without {}",
        "no {}",
        "Leave out {}",
        "REMOVE {}!",
        "I don't need {}",
    ],
)
def test_what_somebody_knows_or_does_not_want_is_taken_out(library, wanted):
    tree = tree_for(library, "python-programming", hours_per_week=168, weeks=52)
    name = names(tree)[-2]

    plan = library("edit_plan", EditPlan, facts("python-programming", tree=tree, asked=[wanted.format(name)]))

    assert [intent.action for intent in plan.intents] == ["remove"]


@given(st.text(max_size=80))
def test_any_words_make_a_valid_plan(wanted):
    each = subject("python-programming")
    kept = planning.chosen(each, level="beginner", hours_per_week=10, weeks=None)
    tree = {"title": "T", "stages": planning.stages(each, kept, "x")}

    EditPlan.model_validate(editing.plan(each, tree, [wanted], budget=100))


MARKDOWN_GOALS = [
    "**bold** and _italics_",
    "[click](javascript:alert(1))",
    "<script>alert(1)</script>",
    "# heading",
    "a\n# heading",
    "a\n\n- list",
    "a\n1. one",
    "a\n---",
    "a\n===",
    "```\ncode\n```",
    "a\n\n    code",
    "`code`",
    "![x](y)",
    "| a |\n|---|\n| b |",
    "&lt;b&gt;",
    "\\",
    "~~no~~",
    "> quote",
    "a\n> quote",
    "x](http://evil.example) [y",
    "<https://evil.example>",
    "\\1 \\g<0>",
    "{{goal}}",
    "+ plus",
    "a\n+ plus",
    "a\n1) one",
    "[x]: https://evil.example",
    "a\n\n[x]: https://evil.example \n\n[x]",
    "***",
    "a  \nb",
    "trailing\\",
]


def only_text(markdown: str) -> str:
    rendered = to_html(markdown)
    assert set(re.findall(r"<(\w+)", rendered)) == {"p"}, rendered
    return " ".join(html.unescape(re.sub(r"</?p>", " ", rendered)).split())


@pytest.mark.parametrize("goal", MARKDOWN_GOALS)
@pytest.mark.parametrize("sentence", ['Your goal ("{{goal}}") is yours.', "Goal: {{goal}}"])
def test_G2_a_goal_full_of_markdown_is_shown_as_it_was_written(goal, sentence):
    shown = only_text(with_goal(sentence, goal))

    assert shown == " ".join(sentence.replace("{{goal}}", goal).split())


@given(
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]) | st.just("\n"), min_size=1, max_size=60).map(
        str.strip
    )
)
@hypothesis_settings(max_examples=200, deadline=None)
def test_G2_no_goal_becomes_anything_but_text(goal):
    assert only_text(with_goal('For ("{{goal}}").', goal)) == " ".join(f'For ("{goal}").'.split())


def test_a_goal_is_put_in_plainly_where_text_is_plain():
    assert plain_with_goal("Plan: {{goal}}", "**a**") == "Plan: **a**"


def test_a_prerequisites_name_cannot_break_out_of_its_link(library):
    source = f"{SCAFFOLD}/{subject(SCAFFOLD).order[1]}"
    here = facts(
        SCAFFOLD, source=source, prerequisites=[{"key": "c-1-1-1", "name": "a](https://evil.example) [b `c` <d> *e*"}]
    )

    tutorial = library("tutorial", TutorialAnswer, here, piece=content_answers.SCAFFOLD_LIMITS)

    rendered = to_html(tutorial.markdown, concept_url=lambda key: "/here/")
    assert "evil.example" not in "".join(re.findall(r'href="([^"]*)"', rendered))
    assert "a](https://evil.example) [b `c` &lt;d&gt; *e*</a>" in rendered


def test_what_stands_for_those_that_are_left_out_is_no_more_than_an_outline_takes(monkeypatch):
    roots, middle = [f"r{number}" for number in range(15)], ["m0", "m1", "m2"]
    needed = {"top": middle} | {key: roots[place * 5 :][:5] for place, key in enumerate(middle)}
    each = SimpleNamespace(key="x", order=[*roots, *middle, "top"])
    concepts = {key: SimpleNamespace(prerequisites=needed.get(key, [])) for key in each.order}
    monkeypatch.setattr(planning.subjects, "concept", lambda _, key: concepts[key])
    kept = {key: concepts[key] for key in concepts if key not in middle}

    assert planning._built_on(each, kept)["top"] == roots[:12]
