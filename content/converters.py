"""What may stand for a concept, a share and others in an address? Anything else is no page and reaches no database."""

from django.urls import register_converter
from django.urls.converters import IntConverter, StringConverter


class ConceptKeyConverter(StringConverter):
    """Like c-2-2-1."""

    regex = r"c-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}"


class OutlinePartConverter(StringConverter):
    """A stage like s-2, a module like m-2-1, or a concept like c-2-1-3."""

    regex = r"(?:s-[0-9]{1,3}|m-[0-9]{1,3}-[0-9]{1,3}|c-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3})"


class ShareTokenConverter(StringConverter):
    regex = r"[-_A-Za-z0-9]{43}"


class RowConverter(IntConverter):
    """A primary key that the database can hold."""

    regex = r"[0-9]{1,18}"


register_converter(ConceptKeyConverter, "concept_key")
register_converter(OutlinePartConverter, "outline_part")
register_converter(ShareTokenConverter, "share_token")
register_converter(RowConverter, "row")
