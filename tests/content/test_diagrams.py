"""The frame in which diagrams are drawn, and what it may do."""

import pytest
from django.contrib.staticfiles import finders
from django.urls import reverse

from content.views import diagrams
from tests.content.test_pages import address
from tests.factories import make_tutorial, make_written_roadmap

pytestmark = pytest.mark.django_db

DIAGRAM = "```mermaid\nflowchart LR\n  A --> B\n```"


def policy_of(response) -> dict[str, list[str]]:
    rules = (each.split() for each in response.headers["Content-Security-Policy"].split("; "))
    return {name: words for name, *words in rules}


def test_the_frame_may_load_its_own_files_and_reach_nothing_else(client):
    response = client.get(reverse("content:diagram"))

    assert policy_of(response) == {
        "default-src": ["'none'"],
        "script-src": [f"http://testserver/static/{each}" for each in diagrams.SCRIPTS],
        "style-src": ["'unsafe-inline'", "http://testserver/static/content/diagram.css"],
        "form-action": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'self'"],
        "sandbox": ["allow-scripts"],
    }
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert all(each in response.content.decode() for each in (*diagrams.SCRIPTS, *diagrams.STYLES))
    assert "sessionid" not in response.cookies
    assert all(finders.find(each) for each in (*diagrams.SCRIPTS, *diagrams.STYLES))


def test_a_page_with_a_diagram_holds_its_source_and_loads_no_drawing_script(client, person):
    """The frame is made by a script, so that without one the source is there to read."""
    client.force_login(person)
    concept = make_written_roadmap(owner=person).concepts.first()
    make_tutorial(concept=concept, markdown=DIAGRAM)

    shown = client.get(address("concept", concept)).content.decode()

    assert '<pre class="code mermaid"><code class="language-mermaid">flowchart LR\n  A --&gt; B' in shown
    assert f'data-frame="{reverse("content:diagram")}"' in shown
    assert "<iframe" not in shown
    assert "mermaid.js" not in shown
