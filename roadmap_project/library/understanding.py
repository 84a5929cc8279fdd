"""What does somebody ask to have changed, in words? Clauses in; what shall go, come or is named, out."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Literal, NamedTuple

from roadmap_project.library import hours
from roadmap_project.library.chinese import CHARACTER, simplified

Action = Literal["add", "remove", "keep", "nothing", "unsaid"]

FIRST, LAST = 0xE000, 0xF8FF  # private characters stand for known names: nothing in a name is read as anything else
NAME = f"[{chr(FIRST)}-{chr(LAST)}]"
BESIDE_CHINESE = re.compile(rf"(?<={CHARACTER})(?=\w)(?!{CHARACTER})|(?<=\w)(?<!{CHARACTER})(?={CHARACTER})")

REMOVE = (
    r"remov(?:e|es|ed|ing)|delet(?:e|es|ed|ing)|drop(?:s|ped|ping)?|skip(?:s|ped|ping)?(?! (?:to|ahead)\b)|omit(?:ted)?"
    r"|exclud(?:e|ed|ing)|cut|get(?:ting)? rid of|(?:leav(?:e|ing)|left|tak(?:e|en|ing)|throw) out"
    r"|(?:leave|take|throw)(?=\b[^.;,\n]{1,60}\bout\b)"
)
REMOVE_CHINESE = "去掉|去除|删除|删掉|删去|删了|移除|拿掉|略过|跳过|省略|省去|砍掉|剔除|排除|取消"
OTHER_WISHES = (
    "keep|leave|take|throw|make|shorten|trim|reduce|lose|avoid|ignore|stop|postpone|forget|move|rename|merge|split"
    "|swap|replace|exchange|change"
)
SAME_CLAUSE = r"(?:(?!\b(?:and|but|then)\b)[^.,;:!?()，。；：！？\n]){0,60}?"
KINDS = {
    "name": NAME,
    "hours": hours.PATTERN,
    "keep": rf"\b(?:don't|do not|never|no need to|without|instead of|rather than)\b{SAME_CLAUSE}"
    rf"\b(?:{REMOVE}|lose|losing|miss|touch|change|alter)\b"
    r"|\b(?:keep|except|other than|apart from|(?:all|everything|anything) but|stays?|leave(?![^.;,\n]{0,60}\bout\b))\b"
    rf"|(?:不要|不用|不必|(?<!能)不能|不想|别|请勿)再?(?:把[^,.;，。；]{{0,30}}?)?(?:{REMOVE_CHINESE})|(?:别|(?<!能)不[要能许得])再?[动碰删丢减砍](?![手脑])|不[能可]少|(?<!不)保留|留下|留着|除了",
    "shorter": r"\b(?:shorter|shorten|too long|(?:fewer|less) (?:concepts|hours|time)"
    r"|(?:not|(?:don't|do not) have) enough time"
    r"|(?:cut|trim)(?: it)? down)\b"
    r"(?! (?:tutorial|text|lesson|explanation|quiz|video|sentence|example))"
    "|缩短|精简|短(?:一些|一点|些|点)|更短|太长|时间不够|没有?足够的?时间|(?:内容|概念|东西)太多|减少(?:时间|概念|学时|内容)|少一?[些点]概念",
    "remove": rf"\b(?:{REMOVE}|(?:not|isn't|aren't|no longer) (?:needed|necessary|wanted)|unnecessary|can go"
    r"|(?:don't|do not|never) (?:add|include|cover|teach)|not interested in|(?:rather|prefer) not(?: to)? \w+)\b"
    rf"|{REMOVE_CHINESE}|不需要|不想?要|不用|不想学|不学|多余",
    "add": r"\b(?:add(?:s|ed|ing)?|includ(?:e|es|ed|ing)|cover|(?:bring|put)(?: it| them)? back|missing|forgot(?:ten)?"
    r"|(?:bring|put)(?=\b[^.;,\n]{1,60}\bback\b))\b"
    f"|加上|增加|添加|加入|补充|补上|加回|放回|新增|恢复|缺[少了]|加(?= ?{NAME})",
    # A way to learn it, another place for it, or nothing to be rid of: nothing comes and nothing goes.
    "nothing": r"\b(?:(?:don't|doesn't|do not|not|never|to)\s+(?:\w+\s+)?(?:know|understand)"
    r"|(?:haven't|not|never)\s+(?:\w+\s+)?(?:learn(?:ed|t)|studied|used|done)|explain\w*|teach|describe"
    r"|show|tell|rewrite|rename|move|merge|split|focus|start|begin|skip (?:to|ahead)"
    r"|should (?:i|we)|whether|unsure|not|less|fewer|easier|harder)\b"
    rf"|\bno (?:(?:\w+|{NAME}) ){{0,2}}?(?:idea|clue|knowledge|experience|background|understanding)\b"
    f"|没有? ?(?:{NAME} ?的? ?|任何|什么|相关){{0,2}}(?:基础|经验|概念|印象|底子)"
    "|要不要|需不需要|用不用|学不学|想不想|该不该|应不应该|是不是|是否|不确定|不知道|不懂|不会|不了解|不熟悉|没学过|没有学过|讲解|解释|教|说明|移[到动]|改名|合并|拆分|不是|少讲|减少",
    "known": r"\b(?:know|mastered|learn(?:ed|t)|studied|(?:familiar|comfortable) with"
    r"|(?:don't|do not|won't|will not) (?:\w+ ){0,2}?(?:want|need|like)(?: to \w+)?)\b"
    "|已经?[会懂]了?|已经?(?:学过|掌握|熟悉|知道)了?|会了|学过|掌握|懂了|知道(?!什么|怎么)"
    f"|[会懂](?= ?(?:{NAME}|[a-z]))|[会懂](?= ?(?:[,;!.，。；！]|$))",
    "no": r"\b(?:no|without|neither)\b|没有",
    "with": r"\bwith\b",
    # Any verb but one that says something else ("I want to drop logging"), or what it says is no wish.
    "wish": r"\b(?:(?:i|we)'d (?:like|love)|want|need|would (?:like|love)|'d like|more)\b(?! (?:less|fewer)\b)"
    rf"(?: to (?!(?:{REMOVE}|{OTHER_WISHES})\b)\w+)?(?: more)?(?: about)?"
    "|[想还]?要有|想学|想要|还要|我们?(?:很|都|还|也)?需要|包括|包含|多(?:一些|一点|讲|来)",
    "tail": r"\b(?:because|since|so that|before|after|when|while|if|for|from|in|into|to|at)\b"
    "|因为|以便|之前|之后|以后|为了",
    "sentence": r"\.(?=\s|$|[\u3400-\u9fff])|[;!?。；！？]",
    "clause": r"[,\n:()，：（）、&/]|\b(?:and|but|then|or|nor|also|plus)\b"
    "|和|与|以及|还有|然后|并且|并|但是?|不过|可是|而且|再",
    "object_first": "把|将",
    "pronoun": r"\b(?:it|them|that|those|these|this)\b|它们?|这个|那个|这些|那些",
    "filler": r"\b(?:\d+|an?|the|of|on|out|back|i'(?:d|m|ve|ll)|i|we|you|me|my|is|are|was|be|been|as|well|too|again"
    r"|please|thanks?|thank|can|could|should|would|will|let's|let|us|just|only|already|about|all|everything"
    r"|every|any|some|other|others|how"
    r"|concepts?|parts?|topics?|sections?|chapters?|lessons?|units?|outline|roadmap|plan|things?|ones?|stuff"
    r"|now|there|here|completely|entirely|altogether|really|actually|following|lot|do|don't|have|so|yes|ok|okay)\b"
    "|必须|一定|务必|千万|请|麻烦|帮我?|我们?|你|您|一下|一些|一个|一点|都|也|了|吧|的|地|得|讲|部分|章节?|一[章节课块]|[这那]块|板块|方面|相关|知识|内容|概念|课程?|大纲|吗|呢|啊|谢谢"
    "|能|可以|希望|想|要|就|先|给|全部|所有|关于|有关|其实|掉|里|这|那|还|已经|学习?",
    "word": rf"[^\W\u3400-\u9fff]+(?:'\w+)?|{CHARACTER}",
}  # fmt: skip
TOKEN = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in KINDS.items()), re.IGNORECASE)
STRONG = ("remove", "add")
NEGATED = re.compile("don't|do not|won't|never|without|别|不要|不想|不用|不必|不需要", re.I)
TEXTS = re.compile(
    "tutorial|lesson|text|explanation|quiz|video|sentence|example|教程|课文|文字|讲解|测验|视频|例子", re.I
)
# Who knows that much, or asks how they could, wants more of it.
HARDLY = re.compile(r"\b(?:nothing|little|bit|basics?|hardly|only|some|more|better)\b|一点|一些|基础|皮毛", re.I)
TO_KNOW = re.compile(r"\b(?:how|let|should|could|would|can|do you)\b", re.I)
# A name's words may have signs and an "and" between them; what was taken once is not tried again in parts.
BETWEEN_WORDS = r"(?>\W{0,3}(?:(?:and\b|[和与])\W{0,3})?)"
# SQL's own words, named beside others ("explain UPDATE, DELETE and subqueries"); with an object they are a verb.
STATEMENT = re.compile(r"(?<=[a-z,] )(?:DELETE|DROP|EXCLUDE|INCLUDE|ADD)(?=[,.;]|$| (?:and|or)\b)")
# That there is no time is no wish to be rid of a concept "Dates and times", but time for a concept is one.
NO_TIME = (
    r"(?:\b(?:no|(?:don't|do not) have(?: the| any| much)?|haven't(?: got)?(?: the| any| much)?) time\b"
    r"(?! (?:zone|series|complexity))|没有?(?:什么|太?多|那么多)?时间(?!序列|复杂|戳|处理))"
)
MORE_TIME = (
    r"(?:\b(?:need|want|like|take|have)(?: (?:a|bit|lot|little|of|some|much|more|the))* time\b"
    r"(?! (?:zone|series|complexity))|(?:需要|想要|要)(?:更多的?|多?一[些点])?时间(?!序列|复杂|戳|处理))"
)
WITHOUT_TIME = (
    (re.compile(rf"{NO_TIME}(?: for\b| to (?:learn|study|do|read)\b|[去来]?(?:学习?|看|做))", re.I), " don't want "),
    (re.compile(NO_TIME, re.I), " "),
    (re.compile(MORE_TIME, re.I), " "),
)
ABOUT_SO_MANY = "only|just|about|around|roughly|at|most|less|than|under|a|total|of"
ITS_HOURS = re.compile(
    rf"{NAME}(?: (?:down|back|{ABOUT_SO_MANY}))* (?:to|by|for)(?: (?:{ABOUT_SO_MANY}))* #"
    rf"|#(?: (?:of|from|off|for|in|on|the))+ {NAME}"
    rf"|{NAME}[^#]*(?:到|至|成|为|剩|的|减|少|去|掉)(?: (?:最多|大约|大概|约))* #|# 的 {NAME}",
    re.I,
)
IDLE = ("filler", "pronoun", "name")
MOST_BARE = 3  # words of which somebody's answer may be a name

# One thing for another is one that goes and one that comes.
REWRITTEN = (
    (re.compile(r"\b(?:replace|swap|exchange)\b([^.;\n]{1,200}?)\b(?:with|by|for)\b", re.I), r"; remove \1 ; add "),
    (re.compile(rf"({NAME}) (?:instead of|rather than)(?= (?:the )?{NAME})", re.I), r"add \1 ; remove "),
    (re.compile(rf"\b(?:instead of|rather than)\b(?! \w+ing\b)(?= ?(?:the )?{NAME})", re.I), "; remove "),
    (re.compile(rf"[把将]? ?({NAME}) ?(?:替换成|替换为|换成|改成)"), r"; 去掉 \1 ; 加上 "),
    (re.compile(rf"用 ?({NAME}) ?(?:代替|替换|取代)"), r"; 加上 \1 ; 去掉 "),
)


class Token(NamedTuple):
    kind: str
    text: str


@dataclass
class Part:
    """What one clause wants, of which of the names; of what is called otherwise it has the words."""

    action: Action
    names: list[int] = field(default_factory=list)
    words: str = ""
    is_weak: bool = False  # "no code, please" may speak of anything


@dataclass
class Request:
    parts: list[Part] = field(default_factory=list)
    named: list[int] = field(default_factory=list)  # whatever is said of them
    is_shorter: bool = False
    budget: hours.Budget | None = None
    last: Action = "unsaid"

    def of(self, action: Action) -> list[Part]:
        return [part for part in self.parts if part.action == action]


def understood(text: str, names: Sequence[str], *, before: Action = "unsaid") -> Request:
    """The changes that are asked for; names are given back by their places.

    A name that stands alone goes with the verb before it: also with that of an earlier request, whose answer it is.
    """
    reading = _Reading([plain(name) for name in names], before)
    said = STATEMENT.sub("statement", plain(text))
    for way, plainer in WITHOUT_TIME:
        said = way.sub(plainer, said)
    for segment in _segments(_tokens(_with_names(said, reading.names))):
        reading.take(segment)
    return reading.finish()


def plain(text: str) -> str:
    """In simplified characters, with blanks between Chinese and everything else, so that words end there."""
    text = re.sub(NAME, " ", simplified(text.replace("’", "'")))
    return BESIDE_CHINESE.sub(" ", re.sub(r"[ \t]+", " ", text))


def _with_names(text: str, names: Sequence[str]) -> str:
    places = sorted(range(min(len(names), LAST - FIRST)), key=lambda place: -len(names[place]))
    for place in places:
        if pattern := _pattern(names[place]):
            text = re.sub(pattern, chr(FIRST + place), text, flags=re.IGNORECASE)
    for way, plainer in REWRITTEN:
        text = way.sub(plainer, text)
    return text


def _pattern(name: str) -> str:
    """The name in the singular or plural and with other punctuation; none for what says nothing by itself."""
    words = [word for word in re.findall(r"\w+", name) if word.lower() != "and"]
    if not words or (len(words) < 2 and not any(token.kind == "word" for token in _tokens(name))):
        return ""
    shaped = [_shaped(word) for word in words]
    begin, end = (r"\b" if not re.match(CHARACTER, word) else "" for word in (words[0], words[-1][-1]))
    return begin + BETWEEN_WORDS.join(shaped) + end


def _shaped(word: str) -> str:
    return re.escape(singular(word)) + "s?"


def singular(word: str) -> str:
    """As far as leaving out an "s" makes one."""
    return word[:-1] if re.search("[^s]s$", word) else word


def _tokens(text: str) -> Iterator[Token]:
    return (Token(str(found.lastgroup), found[0]) for found in TOKEN.finditer(text))


def _segments(tokens: Iterator[Token]) -> Iterator[list[Token]]:
    """As many tokens as have one verb; what ended each comes with it, as the last."""
    segment: list[Token] = []
    for token in (*tokens, Token("sentence", "")):
        is_second = token.kind in STRONG and any(each.kind in STRONG for each in segment)
        if is_second or token.kind in ("sentence", "clause", "object_first"):
            yield [*segment, token if not is_second else Token("clause", "")]
            segment = [token] if is_second else []
        else:
            segment.append(token)


class _Reading:
    def __init__(self, names: list[str], before: Action) -> None:
        self.names = names
        self.request = Request()
        self.verb: Action = before
        self.pending: list[Part] = []  # named before anything is said about them
        self.mentioned: list[int] = []
        self.is_new = True
        self.has_hours = False  # in the same sentence
        self.budget: hours.Budget | None = None  # of the same sentence
        self.comes_again = False  # in the same sentence, beside the hours: "On weekends, 10 hours"
        self.about: list[int] = []  # of which the same sentence says something else: "indexes are too hard, remove"

    def take(self, segment: list[Token]) -> None:
        *tokens, end = segment
        if tokens:
            self._take(tokens)
        if end.kind == "object_first":
            self.verb = "unsaid"
        if end.kind == "sentence":
            self._flush()
            if self.budget and (self.budget.is_plain or not self.comes_again):
                self.request.budget = self.budget
            self.verb, self.about, self.is_new, self.has_hours = "unsaid", [], True, False
            self.budget, self.comes_again = None, False

    def finish(self) -> Request:
        self._flush()
        return self.request

    def _flush(self) -> None:
        self.request.parts += self.pending
        self.pending = []

    def _take(self, tokens: list[Token]) -> None:
        kinds = [token.kind for token in tokens]
        action, place = _verb(kinds)
        self.has_hours = self.has_hours or "hours" in kinds
        self.comes_again = self.comes_again or ("hours" not in kinds and hours.comes_again(_text(tokens)))
        if action == "remove" and _has_hours_of_its_own(tokens):
            action = "nothing"
        if budget := self._budget(tokens):
            self.budget, self.verb = budget, "unsaid"
        elif action == "nothing" or (kinds[place] == "known" and _is_hardly_known(tokens, place)):
            self.verb = "nothing"
            if "keep" in kinds:
                self.request.parts.append(self._part("keep", tokens))
        elif "name" not in kinds and _is_shorter(tokens, has_hours=self.has_hours and self.is_new):
            self.request.is_shorter, self.verb = True, "unsaid"
        elif action == "unsaid":
            self._take_bare(tokens)
        else:
            self._take_said(action, tokens[:place], _without_tail(tokens[place + 1 :]), is_weak=kinds[place] == "no")
            if kinds[place] in STRONG:
                self.request.last = action
        if found := _places(tokens):
            self.request.named += found
            self.mentioned = found if self.is_new else self.mentioned + found
            self.is_new = False

    def _budget(self, tokens: list[Token]) -> hours.Budget | None:
        """Hours for the whole outline; few of them may speak of what the same sentence names."""
        kinds = [token.kind for token in tokens]
        budget = hours.of_outline(_text(tokens)) if "hours" in kinds and "name" not in kinds else None
        is_of_one = budget is not None and not self.is_new and budget.hours <= hours.FEW
        return None if is_of_one else budget

    def _take_said(self, action: Action, ahead: list[Token], behind: list[Token], *, is_weak: bool) -> None:
        self.verb = action
        part = self._part(action, behind)
        if not part.names and not part.words:
            if any(token.kind == "pronoun" for token in behind) and self.mentioned:
                part.names = self.mentioned
            elif self.about and not self.pending and not _places(ahead):
                part.names = self.about
            else:
                part = self._part(action, ahead)
                self.request.parts += [Part(action, each.names, each.words) for each in self.pending]
                self.pending = []
        part.is_weak = is_weak
        self.request.parts.append(part)

    def _take_bare(self, tokens: list[Token]) -> None:
        tokens = [*takewhile(lambda token: token.kind != "tail", tokens)]
        part = self._part(self.verb, tokens)
        if not part.names and not part.words:
            return
        is_other = any(token.kind not in ("name", "word", "filler") for token in tokens)
        if is_other or (part.names and part.words) or len(part.words.split()) > MOST_BARE:
            self.verb, self.about = "unsaid", part.names  # a sentence about something else
        elif self.verb == "unsaid":
            self.pending.append(part)
        else:
            self.request.parts.append(part)

    def _part(self, action: Action, tokens: list[Token]) -> Part:
        """A name of one word is another thing where a word stands before it: "window functions" are no functions.

        In Chinese, which has no blanks, also where one stands behind it.
        """
        part, words = Part(action), list[str]()
        for before, token, behind in zip((None, *tokens), tokens, (*tokens[1:], None), strict=False):
            if token.kind == "name":
                place = ord(token.text) - FIRST
                is_longer = (before and before.kind == "word") or (behind and _goes_on(self.names[place], behind))
                if is_longer and re.fullmatch(r"\w+", self.names[place]):
                    words.append(self.names[place])
                else:
                    part.names.append(place)
            elif token.kind == "word":
                words.append(token.text)
        part.words = _together([BESIDE_CHINESE.sub(" ", " ".join(words))])
        return part


def _goes_on(name: str, behind: Token) -> bool:
    """Whether what stands behind a Chinese name may belong to it; not where it begins to say something of it."""
    is_beside = bool(
        re.search(f"{CHARACTER}$", name) and re.match(f"(?![太很最更是有没难又非比]){CHARACTER}", behind.text)
    )
    return behind.kind == "word" and is_beside


def _verb(kinds: list[str]) -> tuple[Action, int]:
    """What is said to be done, and where; a weak word says it only where the clause begins."""
    if "keep" in kinds:
        return "nothing", 0
    strong = next((place for place, kind in enumerate(kinds) if kind in STRONG), None)
    idle = next((place for place, kind in enumerate(kinds) if kind == "nothing"), None)
    if strong is not None and (idle is None or strong < idle):
        return ("remove" if kinds[strong] == "remove" else "add"), strong
    weak = _weak(kinds)
    if strong is None and weak is not None and (idle is None or weak[1] < idle):
        return weak
    return ("nothing", 0) if idle is not None or "tail" in kinds[:1] else ("unsaid", 0)


def _weak(kinds: list[str]) -> tuple[Action, int] | None:
    for place, kind in enumerate(kinds):
        ahead = set(kinds[:place])
        if kind == "known" and ahead <= {*IDLE}:
            return "remove", place
        if kind == "no" and ahead <= {"filler", "wish", "pronoun"}:
            return "remove", place
    first = next((place for place, kind in enumerate(kinds) if kind != "filler"), None)
    return ("add", first) if first is not None and kinds[first] in ("wish", "with") else None


def _is_hardly_known(tokens: list[Token], place: int) -> bool:
    """So that nothing of it may go."""
    ahead, known, behind = _text(tokens[:place]), tokens[place].text, _text(tokens[place + 1 :])
    return not NEGATED.search(known) and bool(TO_KNOW.search(ahead) or HARDLY.search(behind))


def _is_shorter(tokens: list[Token], *, has_hours: bool) -> bool:
    """That the outline shall be; not that it shall not, nor that the texts shall."""
    kinds = [token.kind for token in tokens]
    if has_hours and hours.TOO_MUCH.search(_text(tokens)):
        return True
    if "shorter" not in kinds:
        return False
    ahead = _text([*takewhile(lambda token: token.kind != "shorter", tokens)])
    return not NEGATED.search(ahead) and not TEXTS.search(ahead)


def _text(tokens: list[Token]) -> str:
    return _together(token.text for token in tokens)


def _together(words: Iterable[str]) -> str:
    """With blanks between them, but where both are Chinese."""
    return re.sub(f"(?<={CHARACTER}) (?={CHARACTER})", "", " ".join(words))


def _has_hours_of_its_own(tokens: list[Token]) -> bool:
    """Whether a concept is to take fewer hours, which is nothing that goes: "cut logging to 1 hour"."""
    shape = " ".join("#" if token.kind == "hours" else token.text for token in tokens)
    return bool(ITS_HOURS.search(shape))


def _without_tail(tokens: list[Token]) -> list[Token]:
    """Without a reason, a place or a way: "add logging, with no threads"."""
    ends = (place for place, token in enumerate(tokens) if token.kind in ("tail", "no", "with", "nothing", "known"))
    return tokens[: next(ends, len(tokens))]


def _places(tokens: list[Token]) -> list[int]:
    return [ord(token.text) - FIRST for token in tokens if token.kind == "name"]
