"""What does the library say about a roadmap? Kept in rows, and told in the language of who reads them."""

from django.utils.translation import gettext_noop

from roadmap_project.told import kept

# A longer sentence comes before the one that its words would fit as well. They are plans first, and then what was done.
NOT_FOUND = kept(gettext_noop("%(done)s Not found: %(words)s."))
NOT_DONE = kept(gettext_noop("%(done)s Nothing was done about: %(names)s."))
SEVERAL = kept(gettext_noop("%(done)s More than one concept is meant by: %(words)s."))
NOT_IN_IT = kept(gettext_noop("%(done)s What is new also builds on what is not in the outline: %(names)s."))
HOURS_STAY = kept(
    gettext_noop(
        "%(done)s That leaves %(hours)s hours, not %(wanted)s: nothing essential goes by itself, nor what something "
        "else needs, and at least %(count)s concepts stay. You can name more to remove."
    )
)
HOURS_LEFT = kept(gettext_noop("%(done)s That leaves %(hours)s hours."))
HOURS_IN_ALL = kept(gettext_noop("%(done)s That makes %(hours)s hours."))
BOTH = kept(gettext_noop("New: %(added)s; left out: %(removed)s."))
NEW = kept(gettext_noop("New: %(names)s."))
LEFT_OUT = kept(gettext_noop("Left out: %(names)s."))
NOTHING = kept(gettext_noop("The request names no concept that the library can add or leave out."))

# Questions. Each answer is read with what was asked for before.
HOW = kept(
    gettext_noop(
        "Say which concepts to remove or to add, by the names that they have here, such as: remove %(name)s. "
        "Or: shorter. Or: at most 30 hours. Moving and renaming is done by hand. Anything else needs a language model."
    )
)
CAN_ADD = kept(gettext_noop("These can be added: %(names)s."))
WHICH = kept(gettext_noop("“%(words)s” can be one of several: %(names)s. Which one?"))
SHALL_GO = kept(gettext_noop("In the outline already: %(names)s. Shall this go? Answer yes, or say what else."))
THERE = kept(gettext_noop("In the outline already: %(names)s."))
NOT_THERE = kept(gettext_noop("Not in the outline: %(names)s."))
NOT_SHORTER = kept(gettext_noop("No concept here is optional. Name those that shall go."))
FITS = kept(
    gettext_noop(
        "The outline takes %(hours)s hours, which is within %(wanted)s. Name what shall go or come all the same."
    )
)
TOO_FEW = kept(gettext_noop("At least %(count)s concepts have to stay. Name fewer."))

# Why an outline is as it is: after the subject's own description, each on a line of its own, so that it is told apart.
CHOSEN = kept(
    gettext_noop(
        "Your goal matches the curated subject “%(subject)s”. %(chosen)s of its %(all)s concepts were chosen for your "
        "level and %(hours)s hours a week over %(weeks)s weeks, "
        "in an order in which each comes after what it builds on."
    )
)
CHOSEN_IN_HOURS = kept(
    gettext_noop(
        "Your goal matches the curated subject “%(subject)s”. %(chosen)s of its %(all)s concepts were chosen for your "
        "level and the %(hours)s hours that your goal names, "
        "in an order in which each comes after what it builds on."
    )
)
MORE_HOURS = kept(
    gettext_noop(
        "The outline takes %(hours)s hours, not the %(wanted)s that your goal names: nothing essential was left out, "
        "nor what something else needs, and at least %(count)s concepts stay."
    )
)

# What a review computes.
INCLUDED_AND_OTHERS = kept(
    gettext_noop(
        "%(count)s of the subject's %(all)s concepts are included. "
        "About the other %(others)s the library knows nothing."
    )
)
INCLUDED = kept(gettext_noop("%(count)s of the subject's %(all)s concepts are included."))
IN_ORDER = kept(gettext_noop("Every prerequisite comes before the concept that needs it (checked)."))
TOGETHER = kept(gettext_noop("%(count)s of %(all)s concepts stand with others of their stage in the curated subject."))
ALONE = kept(gettext_noop("%(count)s of %(all)s modules hold a single concept."))
TIME = kept(gettext_noop("%(hours)s hours of learning, %(budget)s hours of time."))
TOO_LONG = kept(gettext_noop("%(hours)s hours of learning do not fit into %(budget)s hours."))
PLAN_WEEKS = kept(gettext_noop("Plan about %(weeks)s weeks, or take concepts out."))
PLAN_HOURS = kept(gettext_noop("Plan about %(hours)s hours, or take concepts out."))
