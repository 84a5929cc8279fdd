"""Why is there no answer? What a step keeps for its reader; apart from the providers, whose SDKs pages do not load."""

from django.utils.translation import gettext_noop

from roadmap_project.told import kept

UNREADABLE = kept(gettext_noop("the provider's response cannot be read: %(error)s"))
INCOMPLETE = kept(gettext_noop("no complete answer within %(seconds)s seconds"))
NO_CHOICE = kept(gettext_noop("the provider returned no choice"))
REFUSED = kept(gettext_noop("the model refused: %(refusal)s"))
LIMITED = kept(gettext_noop("the provider is limiting us: %(error)s"))
NOT_IN_TIME = kept(gettext_noop("the provider did not answer in time"))
ANSWERED = kept(gettext_noop("the provider answered %(status)s: %(message)s"))
NO_CONNECTION = kept(gettext_noop("no connection to the provider: %(error)s"))
NO_ANSWER = kept(gettext_noop("no answer within %(seconds)s seconds"))
NOT_USABLE = kept(gettext_noop("the model's answer was not usable, also after one repair: %(problem)s"))
NOT_WANTED = kept(gettext_noop("the step was cancelled or claimed again"))
NOT_IN_LIBRARY = kept(
    gettext_noop("the bundled library has nothing about this (%(error)s); a language model can be configured")
)

FROM_THE_LIBRARY = kept(gettext_noop("From the bundled library; no model was used."))
FROM_AN_ADDED_SUBJECT = kept(gettext_noop("From the library that editors keep here; no model was called."))
OF_THE_LIBRARY = (FROM_THE_LIBRARY, FROM_AN_ADDED_SUBJECT)
FORM_OF_THE_LIBRARY = kept(
    gettext_noop("A form to fill in: the bundled library knows nothing about this concept; no model was used.")
)
WRITTEN_BY = kept(gettext_noop("Written by %(model)s."))
