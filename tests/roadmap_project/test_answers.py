"""What a model's answer must keep to: the contracts, each with the answer that breaks it."""

import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from content import answers as content_answers
from content import rendering
from content.addresses import is_private_host
from content.answers import QuestionAnswer, QuizAnswer, ResourceAnswer, ResourcesAnswer, TutorialAnswer, url_problem
from roadmap_project.library import subjects
from roadmaps import answers
from roadmaps.answers import EditedOutline, EditPlan, GoalAnalysis, Outline, Review


def concept(key: str, **changes: object) -> dict:
    return {
        "key": key,
        "name": f"Concept {key}",
        "description": "One thing.",
        "hours": 1,
        "difficulty": "easy",
        "keywords": ["one", "two", "three"],
        "prerequisites": [],
        **changes,
    }


def outline(*, stages: int = 3, modules: int = 2, concepts: int = 3) -> dict:
    return {
        "title": "Learn to test",
        "rationale": "Because.",
        "stages": [
            {
                "name": f"Stage {s}",
                "description": "A stage.",
                "modules": [
                    {
                        "name": f"Module {s}.{m}",
                        "description": "A module.",
                        "concepts": [concept(f"c-{s}-{m}-{n}") for n in range(1, concepts + 1)],
                    }
                    for m in range(1, modules + 1)
                ],
            }
            for s in range(1, stages + 1)
        ],
    }


def at(tree: dict, stage: int, module: int, place: int) -> dict:
    return tree["stages"][stage - 1]["modules"][module - 1]["concepts"][place - 1]


def problem_of(model, value, **context) -> str:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(value, context=context)
    return str(refused.value)


@pytest.mark.parametrize("sizes", [(3, 2, 3), (5, 4, 6), (4, 3, 4)])
def test_an_outline_inside_all_limits_is_taken(sizes):
    stages, modules, concepts = sizes

    taken = Outline.model_validate(outline(stages=stages, modules=modules, concepts=concepts))

    assert len(taken.concepts()) == stages * modules * concepts
    assert set(taken.tree()) == {"title", "stages"}


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ((40, 2, 3), "the outline has 40 stages, not 3 to 5"),
        ((2, 4, 6), "the outline has 2 stages, not 3 to 5"),
        ((0, 0, 0), "the outline has 0 stages"),
        ((3, 1, 6), "stage 1 has 1 modules, not 2 to 4"),
        ((3, 5, 3), "stage 1 has 5 modules"),
        ((3, 2, 2), "module 1.1 has 2 concepts, not 3 to 6"),
        ((3, 2, 7), "module 1.1 has 7 concepts"),
        ((3, 2, 0), "module 1.1 has 0 concepts"),
        ((3, 0, 0), "stage 1 has 0 modules"),
    ],
)
def test_F1_an_outline_of_a_wrong_size_is_refused_with_the_numbers(sizes, said):
    stages, modules, concepts = sizes

    assert said in problem_of(Outline, outline(stages=stages, modules=modules, concepts=concepts))


def test_limits_come_with_the_validation():
    small = outline(stages=1, modules=1, concepts=8)

    assert "the outline has 1 stages" in problem_of(Outline, small)
    Outline.model_validate(small, context={"outline": answers.LIBRARY_LIMITS})
    smaller = outline(stages=1, modules=1, concepts=7)
    assert "has 7 concepts, not 8 to 120" in problem_of(Outline, smaller, outline=answers.LIBRARY_LIMITS)
    Outline.model_validate(smaller, context={"outline": answers.HAND_LIMITS})


def test_F1_a_prerequisite_must_be_known():
    tree = outline()
    at(tree, 2, 1, 1)["prerequisites"] = ["c-7-7-7"]

    assert "c-2-1-1 has the unknown prerequisite c-7-7-7" in problem_of(Outline, tree)


def test_F1_a_prerequisite_must_come_before():
    tree = outline()
    at(tree, 1, 1, 1)["prerequisites"] = ["c-3-2-3"]

    assert "c-1-1-1 has the prerequisite c-3-2-3, which does not come before it" in problem_of(Outline, tree)


def test_F1_a_cycle_is_refused_whatever_its_length():
    for cycle in (["c-1-1-1"], ["c-1-1-1", "c-1-1-2"], ["c-1-1-1", "c-2-1-1", "c-3-2-3"]):
        tree = outline()
        for here, before in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            stage, module, place = (int(part) for part in here.split("-")[1:])
            at(tree, stage, module, place)["prerequisites"] = [before]

        assert "does not come before it" in problem_of(Outline, tree)


def test_F1_a_key_must_not_stand_twice():
    tree = outline()
    at(tree, 3, 2, 3)["key"] = "c-1-1-1"

    assert "the key c-1-1-1 stands twice" in problem_of(Outline, tree)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "1-1-1",
        "c-1-1",
        "c-1-1-1-1",
        "C-1-1-1",
        "c-1-1-x",
        "c-1-1-1\n",
        " c--1-1",
        "c-1-1-1234",
        "../c-1-1-1",
        "c-١-1-1",
    ],
)
def test_a_key_of_another_form_is_refused(key):
    tree = outline()
    at(tree, 1, 1, 1)["key"] = key

    if key.strip() == "c-1-1-1":
        assert Outline.model_validate(tree).concepts()[0].key == "c-1-1-1"
    else:
        problem_of(Outline, tree)


@pytest.mark.parametrize("difficulty", ["easy", "medium", "hard"])
@pytest.mark.parametrize("hours", [0, 0.49, 0.5, 1.99, 2, 2.01, 4, 4.01, 8, 8.01, -1, math.nan, math.inf])
def test_hours_must_match_the_difficulty(difficulty, hours):
    least, most = {"easy": (0.5, 2), "medium": (2, 4), "hard": (4, 8)}[difficulty]
    tree = outline()
    at(tree, 1, 1, 1).update(hours=hours, difficulty=difficulty)

    if least <= hours <= most:
        assert Outline.model_validate(tree).concepts()[0].hours == hours
    else:
        assert "hours" in problem_of(Outline, tree)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "  "},
        {"name": "x" * 201},
        {"name": None},
        {"name": 7},
        {"description": ""},
        {"description": "x" * 1001},
        {"keywords": []},
        {"keywords": ["a", "b"]},
        {"keywords": list("abcdef")},
        {"keywords": "one, two, three"},
        {"keywords": ["one", "two", " "]},
        {"difficulty": "Easy"},
        {"difficulty": "extreme"},
        {"hours": "two"},
        {"hours": None},
        {"prerequisites": None},
        {"prerequisites": "c-1-1-1"},
        {"prerequisites": [["c-1-1-1"]]},
        {"prerequisites": ["c-1-1-1"] * 13},
    ],
)
def test_F1_a_concept_that_breaks_a_rule_is_refused(change):
    tree = outline()
    at(tree, 2, 1, 1).update(change)

    assert "concepts" in problem_of(Outline, tree)


@pytest.mark.parametrize("field", ["title", "rationale", "stages"])
def test_F1_nothing_may_be_missing_in_an_outline(field):
    tree = outline()
    del tree[field]

    assert field in problem_of(Outline, tree)


def test_what_a_model_adds_is_ignored_and_blanks_are_trimmed():
    tree = outline() | {"title": "  Learn  ", "id": 7, "slug": "mine"}

    taken = Outline.model_validate(tree)

    assert taken.title == "Learn"
    assert "slug" not in taken.model_dump()


def test_the_librarys_mark_is_not_in_the_schema_that_a_model_sees():
    assert "source" not in str(Outline.model_json_schema())


def test_an_edited_outline_keeps_the_same_rules():
    tree = outline() | {"summary": "Less."}
    EditedOutline.model_validate(tree)
    at(tree, 1, 1, 1)["prerequisites"] = ["c-9-9-9"]

    assert "unknown prerequisite" in problem_of(EditedOutline, tree)


@given(st.data())
def test_any_prerequisites_are_taken_exactly_where_all_come_earlier(data):
    tree = outline()
    keys = [each["key"] for stage in tree["stages"] for module in stage["modules"] for each in module["concepts"]]
    is_right = True
    for place, key in enumerate(keys):
        stage, module, number = (int(part) for part in key.split("-")[1:])
        chosen = data.draw(
            st.lists(st.sampled_from([*keys[: place + 2], "c-9-9-9"] if place else keys[:2]), max_size=2)
        )
        if data.draw(st.integers(0, 5)):
            chosen = [each for each in chosen if each in keys[:place]]
        at(tree, stage, module, number)["prerequisites"] = chosen
        is_right = is_right and set(chosen) <= set(keys[:place])

    try:
        Outline.model_validate(tree)
    except ValidationError:
        assert not is_right
    else:
        assert is_right


def analysis(**changes: object) -> dict:
    return {
        "parsed_goal": "Write tests.",
        "slug_words": ["software", "testing", "basics"],
        "key_technologies": ["pytest"],
        "difficulty_profile": "Even.",
        "time_constraint": "None.",
        "recommended_focus": [],
        "profile_summary": "Ada.",
        "skill_gaps": [],
        "suggestions": [],
        "path_type": "deep_dive",
        "format_weights": {"visual": 0.25, "text": 0.25, "audio": 0.25, "hands_on": 0.25},
        "languages": [{"language": "English", "ratio": 1}],
        **changes,
    }


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"slug_words": ["a1", "B2", "c3", "d4", "e5", "f6"]},
        {"languages": [{"language": "English", "ratio": 0.6}, {"language": "Deutsch", "ratio": 0.4}]},
        {"format_weights": {"visual": 1, "text": 0, "audio": 0, "hands_on": 0}},
        {"format_weights": {"visual": 0.33, "text": 0.33, "audio": 0.33, "hands_on": 0}},
    ],
)
def test_an_analysis_inside_the_rules_is_taken(change):
    taken = GoalAnalysis.model_validate(analysis(**change))

    assert all(word == word.lower() for word in taken.slug_words)


@pytest.mark.parametrize(
    "change",
    [
        {"slug_words": ["one", "two"]},
        {"slug_words": list("abcdefg")},
        {"slug_words": ["one", "two", "drei-vier"]},
        {"slug_words": ["one", "two", "../x"]},
        {"slug_words": ["one", "two", ""]},
        {"slug_words": ["one", "two", "größe"]},
        {"slug_words": ["one", "two", "three\n"], "path_type": "x"},
        {"path_type": "fast"},
        {"parsed_goal": ""},
        {"format_weights": {"visual": 1, "text": 1, "audio": 0, "hands_on": 0}},
        {"format_weights": {"visual": 0.25, "text": 0.25, "audio": 0.25}},
        {"format_weights": {"visual": -0.5, "text": 0.5, "audio": 0.5, "hands_on": 0.5}},
        {"languages": []},
        {"languages": [{"language": "English", "ratio": 0.5}]},
        {"languages": [{"language": each, "ratio": 0.34} for each in ("a", "b", "c")]},
        {"languages": [{"language": "English", "ratio": 0}, {"language": "Deutsch", "ratio": 1}]},
    ],
)
def test_an_analysis_that_breaks_a_rule_is_refused(change):
    problem_of(GoalAnalysis, analysis(**change))


def review(**changes: object) -> dict:
    dimensions = (
        "knowledge_completeness",
        "knowledge_progression",
        "stage_coherence",
        "module_clarity",
        "user_alignment",
    )
    return {name: {"score": 80, "reason": "Fine."} for name in dimensions} | changes


ISSUE = {
    "severity": "critical",
    "category": "knowledge_gap",
    "location": "c-1-1-1",
    "issue": "Gap.",
    "suggestion": "Fill.",
}


@pytest.mark.parametrize(
    "change",
    [
        {"module_clarity": {"score": 101, "reason": "x"}},
        {"module_clarity": {"score": -1, "reason": "x"}},
        {"module_clarity": {"score": math.nan, "reason": "x"}},
        {"module_clarity": {"score": 80, "reason": ""}},
        {"module_clarity": {"score": 80}},
        {"module_clarity": 80},
        {"module_clarity": None},
        {"issues": [ISSUE | {"severity": "fatal"}]},
        {"issues": [ISSUE | {"category": "style"}]},
        {"issues": [ISSUE] * 51},
        {"suggestions": [{"action": "delete", "location": "x", "content": "x", "reason": "x"}]},
    ],
)
def test_a_review_that_breaks_a_rule_is_refused(change):
    assert Review.model_validate(review(issues=[ISSUE])).issues[0].severity == "critical"
    problem_of(Review, review(**change))


@pytest.mark.parametrize("dimension", ["knowledge_completeness", "user_alignment"])
def test_F2_a_review_without_a_score_is_no_review(dimension):
    value = review()
    del value[dimension]

    assert dimension in problem_of(Review, value)


INTENT = {"action": "add", "level": "concept", "target": "Regex", "description": "Add it.", "priority": "must"}


@pytest.mark.parametrize(
    "change",
    [
        {"intents": []},
        {"needs_clarification": True, "intents": []},
        {"needs_clarification": True},
        {"confidence": 1.1},
        {"confidence": -0.1},
        {"intents": [INTENT | {"action": "explode"}]},
        {"intents": [INTENT | {"level": "word"}]},
        {"intents": [INTENT] * 41},
        {"summary": ""},
    ],
)
def test_a_plan_that_says_nothing_or_breaks_a_rule_is_refused(change):
    plan = {"summary": "Add.", "intents": [INTENT], "confidence": 0.9}
    EditPlan.model_validate(plan)
    EditPlan.model_validate(plan | {"intents": [], "needs_clarification": True, "questions": ["Which?"]})

    problem_of(EditPlan, plan | change)


def tutorial(**changes: object) -> dict:
    return {"title": "T", "summary": "S", "minutes": 20, "markdown": "## Overview\n\n" + "word " * 200, **changes}


@pytest.mark.parametrize(
    "change",
    [
        {"markdown": ""},
        {"markdown": "short"},
        {"markdown": " " * 1000},
        {"markdown": "x" * 120_001},
        {"markdown": None},
        {"markdown": "word " * 200 + "\n```python\nprint(1)\n"},
        {"title": ""},
        {"title": "x" * 301},
        {"summary": "x" * 301},
        {"summary": ""},
        {"minutes": 0},
        {"minutes": 601},
        {"minutes": "soon"},
        {"minutes": 2.5},
    ],
)
def test_F1_a_tutorial_that_breaks_a_rule_is_refused(change):
    TutorialAnswer.model_validate(tutorial())

    problem_of(TutorialAnswer, tutorial(**change))


@pytest.mark.parametrize("unit", ["[", "[![a](", "#\n", "|a|b|\n"])
def test_F1_a_tutorial_that_is_made_to_take_long_is_not_laid_out(unit):
    text = (unit * 60_000)[:60_000]

    assert "than can be laid out" in problem_of(TutorialAnswer, tutorial(markdown=text))
    with pytest.raises(ValidationError, match="than can be laid out"):  # an editor's neither, in a form or a subject
        TutorialAnswer.model_validate(tutorial(markdown=text), context={"piece": content_answers.EDITOR_LIMITS})


def test_real_tutorials_weigh_far_less_than_is_taken():
    """Those of the library, were they as long as a model's may be."""
    texts = [path.read_text() for path in subjects.FOLDER.rglob("*.md")]
    heaviest = max(60_000 * rendering.weight(text) // len(text) for text in texts)

    assert len(texts) > 50
    assert heaviest < content_answers.MODEL_LIMITS.weight // 2


def resource(url: str = "https://docs.python.org/3/", **changes: object) -> dict:
    return {
        "title": "T",
        "url": url,
        "kind": "article",
        "description": "D",
        "relevance": 0.5,
        "language": "en",
        **changes,
    }


PUBLIC = [
    "https://docs.python.org/3/library/re.html#syntax",
    "http://example.org",
    "HTTPS://EXAMPLE.ORG/",
    "https://example.org:443/a?b=c&d=e",
    "http://example.org:80/",
    "https://müller.example/straße",
    "https://例え.jp/",
    "https://8.8.8.8/",
    "https://[2001:4860:4860::8888]/",
    "https://en.wikipedia.org/wiki/Python_(programming_language)",
    "https://1.example.org/",
    "https://localhost.example.org/",
]
REFUSED = [
    *("http://localhost/", "http://LOCALHOST/", "http://localhost./", "http://localhost:8000/", "http://a.localhost/"),
    *(
        "http://127.0.0.1/",
        "http://127.0.0.1./",
        "http://127.1/",
        "http://127.255.255.254/",
        "http://0.0.0.0/",
        "http://0/",
    ),
    *("http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://0177.0.0.1/", "http://017700000001/"),
    *("http://0x7F.0x0.0x0.0x1/", "http://127.0.1/", "http://127%2e0%2e0%2e1/", "http://%31%32%37.0.0.1/"),
    *("http://10.0.0.1/", "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.1.1/", "http://100.64.0.1/"),
    *("http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/", "http://[fe80::1]/"),
    *("http://[fe80::1%25eth0]/", "http://[::1]/", "http://[::]/", "http://[0:0:0:0:0:0:0:1]/", "http://[fd00::1]/"),
    *("http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::ffff:10.0.0.1]/", "http://[::127.0.0.1]/"),
    *(
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[2002:7f00:1::]/",
        "http://[2002:a00:1::1]/",
    ),
    *("http://224.0.0.1/", "http://255.255.255.255/", "http://[ff02::1]/", "http://198.18.0.1/", "http://240.0.0.1/"),
    *("http://metadata.google.internal/", "http://db.internal/", "http://printer.local/", "http://nas.lan/"),
    *("https://example.org:8443/", "http://example.org:22/", "http://example.org:0/", "http://8.8.8.8:25/"),
    *("http://intranet/", "http://router.home.arpa/", "http://postgres:5432/"),
    *("http://１２７.0.0.1/", "http://127。0。0。1/", "http://①②⑦.0.0.1/", "http://ｌocalhost/", "http://localhost。/"),
    *("http://127.0.0.1\\.example.org/", "http://example.org\\@127.0.0.1/", "https:\\\\127.0.0.1/", "http:/127.0.0.1/"),
    *("http:///127.0.0.1/", "http:127.0.0.1", "//127.0.0.1/", "//example.org/", "example.org", "/etc/passwd"),
    *(
        "http://ada@example.org/",
        "http://ada:secret@example.org/",
        "http://:secret@example.org/",
        "https://example.org@127.0.0.1/",
    ),
    *(
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "javascript://example.org/%0aalert(1)",
    ),
    *(
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "ftp://example.org/",
        "gopher://example.org/",
    ),
    *("ws://example.org/", "mailto:ada@example.org", "http://", "https://", "", "  ", "http://exa mple.org/"),
    *(
        "http://[::1",
        "http://example.org:port/",
        "http://example.org:99999/",
        "http://example.org/\x00",
        "http://exa\x00mple.org/",
    ),
    *("http://exa\tmple.org/", "http://example.org/\r\nX-Header: 1", "http://.", "http://..", "http://./x"),
]


@pytest.mark.parametrize("url", PUBLIC)
def test_a_public_address_is_taken(url):
    assert url_problem(url) == ""
    assert ResourceAnswer.model_validate(resource(url)).url == url


@pytest.mark.parametrize("url", REFUSED)
def test_G5_an_address_that_is_not_public_web_is_refused_in_every_spelling(url):
    assert url_problem(url.strip())
    problem_of(ResourceAnswer, resource(url))


def test_an_address_of_two_thousand_characters_is_the_longest():
    longest = "https://example.org/" + "x" * (2000 - len("https://example.org/"))

    assert ResourceAnswer.model_validate(resource(longest)).url == longest
    problem_of(ResourceAnswer, resource(longest + "x"))


@given(st.integers(0, 2**32 - 1))
def test_G5_decimal_hex_and_dotted_spellings_of_an_address_are_judged_alike(number):
    dotted = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
    octal = ".".join(f"0{number >> shift & 255:o}" for shift in (24, 16, 8, 0))
    judged = is_private_host(dotted)

    for spelling in (
        str(number),
        octal,
        f"[::ffff:{dotted}]",
        "0x" + ".0x".join(f"{number >> s & 255:x}" for s in (24, 16, 8, 0)),
    ):
        assert is_private_host(spelling) == judged, spelling


@given(st.text(max_size=40))
def test_any_text_is_judged_without_an_error(text):
    for url in (text, f"http://{text}", f"http://[{text}]/", f"http://example.org/{text}"):
        assert isinstance(url_problem(url), str)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "podcast"},
        {"relevance": 1.1},
        {"relevance": -0.1},
        {"relevance": math.nan},
        {"title": ""},
        {"title": "x" * 301},
        {"description": ""},
        {"language": "x"},
        {"url": None},
        {"url": ["https://example.org"]},
    ],
)
def test_a_resource_that_breaks_a_rule_is_refused(change):
    problem_of(ResourceAnswer, resource(**change))


def resources(count: int) -> dict:
    return {"resources": [resource(f"https://example.org/{number}") for number in range(count)]}


@pytest.mark.parametrize(
    ("limits", "least", "most"),
    [
        (content_answers.MODEL_LIMITS, 5, 10),
        (content_answers.LIBRARY_LIMITS, 1, 3),
        (content_answers.SCAFFOLD_LIMITS, 0, 0),
    ],
)
def test_the_number_of_resources_is_bounded_by_where_they_come_from(limits, least, most):
    for count in range(12):
        if least <= count <= most:
            assert len(ResourcesAnswer.model_validate(resources(count), context={"piece": limits}).resources) == count
        else:
            assert f"{count} resources, not {least} to {most}" in problem_of(
                ResourcesAnswer, resources(count), piece=limits
            )


def test_a_link_must_not_stand_twice():
    twice = resources(5)
    twice["resources"][4]["url"] = twice["resources"][0]["url"]

    assert "a URL stands twice" in problem_of(ResourcesAnswer, twice)


def question(kind: str = "single_choice", **changes: object) -> dict:
    return {
        "kind": kind,
        "question": "Which?",
        "options": ["a", "b", "c"] if kind != "true_false" else ["True", "False"],
        "correct": [0, 1] if kind == "multiple_choice" else [0],
        "explanation": "So.",
        "difficulty": "easy",
        **changes,
    }


@pytest.mark.parametrize("kind", ["single_choice", "multiple_choice", "true_false"])
def test_a_question_inside_the_rules_is_taken(kind):
    QuestionAnswer.model_validate(question(kind))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("single_choice", {"correct": []}),
        ("single_choice", {"correct": [0, 1]}),
        ("single_choice", {"correct": [3]}),
        ("single_choice", {"correct": [-1]}),
        ("single_choice", {"correct": 0}),
        ("single_choice", {"correct": ["a"]}),
        ("single_choice", {"correct": [0.5]}),
        ("single_choice", {"correct": [0, 0]}),
        ("single_choice", {"options": ["a"]}),
        ("single_choice", {"options": []}),
        ("single_choice", {"options": ["a", "a"]}),
        ("single_choice", {"options": ["a", " a "]}),
        ("single_choice", {"options": ["a", ""]}),
        ("single_choice", {"options": [str(n) for n in range(9)]}),
        ("multiple_choice", {"correct": [0]}),
        ("multiple_choice", {"correct": [0, 0]}),
        ("multiple_choice", {"correct": [0, 5]}),
        ("true_false", {"options": ["True", "False", "Maybe"]}),
        ("true_false", {"correct": [0, 1]}),
        ("single_choice", {"question": ""}),
        ("single_choice", {"explanation": ""}),
        ("single_choice", {"difficulty": "x"}),
        ("essay", {}),
        ("single_choice", {"question": "x" * 3001}),
        ("single_choice", {"options": ["a", "x" * 301]}),
    ],
)
def test_F1_a_question_that_cannot_be_answered_is_refused(kind, change):
    problem_of(QuestionAnswer, question(kind, **change))


def quiz(count: int) -> dict:
    return {"questions": [question(question=f"Which of {number}?") for number in range(count)]}


@pytest.mark.parametrize(
    ("limits", "least"),
    [(content_answers.MODEL_LIMITS, 5), (content_answers.LIBRARY_LIMITS, 4), (content_answers.SCAFFOLD_LIMITS, 3)],
)
def test_F1_the_number_of_questions_is_bounded_and_zero_is_a_failure(limits, least):
    for count in range(10):
        if least <= count <= 8:
            assert len(QuizAnswer.model_validate(quiz(count), context={"piece": limits}).questions) == count
        else:
            assert f"{count} questions, not {least} to 8" in problem_of(QuizAnswer, quiz(count), piece=limits)


def test_a_question_must_not_stand_twice():
    twice = quiz(5)
    twice["questions"][4] = copy.deepcopy(twice["questions"][0])

    assert "a question stands twice" in problem_of(QuizAnswer, twice)


@given(st.lists(st.integers(-2, 9), max_size=5), st.sampled_from(["single_choice", "multiple_choice", "true_false"]))
def test_whatever_is_marked_correct_a_taken_question_can_be_answered(correct, kind):
    try:
        taken = QuestionAnswer.model_validate(question(kind, correct=correct))
    except ValidationError:
        return

    assert len(set(taken.correct)) == len(taken.correct) >= (2 if kind == "multiple_choice" else 1)
    assert all(0 <= index < len(taken.options) for index in taken.correct)
