"""Every model can be found, listed and opened in the admin."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

from content.models import Note, Question, Quiz, Resource, Tutorial
from roadmap_project import llm
from roadmaps import deciding
from roadmaps.admin.records import OutcomeFilter
from roadmaps.models import Concept, ConceptProgress, ModelCall, Roadmap, Step
from roadmaps.steps import draining
from tests.factories import make_call, make_written_roadmap

pytestmark = pytest.mark.django_db(transaction=True)

MODELS = [*apps.get_app_config("roadmaps").get_models(), *apps.get_app_config("content").get_models()]


@pytest.fixture
def made(reviewed) -> Roadmap:
    deciding.approve(reviewed.pk)
    draining.drain("content")
    reviewed.refresh_from_db()
    return reviewed


@pytest.fixture
def staff(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("editor", password="x"))
    return client


def address(model, page, *arguments):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def test_every_model_is_registered():
    unregistered = [model.__name__ for model in MODELS if not admin.site.is_registered(model)]

    assert [name for name in unregistered if "_" not in name] == []


def test_every_list_and_every_row_opens(staff, made):
    for model in MODELS:
        if not admin.site.is_registered(model):
            continue
        assert staff.get(address(model, "changelist"), {"q": "a"}).status_code == 200, model
        row = model._default_manager.first()
        if row is not None:
            assert staff.get(address(model, "change", row.pk)).status_code == 200, model


@pytest.mark.parametrize("state", Roadmap.State)
def test_E6_an_editor_sees_every_state_by_its_label(staff, state):
    roadmap = make_written_roadmap(state=state, concepts=1)

    page = staff.get(address(Roadmap, "change", roadmap.pk)).content.decode()
    listed = staff.get(address(Roadmap, "changelist")).content.decode()

    assert f'class="state state-{state.value}">{state.label}<' in page
    assert f'field-state">{state.label}<' in listed


def test_a_concept_is_found_by_its_public_id(staff, made):
    concept = made.concepts.get(key="c-2-1-1")

    page = staff.get(address(Concept, "changelist"), {"q": concept.public_id})

    assert list(page.context["cl"].queryset) == [concept]


def test_what_has_a_concept_is_found_by_its_public_id(staff, made, django_assert_max_num_queries):
    concept = made.concepts.get(key="c-2-1-1")
    Note.objects.create(user=made.owner, concept=concept, text="Mine.", saved_at=timezone.now())
    ConceptProgress.objects.create(user=made.owner, concept=concept)
    with_concept = {
        model
        for model in MODELS
        if admin.site.is_registered(model)
        and any(each.related_model is Concept for each in model._meta.concrete_fields)
    }
    assert len(with_concept) >= 8

    for model in {*with_concept, Resource, Question}:
        way = admin.site.get_model_admin(model).way_to_concept
        with django_assert_max_num_queries(12):
            page = staff.get(address(model, "changelist"), {"q": concept.public_id})
        found = set(page.context["cl"].queryset)
        assert found == set(model._default_manager.filter(**{way: concept})), model
        assert found, model
        assert "a concept’s id" in page.content.decode()


def test_editing_a_tutorial_makes_a_version_by_the_editor(staff, made):
    tutorial = Tutorial.objects.current().first()

    staff.post(
        address(Tutorial, "change", tutorial.pk),
        {"title": "Mended", "summary": "s", "minutes": 5, "markdown": "## Overview\n\n<script>alert(1)</script> text"},
    )

    versions = Tutorial.objects.filter(concept=tutorial.concept).order_by("version")
    assert [(each.version, each.is_current, each.title) for each in versions] == [
        (1, False, tutorial.title),
        (2, True, "Mended"),
    ]
    assert versions[1].author.username == "editor"
    assert "<script" not in versions[1].html


def test_actions_call_the_domains_decisions(staff, reviewed):
    staff.post(address(Roadmap, "changelist"), {"action": "approve", "_selected_action": [reviewed.pk]})
    reviewed.refresh_from_db()
    assert reviewed.state == Roadmap.State.WRITING

    staff.post(address(Roadmap, "changelist"), {"action": "cancel", "_selected_action": [reviewed.pk]})
    assert not Step.objects.active().exists()


def test_lists_need_a_constant_number_of_queries(staff, made, django_assert_max_num_queries):
    for model in (Roadmap, Concept, Step, Tutorial, Quiz):
        with django_assert_max_num_queries(12):
            staff.get(address(model, "changelist"))


def outcomes_of_calls():
    """As the code names them; of HTTP errors the beginning."""
    written = "".join(path.read_text() for path in Path(llm.__file__).parent.glob("*.py"))
    quoted = re.findall(r"""outcome(?:: str)? ?= ?f?"([a-z_]+)(?:"| if)""", written)
    return {llm.RATE_LIMITED, llm.GIVEN_UP, "invalid", *quoted, *re.findall(r"""outcome=f"(http_)""", written)}


def test_model_calls_are_found_by_whatever_became_of_them(staff):
    outcomes = outcomes_of_calls()
    assert outcomes >= {"ok", "cut", "invalid", "error", "empty", "unreadable", "refused", "timeout", "http_"}
    for outcome in outcomes:
        make_call(outcome=outcome + "500" * (outcome == "http_"))

    def found(asked):
        page = staff.get(address(ModelCall, "changelist"), {"outcome": asked})
        return {call.outcome for call in page.context["cl"].queryset}

    offered = dict(OutcomeFilter(None, {}, ModelCall, None).lookup_choices)
    assert set(offered) == (outcomes - {"http_"}) | {"failed", "http"}
    assert {each: found(each) for each in outcomes - {"http_"}} == {each: {each} for each in outcomes - {"http_"}}
    assert found("http") == found("http_500") == {"http_500"}
    assert found("failed") == (outcomes - {"ok", "http_"}) | {"http_500"}
    assert found("no such") == set()


def test_what_scrolls_is_reached_by_keyboard_and_has_a_name():
    """Whether a table is too wide depends on the window and its rows, so that no browser finds them all."""
    templates = list(Path(settings.BASE_DIR).glob("*/templates/**/*.html"))
    found = [tag for each in templates for tag in re.findall(r'<[^>]+class="scrolls"[^>]*>', each.read_text())]

    assert len(found) > 15
    assert [tag for tag in found if not re.search(r'tabindex="0" role="group" aria-label(ledby)?="', tag)] == []
