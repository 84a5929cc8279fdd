"""What may stand for a concept, a share or a row in an address? Anything else is no page, and reaches no database."""

from django.urls import register_converter
from django.urls.converters import IntConverter, StringConverter


class ConceptKeyConverter(StringConverter):
    """Like c-2-2-1."""

    regex = r"c-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}"


class ShareTokenConverter(StringConverter):
    regex = r"[-_A-Za-z0-9]{43}"


class RowConverter(IntConverter):
    """A primary key that the database can hold."""

    regex = r"[0-9]{1,18}"


register_converter(ConceptKeyConverter, "concept_key")
register_converter(ShareTokenConverter, "share_token")
register_converter(RowConverter, "row")
