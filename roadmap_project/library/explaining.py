"""What does an outline hold of its subject, and what does it leave out? In words for its learner."""

from collections.abc import Collection, Iterable, Sequence

from roadmap_project.library import sentences
from roadmap_project.library.subjects import SCAFFOLD, Subject, subject

LONGEST = 1500  # characters of a list, so that with all else it is no longer than an answer's text may be
OF_ONE_VERSION = (sentences.MORE_HOURS, sentences.LEFT_OUT)  # what a design says that a change may make untrue


def curated(each: Subject, sources: Iterable[str]) -> set[str]:
    """The subject's concepts among those from these places, which are empty for what is not the library's."""
    return {source.partition("/")[2] for source in sources if source} & set(each.order)


def included(each: Subject, keys: Collection[str], *, others: int) -> str:
    sentence = sentences.INCLUDED_AND_OTHERS if others else sentences.INCLUDED
    return sentence % {"count": len(keys), "all": len(each.order), "others": others}


def listed(names: Sequence[str], *, longest: int) -> str:
    """As many as have room, of the first at least a part; in quotation marks where one has a comma of its own."""
    if any("," in name for name in names):
        names = [f"“{name}”" for name in names]
    for count in range(len(names), 1, -1):
        text = ", ".join([*names[:count], *(["…"] if count < len(names) else [])])
        if len(text) <= longest:
            return text
    text = ", ".join([*names[:1], *(["…"] if len(names) > 1 else [])])
    return text if len(text) <= longest else text[: longest - 1] + "…"


def left_out(each: Subject, keys: Collection[str]) -> list[str]:
    """One line, or none where everything is there."""
    names = [concept.name for concept in each.concepts() if concept.key not in keys]
    return [sentences.LEFT_OUT % {"names": listed(names, longest=LONGEST)}] if names else []


def as_it_is(sources: Sequence[str]) -> list[str]:
    """Lines about an outline with concepts from these places; none where their subject is unknown, or only a form."""
    key = next((source for source in sources if source), "").partition("/")[0]
    if not key or key == SCAFFOLD:
        return []
    try:
        each = subject(key)
    except KeyError:
        return []
    keys = curated(each, sources)
    return [included(each, keys, others=len(sources) - len(keys)), *left_out(each, keys)]
