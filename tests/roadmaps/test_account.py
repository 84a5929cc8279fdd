"""A person's account: what they begin with, how they sign in, and how they leave."""

import io
import json
import re
import uuid
import zipfile
from datetime import timedelta

import pytest
import time_machine
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core import signing
from django.db import connection, models, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Task

from roadmap_project import api_tokens
from roadmap_project.models import KeyedRequest
from roadmaps import accounts, deciding, erasing, mailing, sending, tasks
from roadmaps.deciding import RefusedError
from roadmaps.models import Mail, ModelCall, Profile, Roadmap, Step
from roadmaps.steps import storing
from roadmaps.steps.calling import Finished
from tests.content.test_importing import complete
from tests.engine import deliver, in_thread, wait_until, waiting_for_locks
from tests.factories import (
    make_revision,
    make_roadmap,
    make_roadmap_in_review,
    make_step,
    make_tutorial,
    make_user,
    make_written_roadmap,
)
from tests.programs import Program
from tests.roadmaps.test_erasing import make_full_roadmap
from tests.roadmaps.test_pages import text_of

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
ACCOUNT = reverse("roadmaps:account")
WISHES = {
    "level": "advanced",
    "hours_per_week": "12",
    "background": "Ten years of Perl",
    "preference": "hands_on",
    "language": "de",
    "second_language": "en",
}


def lang(response) -> str:
    return re.search(r'<html lang="([^"]*)"', response.content.decode())[1]


@pytest.fixture(autouse=True)
def _mail_is_sent(settings):
    settings.MAIL_IS_SENT = True
    settings.SITE_URL = "https://roadmaps.example"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "x:y", "foo"])
def test_signing_up_leads_to_no_other_site(client, elsewhere):
    page = client.get(reverse("roadmaps:signup"), {"next": elsewhere}).content.decode()
    form = page.partition('<form class="narrow"')[2].partition("</form>")[0]
    wanted = {"username": "bob", "password1": PASSWORD, "password2": PASSWORD, "next": elsewhere}

    assert "password2" in form
    assert "evil" not in form
    assert 'name="next"' not in form
    assert client.post(reverse("roadmaps:signup"), wanted).url == reverse("roadmaps:new")


def test_an_address_given_at_signing_up_is_ones_own_once_its_link_is_opened(client):
    page = client.get(reverse("roadmaps:signup"))
    assert "E-mail address (optional)" in text_of(page)
    wanted = {"username": "bob", "password1": PASSWORD, "password2": PASSWORD, "email": "bob@example.org"}

    following = client.post(reverse("roadmaps:signup"), wanted, follow=True)

    assert "A link is on its way to bob@example.org." in text_of(following)
    bob = get_user_model().objects.get(username="bob")
    assert bob.email == ""
    mail = Mail.objects.get(user=bob)
    assert (mail.kind, mail.address) == (Mail.Kind.ADDRESS, "bob@example.org")
    for page in ("list", "account", "address"):
        assert "bob@example.org is not confirmed yet." in text_of(client.get(reverse(f"roadmaps:{page}")))
    assert client.get(reverse("roadmaps:address")).context["form"]["email"].value() == "bob@example.org"
    client.post(reverse("roadmaps:confirm_address", args=[sending.address_token(bob, mail.address)]))
    assert get_user_model().objects.get(username="bob").email == "bob@example.org"
    for page in ("list", "account", "address"):
        said = text_of(client.get(reverse(f"roadmaps:{page}")))
        assert "Give yours" not in said
        assert "not confirmed" not in said


@pytest.mark.parametrize(("is_sent", "email"), [(True, ""), (False, "bob@example.org")])
def test_without_an_address_or_where_no_mail_is_sent_one_signs_up_all_the_same(client, settings, is_sent, email):
    settings.MAIL_IS_SENT = is_sent
    wanted = {"username": "bob", "password1": PASSWORD, "password2": PASSWORD, "email": email}

    client.post(reverse("roadmaps:signup"), wanted)

    assert get_user_model().objects.filter(username="bob").exists()
    assert not Mail.objects.exists()
    assert ("Give yours" in text_of(client.get(reverse("roadmaps:list")))) is is_sent


def test_mail_to_one_address_is_asked_for_only_so_often_by_signing_up(client, settings):
    settings.SIGN_INS_PER_ACCOUNT = 2

    for number in range(3):
        wanted = {"username": f"bob{number}", "password1": PASSWORD, "password2": PASSWORD, "email": "b@example.org"}
        client.post(reverse("roadmaps:signup"), wanted)
        client.logout()

    assert Mail.objects.count() == 2


# Defaults


def test_what_is_saved_is_what_a_new_roadmap_begins_with_and_is_made_of(visitor, person):
    assert visitor.get(reverse("roadmaps:new")).context["form"]["level"].value() == "beginner"
    assert "Saved." in text_of(visitor.post(ACCOUNT, WISHES, follow=True))

    form = visitor.get(reverse("roadmaps:new")).context["form"]
    shown = {name: str(form[name].value()) for name in WISHES if name in form.fields}
    assert shown == {name: WISHES[name] for name in shown}
    assert len(shown) == 4  # the rest is not asked again, as the account's page says
    assert "how you like to learn and the second language are taken from here" in text_of(visitor.get(ACCOUNT))
    visitor.post(reverse("roadmaps:new"), {"goal": "Learn to sail", **shown})
    made = Roadmap.objects.get(owner=person)
    assert {name: str(getattr(made, name)) for name in WISHES} == WISHES


def test_what_was_typed_for_a_new_roadmap_is_there_after_a_look_at_the_account(visitor):
    new = reverse("roadmaps:new")
    begun = {each: str(visitor.get(new).context["form"][each].value()) for each in ("level", "hours_per_week")}
    typed = {**begun, "goal": "Sail  round", "deadline": "tomorrow", "language": "other", "language_other": "Klingon"}

    account = visitor.post(new, {**typed, "to_account": "on"}, follow=True)
    assert account.redirect_chain == [(f"{ACCOUNT}?new", 302)]
    assert "What you typed for your new roadmap is kept. Go on with it" in text_of(account)
    back = visitor.post(f"{ACCOUNT}?new", {**WISHES, "hours_per_week": "12"}, follow=True)

    assert back.redirect_chain == [(new, 302)]
    form = back.context["form"]
    kept = {name: str(form[name].value()) for name in ("goal", "deadline", "language")}
    assert kept == {"goal": "Sail  round", "deadline": "tomorrow", "language": "Klingon"}
    assert form["hours_per_week"].value() == 12  # which was left alone, and follows the account
    assert "how you like to learn (Hands-on practice) and the second language for links (English)" in text_of(back)


def test_what_was_typed_goes_along_into_the_pages_other_language(visitor, person):
    new = reverse("roadmaps:new")
    page = visitor.get(new)
    begun = {each: str(page.context["form"][each].value()) for each in ("level", "hours_per_week", "language")}
    typed = {"goal": "Sail  round", "deadline": "tomorrow", "hours_per_week": "a few", "background": "<b>"}
    key = str(page.context["form"]["request_key"].value())

    answer = visitor.post(new, {**begun, **typed, "request_key": key, "speak": "zh-hans"}, follow=True)

    form = answer.context["form"]
    assert answer.redirect_chain == [(new, 302)]  # a page that Back finds again, without sending anything
    assert "你想学什么" in text_of(answer)
    assert {name: form[name].value() for name in typed} == typed
    assert form["language"].value() == "zh"  # as it was left alone, and follows the page
    assert not form.errors
    assert str(form["request_key"].value()) == key
    assert person.roadmaps.count() == 0
    assert Profile.of(person).interface_language == "zh-hans"
    back = visitor.post(new, {**typed, "language": "zh", "level": "advanced", "speak": "en"}, follow=True)
    assert "What do you want to learn?" in text_of(back)
    assert (back.context["form"]["level"].value(), back.context["form"]["language"].value()) == ("advanced", "en")


def test_a_form_that_back_brought_and_that_goes_along_into_another_language_is_the_same_one(visitor, person):
    new, form = reverse("roadmaps:new"), {**WISHES, "goal": "Learn to sail", "request_key": str(uuid.uuid4())}
    visitor.post(new, form)

    shown = visitor.post(new, {**form, "speak": "zh-hans"}, follow=True).context["form"]

    assert (shown["goal"].value(), shown["request_key"].value()) == ("Learn to sail", form["request_key"])
    assert visitor.get(new).context["form"]["goal"].value() is None  # for a new roadmap they have none of its words
    visitor.post(new, form)
    assert person.roadmaps.count() == 1
    junk = visitor.post(new, {**form, "request_key": "junk", "speak": "en"}, follow=True).context["form"]
    assert uuid.UUID(str(junk["request_key"].value()))


def test_the_goal_form_itself_is_sent_by_the_button_of_another_language_and_by_get_nothing_changes(visitor, person):
    page = visitor.get(reverse("roadmaps:new")).content.decode()
    assert re.search(r'<form class="narrow" id="goal-form" method="post" action="/new/\?sent">\s*<h1', page)
    for code in ("en", "zh-hans"):
        assert re.search(rf'<button [^>]*form="goal-form" formnovalidate name="speak" value="{code}"', page)

    assert "What do you want" in text_of(visitor.get(reverse("roadmaps:new"), {"speak": "zh-hans"}))
    assert "What do you want" in text_of(
        visitor.post(reverse("roadmaps:new"), {"goal": "x", "speak": "tlh"}, follow=True)
    )
    assert not Profile.objects.filter(interface_language="tlh").exists()


def test_what_was_typed_is_kept_by_the_script_until_the_roadmap_is_started(visitor):
    new = reverse("roadmaps:new")
    typed = {"goal": "Learn to sail", "request_key": "b7f6f0f4-5d0c-4f8e-9d54-3b1d5a1f6a55"}

    kept = visitor.post(new, {**WISHES, **typed}, headers={"HX-Request": "true"})
    assert (kept.status_code, kept.content) == (204, b"")
    assert visitor.get(new).context["form"]["goal"].value() == "Learn to sail"
    assert not Roadmap.objects.exists()

    visitor.post(new, {**WISHES, **typed})
    late = {**WISHES, **typed}  # on its way when the form was sent
    visitor.post(new, late, headers={"HX-Request": "true"})
    assert Roadmap.objects.get().goal == "Learn to sail"
    assert visitor.get(new).context["form"]["goal"].value() is None
    visitor.post(new, {**late, "goal": "Sail round"}, headers={"HX-Request": "true"})  # Back, and other words
    assert visitor.get(new).context["form"]["goal"].value() == "Sail round"


@pytest.mark.parametrize(
    ("chosen", "kept"),
    [
        ({"language": "fr"}, "fr"),
        ({"language": "other", "language_other": "Français"}, "fr"),
        ({"language": "other", "language_other": "简体中文"}, "zh"),
        ({"language": "other", "language_other": "gsw-CH"}, "gsw-CH"),
        ({"language": "pt-PT"}, "pt-PT"),  # as programs and older pages say it
    ],
)
def test_a_language_is_chosen_by_its_own_name_or_typed_where_it_is_not_offered(visitor, person, chosen, kept):
    assert '<option value="fr" lang="fr">Français</option>' in visitor.get(ACCOUNT).content.decode()
    visitor.post(ACCOUNT, {**WISHES, **chosen})

    assert Profile.objects.get(user=person).language == kept
    shown = visitor.get(ACCOUNT).content.decode()
    assert re.search(rf'<option value="{kept}"[^>]* selected', shown)


def test_no_second_language_is_a_choice_and_no_first_one_is_none(visitor, person):
    assert '<option value="" selected>None</option>' in visitor.get(ACCOUNT).content.decode()
    wrong = visitor.post(ACCOUNT, {**WISHES, "language": "other", "language_other": " "})
    assert set(wrong.context["form"].errors) == {"language"}

    visitor.post(ACCOUNT, {**WISHES, "second_language": ""})
    assert Profile.objects.get(user=person).second_language == ""


def test_who_saved_nothing_has_no_row_and_a_second_saving_makes_no_second(visitor, person):
    visitor.get(ACCOUNT)
    assert not Profile.objects.exists()

    for hours in ("3", "4"):
        visitor.post(ACCOUNT, {**WISHES, "hours_per_week": hours})
    assert Profile.objects.get(user=person).hours_per_week == 4


def test_the_pages_speak_the_persons_language_from_where_they_sign_in(client, person):
    def sign_in():
        return client.post(reverse("roadmaps:login"), {"username": "ada", "password": PASSWORD}, follow=True)

    assert lang(sign_in()) == "en"
    assert lang(client.post(ACCOUNT, {**WISHES, "interface_language": "zh-hans"}, follow=True)) == "zh-hans"
    client.cookies.clear()  # another browser

    assert lang(client.get(reverse("roadmaps:login"))) == "en"
    assert lang(sign_in()) == "zh-hans"


def signed_up(client, asks_for) -> Profile | None:
    form = {"username": "grace", "password1": PASSWORD, "password2": PASSWORD}
    client.post(reverse("roadmaps:signup"), form, headers={"Accept-Language": asks_for})
    return Profile.objects.filter(user__username="grace").first()


def test_who_signs_up_in_chinese_gets_mail_in_chinese(client):
    grace = signed_up(client, "zh-CN,zh;q=0.9").user
    mail = Mail.objects.create(user=grace, kind=Mail.Kind.PASSWORD, address="grace@example.org")

    assert "密码" in sending.compose(mail).subject


def test_who_signs_up_in_the_pages_own_language_leaves_it_to_the_browser(client):
    assert signed_up(client, "en") is None


def test_who_leaves_the_language_to_the_browser_again_gets_what_it_asks_for(visitor, person):
    def spoken(**choice: str) -> str:
        wished = visitor.post(ACCOUNT, {**WISHES, **choice}, follow=True, headers={"Accept-Language": "en"})
        assert ("Saved." in text_of(wished)) is (lang(wished) == "en")
        return lang(visitor.get(ACCOUNT, headers={"Accept-Language": "en"}))

    assert spoken(interface_language="zh-hans") == "zh-hans"
    assert spoken(interface_language="") == "en"

    visitor.cookies["django_language"] = "zh-hans"  # as this browser chose, whatever the account says
    assert spoken(interface_language="") == "zh-hans"


def test_mail_speaks_as_the_pages_did_last_to_who_chose_nothing(client, person):
    def spoken_by_mail() -> str:
        mail = Mail.objects.create(user=person, kind=Mail.Kind.PASSWORD, address="ada@example.org")
        return "zh-hans" if "密码" in sending.compose(mail).subject else "en"

    def visit(language):
        client.get(ACCOUNT, headers={"Accept-Language": language})

    client.force_login(person)
    visit("en")
    assert not Profile.objects.exists()
    visit("zh-CN,zh;q=0.9")
    assert spoken_by_mail() == "zh-hans"
    assert Profile.objects.get().language == ""  # in which to learn stays open
    visit("en")
    assert spoken_by_mail() == "en"

    visit("zh-CN")
    client.logout()
    form = {"username": "ada", "password": PASSWORD}
    client.post(reverse("roadmaps:login"), form, headers={"Accept-Language": "en"})
    assert spoken_by_mail() == "en"

    accounts.speak(person, "zh-hans")
    visit("en")
    assert spoken_by_mail() == "zh-hans"  # what was chosen counts


@pytest.mark.django_db(transaction=True)  # as what points to nobody is noticed when it is committed
def test_another_browser_of_an_account_that_was_deleted_reads_on_in_another_language(client, person):
    client.force_login(person)
    client.get(ACCOUNT, headers={"Accept-Language": "en"})
    accounts.delete(person)

    for place in ("roadmaps:list", "roadmaps:login", "roadmaps:signup"):
        assert client.get(reverse(place), headers={"Accept-Language": "zh-CN"}).status_code == 200


def test_an_unchanged_language_costs_no_query(client, person, django_assert_num_queries):
    client.force_login(person)
    client.get(ACCOUNT, headers={"Accept-Language": "zh-CN"})

    with django_assert_num_queries(4):  # session, user, profile, an address that waits
        client.get(ACCOUNT, headers={"Accept-Language": "zh-CN"})


def test_the_switch_is_remembered_for_who_is_signed_in_and_decides_nothing_about_what_is_learned(visitor, person):
    def begins_with():
        return visitor.get(reverse("roadmaps:new")).context["form"]["language"].value()

    visitor.post(reverse("roadmaps:language"), {"language": "zh-hans", "next": "/"})
    assert (Profile.of(person).interface_language, begins_with()) == ("zh-hans", "zh")
    visitor.post(reverse("roadmaps:language"), {"language": "en", "next": "/"})
    assert (Profile.of(person).interface_language, begins_with()) == ("en", "en")
    visitor.post(ACCOUNT, WISHES)
    visitor.post(reverse("roadmaps:language"), {"language": "zh-hans", "next": "/"})
    visitor.post(reverse("roadmaps:language"), {"language": "tlh", "next": "/"})

    assert (Profile.of(person).interface_language, begins_with()) == ("zh-hans", "de")


def test_wrong_values_are_said_and_change_nothing(visitor):
    response = visitor.post(ACCOUNT, {**WISHES, "hours_per_week": "500", "level": "wizard"})

    assert set(response.context["form"].errors) == {"hours_per_week", "level"}
    assert not Profile.objects.exists()


# The address


def link_to(user, address) -> str:
    return reverse("roadmaps:confirm_address", args=[sending.address_token(user, address)])


def change_address(visitor, address, password=PASSWORD):
    return visitor.post(reverse("roadmaps:address"), {"email": address, "password": password}, follow=True)


def have(user, address):
    user.email = address
    user.save()


def test_an_address_is_the_persons_once_they_press_the_links_button(visitor, person):
    change_address(visitor, "ada@example.org")
    mail = Mail.objects.get()
    person.refresh_from_db()
    assert (mail.address, mail.kind, person.email) == ("ada@example.org", "address", "")
    link = re.search(r"https://roadmaps.example(/\S+)", sending.compose(mail).body)[1]

    assert "ada@example.org" in text_of(visitor.get(link))
    person.refresh_from_db()
    assert person.email == ""
    visitor.post(link)

    person.refresh_from_db()
    assert person.email == "ada@example.org"
    for again in (visitor.get, visitor.post):
        response = again(link)
        assert response.status_code == 200
        assert "This address is yours already Messages go to ada@example.org." in text_of(response)
    assert "ada@example.org is your address already." in text_of(change_address(visitor, "ada@example.org"))
    assert Mail.objects.count() == 1


def test_the_link_is_sent_again_by_a_button_also_when_it_has_become_too_old(visitor, person):
    change_address(visitor, "ada@example.org")
    link = link_to(person, "ada@example.org")

    with time_machine.travel(timezone.now() + timedelta(days=4)):
        visitor.force_login(person)
        late = visitor.get(link)
        assert late.status_code == 404
        assert "This link does not work any more" in text_of(late)
        assert "ada@example.org was not confirmed, and no link that was to go there works any more." in text_of(late)
        hidden = re.search(r'name="email" value="([^"]+)"', late.content.decode())[1]
        again = visitor.post(reverse("roadmaps:address"), {"email": hidden}, follow=True)

    assert "A link is on its way to ada@example.org." in text_of(again)
    assert "ada@example.org is not confirmed yet. A link was sent there" in text_of(again)
    assert Mail.objects.filter(address="ada@example.org").count() == 2


@pytest.mark.parametrize("before", ["", "ada@example.org"])
def test_an_open_session_is_not_enough_to_take_an_account_by_its_address(visitor, person, before):
    have(person, before)
    for password in ("", "wrong"):
        assert change_address(visitor, "eve@example.org", password).context["form"].errors["password"]
    assert not Mail.objects.exists()

    change_address(visitor, "new@example.org")
    change_address(visitor, "eve@example.org", "")  # what waits is sent again without; another is not

    assert [mail.address for mail in Mail.objects.all()] == ["new@example.org"]


def test_who_has_no_password_is_not_asked_for_it(client):
    user = make_user(password=None)
    client.force_login(user)

    client.post(reverse("roadmaps:address"), {"email": "ada@example.org"})

    assert Mail.objects.get(user=user).address == "ada@example.org"


@pytest.mark.parametrize(("language", "words"), [("en", "another address now"), ("zh-hans", "邮箱")])
def test_the_address_that_was_theirs_hears_that_another_one_is(visitor, person, language, words):
    have(person, "ada@example.org")
    accounts.speak(person, language)
    visitor.post(link_to(person, "new@example.org"))

    mail = Mail.objects.get(kind=Mail.Kind.ADDRESS_CHANGED)
    message = sending.compose(mail)
    assert message.to == ["ada@example.org"]
    assert words in message.subject
    assert f"https://roadmaps.example{ACCOUNT}" in message.body
    assert "new@example.org" not in message.body  # whose mailbox the old one is by now, nobody knows

    have(person, "ada@example.org")
    mail.refresh_from_db()
    assert sending.compose(mail) is None


def test_of_two_links_the_first_one_opened_counts_and_the_other_waits_no_more(visitor, person):
    change_address(visitor, "first@example.org")
    change_address(visitor, "second@example.org")
    second = link_to(person, "second@example.org")

    visitor.post(link_to(person, "first@example.org"))

    assert visitor.post(second).status_code == 404
    assert "second@example.org" not in text_of(visitor.get(ACCOUNT))
    assert not accounts.take_address(person, "second@example.org")  # which read the person before
    person.refresh_from_db()
    assert person.email == "first@example.org"


def test_an_address_that_was_a_mistake_waits_no_more_once_the_right_one_is_given_again(visitor, person):
    have(person, "ada@example.org")
    change_address(visitor, "adda@example.org")
    assert "adda@example.org" in text_of(visitor.get(ACCOUNT))

    change_address(visitor, "ada@example.org")

    assert "adda@example.org" not in text_of(visitor.get(ACCOUNT))


def test_a_link_of_another_person_or_made_up_or_old_confirms_nothing(visitor, person):
    changed = link_to(person, "ada@example.org")
    person.email = "new@example.org"
    person.save()
    others = link_to(make_user(), "eve@example.org")
    made_up = reverse("roadmaps:confirm_address", args=[signing.dumps([person.pk, "eve@example.org", person.email])])

    for link in (changed, others, made_up):
        assert visitor.post(link).status_code == 404
    person.refresh_from_db()
    assert person.email == "new@example.org"


def test_nobody_has_mail_sent_to_an_address_without_end(visitor, settings):
    settings.SIGN_INS_PER_ACCOUNT, settings.SIGN_INS_PER_ADDRESS = 3, 50

    for _ in range(5):
        response = change_address(visitor, "victim@example.org")

    assert Mail.objects.count() == 3
    assert "Too many tries" in text_of(response)


# A forgotten password


def asked(client, address):
    """What the page says, and what the logs cluster then does."""
    response = client.post(reverse("roadmaps:forgotten_password"), {"email": address}, follow=True)
    for task in OrmQ.objects.filter(key="logs"):
        call = task.task
        if call["func"] == "roadmaps.tasks.send_new_password":
            tasks.send_new_password(*call["args"])
    OrmQ.objects.all().delete()
    return response


def test_a_new_password_is_chosen_by_the_link_that_is_sent_once(client, person):
    person.email = "Ada@example.org"
    person.save()
    asked(client, "ada@EXAMPLE.org")
    link = re.search(r"https://roadmaps.example(/\S+)", sending.compose(Mail.objects.get()).body)[1]

    form = client.get(link, follow=True)
    assert "A new password" in text_of(form)
    assert "tokens" not in text_of(form).partition("API tokens")[0]  # of which there are none
    done = client.post(
        form.request["PATH_INFO"],
        {"new_password1": "another battery", "new_password2": "another battery"},
        follow=True,
    )

    assert "Your password is changed." in text_of(done)
    assert client.login(username="ada", password="another battery")
    client.logout()
    again = client.get(link, follow=True)
    assert again.status_code == 404
    assert "This link does not work any more" in text_of(again)


def test_B5_a_request_for_a_new_password_that_is_delivered_twice_sends_each_account_one_link(client):
    for name in ("ada", "grace"):
        get_user_model().objects.create_user(name, "both@example.org", PASSWORD)
    for _ in range(2):
        client.post(reverse("roadmaps:forgotten_password"), {"email": "both@example.org"})
    first, second = (task.task for task in OrmQ.objects.filter(key="logs"))

    deliver(first, first)
    assert sorted(mail.user.username for mail in Mail.objects.all()) == ["ada", "grace"]
    assert OrmQ.objects.filter(key="logs").count() == 2 + 2  # and each is sent by one task

    deliver(second, first)
    assert Mail.objects.count() == 4  # who asks again gets another


def test_nobody_learns_which_addresses_have_an_account(client, person, django_assert_num_queries):
    person.email = "ada@example.org"
    person.save()
    path = reverse("roadmaps:forgotten_password")
    client.post(path, {"email": "warm@example.org"})

    with django_assert_num_queries(10):
        known = client.post(path, {"email": "ada@example.org"})
    with django_assert_num_queries(10):
        unknown = client.post(path, {"email": "eve@example.org"})

    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert "ada@" not in text_of(client.get(known.url))
    asked(client, "eve@example.org")
    assert not Mail.objects.filter(address="eve@example.org").exists()


def test_who_may_not_sign_in_with_a_password_gets_no_link(client):
    for fields in ({"is_active": False, "password": PASSWORD}, {"password": None}):
        user = make_user(**fields)
        user.email = "ada@example.org"
        user.save()

    asked(client, "ada@example.org")

    assert not Mail.objects.exists()


def test_forgetting_is_throttled_as_signing_in_is_and_tells_nothing(client, person, settings):
    settings.SIGN_INS_PER_ACCOUNT, settings.SIGN_INS_PER_ADDRESS, settings.TRUSTED_PROXIES = 2, 5, 0
    person.email = "ada@example.org"
    person.save()

    known = [text_of(asked(client, "ada@example.org")) for _ in range(3)][-1]
    assert "Too many tries. Please wait 15 minutes." in known
    assert Mail.objects.count() == 2
    unknown = [text_of(asked(client, "eve@example.org")) for _ in range(3)][-1]
    assert known.replace("ada@", "eve@") == unknown
    assert "Too many tries" in text_of(asked(client, "third@example.org"))  # one address, whatever it asks for


def test_where_no_mail_is_sent_the_page_says_so(client, settings):
    settings.MAIL_IS_SENT = False

    response = client.post(reverse("roadmaps:forgotten_password"), {"email": "ada@example.org"})

    assert "This site sends no mail" in text_of(response)
    assert not OrmQ.objects.exists()


# Changing it


def change(visitor, old=PASSWORD):
    new = {"new_password1": "another battery", "new_password2": "another battery"}
    return visitor.post(reverse("roadmaps:change_password"), {"old_password": old, **new}, follow=True)


def test_a_reset_by_mail_revokes_the_tokens_and_a_change_says_how_many_go_on(visitor, person):
    have(person, "ada@example.org")
    _, secret = api_tokens.make(user=person, name="reader")
    api_tokens.make(user=person, name="over", expires_at=timezone.now() - timedelta(days=1))

    changed = change(visitor)
    assert "1 token with which programs use your account goes on working." in text_of(changed)
    assert f'<a href="{reverse("tokens")}">' in changed.content.decode()
    assert api_tokens.find(secret)

    mailing.post(person, Mail.Kind.ADDRESS, address="eve@example.org")  # as who knew the old password may have asked
    asked(visitor, "ada@example.org")
    mail = Mail.objects.get(kind=Mail.Kind.PASSWORD)
    link = re.search(r"https://roadmaps.example(/\S+)", sending.compose(mail).body)[1]
    form = visitor.get(link, follow=True)
    assert "With a new password all tokens of your account are revoked" in text_of(form)
    form = form.request["PATH_INFO"]
    done = visitor.post(form, {"new_password1": "third battery", "new_password2": "third battery"}, follow=True)
    assert "1 token with which programs used your account is revoked." in text_of(done)
    assert api_tokens.find(secret) is None
    with pytest.raises(api_tokens.TokenRefusedError):
        api_tokens.make(user=person, name="from a session of before")
    assert accounts.unconfirmed(person) is None


def test_a_password_is_changed_by_who_knows_the_old_one_and_stays_signed_in(visitor):
    assert "This is not your password." in text_of(change(visitor, old="wrong"))

    assert "Your password is changed." in text_of(change(visitor))
    assert visitor.get(ACCOUNT).status_code == 200


def test_guessing_the_old_password_counts_as_at_the_sign_in(visitor, settings):
    settings.SIGN_INS_PER_ACCOUNT = 3
    for _ in range(3):
        change(visitor, old="wrong")

    assert "Too many tries" in text_of(change(visitor))
    assert "Too many tries" in text_of(visitor.post(reverse("roadmaps:delete_account"), {"password": PASSWORD}))
    assert get_user_model().objects.filter(username="ada").exists()


def test_strangers_at_the_same_address_keep_nobody_from_a_new_password_or_from_leaving(visitor, settings):
    settings.SIGN_INS_PER_ADDRESS = 3
    for number in range(5):
        Client().post("/sign-in/", {"username": f"person{number}", "password": "wrong"})

    assert "Your password is changed." in text_of(change(visitor))
    visitor.post(reverse("roadmaps:delete_account"), {"password": "another battery"})
    assert not get_user_model().objects.filter(username="ada").exists()


# Leaving


def people_in_tables(pk: int) -> set[str]:
    """Tables that hold a row of the person, found along the models' foreign keys."""
    user = get_user_model()
    return {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.fields
        if isinstance(field, models.ForeignKey)
        and field.remote_field.model is user
        and model._base_manager.filter(**{field.name: pk}).exists()
    }


def test_C11_a_deleted_account_leaves_no_row_but_what_its_model_calls_cost(visitor, person):
    roadmap = make_full_roadmap(owner=person)
    make_step(roadmap=make_roadmap(owner=person), state="running")
    Profile.objects.create(user=person)
    other = make_full_roadmap(owner=make_user())
    ours = {model._meta.db_table for model in apps.get_models() if model._meta.app_label in ("roadmaps", "content")}
    ModelCall.objects.update(error="what they wanted to learn")
    before = people_in_tables(person.pk)
    assert {"roadmaps_roadmap", "roadmaps_profile", "roadmaps_mail", "content_note", "content_quizattempt"} <= before
    pk = person.pk

    response = visitor.post(reverse("roadmaps:delete_account"), {"password": PASSWORD}, follow=True)

    assert "Your account and everything in it are gone." in text_of(response)
    assert not get_user_model().objects.filter(pk=pk).exists()
    assert people_in_tables(pk) == set()
    with connection.cursor() as cursor:
        for table in ours:
            columns = {each.name for each in connection.introspection.get_table_description(cursor, table)}
            if "roadmap_id" in columns:
                cursor.execute(f'SELECT count(*) FROM "{table}" WHERE roadmap_id = %s', [roadmap.pk])
                assert cursor.fetchone() == (0,), table
    assert ModelCall.objects.filter(roadmap=None, error="").count() == 1
    assert set(Roadmap.objects.all()) == {other}
    assert "_auth_user_id" not in visitor.session
    connection.check_constraints()


def test_what_failed_in_a_deleted_accounts_name_is_forgotten_with_its_arguments(person):
    person.email = "Ada@example.org"
    person.save()
    own, other = make_roadmap(owner=person), make_roadmap(owner=make_user())
    for name, func, argument in (
        ("own address", erasing.NEW_PASSWORD, "ada@EXAMPLE.org"),
        ("another's address", erasing.NEW_PASSWORD, "eve@example.org"),
        ("own lines", erasing.LOG_LINES, [{"roadmap_id": other.pk}, {"roadmap_id": own.pk, "message": "my goal"}]),
        ("another's lines", erasing.LOG_LINES, [{"roadmap_id": other.pk, "message": "a goal"}]),
        ("no arguments", erasing.LOG_LINES, None),
        ("something else", "roadmaps.tasks.sweep", "logs"),
    ):
        Task.objects.create(
            id=name, name=name, func=func, args=argument and (argument,), success=False,
            started=timezone.now(), stopped=timezone.now(),
        )  # fmt: skip

    accounts.delete(person)

    kept = {"another's address", "another's lines", "no arguments", "something else"}
    assert set(Task.objects.values_list("name", flat=True)) == kept
    assert {callable(import_string(func)) for func in (erasing.NEW_PASSWORD, erasing.LOG_LINES)} == {True}


def test_an_answer_that_comes_after_the_account_is_gone_is_stored_nowhere(person):
    step = make_step(roadmap=make_roadmap(owner=person), state="running")

    accounts.delete(person)
    storing.store([Finished(step, error=RuntimeError("too late"))])

    assert not Step.objects.exists()
    assert not Roadmap.objects.exists()


def starting_by_program(person):
    program = Program(person)
    program("get", "about")  # what is read once is read

    def begin():
        answer = program("post", "roadmaps", {"goal": "Learn SQL"}, Idempotency_Key="mine")
        raise RefusedError(f"{answer.status_code} {answer.json()['error']['message']}")

    return begin


def approving(person):
    roadmap = make_roadmap_in_review(owner=person)
    return lambda: deciding.approve(roadmap.pk)


def retrying(person):
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.FAILED, steps=Step.State.FAILED, concepts=1)
    return lambda: deciding.retry(roadmap.pk)


def regenerating(person):
    concept = make_written_roadmap(owner=person, concepts=1).concepts.get()
    return lambda: deciding.regenerate(concept, Step.Kind.QUIZ)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("beginning", "told"),
    [
        (starting_by_program, "409 This account is gone."),
        (approving, "This roadmap is gone for good."),
        (retrying, "This roadmap is gone for good."),
        (regenerating, "This roadmap is gone for good."),
    ],
)
def test_whoever_begins_something_while_their_account_is_deleted_waits_for_it_and_is_told(
    person, library, beginning, told
):
    """Of the two that wait for the person's row the deletion comes first; neither holds what the other wants."""
    begin = beginning(person)

    with transaction.atomic():
        get_user_model().objects.select_for_update().get(pk=person.pk)
        deleted = in_thread(accounts.delete, person)
        wait_until(lambda: waiting_for_locks() == 1, 30)
        begun = in_thread(begin)
        wait_until(lambda: waiting_for_locks() == 2, 30)

    deleted.result(20)
    with pytest.raises(RefusedError, match=f"^{told}$"):
        begun.result(20)
    assert not Roadmap.objects.exists()
    assert not KeyedRequest.objects.exists()


@pytest.mark.parametrize("password", ["", "wrong"])
def test_nobody_is_deleted_without_their_password(visitor, person, password):
    make_roadmap(owner=person)

    visitor.post(reverse("roadmaps:delete_account"), {"password": password})

    assert Roadmap.objects.filter(owner=person).exists()


def test_everything_can_be_taken_away_and_brought_in_again(visitor, person):
    roadmap = make_full_roadmap(owner=person)
    without_outline = make_roadmap(owner=person, goal="Not designed yet")
    gone = make_roadmap(owner=person, goal="Thrown away")
    Roadmap.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
    make_full_roadmap(owner=make_user())
    first = roadmap.concepts.first()
    for version, wish in ((7, "Shorter"), (8, "")):
        make_tutorial(concept=first, version=version, markdown=f"## Overview\n\nText {version}.", wish=wish)
    make_revision(roadmap=roadmap, number=7, reason="By hand")
    Profile.objects.create(user=person, background="Ten years of Perl")

    response = visitor.get(reverse("content:everything"))

    assert response.headers["Cache-Control"] == "private, no-store"
    archive = zipfile.ZipFile(io.BytesIO(response.getvalue()))
    assert archive.testzip() is None
    folders = {name.split("/")[1] for name in archive.namelist() if name.startswith("roadmaps/")}
    assert folders == {roadmap.slug, without_outline.slug}
    assert json.loads(archive.read(f"deleted/{gone.slug}/roadmap.json"))["goal"] == "Thrown away"
    assert json.loads(archive.read("account.json"))["profile"]["background"] == "Ten years of Perl"

    def lines(name):
        return [json.loads(line) for line in archive.read(f"roadmaps/{roadmap.slug}/{name}.jsonl").splitlines()]

    assert [(each["concept"], each["text"]) for each in lines("notes")] == [("c-1-1-1", "mine")]
    assert [(each["concept"], each["right"], each["total"]) for each in lines("attempts")] == [("c-1-1-1", 1, 2)]
    assert [each["event"] for each in lines("log")] == ["outline_designed"]
    assert [each["text"] for each in lines("requests")] == ["More practice"]
    assert len(lines("progress")) == 1
    assert [(each["number"], each["reason"]) for each in lines("outlines")][-1] == (7, "By hand")
    assert lines("outlines")[-1]["tree"]["stages"]
    versions = {each["version"]: each for each in lines("versions") if each["kind"] == "tutorial"}
    assert (versions[7]["wish"], versions[7]["piece"]["markdown"]) == ("Shorter", "## Overview\n\nText 7.")
    assert (versions[8]["is_current"], versions[8]["piece"]) == (True, None)  # which is in roadmap.json
    assert json.loads(archive.read(f"roadmaps/{without_outline.slug}/roadmap.json"))["goal"] == "Not designed yet"


def test_what_was_taken_away_can_be_brought_in_again(visitor, person):
    roadmap = complete(make_written_roadmap(owner=person))
    archive = zipfile.ZipFile(io.BytesIO(visitor.get(reverse("content:everything")).getvalue()))

    text = archive.read(f"roadmaps/{roadmap.slug}/roadmap.json").decode()
    visitor.post(reverse("content:bring_in"), {"text": text})

    assert Roadmap.objects.filter(owner=person, goal=roadmap.goal).count() == 2
