"""How full is the database, how did it get there, and how does the work go? The admin's page "Operations"."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.checks import CheckMessage
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.module_loading import import_string

from roadmap_project import counting, health, pool_status, sampling
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.forms import StaffSignInForm
from roadmap_project.models import ApiToken, ConnectionSample
from roadmap_project.sampling import Point, Series

# By name: queues, steps and model calls belong to an app that builds on this package, as does their part of the page.
WORK = "roadmaps.watching.report"

DEFAULT_HOURS = 6
LATE = timedelta(minutes=5)  # without a sample: then nobody takes any

LABELS = {
    counting.RELEASE: "release (migrations)",
    counting.OTHER: "other (our shells and commands)",
    counting.UNPLANNED: "unplanned (not ours)",
    counting.ELSEWHERE: "other databases of this server",
}
TICKS = {1: timedelta(minutes=10), 6: timedelta(hours=1), 24: timedelta(hours=4)}
TABLE_ROWS = 12

admin.site.login_form = StaffSignInForm
admin.site.site_header = admin.site.site_title = "Roadmaps administration"


@admin.register(ConnectionSample)
class ConnectionSampleAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """In place of a list of rows: the page for which the rows are taken."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = request.GET.get("hours", "")
        hours = int(asked) if asked in {str(each) for each in sampling.STEPS} else DEFAULT_HOURS
        context = {
            **self.admin_site.each_context(request),
            "title": "Operations",
            "opts": self.opts,
            "hours": hours,
            "ranges": sampling.STEPS,
            **_page(sampling.series(hours=hours), hours),
        }
        return TemplateResponse(request, "admin/roadmap_project/connections.html", context)


def _page(series: Series, hours: int) -> dict[str, Any]:
    """Everything that the template lays out; `count` is None where the database was too busy to be asked."""
    seen, own = health.look(), pool_status.status()
    budget = seen.count.budget if seen.count else settings.CONNECTION_BUDGET
    plot = Plot(series, budget)
    work = import_string(WORK)(seen.queues or {})
    return {
        "budget": budget,
        "count": seen.count,
        "findings": [*seen.findings, *_late(series), *(work.findings if work else ())],
        "rows": [
            {
                "name": name,
                "label": LABELS.get(name, name),
                "declared": counting.declared(budget, name),
                "most": _most(budget, name),
                "bound": _bound(budget, name),
                "now": seen.count.observed[name] if seen.count else None,
                "peak": series.peaks.get(name),
                "waits": sum(row.waits for row in seen.met if row.service == name),
                "refusals": [row for row in seen.met if row.service == name and row.refusals],
                "course": plot.course(name, counting.declared(budget, name)),
            }
            for name in counting.names(budget)
        ],
        "work": work,
        "clusters": seen.clusters,
        "own": own,
        "release": settings.RELEASE,
        "plot": plot,
        "table": _table(series, budget, hours),
        "step_minutes": int(series.step.total_seconds() // 60),
    }


def _most(budget: ConnectionBudget, name: str) -> int:
    """What is declared while releases overlap; migrations and other clients are there once."""
    declared = counting.declared(budget, name)
    return declared if name in LABELS else budget.deploy_overlap * declared


def _bound(budget: ConnectionBudget, name: str) -> int:
    """Above which a number is a trouble: other databases' clients are among the declared other clients."""
    return budget.other_clients if name == counting.ELSEWHERE else _most(budget, name)


def _late(series: Series) -> Iterator[CheckMessage]:
    if not series.points:
        said = "There are no samples in this range."
    elif series.end - series.points[-1].at > LATE + series.step:
        said = f"No sample since {timezone.localtime(series.points[-1].at + series.step):%H:%M}."
    else:
        return
    hint = "The logs cluster takes one every minute: is it running?"
    yield CheckWarning(said, hint=hint, id="roadmap_project.W013")


def _table(series: Series, budget: ConnectionBudget, hours: int) -> dict[str, Any]:
    """The plot for those who do not see it: the peaks of each twelfth of the range."""
    window = timedelta(hours=hours) / TABLE_ROWS
    names = counting.names(budget)
    rows = []
    for number in range(TABLE_ROWS):
        start = series.start + number * window
        points = [point for point in series.points if start <= max(point.at, series.start) < start + window]
        peaks = [max((point.observed.get(name, 0) for point in points), default=None) for name in names]
        rows.append(
            {
                "start": timezone.localtime(start),
                "peaks": peaks,
                "together": max((point.total for point in points), default=None),
            }
        )
    return {"names": [LABELS.get(name, name).partition(" (")[0] for name in names], "rows": rows}


@dataclass
class Line:
    """A bound that is drawn across the plot, and named at its right end."""

    name: str
    value: int
    path: str
    label_at: float = 0


@dataclass
class Plot:
    """The coordinates of the drawing: areas of observed connections one upon the other, and the bounds above them."""

    series: Series
    budget: ConnectionBudget
    width: int = 1000
    height: int = 392
    left: int = 52
    right: int = 872
    top: int = 14
    bottom: int = 336
    course_width: int = 150
    course_height: int = 26
    ceiling: float = field(init=False)

    def __post_init__(self) -> None:
        points = self.series.points
        highest = max([self.budget.steady, self.budget.deploy, *(max(point.total, point.declared) for point in points)])
        limit = max([self.budget.limit, *(point.limit for point in points)])
        # A limit far above everything would press the rest to the ground: then it is only named below the plot.
        self.ceiling = 1.06 * max(limit, highest) if limit <= 3 * highest else 1.15 * highest

    def x(self, at: datetime) -> float:
        share = (at - self.series.start) / (self.series.end - self.series.start)
        return round(self.left + min(max(share, 0), 1) * (self.right - self.left), 1)

    def y(self, number: float) -> float:
        return round(self.bottom - number / self.ceiling * (self.bottom - self.top), 1)

    @property
    def areas(self) -> list[dict[str, Any]]:
        """Upwards; each as one closed outline a stretch, empty where nothing was observed."""
        names = counting.names(self.budget)
        drawn = []
        for place, name in enumerate(names):
            path = "".join(self._area(run, names[:place], name) for run in self.series.runs())
            is_shown = name not in LABELS or name == counting.UNPLANNED or bool(self.series.peaks.get(name))
            if is_shown:
                drawn.append({"name": name, "label": LABELS.get(name, name), "path": path})
        return drawn

    def _area(self, run: list[Point], below: tuple[str, ...], name: str) -> str:
        if not any(point.observed.get(name) for point in run):
            return ""
        lower = [sum(point.observed.get(each, 0) for each in below) for point in run]
        upper = [low + point.observed.get(name, 0) for low, point in zip(lower, run, strict=True)]
        edges = self._edges(run)
        there = "".join(f"V{self.y(up)}H{end}" for up, (_, end) in zip(upper, edges, strict=True))
        back = "".join(
            f"V{self.y(low)}H{begin}" for low, (begin, _) in zip(reversed(lower), reversed(edges), strict=True)
        )
        return f"M{edges[0][0]} {self.y(lower[0])}{there}{back}Z"

    def _edges(self, run: list[Point]) -> list[tuple[float, float]]:
        """Where each point's step begins and ends; it lasts until the next sample."""
        begins = [self.x(point.at) for point in run] + [self.x(run[-1].at + self.series.step)]
        return list(pairwise(begins))

    @property
    def lines(self) -> list[Line]:
        """Where they end their names must not cover each other."""
        now = {
            "limit": self.budget.limit,
            "usable": self.budget.usable,
            "deploying": self.budget.deploy,
            "declared": self.budget.steady,
        }
        lines = [
            Line(name=name, value=value, path=self._line(name, value))
            for name, value in now.items()
            if 0 <= value <= self.ceiling
        ]
        lowest = float(self.top)
        for line in sorted(lines, key=lambda each: -each.value):
            line.label_at = lowest = max(self.y(line.value) + 4, lowest)
            lowest += 17
        return lines

    def _line(self, name: str, value: int) -> str:
        """As it was at each sample; as it is now where no sample knows it."""
        if name == "deploying" or not self.series.points:
            return f"M{self.left} {self.y(value)}H{self.right}"
        path = ""
        for run in self.series.runs():
            edges = self._edges(run)
            path += f"M{edges[0][0]} {self.y(getattr(run[0], name))}"
            path += "".join(
                f"V{self.y(getattr(point, name))}H{end}" for point, (_, end) in zip(run, edges, strict=True)
            )
        return path

    @property
    def columns(self) -> list[dict[str, Any]]:
        """What the pointer finds: each step's numbers."""
        names = counting.names(self.budget)
        return [
            {
                "x": begin,
                "width": round(end - begin, 1),
                "at": timezone.localtime(point.at),
                "text": ", ".join(f"{name} {point.observed[name]}" for name in names if point.observed.get(name)),
                "total": point.total,
            }
            for run in self.series.runs()
            for point, (begin, end) in zip(run, self._edges(run), strict=True)
        ]

    @property
    def gaps(self) -> list[dict[str, float]]:
        """Stretches without samples."""
        ends = [(edges[0][0], edges[-1][1]) for edges in map(self._edges, self.series.runs())]
        borders = [float(self.left), *(edge for run in ends for edge in run), float(self.right)]
        between = zip(borders[::2], borders[1::2], strict=True)
        shortest = 3 * (self.right - self.left) * (sampling.SAMPLE_EVERY / (self.series.end - self.series.start))
        return [{"x": begin, "width": round(end - begin, 1)} for begin, end in between if end - begin > shortest + 1]

    @property
    def numbers(self) -> list[dict[str, float]]:
        """The upward axis: round numbers, five or six of them."""
        step = next(each for each in _round_numbers() if self.ceiling / each <= 6)
        return [{"value": value, "y": self.y(value)} for value in range(0, int(self.ceiling) + 1, step)]

    @property
    def times(self) -> list[dict[str, Any]]:
        hours = round((self.series.end - self.series.start) / timedelta(hours=1))
        start, tick = timezone.localtime(self.series.start), TICKS[hours]
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        first = midnight + tick * -(-(start - midnight) // tick)
        number = int((self.series.end - first) / tick) + 1
        return [{"at": first + tick * place, "x": self.x(first + tick * place)} for place in range(number)]

    @property
    def together(self) -> int | None:
        return max((point.total for point in self.series.points), default=None)

    def course(self, name: str, declared: int) -> dict[str, Any]:
        """One service's line for the table, with its declared number as a line across; no lower bound than one."""
        ceiling = 1.1 * max(declared, self.series.peaks.get(name, 0), 1)

        def height(number: int) -> float:
            return round(self.course_height - 1 - number / ceiling * (self.course_height - 2), 1)

        def across(x: float) -> float:
            return round((x - self.left) / (self.right - self.left) * self.course_width, 1)

        path = ""
        for run in self.series.runs():
            edges = self._edges(run)
            path += f"M{across(edges[0][0])} {height(0)}"
            path += "".join(
                f"V{height(point.observed.get(name, 0))}H{across(end)}"
                for point, (_, end) in zip(run, edges, strict=True)
            )
            path += f"V{height(0)}Z"
        return {"path": path if self.series.peaks.get(name) else "", "declared_y": height(declared) if declared else ""}


def _round_numbers() -> Iterator[int]:
    size = 1
    while True:
        yield from (size, 2 * size, 5 * size)
        size *= 10


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Whose programs have access. An operator can revoke it by deleting the row, and make none."""

    list_display = ("name", "user", "created_at", "last_used_at", "expires_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
