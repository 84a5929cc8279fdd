"""What the admin's pages have in common: lists that stay fast however many rows there are, and verbs for buttons."""

import re
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import actions
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import cached_property
from django.utils.text import smart_split, unescape_string_literal

from roadmap_project.llm.reasons import OF_THE_LIBRARY
from roadmaps.deciding import LimitError, RefusedError
from roadmaps.reading import named_concepts

CONCEPT_ID = re.compile(r"[\w-]+:c(-\d+)+")
MOST_COUNTED = 5_000
MOST_AT_ONCE = 100  # rows that one action takes


@admin.action(permissions=["delete"], description=actions.delete_selected.short_description)  # type: ignore[attr-defined]
def delete_selected(of: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
    """Django's, for as many rows as the other verbs take: its page of all ids is no form that is read again."""
    if are_too_many(of, request, list(queryset[: MOST_AT_ONCE + 1])):
        return None
    return actions.delete_selected(of, request, queryset)


admin.site.add_action(delete_selected)  # in the place of Django's, in every list


def are_too_many(of: Any, request: HttpRequest, chosen: list[Any]) -> bool:
    """Says so, too."""
    if len(chosen) <= MOST_AT_ONCE:
        return False
    of.message_user(request, f"Please choose at most {MOST_AT_ONCE} at a time.", messages.ERROR)
    return True


class NothingToDoError(Exception):
    """What a verb asks for stands already, in words for the person who asked."""


class AtLeast(int):
    """A count that was given up; it says so where it is shown."""

    def __str__(self) -> str:
        return f"more than {int(self) - 1:,}"


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than a person pages: behind that, searching leads on."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted: int = rows.order_by().values("pk")[: MOST_COUNTED + 1].count()
        return AtLeast(counted) if counted > MOST_COUNTED else counted


class LargeListAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The newest rows first, by the primary key's own index.

    Where `way_to_concept` leads from a row to its concept, that concept's id finds the row.
    """

    way_to_concept = ""
    search_hint = ""
    ordering: ClassVar[Any] = ("-pk",)
    paginator = BoundedPaginator
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def __init_subclass__(cls) -> None:
        if cls.way_to_concept:
            cls.search_hint = "Words, or a concept’s id (…:c-2-2-1)."
            cls.change_list_template = "admin/roadmaps/searched_list.html"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        words = search_term.split() if self.way_to_concept else []
        for word in filter(CONCEPT_ID.fullmatch, words):
            queryset = queryset.filter(**{f"{self.way_to_concept}__in": named_concepts(word)})
            search_term = search_term.replace(word, " ", 1)
        return super().get_search_results(request, queryset, search_term)


class NotAddable:
    """Made by steps, with everything that belongs to them; an empty form would make half of one."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False


class NotDeletable:
    """Goes with the roadmap that it belongs to, or with its age; deleted alone it would leave a hole."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnly(NotDeletable, NotAddable):
    """Records of what happened: to be read and purged, never edited."""

    def has_change_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False


class SearchedBySubqueries:
    """Each word of a search has to match; `matches` says where, as subqueries that are run once each.

    (Django's own search joins all tables first, and compares the words with what comes out.)
    """

    def matches(self, word: str) -> Q:
        raise NotImplementedError

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        for word in smart_split(search_term.replace("\x00", "")):
            is_quoted = word.startswith(('"', "'")) and word[0] == word[-1]
            queryset = queryset.filter(self.matches(unescape_string_literal(word) if is_quoted else word))
        return queryset, False


class WithVerbs:
    """Actions on a list's rows that are buttons on a row's own page as well, under the same permissions."""

    get_actions: Callable[..., dict[str, Any]]
    get_object: Callable[..., Model | None]
    get_queryset: Callable[[HttpRequest], QuerySet[Any]]
    message_user: Callable[..., None]
    log_change: Callable[..., Any]
    page_verbs: tuple[str, ...] = ()

    def verbs(self, request: HttpRequest) -> list[dict[str, str]]:
        """Those that this person may use, for the page's buttons."""
        allowed = self.get_actions(request)
        return [{"name": name, "label": allowed[name][2]} for name in self.page_verbs if name in allowed]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if "action" in request.POST:
            return self.act(request, unquote(object_id))
        shown: HttpResponse = super().change_view(request, object_id, form_url, extra_context)  # type: ignore[misc]
        return shown

    def act(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Carry out the posted verb on one row, and show its page again."""
        verb = self.get_actions(request).get(request.POST.get("action", ""))
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        if verb is None:
            raise PermissionDenied
        answer: HttpResponse | None = verb[0](self, request, self.get_queryset(request).filter(pk=row.pk))
        return answer or redirect(request.get_full_path())

    def decide(self, request: HttpRequest, rows: Iterable[Any], decision: Callable[[Any], object], done: str) -> None:
        """Decide about each row by itself: what is refused or stands already is said, and the others go on."""
        chosen = list(rows[: MOST_AT_ONCE + 1] if isinstance(rows, QuerySet) else rows)
        if are_too_many(self, request, chosen):
            return
        for row in chosen:
            try:
                decision(row)
            except LimitError as error:
                said = f"{row}: refused, in the words for the roadmap’s owner: “{error}”"
                self.message_user(request, said, messages.ERROR)
            except RefusedError as error:
                self.message_user(request, f"{row}: {error}", messages.ERROR)
            except NothingToDoError as error:
                self.message_user(request, f"{row}: nothing to do. {error}", messages.WARNING)
            else:
                self.log_change(request, row, done)
                self.message_user(request, f"{row}: {done}.", messages.SUCCESS)


class KnownValuesFilter(admin.SimpleListFilter):
    """The values that a column without choices takes; Django would read the whole table for them."""

    values: tuple[str, ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, value.replace("_", " ")) for value in self.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() in self.values else queryset


class OriginFilter(admin.SimpleListFilter):
    """Who wrote it; a subclass says what `origin` and `author` are those of."""

    title = "origin"
    parameter_name = "origin"
    library = Q(origin__in=OF_THE_LIBRARY)
    editor = Q(author__isnull=False)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("library", "Library"), ("model", "Language model"), ("editor", "Editor")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "library":
            return self.narrow(queryset, self.library & ~self.editor)
        if self.value() == "model":
            return self.narrow(queryset, ~self.library & ~self.editor & ~Q(origin=""))
        if self.value() == "editor":
            return self.narrow(queryset, self.editor)
        return queryset

    def narrow(self, queryset: QuerySet[Any], condition: Q) -> QuerySet[Any]:
        return queryset.filter(condition)
