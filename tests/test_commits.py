"""A commit that fails: whoever asked is told, and nothing has happened."""

import pytest
from django.db import DatabaseError, connection
from django.urls import reverse
from django_q.models import OrmQ

from roadmaps import deciding
from roadmaps.models import Feedback, Roadmap, Step
from tests.factories import make_roadmap_in_review, make_written_roadmap

pytestmark = pytest.mark.django_db(transaction=True)

GOAL = {"goal": "Learn chess", "level": "beginner", "hours_per_week": "6", "preference": "any", "language": "en"}


@pytest.fixture
def refuse_commits():
    """From now on every transaction that touches a roadmap fails, and only when it is to be committed."""

    def refuse() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''disk full''; END';"
                "CREATE CONSTRAINT TRIGGER refuse_commit AFTER INSERT OR UPDATE ON roadmaps_roadmap "
                "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_commit()"
            )

    yield refuse
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION IF EXISTS refuse_commit CASCADE")


@pytest.mark.parametrize(
    ("name", "posted"),
    [("approve", {}), ("cancel", {}), ("delete", {}), ("request_changes", {"text": "Shorter"}), ("new", GOAL)],
)
def test_A18_a_decision_whose_commit_fails_is_an_error_and_has_not_happened(
    client, person, library, refuse_commits, name, posted
):
    roadmap = make_roadmap_in_review(owner=person)
    client.force_login(person)
    client.raise_request_exception = False
    refuse_commits()

    arguments = [] if name == "new" else [roadmap.slug]
    response = client.post(reverse(f"roadmaps:{name}", args=arguments), posted)

    assert response.status_code == 500
    assert "disk full" in str(response.exc_info[1])
    assert Roadmap.objects.get().state == Roadmap.State.IN_REVIEW
    assert not Roadmap.objects.filter(deleted_at__isnull=False).exists()
    assert not Feedback.objects.exists()
    assert not Step.objects.exists()
    assert not OrmQ.objects.exclude(key="logs").exists()


def test_A18_a_retry_whose_commit_fails_raises(person, refuse_commits):
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.FAILED, steps=Step.State.FAILED, concepts=1)
    refuse_commits()

    with pytest.raises(DatabaseError, match="disk full"):
        deciding.retry(roadmap.pk)

    assert set(roadmap.steps.values_list("state", flat=True)) == {Step.State.FAILED}
