"""The catalogue of texts and a site's own wording."""

from __future__ import annotations

import pytest

from wsgi_auth.errors import ConfigError
from wsgi_auth.pages import Pages
from wsgi_auth.pages.views import VerifyRequestView
from wsgi_auth.texts import ENGLISH, Texts


def test_without_overrides_it_is_english():
    texts = Texts()
    assert dict(texts) == dict(ENGLISH)
    assert texts["lang"] == "en"
    assert texts["dir"] == "ltr"
    assert len(texts) == len(ENGLISH)


def test_an_override_replaces_one_text_and_leaves_the_rest():
    texts = Texts({"sign_in.heading": "Anmelden", "lang": "de-AT", "dir": "rtl"})
    assert texts["sign_in.heading"] == "Anmelden"
    assert texts["lang"] == "de-AT"
    assert texts["sign_out.heading"] == ENGLISH["sign_out.heading"]
    assert repr(texts).startswith("<Texts 'de-AT', ")


def test_neither_the_catalogue_nor_the_texts_can_be_changed():
    mine = {"sign_in.heading": "Anmelden"}
    texts = Texts(mine)
    mine["sign_in.heading"] = "changed"
    assert texts["sign_in.heading"] == "Anmelden"
    for mapping in (ENGLISH, texts):
        with pytest.raises(TypeError):
            mapping["sign_in.heading"] = "x"


def test_an_unknown_id_is_refused_with_a_near_miss():
    with pytest.raises(ConfigError) as caught:
        Texts({"sign_in.headin": "Anmelden"})
    assert caught.value.key == "texts.sign_in.headin"
    assert "did you mean sign_in.heading?" in str(caught.value)
    with pytest.raises(ConfigError, match=r"no message of that id$"):
        Texts({"qqqqqqqq": "x"})


def test_an_id_that_is_no_string_is_refused():
    with pytest.raises(ConfigError):
        Texts({7: "x"})


@pytest.mark.parametrize("text", ["", "  ", None, 5, ["x"]])
def test_a_blank_text_is_refused(text):
    with pytest.raises(ConfigError, match="not blank"):
        Texts({"sign_in.heading": text})


@pytest.mark.parametrize("tag", ["d", "de_AT", "de-", 'de" onload="x', "de\n", "dé"])
def test_lang_is_a_language_tag(tag):
    with pytest.raises(ConfigError, match="language tag"):
        Texts({"lang": tag})


def test_dir_is_ltr_or_rtl():
    with pytest.raises(ConfigError, match="ltr or rtl"):
        Texts({"dir": "auto"})


def test_placeholders_may_be_used_or_left_out():
    assert Texts({"sign_in.with": "{provider}: weiter"})["sign_in.with"] == "{provider}: weiter"
    Texts({"sign_in.with": "Weiter"})


@pytest.mark.parametrize("id", ["verify_request.heading", "verify_request.text"])
def test_a_doubled_brace_is_shown_as_one(id):
    page = Pages(texts=Texts({id: "{{so}} and }}"})).verify_request(VerifyRequestView("host", "/"))
    assert "{so} and }" in page.html and "{{so}}" not in page.html


@pytest.mark.parametrize("text", ["Sign in\n", "Sign\r\nBcc: eve@evil.test", "Sign\u2028in"])
def test_the_subject_of_a_mail_is_one_line(text):
    with pytest.raises(ConfigError, match=r"texts\.mail\.subject: .*one line"):
        Texts({"mail.subject": text})


@pytest.mark.parametrize(
    "text",
    [
        "{nobody}",
        "{}",
        "{0}",
        "{provider.__class__}",
        "{provider!r}",
        "{provider:>9999999}",
        "{provider[0]}",
    ],
)
def test_a_placeholder_that_cannot_be_filled_is_refused(text):
    with pytest.raises(ConfigError, match=r"cannot be filled in; this text has provider"):
        Texts({"sign_in.with": text})


@pytest.mark.parametrize("text", ["{", "}", "{provider"])
def test_a_lone_brace_is_refused(text):
    with pytest.raises(ConfigError, match="is doubled"):
        Texts({"sign_in.with": text})
