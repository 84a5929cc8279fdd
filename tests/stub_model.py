"""What stands in for a language model in the tests: an OpenAI-compatible server that can fail in every known way.

As a process: python -m tests.stub_model [--port 0] [--latency 2.0] [--latency-spread 0.5 | --latency-sigma 0.5]
[--seed 1] [--concepts 30]
[--faults rules.json | --faults reset=0.02,server_error=0.02 | --faults rate=0.04]; its first line of output is its URL.
In a test: `with StubModel(latency=0.05) as stub:`, then `stub.url`. GET /control/requests and /control/state, and POST
/control/faults, /control/hold, /control/release and /control/reset do for processes what the object's methods do; POST
/control/refuse with a number of seconds has nobody listen for so long.

Words in a prompt that change the answer: FLAWED in a goal makes an outline whose review has a critical issue, until it
is edited; UNCLEAR in feedback makes the plan of an edit ask a question. Equal prompts have equal answers.

With a latency sigma, latencies are drawn from a lognormal distribution, and they and the faults are met in the order of
the requests, whatever is asked: then programs with different prompts meet the same.
"""

import argparse
import asyncio
import json
import math
import re
import signal
import socket
import struct
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from statistics import NormalDist
from typing import Any, Self, TypeVar, cast

Json = dict[str, Any]
T = TypeVar("T")

SCHEMA_FORMAT = "Invalid parameter: 'response_format' of type '{}' is not supported with this model."
# fault: (status, the error's type, its code, its message)
ERRORS: dict[str, tuple[int, str, str | None, str]] = {
    "rate_limited": (429, "requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    "insufficient_quota": (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
    "server_error": (500, "server_error", None, "The server had an error while processing your request."),
    "unavailable": (503, "server_error", None, "The engine is currently overloaded."),
    "unauthorized": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    "context_length": (400, "invalid_request_error", "context_length_exceeded", "The prompt has too many tokens."),
    "no_json_schema": (400, "invalid_request_error", None, SCHEMA_FORMAT.format("json_schema")),
    "no_json_object": (400, "invalid_request_error", None, SCHEMA_FORMAT.format("json_object")),
}
TREE_FAULTS = {"duplicate_keys", "unknown_prerequisite", "cyclic_prerequisites", "too_many_stages"}
TRANSIENT_FAULTS = ("rate_limited", "server_error", "unavailable", "reset")
PIECES = ("tutorial", "resources", "quiz")
MODELS = {"object": "list", "data": [{"id": "stub", "object": "model", "created": 0, "owned_by": "tests"}]}
REPLY_SECONDS = 0.05  # for the reply to whoever asked the server to refuse
DEFAULT_DELAYS = {"slow": 5.0, "stall": 3600.0}  # seconds

PAYLOAD = (
    "<script>alert(1)</script> </script> <img src=x onerror=alert(1)> "
    "[x](javascript:alert(1)) [y](data:text/html,<script>alert(1)</script>)"
)
# The fields whose values are read by code; the fault `script` leaves them as they are.
CODED_FIELDS = {"action", "category", "difficulty", "key", "kind", "language", "level"}
CODED_FIELDS |= {"path_type", "prerequisites", "priority", "severity", "slug_words", "url"}


def share(*parts: object) -> float:
    """From 0 to below 1; depends on nothing but the parts."""
    return int(digest(":".join(map(str, parts)))[:12], 16) / 16**12


def pick(choices: Sequence[T], *parts: object) -> T:
    return choices[int(share(*parts) * len(choices))]


def digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def drawn_latency(mean: float, sigma: float, seed: int, group: str, number: int) -> float:
    """Seconds that the group's nth answer takes: lognormal, cut off at a quarter of the mean and at four times."""
    chance = min(max(share(seed, "latency", group, number), 1e-9), 1 - 1e-9)
    drawn = mean * math.exp(sigma * NormalDist().inv_cdf(chance) - sigma**2 / 2)
    return min(max(drawn, mean / 4), mean * 4)


# What is asked


@dataclass(frozen=True)
class Call:
    purpose: str
    prompt: str  # the first user message
    model: str
    way: str  # json_schema, json_object or text
    is_repair: bool
    characters: int  # of all messages

    @cached_property
    def seed(self) -> str:
        return digest(self.prompt)

    @property
    def group(self) -> str:
        """A roadmap's design comes first, then its pieces."""
        return "piece" if self.purpose in PIECES else "design"

    @property
    def goal(self) -> str:
        """What the prompt says that the learner wants, or ""."""
        found = GOAL_LINE.search(self.prompt)
        return found.group(1) if found else ""

    @property
    def outline(self) -> str:
        """The text between the lines <outline> and </outline>, or ""."""
        found = OUTLINE_BLOCK.search(self.prompt)
        return found.group(1) if found else ""


GOAL_LINE = re.compile(r"^Goal: (.*)$", re.MULTILINE)
OUTLINE_BLOCK = re.compile(r"^<outline>[ \t]*$(.*?)^</outline>[ \t]*$", re.MULTILINE | re.DOTALL)


def parsed_call(body: bytes) -> Call:
    """Raises ValueError, in words for the person who reads the failing test."""
    asked = json.loads(body)
    if not isinstance(asked, dict) or not isinstance(asked.get("messages"), list):
        raise ValueError("the stub takes a JSON object with a list of messages")
    if asked.get("stream"):
        raise ValueError("the stub does not stream")
    messages = [(message["role"], message_text(message)) for message in asked["messages"]]
    response_format = asked.get("response_format") or {"type": "text"}
    return Call(
        purpose=purpose_of(response_format, messages),
        prompt=next((text for role, text in messages if role == "user"), ""),
        model=str(asked.get("model", "")),
        way=response_format["type"],
        is_repair=any(role == "assistant" for role, _ in messages),
        characters=sum(len(text) for _, text in messages),
    )


def message_text(message: Json) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def purpose_of(response_format: Json, messages: list[tuple[str, str]]) -> str:
    system = "\n".join(text for role, text in messages if role in ("system", "developer"))
    named = re.findall(r"for the schema '(\w+)'", system)
    purpose = response_format.get("json_schema", {}).get("name") or (named[-1] if named else "")
    if purpose not in ANSWERS:
        raise ValueError(f"the stub has no answer for the purpose {purpose!r}")
    return str(purpose)


# Faults


@dataclass
class Rule:
    """When a fault strikes; of several rules the first that fits and whose chance comes up wins."""

    fault: str
    purpose: str | None = None
    match: str | None = None  # part of the prompt
    times: int | None = None  # counts down
    probability: float = 1.0
    retry_after: float | None = None  # seconds, as is `delay`
    delay: float | None = None

    def fits(self, call: Call) -> bool:
        return (
            self.times != 0
            and self.purpose in (None, call.purpose)
            and (self.match is None or self.match in call.prompt)
            and can_happen(self.fault, call)
        )

    def seconds(self) -> float:
        return DEFAULT_DELAYS.get(self.fault, 0.0) if self.delay is None else self.delay


NO_FAULT = Rule("")


def can_happen(fault: str, call: Call) -> bool:
    if fault in ("no_json_schema", "no_json_object"):
        return call.way == fault.removeprefix("no_")
    if fault in TREE_FAULTS:
        return call.purpose in ("outline", "edited_outline")
    return fault != "critical" or call.purpose == "review"


def parsed_rules(rules: object) -> list[Rule]:
    """Raises ValueError or TypeError."""
    if not isinstance(rules, list | tuple):
        raise TypeError("the rules are a list")
    parsed = [Rule(**rule) for rule in rules]
    for rule in parsed:
        if rule.fault not in FAULTS:
            raise ValueError(f"no fault is called {rule.fault!r}; there are {', '.join(sorted(FAULTS))}")
        if rule.purpose is not None and rule.purpose not in ANSWERS:
            raise ValueError(f"no purpose is called {rule.purpose!r}; there are {', '.join(ANSWERS)}")
    return parsed


def rules_from_argument(argument: str) -> list[Json]:
    """From a JSON file, or from each fault's share of all requests; `rate` is the sum of the transient ones."""
    if argument.endswith(".json"):
        rules: list[Json] = json.loads(Path(argument).read_text(encoding="utf-8"))
        return rules
    shares: dict[str, float] = {}
    for part in argument.split(","):
        name, _, value = part.strip().partition("=")
        names = TRANSIENT_FAULTS if name == "rate" else (name,)
        shares |= {each: float(value) / len(names) for each in names}
    return rules_from_shares(shares)


def rules_from_shares(shares: Mapping[str, float]) -> list[Json]:
    """A later rule is asked only where the earlier ones passed, so its probability is its share of what they leave."""
    rules, left = [], 1.0
    for fault, part in shares.items():
        rules.append({"fault": fault, "probability": min(part / left, 1.0) if left > 0 else 0.0})
        left -= part
    return rules


# What was asked so far


@dataclass
class Record:
    """One request; times are time.monotonic(), those in `…_at` are time.time()."""

    number: int
    purpose: str
    prompt_sha256: str
    goal: str
    model: str
    way: str
    is_repair: bool
    started: float
    started_at: float
    finished: float | None = None
    finished_at: float | None = None
    fault: str | None = None
    status: int | None = None
    is_sent: bool = False  # the whole response, to the kernel


@dataclass
class Ledger:
    records: list[Record] = field(default_factory=list)
    active: dict[int, Record] = field(default_factory=dict)
    most_active: int = 0
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)  # how often each prompt came
    last_number: int = 0

    def begin(self, call: Call) -> Record:
        self.last_number += 1
        record = Record(
            number=self.last_number,
            purpose=call.purpose,
            prompt_sha256=call.seed,
            goal=call.goal,
            model=call.model,
            way=call.way,
            is_repair=call.is_repair,
            started=time.monotonic(),
            started_at=time.time(),
        )
        self.records.append(record)
        self.active[record.number] = record
        self.most_active = max(self.most_active, len(self.active))
        self.asked[call.purpose, record.prompt_sha256] += 1
        return record

    def end(self, record: Record) -> None:
        record.finished, record.finished_at = time.monotonic(), time.time()
        del self.active[record.number]

    def forget(self) -> None:
        """Forgets all but what is in flight right now, which is not listed either."""
        self.records.clear()
        self.asked.clear()
        self.most_active = len(self.active)

    def state(self) -> Json:
        return {
            "in_flight": len(self.active),
            "max_in_flight": self.most_active,
            "total": len(self.records),
            "by_purpose": dict(Counter(record.purpose for record in self.records)),
            "by_fault": dict(Counter(record.fault for record in self.records if record.fault)),
        }


# The server


@dataclass(frozen=True)
class HttpRequest:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    status: int
    value: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    def head(self, body: bytes) -> bytes:
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **self.headers}
        lines = [f"HTTP/1.1 {self.status} Stub", *(f"{name}: {value}" for name, value in fields.items())]
        return "\r\n".join([*lines, "", ""]).encode()

    def body(self) -> bytes:
        return json.dumps(self.value).encode()


class Endpoint:
    """What the server knows and does; belongs to one event loop and is used from no other thread."""

    def __init__(
        self, *, latency: float, latency_spread: float, latency_sigma: float, seed: int, concepts: int
    ) -> None:
        part_counts(concepts)  # refuses what no outline can have
        self.latency = latency
        self.latency_spread = latency_spread
        self.latency_sigma = latency_sigma
        self._arrived: Counter[str] = Counter()  # by group
        self._answered: Counter[str] = Counter()
        self.seed = seed
        self.concepts = concepts
        self.ledger = Ledger()
        self.rules: list[Rule] = []
        self._released = asyncio.Event()
        self._released.set()
        self._kept_back = 0
        self.refusals: asyncio.Queue[float] = asyncio.Queue()  # seconds for which nobody shall listen
        self.connections: weakref.WeakSet[Connection] = weakref.WeakSet()

    async def respond(self, request: HttpRequest, connection: "Connection") -> None:
        path = request.path.partition("?")[0].removeprefix("/v1")
        if (request.method, path) == ("POST", "/chat/completions"):
            await self._complete(request, connection)
        else:
            await connection.send(self._control(request, path))

    async def _complete(self, request: HttpRequest, connection: "Connection") -> None:
        try:
            call = parsed_call(request.body)
        except (LookupError, TypeError, ValueError) as error:
            await connection.send(error_reply(400, "invalid_request_error", "stub", str(error)))
            return
        record = self.ledger.begin(call)
        try:
            await self._answer(call, record, connection)
        finally:
            self.ledger.end(record)

    async def _answer(self, call: Call, record: Record, connection: "Connection") -> None:
        nth = self.ledger.asked[call.purpose, record.prompt_sha256]
        await self._until_released()
        rule = self._rule(call, nth)
        record.fault = rule.fault or None
        await asyncio.sleep(self._seconds(call, rule, nth))
        await self._until_released()
        if rule.fault == "reset":
            connection.reset()
            return
        reply = reply_to(call, rule, self.concepts)
        record.status = reply.status
        if rule.fault == "stall":
            await connection.stall(reply, rule.seconds())
        else:
            record.is_sent = await connection.send(reply)

    async def _until_released(self) -> None:
        self._kept_back += 1
        try:
            await self._released.wait()
        finally:
            self._kept_back -= 1

    def _rule(self, call: Call, nth: int) -> Rule:
        self._arrived[call.group] += 1
        asked = (call.group, self._arrived[call.group]) if self.latency_sigma else (call.purpose, call.seed, nth)
        for place, rule in enumerate(self.rules):
            chance = share(self.seed, place, *asked)
            if rule.fits(call) and chance < rule.probability:
                rule.times = None if rule.times is None else rule.times - 1
                return rule
        return NO_FAULT

    def _seconds(self, call: Call, rule: Rule, nth: int) -> float:
        """Errors come at once; answers take the latency, and a rule's delay on top."""
        if rule.fault in ERRORS or rule.fault == "reset":
            return rule.seconds()
        if self.latency_sigma:
            self._answered[call.group] += 1
            place = self._answered[call.group]
            latency = drawn_latency(self.latency, self.latency_sigma, self.seed, call.group, place)
        else:
            chance = share(self.seed, "latency", call.purpose, call.seed, nth)
            latency = max(0.0, self.latency + self.latency_spread * (2 * chance - 1))
        return latency if rule.fault == "stall" else latency + rule.seconds()

    def _control(self, request: HttpRequest, path: str) -> Reply:
        actions: dict[str, Callable[[], object]] = {
            "GET /models": lambda: MODELS,
            "GET /control/state": self.state,
            "GET /control/requests": lambda: [asdict(record) for record in self.ledger.records],
            "POST /control/faults": lambda: self.set_rules(json.loads(request.body)),
            "POST /control/hold": self.hold,
            "POST /control/release": self.release,
            "POST /control/reset": self.reset,
            "POST /control/refuse": lambda: self.refusals.put_nowait(float(json.loads(request.body))),
        }
        action = actions.get(f"{request.method} {path}")
        if action is None:
            return error_reply(404, "invalid_request_error", "stub", f"the stub has no {request.method} {path}")
        try:
            return Reply(200, action())
        except (TypeError, ValueError) as error:
            return error_reply(400, "invalid_request_error", "stub", str(error))

    def set_rules(self, rules: object) -> None:
        self.rules = parsed_rules(rules)

    def hold(self) -> None:
        self._released.clear()

    def release(self) -> None:
        self._released.set()

    def reset(self) -> None:
        self.rules = []
        self.release()
        self.ledger.forget()

    def state(self) -> Json:
        return {**self.ledger.state(), "is_held": not self._released.is_set(), "kept_back": self._kept_back}

    def records(self) -> list[Record]:
        return [replace(record) for record in self.ledger.records]


class Connection(asyncio.Protocol):
    """One client's connection; when it is lost, whatever was being answered on it ends."""

    _transport: asyncio.Transport

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._reader = asyncio.StreamReader()
        self._drained = asyncio.Event()
        self._drained.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._endpoint.connections.add(self)
        self._transport.set_write_buffer_limits(high=0)  # so that "drained" means that the kernel has it all
        self._task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        self._reader.feed_data(data)

    def pause_writing(self) -> None:
        self._drained.clear()

    def resume_writing(self) -> None:
        self._drained.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._task.cancel()

    async def _serve(self) -> None:
        try:
            while not self._transport.is_closing():
                request = await read_request(self._reader)
                await self._endpoint.respond(request, self)
                if request.headers.get("connection", "").lower() == "close":
                    break
        finally:
            self._transport.abort()

    async def send(self, reply: Reply) -> bool:
        """Whether all of it went out."""
        if not self._transport.is_closing():
            body = reply.body()
            self._transport.write(reply.head(body) + body)
            await self._drained.wait()
        return not self._transport.is_closing()

    async def stall(self, reply: Reply, seconds: float) -> None:
        body = reply.body()
        self._transport.write(reply.head(body) + body[: len(body) // 2])
        await asyncio.sleep(seconds)
        self._transport.abort()

    def reset(self) -> None:
        """Close with RST, as a crashed peer or a firewall does."""
        opened = self._transport.get_extra_info("socket")
        if opened is None or self._transport.is_closing():
            return
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


async def read_request(reader: asyncio.StreamReader) -> HttpRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    fields = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return HttpRequest(method=method, path=path, headers=headers, body=body)


async def serve(endpoint: Endpoint, *, port: int, started: Callable[[str], object], stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    async def listen(port: int) -> asyncio.Server:
        server = await loop.create_server(lambda: Connection(endpoint), "127.0.0.1", port, backlog=1024)
        # Inherited by connections; grown by itself, the kernel's buffer takes a megabyte that nobody reads as sent.
        server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        return server

    server = await listen(port)
    port = server.sockets[0].getsockname()[1]
    started(f"http://127.0.0.1:{port}/v1")

    async def refuse() -> None:
        nonlocal server
        while True:
            seconds = await endpoint.refusals.get()
            await asyncio.sleep(REPLY_SECONDS)
            server.close()
            for each in list(endpoint.connections):
                each.reset()
            await asyncio.sleep(seconds)
            server = await listen(port)

    refusing = loop.create_task(refuse())
    await stop.wait()
    refusing.cancel()
    server.close()


# Replies


def error_reply(status: int, kind: str, code: str | None, message: str, retry_after: float | None = None) -> Reply:
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    parameter = "response_format" if "response_format" in message else None
    return Reply(status, {"error": {"message": message, "type": kind, "param": parameter, "code": code}}, headers)


def reply_to(call: Call, rule: Rule, concepts: int) -> Reply:
    if rule.fault in ERRORS:
        return error_reply(*ERRORS[rule.fault], retry_after=rule.retry_after)
    try:
        value = ANSWERS[call.purpose](call, concepts)
    except (LookupError, TypeError, ValueError) as error:
        return error_reply(400, "invalid_request_error", "stub", f"{call.purpose}: {error!r}")
    return Reply(200, completion(call, value, rule.fault))


def completion(call: Call, value: Json, fault: str) -> Json:
    spoilt = SPOIL_VALUE.get(fault, unspoilt)(value)
    text = SPOIL_TEXT.get(fault, unspoilt)(json.dumps(spoilt, ensure_ascii=False))
    message = {"role": "assistant", "content": text, "refusal": None}
    if fault == "refusal":
        message |= {"content": None, "refusal": "I cannot help with that."}
    choice = {"index": 0, "message": message, "finish_reason": "length" if fault == "cut" else "stop", "logprobs": None}
    return {
        "id": f"chatcmpl-{call.seed[:24]}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": call.model,
        "choices": [] if fault == "no_choices" else [choice],
        "usage": usage(call.characters, len(text)),
    }


def usage(asked: int, answered: int) -> dict[str, int]:
    """Four characters are about one token."""
    return {"prompt_tokens": asked // 4, "completion_tokens": answered // 4, "total_tokens": asked // 4 + answered // 4}


# Spoilt answers


def unspoilt(value: T) -> T:
    return value


def with_wrong_types(value: Json) -> Json:
    return {name: 7 if isinstance(part, str) else "seven" for name, part in value.items()}


def with_zero_items(value: Json) -> Json:
    emptied = {name: [] if isinstance(part, list) else part for name, part in value.items()}
    return emptied | {"markdown": ""} if "markdown" in value else emptied


def concepts_of(tree: Json) -> list[Json]:
    return [concept for stage in tree["stages"] for module in stage["modules"] for concept in module["concepts"]]


def with_duplicate_keys(tree: Json) -> Json:
    first, second, *_ = concepts_of(tree)
    second["key"] = first["key"]
    return tree


def with_unknown_prerequisite(tree: Json) -> Json:
    concepts_of(tree)[-1]["prerequisites"] = ["c-99-99-99"]
    return tree


def with_cyclic_prerequisites(tree: Json) -> Json:
    first, second, *_ = concepts_of(tree)
    first["prerequisites"], second["prerequisites"] = [second["key"]], [first["key"]]
    return tree


def with_too_many_stages(tree: Json) -> Json:
    stages = [json.loads(json.dumps(tree["stages"][0])) for _ in range(40)]
    for number, stage in enumerate(stages, start=1):
        for concept in concepts_of({"stages": [stage]}):
            concept["key"] = re.sub(r"^c-\d+", f"c-{number}", concept["key"])
            concept["prerequisites"] = []
    return {**tree, "stages": stages}


def with_scripts(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: part if name in CODED_FIELDS else with_scripts(part) for name, part in value.items()}
    if isinstance(value, list):
        return [with_scripts(part) for part in value]
    return f"{value} {PAYLOAD}" if isinstance(value, str) and PAYLOAD not in value else value


def with_critical_issue(review: Json) -> Json:
    return {**review, "issues": [critical_issue(), *review["issues"]]}


def with_a_megabyte(value: Json) -> Json:
    return {**value, "thoughts": "and so on " * 105_000}


SPOIL_VALUE: dict[str, Callable[[Any], Any]] = {
    "wrong_types": with_wrong_types,
    "zero_items": with_zero_items,
    "duplicate_keys": with_duplicate_keys,
    "unknown_prerequisite": with_unknown_prerequisite,
    "cyclic_prerequisites": with_cyclic_prerequisites,
    "too_many_stages": with_too_many_stages,
    "script": with_scripts,
    "critical": with_critical_issue,
    "huge": with_a_megabyte,
}
SPOIL_TEXT: dict[str, Callable[[str], str]] = {
    "truncated": lambda text: text[: len(text) // 2],
    "cut": lambda text: text[: len(text) // 2],
    "fenced": lambda text: f"```json\n{text}\n```\nThis follows the schema {{as asked}}.",
    "prose": lambda text: f"{text}\n\nI hope that {{this}} helps.",
    "empty": lambda text: "",
}
FAULTS = {*ERRORS, *SPOIL_VALUE, *SPOIL_TEXT, "reset", "stall", "slow", "no_choices", "refusal"}


# Valid answers

ASPECTS = ["Choosing", "Reading", "Testing", "Measuring", "Naming", "Sketching"]
ASPECTS += ["Splitting", "Comparing", "Repairing", "Explaining", "Combining", "Reviewing"]
THINGS = ("inputs", "models", "loops", "interfaces", "errors", "examples", "limits", "patterns", "records", "signals")
HOURS = {"easy": (0.5, 1.0, 1.5, 2.0), "medium": (2.0, 2.5, 3.0, 4.0), "hard": (4.0, 5.0, 6.0, 8.0)}
DIFFICULTIES = ("easy",) * 3 + ("medium",) * 5 + ("hard",) * 2


def topic(seed: str, number: int) -> str:
    """Another name for each number below 120."""
    thing = int(share(seed, "thing") * len(THINGS)) + number
    aspect = int(share(seed, "aspect") * len(ASPECTS)) + number + number // len(THINGS)
    return f"{ASPECTS[aspect % len(ASPECTS)]} {THINGS[thing % len(THINGS)]}"


def goal_analysis(call: Call, concepts: int) -> Json:
    subject = topic(call.seed, 0)
    weights = pick(((0.25, 0.25, 0.25, 0.25), (0.1, 0.5, 0.0, 0.4), (0.3, 0.3, 0.1, 0.3)), call.seed, "weights")
    return {
        "parsed_goal": f"To be able to do real work that needs {subject.lower()}.",
        "slug_words": ["steady", *re.findall("[a-z]+", subject.lower())][:6],
        "key_technologies": ["Python", "PostgreSQL"],
        "difficulty_profile": "Easy at first, demanding in the last third.",
        "time_constraint": "No deadline that the plan would miss.",
        "recommended_focus": [topic(call.seed, number) for number in (1, 2)],
        "profile_summary": "Works beside the course and learns best from small working examples.",
        "skill_gaps": [topic(call.seed, 3)],
        "suggestions": ["Keep one project through all stages."],
        "path_type": pick(("quick_start", "deep_dive", "career_transition", "skill_upgrade"), call.seed, "path"),
        "format_weights": dict(zip(("visual", "text", "audio", "hands_on"), weights, strict=True)),
        "languages": [{"language": "en", "ratio": 1.0}],
    }


def part_counts(concepts: int) -> list[list[int]]:
    """The number of concepts of each module of each stage; nine modules where 3 to 6 concepts each come out."""
    if not 18 <= concepts <= 120:
        raise ValueError(f"a valid outline has 18 to 120 concepts, not {concepts}")
    modules = min(max(9, -(-concepts // 6)), concepts // 3)
    stages = max(3, -(-modules // 4))
    counts = iter(spread(concepts, modules))
    return [[next(counts) for _ in range(size)] for size in spread(modules, stages)]


def spread(total: int, parts: int) -> list[int]:
    return [total // parts + (part < total % parts) for part in range(parts)]


def outline(call: Call, concepts: int) -> Json:
    earlier: list[str] = []
    stages = [
        {
            "name": f"Stage {number}: {pick(THINGS, call.seed, 'stage', number)} in order",
            "description": f"What stage {number} of {len(part_counts(concepts))} adds to what is known by then.",
            "modules": [module(call, f"{number}-{place}", size, earlier) for place, size in enumerate(sizes, start=1)],
        }
        for number, sizes in enumerate(part_counts(concepts), start=1)
    ]
    title = f"From {pick(THINGS, call.seed, 'from')} to {topic(call.seed, 7).lower()}"
    return {"title": title, "rationale": "Each stage ends with something that can be shown.", "stages": stages}


def module(call: Call, place: str, size: int, earlier: list[str]) -> Json:
    return {
        "name": f"Module {place.replace('-', '.')}: {pick(ASPECTS, call.seed, 'module', place).lower()}",
        "description": "A small group of ideas that are used together.",
        "concepts": [concept(call, f"c-{place}-{number}", earlier) for number in range(1, size + 1)],
    }


def concept(call: Call, key: str, earlier: list[str]) -> Json:
    """Adds its key to the earlier ones."""
    name = topic(call.seed, len(earlier)) + (" FLAWED" if "FLAWED" in call.prompt and not earlier else "")
    difficulty = pick(DIFFICULTIES, call.seed, key)
    prerequisites = {earlier[-1], pick(earlier, call.seed, key, "prerequisite")} if earlier else set()
    earlier.append(key)
    return {
        "key": key,
        "name": name,
        "description": f"{name}: when it is needed, how it is done, and how to see that it went well.",
        "hours": pick(HOURS[difficulty], call.seed, key, "hours"),
        "difficulty": difficulty,
        "keywords": [*name.lower().split()[:2], pick(("practice", "theory", "method"), call.seed, key, "keyword")],
        "prerequisites": sorted(prerequisites),
    }


def edited_outline(call: Call, concepts: int) -> Json:
    """The tree from the prompt with one concept renamed, and without the word FLAWED."""
    if not call.outline:
        raise ValueError("the prompt holds no tree between the lines <outline> and </outline>")
    tree = without_flaws(json.loads(call.outline))
    changed = pick(concepts_of(tree), call.seed, "changed")
    former = re.sub(r" \(edit \w+\)$", "", changed["name"])
    changed["name"] = f"{former[:180]} (edit {call.seed[:4]})"
    summary = f"Renamed {changed['key']} to say what it is about."
    return {"title": tree["title"], "stages": tree["stages"], "summary": summary}


def without_flaws(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_flaws(part) for name, part in value.items()}
    if isinstance(value, list):
        return [without_flaws(part) for part in value]
    if isinstance(value, str) and "FLAWED" in value:
        return re.sub(r"\s*FLAWED", "", value).strip() or "Mended"
    return value


def review(call: Call, concepts: int) -> Json:
    names = ("knowledge_completeness", "knowledge_progression", "stage_coherence", "module_clarity", "user_alignment")
    scores: Json = {
        name: {"score": round(81 + 8 * share(call.seed, name), 1), "reason": f"The {name.split('_')[1]} is sound."}
        for name in names
    }
    issues = [critical_issue()] if "FLAWED" in (call.outline or call.prompt) else []
    return {**scores, "issues": [*issues, warning(call)], "suggestions": [suggestion(call)]}


def critical_issue() -> Json:
    return {
        "severity": "critical",
        "category": "structural_flaw",
        "location": "Stage 1",
        "issue": "One concept is marked as not fit to be taught.",
        "suggestion": "Say in its name and description what it is about.",
    }


def warning(call: Call) -> Json:
    return {
        "severity": "warning",
        "category": pick(("knowledge_gap", "user_mismatch"), call.seed, "category"),
        "location": "Stage 2",
        "issue": f"{topic(call.seed, 4)} comes with little practice.",
        "suggestion": "Add an exercise to its description.",
    }


def suggestion(call: Call) -> Json:
    return {
        "action": "modify_concept",
        "location": "Stage 2",
        "content": f"Mention {topic(call.seed, 5).lower()} in the description.",
        "reason": "It is used two concepts later.",
    }


def edit_plan(call: Call, concepts: int) -> Json:
    is_unclear = re.search(r"\bUNCLEAR\b", OUTLINE_BLOCK.sub("", call.prompt)) is not None
    intent = {
        "action": "modify",
        "level": "concept",
        "target": "c-1-1-1",
        "description": f"Name it after {topic(call.seed, 6).lower()}.",
        "priority": pick(("must", "should"), call.seed, "priority"),
    }
    return {
        "summary": "One question is open." if is_unclear else "One concept gets a clearer name.",
        "intents": [] if is_unclear else [intent],
        "preserve": ["All other concepts"],
        "confidence": 0.3 if is_unclear else 0.9,
        "needs_clarification": is_unclear,
        "questions": ["Which part of the roadmap do you mean?"] if is_unclear else [],
    }


TUTORIAL = """## Overview

{name} decides how much of the later work is repeated. This tutorial shows one way that holds up when the material
grows: look first, change one thing, look again. At the end you can do it on material of your own and say why each step
is there. Nothing in it depends on a special tool, and every example is small enough to be typed in and changed.

## Prerequisites

You should be able to read a short function, run it, and find the line that an error message names. It helps to know
{other}, because the second example uses it without a long explanation.

## An analogy

Think of a kitchen with one good knife. {analogy} The knife did not get better; the order of the steps did. {name} is
such an order of steps: it costs a minute at the start and saves an hour at the end.

## Core ideas

1. **One thing at a time.** A change that mixes two reasons cannot be taken back by halves.
2. **See it fail.** A check that never failed has not shown that it can. {remark}
3. **Write down the limit.** Each method has a size at which it stops being the right one; here, about {limit} items.
4. **Prefer the plain form.** The next reader has less time than you have now.

{diagram}## A worked example

```python
def accepted(items: list[int], limit: int = {limit}) -> list[int]:
    \"\"\"Keep what fits below the limit, in the order in which it came.\"\"\"
    kept: list[int] = []
    total = 0
    for item in items:
        if total + item > limit:
            continue
        kept.append(item)
        total += item
    return kept


assert accepted([{first}, {limit}, 1]) == [{first}, 1]
```

The function reads its input once and keeps a running total, so that its cost grows with the number of items and with
nothing else. Note what it does *not* do: it neither sorts nor changes its argument. Try it with an empty list, with one
item above the limit, and with two equal items. Before each try, say what you expect; the cases where you were wrong are
what you came for.

## Summary

- {name} is an order of steps, not a tool.
- A small example that failed once is worth more than a large one that never did.
- Write down the limit, here {limit}, beside the code that depends on it.
"""
MERMAID = """```mermaid
graph TD
    look[Look] --> change[Change one thing]
    change --> again[Look again]
    again -->|not yet| change
    again -->|done| note[Write it down]
```

"""
ANALOGIES = (
    "A cook who cuts everything before lighting the stove is not faster at cutting, yet dinner is ready sooner.",
    "Two cooks who share it lose more time in asking than in cutting.",
    "Whoever washes it at once never looks for it.",
)
REMARKS = (
    "Break the example on purpose and watch what happens.",
    "Take the protection out once, by hand, and put it back.",
    "The first red run is the one that proves the test.",
)


def tutorial(call: Call, concepts: int) -> Json:
    name, seed = topic(call.seed, 0), call.seed
    limit = 20 + int(share(seed, "limit") * 80)
    markdown = TUTORIAL.format(
        name=name,
        other=topic(call.seed, 1).lower(),
        analogy=pick(ANALOGIES, seed, "analogy"),
        remark=pick(REMARKS, seed, "remark"),
        limit=limit,
        first=1 + int(share(seed, "first") * 9),
        diagram=MERMAID if share(seed, "diagram") < 0.4 else "",
    )
    return {
        "title": name,
        "summary": f"{name}: an order of steps that saves repeated work (text {seed[:8]}).",
        "minutes": 10 + int(share(seed, "minutes") * 35),
        "markdown": markdown,
    }


SITES = (
    ("https://docs.python.org/3/library/{}.html", "documentation"),
    ("https://developer.mozilla.org/en-US/docs/{}", "documentation"),
    ("https://www.postgresql.org/docs/current/{}.html", "documentation"),
    ("https://en.wikipedia.org/wiki/{}", "article"),
    ("https://example.org/courses/{}", "course"),
    ("https://www.example.com/watch?v={}", "video"),
)


def resources(call: Call, concepts: int) -> Json:
    return {"resources": [resource(call, number, *site) for number, site in enumerate(SITES)]}


def resource(call: Call, number: int, address: str, kind: str) -> Json:
    name = topic(call.seed, number)
    return {
        "title": f"{name}, {kind}",
        "url": address.format(f"{name.lower().replace(' ', '-')}-{call.seed[:6]}"),
        "kind": kind,
        "description": f"Covers {name.lower()} with examples.",
        "relevance": round(0.6 + 0.4 * share(call.seed, "relevance", number), 2),
        "language": "en",
    }


# kind: options and how many of them, from the first on, are correct before they are turned
OPTIONS: dict[str, tuple[tuple[str, ...], int]] = {
    "single_choice": (("Change one thing, look", "Change all at once", "Look only at the end", "Wait"), 1),
    "multiple_choice": (("It was seen to fail", "It names its limit", "It is long", "It needs a special tool"), 2),
    "true_false": (("True", "False"), 1),
}


def quiz(call: Call, concepts: int) -> Json:
    count = 5 + (share(call.seed, "count") < 0.5)
    return {"questions": [question(call, number) for number in range(count)]}


def question(call: Call, number: int) -> Json:
    kind = ("single_choice", "multiple_choice", "true_false")[number % 3]
    options, correct = OPTIONS[kind]
    turn = 0 if kind == "true_false" else int(share(call.seed, "turn", number) * len(options))
    asked = topic(call.seed, number)
    return {
        "kind": kind,
        "question": f"{number + 1}. {QUESTIONS[kind].format(asked)}",
        "options": [*options[turn:], *options[:turn]],
        "correct": sorted((place - turn) % len(options) for place in range(correct)),
        "explanation": f"{asked} is an order of steps; the tutorial's example shows it.",
        "difficulty": pick(("easy", "medium", "hard"), call.seed, "difficulty", number),
    }


QUESTIONS = {
    "single_choice": "What comes first in {}?",
    "multiple_choice": "What speaks for an example of {}?",
    "true_false": "{} has a size at which it stops being the right method.",
}
ANSWERS: dict[str, Callable[[Call, int], Json]] = {
    "goal_analysis": goal_analysis,
    "outline": outline,
    "review": review,
    "edit_plan": edit_plan,
    "edited_outline": edited_outline,
    "tutorial": tutorial,
    "resources": resources,
    "quiz": quiz,
}


# Ways to run it


class StubModel:
    """The server in a thread of its own, with its own event loop; the methods may be called from any other thread."""

    url: str

    def __init__(
        self,
        *,
        latency: float = 0.0,
        latency_spread: float = 0.0,
        latency_sigma: float = 0.0,
        seed: int = 1,
        concepts: int = 30,
    ) -> None:
        self._endpoint = Endpoint(
            latency=latency, latency_spread=latency_spread, latency_sigma=latency_sigma, seed=seed, concepts=concepts
        )
        self._started: Future[str] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="stub-model", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.url = self._started.result(timeout=10)
        return self

    def __exit__(self, *raised: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=10)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await serve(self._endpoint, port=0, started=self._started.set_result, stop=self._stop)

    def _on_loop(self, function: Callable[[], T]) -> T:
        async def called() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result(timeout=10)

    def faults(self, rules: Iterable[Mapping[str, Any]]) -> None:
        """Replaces the rules; raises ValueError or TypeError for one that means nothing."""
        listed = list(rules)
        self._on_loop(lambda: self._endpoint.set_rules(listed))

    def requests(self) -> list[Record]:
        return self._on_loop(self._endpoint.records)

    def state(self) -> Json:
        return self._on_loop(self._endpoint.state)

    @property
    def in_flight(self) -> int:
        return int(self.state()["in_flight"])

    @property
    def max_in_flight(self) -> int:
        return int(self.state()["max_in_flight"])

    def hold(self) -> None:
        """From now on no answer leaves, not even to requests that came earlier."""
        self._on_loop(self._endpoint.hold)

    def release(self) -> None:
        self._on_loop(self._endpoint.release)

    def reset(self) -> None:
        """Without faults, released, with nothing counted."""
        self._on_loop(self._endpoint.reset)

    def wait_for(self, in_flight: int, *, timeout: float = 10.0) -> None:
        """Returns when exactly so many requests are in flight; raises TimeoutError. Blocks the calling thread."""
        deadline = time.monotonic() + timeout
        while (current := self.in_flight) != in_flight:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{current} requests in flight after {timeout:g} seconds, not {in_flight}")
            time.sleep(0.005)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.stub_model")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that an answer takes")
    parser.add_argument("--latency-spread", type=float, default=0.0, help="seconds more or less")
    parser.add_argument("--latency-sigma", type=float, default=0.0, help="of a lognormal distribution, in its place")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--concepts", type=int, default=30)
    parser.add_argument("--faults", type=rules_from_argument, default=[], help="FILE.json, or NAME=SHARE,…")
    options = parser.parse_args()
    asyncio.run(run_until_stopped(options))


async def run_until_stopped(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    endpoint = Endpoint(
        latency=options.latency,
        latency_spread=options.latency_spread,
        latency_sigma=options.latency_sigma,
        seed=options.seed,
        concepts=options.concepts,
    )
    endpoint.set_rules(options.faults)
    await serve(endpoint, port=options.port, started=print_line, stop=stop)


def print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
