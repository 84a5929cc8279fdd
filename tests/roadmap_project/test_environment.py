"""Variables of the environment: what is read, and what a wrong one says."""

import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from roadmap_project.environment import Environment


def env(**values: str) -> Environment:
    return Environment(values)


def read_or_refused(read):
    try:
        return read()
    except ImproperlyConfigured as error:
        return error


def test_a_whole_number_is_read_with_blanks_around_it():
    assert env(WEB_WORKERS=" 12 ").whole("WEB_WORKERS", 4) == 12


@pytest.mark.parametrize("value", ["abc", "4.5", "-1", "1e3", "٣", "1_0", "nan", "0x10", "1000001", "4 4"])
def test_a_wrong_whole_number_names_variable_value_and_range(value):
    with pytest.raises(ImproperlyConfigured) as refused:
        env(WEB_WORKERS=value).whole("WEB_WORKERS", 4)

    text = str(refused.value)
    assert "WEB_WORKERS" in text
    assert repr(value) in text
    assert "a whole number from 0 to 1000000" in text


def test_the_smallest_and_largest_numbers_are_named_and_taken():
    assert env(N="1").whole("N", 5, least=1, most=3) == 1
    assert env(N="3").whole("N", 5, least=1, most=3) == 3
    for value in ("0", "4"):
        with pytest.raises(ImproperlyConfigured, match=rf"N='{value}': expected a whole number from 1 to 3"):
            env(N=value).whole("N", 5, least=1, most=3)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("pgbouncer=true", "the option pgbouncer: expected DB_POOLER=transaction instead"),
        ("statement_timeout=5", "the option 'statement_timeout': expected connection parameters"),
        ("schema=public", "the option 'schema': expected connection parameters"),
        ("connect_timeout=abc", "connect_timeout='abc': expected whole seconds"),
    ],
)
def test_an_option_that_no_connection_takes_is_named_before_anybody_connects(query, said):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL has ") as refused:
        env(DATABASE_URL=f"postgres://a:1@db/roadmaps?{query}").database("DATABASE_URL")

    assert said in str(refused.value)


def test_options_of_the_client_library_and_of_django_are_taken():
    config = env(DATABASE_URL="postgres://a@db/r?sslmode=require&connect_timeout=3&assume_role=b").database(
        "DATABASE_URL"
    )

    assert config["OPTIONS"] == {"sslmode": "require", "connect_timeout": 3, "assume_role": "b"}


@given(st.text(max_size=12))
def test_whatever_a_number_is_set_to_it_is_a_number_in_range_or_refused_by_name(value):
    number = read_or_refused(lambda: env(N=value).whole("N", 7, least=0, most=50))

    if isinstance(number, ImproperlyConfigured):
        assert str(number).startswith("N=")
    else:
        assert number == (int(value) if value.strip() else 7)
        assert 0 <= number <= 50


@pytest.mark.parametrize("value", ["nan", "inf", "-0.1", "0.91", "20%", "a fifth", "1"])
def test_a_wrong_share_is_refused(value):
    with pytest.raises(ImproperlyConfigured, match=r"DB_HEADROOM='.*': expected a number from 0 to 0.9"):
        env(DB_HEADROOM=value).fraction("DB_HEADROOM", 0.2)


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "cheap"])
def test_a_wrong_price_is_refused(value):
    with pytest.raises(ImproperlyConfigured, match=r"LLM_PRICE_INPUT='.*': expected a number of at least 0"):
        env(LLM_PRICE_INPUT=value).decimal("LLM_PRICE_INPUT", 0.15)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("true", True), ("1", True), ("on", True), ("YES", True), (" True ", True),
     ("false", False), ("0", False), ("off", False), ("No", False), ("n", False)],
)  # fmt: skip
def test_flags_are_read_in_their_usual_spellings(value, expected):
    assert env(DEBUG=value).flag("DEBUG", default=not expected) is expected


@pytest.mark.parametrize("value", ["maybe", "2", "tru", "-", "enabled"])
def test_a_wrong_flag_is_refused_and_never_taken_for_false(value):
    with pytest.raises(ImproperlyConfigured, match=rf"DEBUG='{value}': expected true or false"):
        env(DEBUG=value).flag("DEBUG")


def test_a_wrong_choice_names_the_choices():
    with pytest.raises(ImproperlyConfigured, match=r"DB_POOLER='session': expected one of none, transaction"):
        env(DB_POOLER="session").choice("DB_POOLER", ("none", "transaction"), "none")


@pytest.mark.parametrize("empty", ["", "   "])
def test_empty_means_unset(empty):
    emptied = env(X=empty)

    assert emptied.text("X", "default") == "default"
    assert emptied.words("X", ["a"]) == ["a"]
    assert emptied.flag("X", default=True) is True
    assert emptied.whole("X", 4, least=1) == 4
    assert emptied.fraction("X", 0.2) == 0.2
    assert emptied.decimal("X", 0.15) == 0.15
    assert emptied.choice("X", ("a", "b"), "b") == "b"


def test_words_are_split_at_commas_and_trimmed():
    assert env(ALLOWED_HOSTS=" a.example , ,b.example,").words("ALLOWED_HOSTS") == ["a.example", "b.example"]


def test_a_postgresql_url_is_taken_apart():
    parts = env(DATABASE_URL="postgres://ada:pa%2Fss@db.example:6543/roadmaps").database("DATABASE_URL")

    assert (parts["USER"], parts["PASSWORD"], parts["HOST"], parts["PORT"], parts["NAME"]) == (
        "ada", "pa/ss", "db.example", 6543, "roadmaps",
    )  # fmt: skip


def test_a_socket_directory_in_the_query_reaches_the_options():
    url = "postgres://roadmaps@:5432/roadmaps?host=/tmp/x/socket"

    parts = env(DATABASE_URL=url).database("DATABASE_URL")

    assert parts["OPTIONS"] == {"host": "/tmp/x/socket"}
    assert (parts["USER"], parts["NAME"], parts["HOST"], parts["PORT"]) == ("roadmaps", "roadmaps", "", 5432)


def test_a_socket_directory_is_where_the_backend_connects():
    """A real wrapper's parameters: libpq is told the directory, and no empty host."""
    from roadmap_project.postgresql.base import DatabaseWrapper

    url = "postgres://roadmaps@:5432/roadmaps?host=/tmp/x/socket"
    settings_of_database = {
        "ATOMIC_REQUESTS": False, "AUTOCOMMIT": True, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False, "TIME_ZONE": None,
        "TEST": {}, "OPTIONS": {}, **env(DATABASE_URL=url).database("DATABASE_URL"),
    }  # fmt: skip

    parameters = DatabaseWrapper(settings_of_database, "default").get_connection_params()

    assert (parameters["host"], parameters["port"], parameters["dbname"]) == ("/tmp/x/socket", 5432, "roadmaps")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql+psycopg://ada:sesame@db/roadmaps", "has the scheme 'postgresql+psycopg'"),
        ("mysql://ada:sesame@db/roadmaps", "has the scheme 'mysql'"),
        ("sqlite:///roadmaps.db", "has the scheme 'sqlite'"),
        ("postgis://ada:sesame@db/roadmaps", "has the scheme 'postgis'"),
        ("//ada:sesame@db/roadmaps", "has no scheme"),
        ("ada-sesame", "has no scheme"),
        ("postgres://ada:sesame@db", "names no database"),
        ("postgres://ada:sesame@db/", "names no database"),
        ("postgres://ada:sesame@db:port/roadmaps", "is not a URL"),
        ("postgres://ada:sesame@db:99999/roadmaps", "is not a URL"),
        ("postgres://ada:sesame@[::1/roadmaps", "is not a URL"),
    ],
)
def test_a_wrong_database_url_names_the_variable_and_what_is_expected_but_never_the_password(url, said):
    with pytest.raises(ImproperlyConfigured) as refused:
        env(DATABASE_URL=url).database("DATABASE_URL")

    text = str(refused.value)
    assert text.startswith(f"DATABASE_URL {said}")
    assert "expected postgres://USER:PASSWORD@HOST:PORT/NAME" in text
    assert "sesame" not in text


@pytest.mark.parametrize(
    "password", ["sesame/open", "sesame?open", "sesame#open", "[sesame", "sesame]open", "ses@me", "ses:ame"]
)
def test_a_password_that_should_have_been_quoted_is_not_repeated_either(password):
    url = f"postgres://ada:{password}@db.example:5432/roadmaps"

    refusal = read_or_refused(lambda: env(DATABASE_URL=url).database("DATABASE_URL"))

    if isinstance(refusal, ImproperlyConfigured):
        assert "ses" not in str(refusal)
        assert refusal.__cause__ is None  # a traceback would print it
        assert refusal.__suppress_context__ or refusal.__context__ is None


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40))
def test_any_text_after_the_scheme_is_a_database_or_a_named_refusal(rest):
    read = read_or_refused(lambda: env(DATABASE_URL=f"postgres://{rest}").database("DATABASE_URL"))

    if isinstance(read, ImproperlyConfigured):
        assert str(read).startswith("DATABASE_URL ")
    else:
        assert read["NAME"]


def run_check(**variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        "PATH": os.environ["PATH"],
        "DEBUG": "1",
        "DATABASE_URL": "postgres://ada:sesame@db/roadmaps",
        **variables,
    }
    return subprocess.run(
        [sys.executable, "manage.py", "check"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_settings_name_a_variable_that_they_cannot_read_and_hide_the_password():
    done = run_check(DATABASE_URL="postgresql+psycopg://ada:sesame@db/roadmaps")

    assert done.returncode != 0
    assert "DATABASE_URL has the scheme 'postgresql+psycopg'" in done.stderr
    assert "sesame" not in done.stderr + done.stdout


def test_a_password_with_a_slash_is_not_shown_in_the_traceback():
    done = run_check(DATABASE_URL="postgres://ada:sesame/open@db:5432/roadmaps")

    assert done.returncode != 0
    assert "DATABASE_URL is not a URL" in done.stderr
    assert "sesame" not in done.stderr + done.stdout
