"""The admin's page: who may see it, what it says and draws, and what it costs."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from importlib import import_module
from itertools import pairwise

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.utils import timezone
from django_q.models import Schedule, Task

from roadmap_project import admin, counting, health, sampling
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.environment import Environment
from roadmap_project.models import ConnectionSample
from roadmaps import watching
from roadmaps.steps import heartbeats
from tests.factories import make_cluster, make_heartbeat, make_user

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/roadmap_project/connectionsample/"
BUDGET = ConnectionBudget.from_environment(Environment({}))


@pytest.fixture(autouse=True)
def _nothing_seen():
    health.forget()
    yield
    health.forget()


@pytest.fixture
def operator(client):
    """Staff who may view, and nothing else."""
    user = make_user(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_connectionsample"))
    client.force_login(user)
    for name in watching.SCHEDULES:  # as migrations make them, and tests that empty every table do not
        Schedule.objects.get_or_create(name=name, defaults={"func": "roadmaps.tasks.sweep", "schedule_type": "I"})
    return client


def make_samples(*, minutes=60, every=1, until=None, **observed):
    """One a minute; a number is what was observed in each of them."""
    until = until or timezone.now()
    observed = {"web": 3, "logs": 4, "content": 5, "workflow": 4, **observed}
    ConnectionSample.objects.bulk_create(
        ConnectionSample(
            sampled_at=until - timedelta(minutes=minute),
            service=name,
            observed=observed.get(name, 0),
            declared=counting.declared(BUDGET, name),
            limit=97,
            usable=72,
        )
        for minute in range(0, minutes, every)
        for name in counting.names(BUDGET)
    )


def drawing(**environment):
    end = timezone.now()
    budget = ConnectionBudget.from_environment(Environment(environment))
    return admin.Plot(sampling.series(hours=1, until=end), budget)


def numbers(path):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", path)]


class Elements(HTMLParser):
    """Every element's name and attributes; open ones must be closed in order."""

    VOID = {"br", "hr", "img", "input", "link"}

    def __init__(self, html):
        super().__init__()
        self.found, self.open = [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page_of(response):
    """The page's own part, without the admin's frame."""
    html = response.content.decode()
    return html[html.index('<div id="content" ') : html.index("<!-- END Content -->")]


def test_A17_the_page_says_declared_observed_and_peak_by_service(operator):
    make_samples(unplanned=2)

    response = operator.get(ADDRESS)

    rows = {row["name"]: row for row in response.context["rows"]}
    assert list(rows) == list(counting.names(BUDGET))
    assert (rows["content"]["declared"], rows["content"]["most"], rows["content"]["peak"]) == (9, 18, 5)
    assert (rows["unplanned"]["declared"], rows["unplanned"]["peak"]) == (0, 2)
    assert rows["other"]["now"] >= 1  # this test
    text = response.content.decode()
    assert "The declared fleet fits" in text
    assert "Steady: 31 ≤" in text
    assert "unplanned (not ours)" in text


@pytest.mark.parametrize(
    ("service", "peak", "is_marked"),
    [("elsewhere", 5, False), ("elsewhere", 6, True), ("unplanned", 1, True), ("web", 16, False), ("web", 17, True)],
)
def test_a_peak_is_marked_where_it_is_above_what_is_declared(operator, service, peak, is_marked):
    """Clients of other databases are among the declared other clients, as the verdict has it."""
    make_samples(**{service: peak})

    table = page_of(operator.get(ADDRESS)).partition(">By service</h2>")[2]
    row = next(each for each in table.split("<tr>") if f'<rect class="{service}"' in each)
    declared, most, _, seen = re.findall(r'<td class="(number[^"]*)">', row)[:4]

    assert (seen == "number above") == is_marked
    assert (declared, most) == ("number", "number")


def test_it_is_reached_from_the_admins_index(operator):
    assert f'href="{ADDRESS}"' in operator.get("/admin/").content.decode()


def test_staff_without_the_permission_are_refused_and_others_sent_to_sign_in(client):
    assert client.get(ADDRESS).status_code == 302

    client.force_login(make_user())
    assert client.get(ADDRESS).status_code == 302

    client.force_login(make_user(is_staff=True))
    assert client.get(ADDRESS).status_code == 403


def test_samples_are_not_edited(client):
    client.force_login(make_user(is_staff=True, is_superuser=True))
    make_samples(minutes=1)
    row = ConnectionSample.objects.first()

    assert client.get(f"{ADDRESS}add/").status_code == 403
    assert client.post(f"{ADDRESS}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"{ADDRESS}{row.pk}/change/", {"observed": 0}).status_code == 403


@pytest.mark.parametrize("minutes", [0, 10, 300])
def test_it_needs_a_constant_number_of_queries(operator, django_assert_num_queries, minutes):
    make_samples(minutes=minutes)
    heartbeats.picked_up("logs")

    # Session, person, two for permissions; samples; the look: server, roles; in a transaction the bound, count,
    # queues, clusters, who was refused, what lasts; the work: bound and eight in a transaction.
    with django_assert_num_queries(4 + 1 + 2 + 8 + 11):
        assert operator.get(ADDRESS).status_code == 200


@pytest.mark.parametrize(
    ("asked", "hours"), [("", 6), ("1", 1), ("6", 6), ("24", 24), ("0", 6), ("x", 6), ("-1", 6), ("9" * 5000, 6)]
)
def test_the_range_is_one_of_three(operator, asked, hours):
    response = operator.get(ADDRESS, {"hours": asked})

    assert response.context["hours"] == hours
    current = re.findall(r'<strong aria-current="page">(\d+) h</strong>', response.content.decode())
    assert current == [str(hours)]


def test_the_page_says_which_release_answered_where_that_is_known(operator, settings):
    settings.RELEASE = ""
    assert '<th scope="row">release</th>' not in operator.get(ADDRESS).content.decode()

    settings.RELEASE = "0123abc"
    assert '<th scope="row">release</th><td class="breaks">0123abc</td>' in operator.get(ADDRESS).content.decode()


def test_the_page_is_well_formed_has_no_script_and_nothing_from_elsewhere(operator):
    make_samples(minutes=300, unplanned=3, elsewhere=1)

    found = Elements(page_of(operator.get(ADDRESS))).found

    names = {name for name, _ in found}
    assert "script" not in names
    assert not [attribute for _, attributes in found for attribute in attributes if attribute.startswith("on")]
    links = [attributes["href"] for _, attributes in found if "href" in attributes]
    ids = {attributes["id"] for _, attributes in found if "id" in attributes}
    assert [link for link in links if link.removeprefix("#") not in ids] == ["?hours=1", "?hours=24"]


def test_the_drawing_has_a_name_a_text_and_a_table_beside_it(operator):
    make_samples()

    response = operator.get(ADDRESS)

    found = Elements(page_of(response)).found
    ids = {attributes.get("id") for _, attributes in found}
    (plot,) = [attributes for name, attributes in found if attributes.get("role") == "img"]
    assert set(plot["aria-labelledby"].split()) <= ids
    assert "At most 16 connections together; 31 are declared" in response.content.decode()
    others = [attributes for name, attributes in found if name == "svg" and attributes != plot]
    assert all(attributes.get("aria-hidden") == "true" for attributes in others)
    table = response.context["table"]
    assert len(table["rows"]) == admin.TABLE_ROWS
    assert table["rows"][-1]["together"] == 16
    assert table["rows"][0]["together"] is None  # five hours ago nothing was sampled


def test_areas_stand_upon_each_other_and_reach_what_was_observed():
    make_samples(unplanned=2)
    plot = drawing()

    tops = [min(numbers(area["path"].replace("H", " H"))[1::2]) for area in plot.areas if area["path"]]
    highest = {
        area["name"]: min(float(y) for y in re.findall(r"V(-?[\d.]+)", area["path"]))
        for area in plot.areas
        if area["path"]
    }

    assert tops
    assert highest == {
        "web": plot.y(3), "logs": plot.y(7), "content": plot.y(12), "workflow": plot.y(16), "unplanned": plot.y(18),
    }  # fmt: skip


def test_nothing_is_drawn_outside_the_frame():
    make_samples(minutes=70, unplanned=40)
    plot = drawing()

    for path in [area["path"] for area in plot.areas] + [line.path for line in plot.lines]:
        across = [float(x) for x in re.findall(r"[MH](-?[\d.]+)", path)]
        upward = [float(y) for y in re.findall(r"V(-?[\d.]+)", path)]
        assert all(plot.left <= x <= plot.right for x in across)
        assert all(plot.top <= y <= plot.bottom for y in upward)
    assert all(column["width"] >= 0 for column in plot.columns)


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({}, ["limit", "usable", "deploying", "declared"]),
        ({"DB_MAX_CONNECTIONS": "5000"}, ["deploying", "declared"]),  # too far above to draw
        ({"DB_HEADROOM": "0.9", "DB_OTHER_CLIENTS": "50"}, ["limit", "deploying", "declared"]),  # usable is below zero
    ],
)
def test_bounds_are_drawn_where_they_fit_and_their_names_do_not_cover_each_other(environment, names):
    plot = drawing(**environment)

    assert [line.name for line in plot.lines] == names
    places = sorted(line.label_at for line in plot.lines)
    assert all(after - before >= 17 for before, after in pairwise(places))


@pytest.mark.parametrize("most", ["1", "40", "100", "350", "100000"])
def test_the_upward_axis_has_a_few_round_numbers(most):
    marks = [each["value"] for each in drawing(DB_MAX_CONNECTIONS=most, DB_SERVER_RESERVED="0").numbers]

    assert 3 <= len(marks) <= 7
    assert marks[0] == 0


@pytest.mark.parametrize(("hours", "first", "count"), [(1, "11:20", 6), (6, "07:00", 6), (24, "16:00", 5)])
def test_times_are_marked_at_round_moments(hours, first, count):
    end = datetime(2026, 3, 1, 12, 17, tzinfo=UTC)

    times = admin.Plot(sampling.series(hours=hours, until=end), BUDGET).times

    assert f"{times[0]['at']:%H:%M}" == first
    assert len(times) in (count, count + 1)
    assert all(52 <= each["x"] <= 872 for each in times)


def test_a_stretch_without_samples_is_shown_as_such_and_told_when_it_lasts(operator):
    make_samples(minutes=100, until=timezone.now() - timedelta(minutes=30))

    response = operator.get(ADDRESS)

    assert len(response.context["plot"].gaps) == 2  # before and after
    assert any("No sample since" in finding.msg for finding in response.context["findings"])


def test_without_any_sample_the_page_says_who_takes_them(operator):
    response = operator.get(ADDRESS)

    assert response.status_code == 200
    assert any("There are no samples in this range" in finding.msg for finding in response.context["findings"])
    assert "No samples." in response.content.decode()


def test_D10_each_cluster_is_shown_with_whether_it_serves(operator):
    make_cluster(name="alive:1", seconds_ago=5)
    make_cluster(name="dead:1", seconds_ago=240)

    text = re.sub(r"<[^>]+>", " ", operator.get(ADDRESS).content.decode())

    assert re.search(r"alive:1\s+[5-9] s ago\s+✓ serves", text)
    assert re.search(r"dead:1\s+4 min ago\s+✗ gone, or does nothing", text)


def test_a_schedule_that_fails_or_is_overdue_is_shown_first_with_its_reason(operator):
    now = timezone.now()
    Schedule.objects.filter(name="sweep content").update(next_run=now - timedelta(minutes=6))
    schedule = Schedule.objects.order_by("name").last()
    for ago, error in ((1, "disk is full"), (2, "earlier")):
        Task.objects.create(
            id=f"failed{ago}", name="x", func="f", group=schedule.name, success=False, started=now,
            stopped=now - timedelta(hours=ago), result=f"{error} : Traceback (most recent call last):\n  <b>line</b>",
        )  # fmt: skip
    Task.objects.create(
        id="old", name="x", func="f", group=schedule.name, success=False, started=now, stopped=now - timedelta(days=2)
    )

    response = operator.get(ADDRESS)

    first, *others = response.context["work"].schedules
    assert (first.name, first.failures, first.reason) == (schedule.name, 2, "disk is full")
    assert {each.name for each in others if each.is_overdue} >= {"sweep content"}
    assert "disk is full" in response.content.decode()
    assert "overdue since" in response.content.decode()


def test_a_schedule_that_somebody_deleted_or_let_end_is_a_finding_that_says_how_it_was(operator):
    make_samples()
    Schedule.objects.filter(name="purge records").delete()
    Schedule.objects.filter(name="sweep logs").update(repeats=0)

    findings = {each.msg: each.hint for each in operator.get(ADDRESS).context["findings"] if "W050" in each.id}

    assert list(findings) == [
        "There is no schedule “sweep logs” that goes on: what it does is done no more.",
        "There is no schedule “purge records” that goes on: what it does is done no more.",
    ]
    assert "the function roadmaps.tasks.sweep, the arguments 'logs', every minute" in next(iter(findings.values()))


def test_the_schedules_that_are_missed_are_those_that_migrations_make():
    Schedule.objects.all().delete()
    names = ("roadmap_project", "0002_schedules"), ("roadmap_project", "0003_purge_task_results")
    names += ("roadmap_project", "0009_purge_keyed_requests"), ("roadmaps", "0003_sweep_schedules")
    names += ("roadmaps", "0009_purge_schedules"), ("content", "0002_link_schedule")
    for app, name in names:
        import_module(f"{app}.migrations.{name}").add(apps, None)
    often = {("I", 1): "every minute", ("D", None): "daily"}

    made = {
        each.name: (each.cluster, each.func, each.args or "", often[each.schedule_type, each.minutes])
        for each in Schedule.objects.all()
    }

    assert made == watching.SCHEDULES
    assert {each.repeats for each in Schedule.objects.all()} == {-1}


def test_D10_a_queue_that_nobody_serves_is_a_finding(operator):
    make_samples()
    make_heartbeat(queue="content", seconds_ago=600)
    make_heartbeat(queue="logs", seconds_ago=3)

    findings = operator.get(ADDRESS).context["findings"]

    assert [finding.id for finding in findings] == ["roadmap_project.W012"] * 2
    assert re.search(r"from the content queue for 60\d seconds", findings[0].msg)
    assert "Q_CLUSTER_NAME=content" in findings[0].hint
    assert "from the workflow queue yet" in findings[1].msg


def test_a_fleet_that_does_not_fit_is_said_first(operator, settings):
    settings.CONNECTION_BUDGET = ConnectionBudget.from_environment(Environment({"CONTENT_WORKERS": "200"}))

    response = operator.get(ADDRESS)

    assert "✗ The declared fleet does not fit" in response.content.decode()
    assert response.context["findings"][0].id == "roadmap_project.E001"


def test_while_the_database_is_too_busy_to_be_counted_the_samples_are_shown(operator, monkeypatch):
    make_samples()
    monkeypatch.setattr(health, "_last", health.Look(status=health.BUSY, taken_at=float("inf")))

    response = operator.get(ADDRESS)

    assert response.status_code == 200
    assert "too busy to be counted" in response.content.decode()
    assert response.context["plot"].together == 16
