"""How many hours may all of it take, by somebody's words? Those of a week, of one concept, or spent are others."""

import re
import unicodedata
from dataclasses import dataclass

from roadmap_project.library.chinese import simplified

OFTEN = r"week|day|month|evening|weekend|night|morning|session|sitting|lesson|class"
WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
# What says that hours come again and again: in a clause with them, or in another one of the sentence.
AGAIN = re.compile(
    rf"\b(?:an? (?:{OFTEN})|per|each|every|weekly|daily|nightly|monthly|{WEEKDAY}s?|weekdays?|weekends?|workdays?"
    r"|mornings?|afternoons?|evenings?|nights?|lunch\w*|(?:before|after) (?:work|school|class|bed|breakfast|dinner)"
    r"|sessions?|sittings?|average|usually|normally|mostly|often|sometimes|commut\w+|full[- ]time|part[- ]time"
    r"|(?:have|with) an? (?:\w+ )?job)\b"
    "|每|平均|(?<![第十])一 ?(?:周|天|日|晚|个? ?(?:星期|礼拜|月)|次(?!性)|节|口气)"
    "|(?:周|星期|礼拜)[一二三四五六日天末](?![共定起])|工作日|双休|假[期日]|[早晚]上|早晨|清晨|[上下中]午|午休|傍晚|夜里|深夜|睡前"
    "|[上下]班|放学|课[后余]|饭后|业余|通勤|路上|平[时常日]",
    re.I,
)
# What says in one clause that they are those of a sitting, a day or a job.
OF_ONE = re.compile(
    r"\b(?:(?:this|next) week|today|tonight|tomorrow|at (?:a|one) time|(?:in|at) one (?:go|sitting)|at once|shifts?"
    r"|jobs? (?:with|of|that)|hours?[ -](?:work ?)?(?:weeks?|days?)"
    r"|(?:work\w*|(?:i|we) (?:study|learn|get))(?: (?:about|around|roughly|only|for|up|to))* \d+)\b"
    "|[今明]天|今晚|[这下本]个?(?:周|星期|礼拜|月)",
    re.I,
)
DEADLINE = re.compile(
    rf"\b(?:by|until|till|before) (?:(?:next|this|the|coming) )?(?:{WEEKDAY}|week|weekend|today|tonight|tomorrow)\b"
    "|[下这本]?个?(?:周|星期|礼拜)[一二三四五六日天末]之?前|[今明后][天晚]之?前",
    re.I,
)
SPENT = re.compile(r"\b(?:spent|already)\b|[用花学看做上]了|已经?|(?<!超)过", re.I)
# As a part of a pattern: without groups of its own, and followed by no rate.
PATTERN = (
    r"(?<![\d.,:>≥])(?<![>≥] )(?:\d{1,4} ?(?:[-–~]|to|到|至) ?)?(?:\d{1,4}(?:\.\d+)?|[一二两三四五六七八九十百]{1,5})"
    r"(?:[\s-]?(?:hours?|hrs?|h)\b|\s?个?\s?(?:小时|钟头|学时|课时))"
    rf"(?!\s?/|\s(?:an?|per|each|every)\s(?:{OFTEN}))"
)
HOURS = re.compile(PATTERN, re.I)

# Beside a number that speaks of the outline stands nothing but these: with any other word it may speak of anything.
BESIDE = re.compile(
    r"\b(?:(?:be|is|it|get|all|am) (?:done|finished)|(?:budget|limit|maximum|max|have|time) (?:is|are)|is all"
    r"|so that it takes|rather|if possible|within|at|most"
    r"|max|maximum|maximal|maximally|only|just|total|in|into|to|by|from|for|of|off|out|up"
    r"|down|about|around|roughly|exactly|under|below|over|above|no|not|more|longer|than|less|fewer|shorter|so|also|then"
    r"|again|shorten|make|keep|fit|get|bring|limit|limited|reduce|shrink|trim|cut|drop|save|remove|lose|squeeze|compress"
    r"|cap|exceed"
    r"|finish|complete|do|does|learn|study|learning|studying|take|last|be|stay|remain|spend|spare|invest|afford"
    r"|have|got|can't|cannot|can|could|should|would|must|may|want|need|like|let's|let|please|thanks?|thank|ok|okay|yes|now"
    r"|the|a|an|it|this|that|there|everything|all|whole|entire|thing|plan|outline|roadmap|course|version|long"
    r"|weeks?|time|budget|hours?|i|we|you|my|me|us|available|free|left|altogether|overall|together|ideally"
    r"|preferably|maybe|rest|others?|else|remaining)(?:n't|'(?:d|m|ve))?\b|\b\d+(?= weeks?\b)"
    "|最多|最长|至多|不要?|不?能|不得|别|超过|多于|大于|少于|小于|以内|之内|以下|内|控制|限制|安排|压缩|缩短|缩减|减少|减掉|减去"
    "|精简|降|去掉|砍掉|删掉?|减|(?<!至)少|短|省|在|我们?|只|就|有|用|花|总共|一共|总|共|全部|整个|时间|时长|学时|预算|大纲|课程?|计划"
    "|路线图|学完|学习?|完成|版本|麻烦|请|帮|把|它|这个?|想|要|希望|改|变|做|调整|到|至|成|为|左右|大约|大概|的|了|吧|可以|应该"
    "|需要?|给|够|好|行|即可|一些|一点|点|里|再|也|吗|呢|谢谢|从|空闲|最好|尽量|尽可能|比较|理想|其[他它余]|剩[下余]",
    re.I,
)
MORE_THAN = re.compile(r"\b(?:more|longer|over|above|exceed)\b|超过|多于|大于", re.I)
NOT = re.compile(r"\b(?:no|not|cannot)\b|n't\b|[不别没]", re.I)
LESS_BY = (
    re.compile(
        r"(?:\bby|\b(?:cut|remove|drop|save|trim|lose|(?:cut|take|trim) (?:off|out))"
        "|减少|减掉|减去|缩短|缩减|精简|少|短|去掉|砍掉|删掉|省)了? ?$",
        re.I,
    ),
    re.compile(r" ?(?:less|fewer|shorter|off|out)\b(?! than)", re.I),
)
MAY_IT = re.compile("能不能|可不可以|行不行|好不好")
TOO_MUCH = re.compile(r"\btoo (?:much|many)\b|太[多久]", re.I)
REASON = re.compile(r"\b(?:because|since|instead of|rather than)\b|因为|而不是", re.I)
UNTIL = re.compile(r"\b(?:before|until|till)\b", re.I)

# As few hours as one concept may take are somebody's own ("I have 2 hours") unless they are plainly those of all.
FEW = 8
OF_ALL = re.compile(
    r"\b(?:make|keep|(?<!i )get|bring|shorten|fit|reduce|trim|cut|limit|squeeze|compress|cap|finish|complete"
    r"|total|all|altogether|overall|whole|entire|everything|outline|roadmap|plan|course|introduction)\b"
    "|总|共|全部|整个|大纲|课程|完|学会|入门|掌握|速成|缩|压|减|改|控制|调整|限制|内",
    re.I,
)
IN = re.compile(
    r"(?:\b(?:in|within|into|(?<!up )to)(?: (?:about|around|roughly|only|just))? ?|在 ?|[想算备划]用 ?)$", re.I
)
LIMIT = re.compile(
    r"(?:\b(?:at most|than|under|below|max|maximum|up to|exceed)|最多|至多|最长|超过|多于|少于) ?$", re.I
)
LIMIT_BEHIND = re.compile(r" ?(?:at most|max|maximum|or less)\b", re.I)
SOMEBODY = re.compile(r"\b(?:i|we|me|my)\b|我|有", re.I)

# In a goal, which names its subject beside the number, that is told by what stands next to it.
CLAUSE = re.compile(r"[,;:!?()，。；：！？、\n]|\.(?=\s|$)")
ONLY = (
    "(?:only|just|about|around|roughly|some|a|the|total|of|at|most|under|less|fewer|no|not|more|longer|than|up|to|max"
    "|maximum|got|next)"
)
AHEAD = re.compile(
    rf"(?:\b(?:in|within|under|below|at most|max|maximum|than|up to|have|i've|spend|spare|invest|budget(?: is| of)?"
    rf"|limit(?: is| of)?|with)(?: {ONLY})* ?|(?:在|用|花|只有|有|最多|至多|不超过|控制在) ?)$",
    re.I,
)
BEHIND = re.compile(
    r" ?(?:$|(?:in total|total|max|maximum|at most|only|altogether|overall|or less|left|available|free|for|on|to|so"
    r"|because|before|by|until|and|but|then|using|of (?:my |free |spare )*(?:time|learning|study|studying))\b"
    r"|[之以]?内?(?:左右|的?时间)? ?(?:$|[学入掌搞完看速精做来能就]))",
    re.I,
)
CAP = re.compile(
    r" ?(?:max|maximum|at most|in total|total|or less|altogether|(?:crash )?course|introduction|plan|roadmap)\b"
    "| ?[之以]?内? ?(?:学|掌握|[^内]{0,10}(?:入门|速成)|的.{1,10}课程?$)| ?[之以]内$",
    re.I,
)
BESIDE_IT, NEAR = 6, 20  # characters
OF_A_THING = re.compile(
    r"\b(?:predict|forecast|respon|repl[yi]|deliver|ship|expire|detect|alert|every|recover|restor|marathon)"
    "|预测|预报|响应|回复|营业|恢复|马拉松",
    re.I,
)
PAST = re.compile(r"\b(?:already|took|taken|did|done|finished|completed|attended|watched|had|was|were)\b", re.I)


@dataclass(frozen=True)
class Budget:
    """So many hours, or so many fewer than now."""

    hours: float
    is_less_by: bool = False
    is_plain: bool = False  # said of all of it, whatever else is said beside it

    def of(self, hours: float) -> float:
        """What an outline of so many hours may take."""
        return max(0.0, hours - self.hours) if self.is_less_by else self.hours


def of_outline(clause: str) -> Budget | None:
    """What a clause of a request, in which no concept is named, says about the whole, if it does."""
    said = MAY_IT.sub("", REASON.split(clause)[0])
    clause = UNTIL.split(said)[0]
    every = list(HOURS.finditer(clause))
    if not every or comes_again(said) or OF_ONE.search(_without_deadline(said)) or SPENT.search(said):
        return None
    found = every[-1]  # "from 60 hours to 30 hours"
    ahead, behind = HOURS.sub(" ", clause[: found.start()]), clause[found.end() :]
    if re.search(r"\w", BESIDE.sub(" ", f"{ahead} . {behind}")):
        return None
    if bool(NOT.search(clause)) != bool(MORE_THAN.search(clause)):
        return None
    hours = _number(found[0])
    is_less_by = bool(LESS_BY[0].search(ahead) or LESS_BY[1].match(behind))
    is_plain = is_less_by or _is_plain(ahead, behind, clause)
    if not hours or (hours <= FEW and not is_plain):
        return None
    return Budget(hours, is_less_by=is_less_by, is_plain=is_plain)


def comes_again(clause: str) -> bool:
    """Whether it speaks of each week, of evenings and the like; a day until which something is to be done is none."""
    return bool(AGAIN.search(_without_deadline(clause)))


def _without_deadline(clause: str) -> str:
    return DEADLINE.sub(" ", clause)


def _is_plain(ahead: str, behind: str, clause: str) -> bool:
    is_limit = LIMIT.search(ahead) or LIMIT_BEHIND.match(behind)
    return bool(OF_ALL.search(clause) or IN.search(ahead) or (is_limit and not SOMEBODY.search(ahead)))


def of_goal(goal: str) -> float | None:
    """How many hours a goal has for all of it ("Learn SQL in 20 hours"); None where it says none."""
    clauses = CLAUSE.split(" ".join(simplified(goal.replace("’", "'")).split()))
    is_doubtful = any(comes_again(clause) for clause in clauses if not HOURS.search(clause))
    for clause in clauses:
        found = HOURS.search(clause)
        if found is None or comes_again(clause) or OF_ONE.search(_without_deadline(clause)):
            continue
        ahead, behind = clause[: found.start()], clause[found.end() :]
        if (is_doubtful or _number(found[0]) <= FEW) and not _is_plain(ahead, behind, clause):
            continue
        alone = of_outline(clause)
        is_said = (
            (alone and not alone.is_less_by) or (AHEAD.search(ahead) and BEHIND.match(behind)) or CAP.match(behind)
        )
        is_open = MORE_THAN.search(ahead[-NEAR:]) and not NOT.search(ahead[-2 * NEAR :])
        is_over = SPENT.search(ahead[-BESIDE_IT:]) or PAST.search(ahead[-NEAR:])
        is_other = is_open or is_over or OF_A_THING.search(ahead)
        if is_said and not is_other:
            return _number(found[0]) or None
    return None


def _number(text: str) -> float:
    """The most, where it is a range."""
    if digits := re.findall(r"\d+(?:\.\d+)?", text):
        return float(digits[-1])
    total = last = 0.0
    for character in re.findall("[一二两三四五六七八九十百]", text):
        value = unicodedata.numeric(character)
        total, last = (total + (last or 1) * value, 0.0) if value >= 10 else (total, value)
    return total + last
