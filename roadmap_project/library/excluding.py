"""What does a goal name without wanting to learn it? What somebody knows, does not want, or means otherwise."""

import re

# Each phrase ends where a clause does, or where the next thing is wished for; it is short, so that a search ends soon.
END = (
    r"(?=$|[,;:!?()，。；：！？、]|\.(?:\s|$)|\s(?:but|so|now|then)\b"
    r"|\s(?:and|to)\s(?:i|want|would|now|need|learn|teach)\b)"
)
BEFORE_LEARNING = rf"[^,;:!?()，。；：！？]{{0,80}}?(?:{END}|(?=\s(?:learn|learning|studying)\b))"
PHRASE = rf"[^,;:!?()，。；：！？]{{0,80}}?{END}"
END_CHINESE = "(?=$|[,;:!?()，。；：！？、]|想|要|但|而|只|现在|就|还|也|做|来|教)"
PHRASE_CHINESE = f"[^,;:!?()，。；：！？]{{0,30}}?{END_CHINESE}"

OTHERWISE = re.compile(
    r"\b(?:monty|ball|burmese|reticulated|carpet|royal|pet) pythons?\b"
    r"|\bpythons? (?:snakes?|skins?|morphs?|breeding|enclosures?)\b|\bpythons? as (?:a )?pets?\b"
    r"|\b(?:keep|feed|breed|raise|own)(?:ing)? (?:a|my|our) pythons?\b(?! (?:project|script|app|program|code|package))"
)
UNWANTED = re.compile(
    r"\b(?:don't|do not|dont) (?:want|need|like)\b(?: to \w+)?" + PHRASE
    # Not a wish of its own: "a site without JavaScript", "Rust, not Python", "and not only Python".
    + r"|\b(?:instead of|rather than)\b" + PHRASE + rf"|\bwithout [^\s,;:!?()，。；：！？]+{BEFORE_LEARNING}"
    + r"|(?:(?<=[,;(])|(?<=[,;(.] )|(?<=but ))not (?!only|just|yet|sure)" + PHRASE
    + "|(?:不想|不要|不愿意?|不打算|不准备|不需要)(?:再)?(?:学习?|用|做|看)?" + PHRASE_CHINESE
    + "|(?:不学习?|不用|而不是|不是(?![很太])|除了)" + PHRASE_CHINESE
)  # fmt: skip
KNOWN = re.compile(
    r"\b(?:i|who|we)(?: already| also)? (?:knows?|(?:have )?mastered|have learn(?:ed|t))\b"
    + r"(?! (?:almost nothing|nothing|very little|little|hardly|no)\b)" + PHRASE
    + "|(?:(?:我|我已经|已经|已|早就)(?:会(?![学去不])|懂|学过|学会|掌握|熟悉|精通)"
    + "|(?:(?<=[,;，。；])|^)(?:会|懂|学过|精通))"
    + PHRASE_CHINESE
)  # fmt: skip
A_LITTLE = re.compile(r"\b(?:little|some|bit|basics?|basic|somewhat)\b|一点|一些|基础|入门|皮毛")
REFERRING = re.compile(r"\b(?:it|its|them|that)\b|它")
# What says that somebody wants more of the same.
MORE = re.compile(
    r"\b(?:i|i'd|i'm|and|but|so|now|then|want|would|need|like|to|get|be|go (?:deeper|further|on)|become|better|best|at"
    r"|in|with|it|this|that|more|my|me|the|a|of|much"
    r"|deeper|further|next|level|learn|study|know|teach|improve|deepen|advanced?|skills?|topics?"
    r"|already|well|please|master|refresh|brush|up|on)\b|[^\w]"
    "|想|要|我|继续|学习?|深入|提高|提升|进阶|进一步|更|好|多|水平|能力|地|的|得|了|现在|希望|再|精通|高级|一?下|它|加强|巩固|复习"
)

ASKING = re.compile(
    r"\b(?:how|about|use|using|write|writing|understand|explain|can|you|works?)\b|教|讲|怎么|如何|用|写"
)


def readings(goal: str) -> list[str]:
    """The goal without what is not to be learned; then, where that speaks of what is known a little, with it."""
    goal = _without(UNWANTED, _without(OTHERWISE, goal))
    if not KNOWN.search(goal):
        return [goal]
    rest = _without(KNOWN, goal)
    if _has_words(rest) and not MORE.sub("", rest):
        return [goal]  # "I know Python and want to get better at it"
    if REFERRING.search(rest) and any(A_LITTLE.search(found[0]) for found in KNOWN.finditer(goal)):
        return [rest, goal]
    return [rest]


def known_and_asked(goal: str) -> tuple[str, set[str]]:
    """What somebody says to know, and the words of what they ask for: for example Python, and "decorators"."""
    goal = _without(UNWANTED, _without(OTHERWISE, goal))
    known = ";".join(found[0] for found in KNOWN.finditer(goal))
    asked = ASKING.sub(" ", MORE.sub(" ", _without(KNOWN, goal)))
    return known, singular_words(asked)


def singular_words(text: str) -> set[str]:
    return {word.rstrip("s") for word in re.findall(r"\w+", text.lower())}


def _without(phrases: re.Pattern[str], goal: str) -> str:
    return phrases.sub(";", goal).strip(" ,;，；")


def _has_words(text: str) -> bool:
    return re.search(r"\w", text) is not None
