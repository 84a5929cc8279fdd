"""What do the people do? Each journey is a thread that uses the pages as a browser does."""

import http.client
import random
import re
import socket
import threading
import time
import urllib.error
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from roadmap_project.demo import Browser, DemoError
from tests.soak.schedule import Journey, SlowClient

PASSWORD = "correct horse b"
FINAL = ("ready", "partly_ready", "failed", "cancelled")
STATE = re.compile(r'class="state state-(\w+)"')
CONCEPT = re.compile(r'href="/roadmaps/[-\w]+/(c-\d+-\d+-\d+)/"')
STATUS = re.compile(r"answered (\d+)$")
KINDS = ("tutorial", "resources", "quiz")
LOOK_SECONDS = 0.8
MOST_RETRIES = 3
SLOW_AT_ONCE = 12  # more than the web has threads
WRONG = (DemoError, urllib.error.URLError, http.client.HTTPException, OSError)


SOONEST_MADE = 0.5  # seconds in which the stub answers at the soonest: before, a piece that was asked for is under way


class TimeOverError(Exception):
    """The soak's end came first."""


@dataclass(frozen=True)
class Trouble:
    """What a person got in place of a page."""

    at: float  # when it was asked for, time.time()
    until: float
    path: str
    status: int  # 0: no answer


@dataclass(frozen=True)
class Press:
    """One finger's click, until it was answered."""

    answered_at: float  # time.time()
    tries: int
    path: str = ""  # where it led


def orders_in(presses: Sequence[Press]) -> int:
    """A click of several fingers is one order.

    Another one is every try after one that failed, for that may have been heard, and a finger that was heard so late
    that what the first had asked for may have been made by then.
    """
    first = min(press.answered_at for press in presses)
    late = sum(press.answered_at - first > SOONEST_MADE for press in presses)
    return 1 + late + sum(press.tries - 1 for press in presses)


@dataclass
class Learner:
    journey: Journey
    address: Callable[[], str]
    is_over: threading.Event
    path: str = ""  # of the roadmap
    state: str = ""
    orders: Counter[tuple[str, str]] = field(
        default_factory=Counter
    )  # by concept's key and kind: "again" was asked for
    cancels: list[tuple[float, float]] = field(default_factory=list)  # answered when, until taken up again
    cancel_clicks: list[float] = field(default_factory=list)
    did: Counter[str] = field(default_factory=Counter)  # of what a journey may draw
    pages: int = 0
    troubles: list[Trouble] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._browser = Browser(self.address())
        self._choice = random.Random(f"journey {self.journey.number}")
        self.thread = threading.Thread(target=self._run, name=self.journey.goal, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._travel()
        except TimeOverError:
            return
        except Exception as error:  # the machinery's own fault: nothing of what this person would have done is shown
            self.findings.append(f"{self.journey.goal}: {error!r}")
            raise

    def _travel(self) -> None:
        journey = self.journey
        self._sign_up()
        self._begin()
        if journey.cancels_while:
            self._cancel_while(journey.cancels_while)
        if self.state == "cancelled" and not journey.retries:
            self._see_that_it_stays_cancelled()
            return
        if self.state == "cancelled":
            self._take_up_again()
        if not self._review():
            return
        self._until(*FINAL)
        for _ in range(MOST_RETRIES):
            if self.state not in ("partly_ready", "failed"):
                break
            self._decide("retry/")
            self._until(*FINAL)
        self._read_and_regenerate()

    def _sign_up(self) -> None:
        name = f"learner{self.journey.number}"
        self._open("/sign-up/")
        press = self._send("/sign-up/", username=name, password1=PASSWORD, password2=PASSWORD)
        if press.path == "/sign-up/":  # an earlier answer was lost: the account is there
            self._open("/sign-in/")
            self._send("/sign-in/", username=name, password=PASSWORD)

    def _begin(self) -> None:
        self._open("/new/")
        wishes = {"goal": self.journey.goal, "level": "beginner", "hours_per_week": "8", "preference": "any"}
        wishes |= {"language": "en", "request_key": str(uuid.uuid4())}
        if self.journey.skips_review:
            wishes["skips_review"] = "on"
        paths = [press.path for press in self._click("/new/", **wishes)]
        tokens = {path.rpartition("-")[2] for path in paths}  # the words before it may change
        if len(tokens) != 1 or not paths[0].startswith("/roadmaps/"):
            self.findings.append(f"{self.journey.goal}: one form led to {', '.join(paths)}")
            raise TimeOverError
        self.path = paths[0]

    def _cancel_while(self, state: str) -> None:
        if self._until(state, "in_review", *FINAL) != state:
            return
        self._pause(self.journey.patience)
        self.cancel_clicks.append(time.time())
        self._decide("cancel/")
        self.cancel_clicks.append(time.time())  # the click that worked may be a later one: the database was away
        if self._look() == "cancelled":
            self.cancels.append((time.time(), float("inf")))
            self.did["cancelled"] += 1

    def _see_that_it_stays_cancelled(self) -> None:
        for _ in range(10):
            self._pause(LOOK_SECONDS)
            if (state := self._look()) != "cancelled":
                self.findings.append(f"{self.journey.goal}: cancelled, and then {state}")
                return

    def _take_up_again(self) -> None:
        self._pause(3 * LOOK_SECONDS)
        answered_at, _ = self.cancels.pop()
        self.cancels.append((answered_at, time.time()))
        self._decide("retry/")
        self.did["taken up again"] += self._look() != "cancelled"

    def _review(self) -> bool:
        """False where it stays in review."""
        if self._until("in_review", "writing", *FINAL) != "in_review":
            return True
        if self.journey.asks_for_changes:
            self._click(f"{self.path}request-changes/", text=f"More practice in subject {self.journey.number}")
            self._until("in_review", *FINAL)
        if self.state == "in_review" and not self.journey.approves:
            return False
        if self.state == "in_review":
            self._decide("approve/")
        return True

    def _read_and_regenerate(self) -> None:
        _, page = self._open(self.path)
        keys = sorted(set(CONCEPT.findall(page)))
        for _ in range(self.journey.regenerates if keys and self.state != "cancelled" else 0):
            key, kind = self._choice.choice(keys), self._choice.choice(KINDS)
            _, page = self._open(f"{self.path}{key}/")
            again = f"{self.path}{key}/regenerate/{kind}/"
            seen = re.search(rf'action="{again}">.*?name="seen" value="([^"]*)"', page, re.DOTALL)
            self.orders[key, kind] += orders_in(self._click(again, wish="", seen=seen[1] if seen else ""))
            self._until(*FINAL)
        self._open("/")

    # What a person does in one go, again until it works

    def _decide(self, what: str) -> None:
        self._click(f"{self.path}{what}")

    def _click(self, path: str, **fields: str) -> list[Press]:
        """Once or, by those who do, twice at the same time."""
        times = 2 if self.journey.clicks_twice else 1
        with ThreadPoolExecutor(times) as fingers:
            clicks = [fingers.submit(self._send, path, **fields) for _ in range(times)]
        presses = [click.result() for click in clicks]
        self.did["clicked twice"] += times - 1
        return presses

    def _send(self, path: str, **fields: str) -> Press:
        tries = 0

        def send() -> tuple[str, str]:
            nonlocal tries
            tries += 1
            return self._browser.submit(path, **fields)

        led_to, _ = self._again_until_it_works(path, send)
        return Press(time.time(), tries, led_to)

    def _open(self, path: str) -> tuple[str, str]:
        return self._again_until_it_works(path, lambda: self._browser.get(path))

    def _again_until_it_works(self, path: str, action: Callable[[], tuple[str, str]]) -> tuple[str, str]:
        while True:
            at = time.time()
            self._browser.address = self.address()
            try:
                answer = action()
            except WRONG as error:
                found = STATUS.search(str(error))
                status = int(found[1]) if found else 0
                self.troubles.append(Trouble(at, time.time(), path, status))
                if 400 <= status < 500:
                    self.findings.append(f"{self.journey.goal}: {error}")
                    raise TimeOverError from error
                self._pause(LOOK_SECONDS)
            else:
                self.pages += 1
                return answer

    def _look(self) -> str:
        _, page = self._open(f"{self.path}progress/")
        found = STATE.search(page)
        if not found:
            self.findings.append(f"{self.journey.goal}: its page shows no state")
            raise TimeOverError
        self.state = found[1]
        return self.state

    def _until(self, *states: str) -> str:
        """Poll the progress as the page does."""
        while self._look() not in states:
            self._pause(LOOK_SECONDS)
        return self.state

    def _pause(self, seconds: float) -> None:
        if self.is_over.wait(seconds):
            raise TimeOverError


@dataclass
class SlowCrowd:
    """Visitors whose lines are bad; whatever becomes of them, the others must not notice."""

    came: int = 0
    answered: set[int] = field(default_factory=set)  # by their number

    def send(self, client: SlowClient, address: str) -> None:
        for _ in range(SLOW_AT_ONCE):
            self.came += 1
            threading.Thread(target=self._crawl, args=(self.came, client, address), daemon=True).start()

    def _crawl(self, number: int, client: SlowClient, address: str) -> None:
        for _ in _crawl(client, address):
            self.answered.add(number)


def _crawl(client: SlowClient, address: str) -> Iterator[bytes]:
    """What comes back, as it comes."""
    parts = urlsplit(address)
    request = f"GET /sign-in/ HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()
    until = time.monotonic() + client.seconds
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=20) as line:
            if client.way == "sends":
                for place in range(len(request)):
                    line.sendall(request[place : place + 1])
                    time.sleep(client.seconds / len(request))
            else:
                line.sendall(request)
            while part := line.recv(64 if client.way == "reads" else 65_536):
                yield part
                time.sleep(0.2 if client.way == "reads" and time.monotonic() < until else 0)
    except OSError:
        return
