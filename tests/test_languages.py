"""Which language a request gets, and where the texts of one come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from hypothesis import given
from hypothesis import strategies as st

from wsgi_auth.errors import ConfigError
from wsgi_auth.languages import Languages, preferences
from wsgi_auth.texts import ENGLISH, SINGULAR, direction

THERE = ("en", "de", "es", "fr", "ja", "zh")


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of catalogues: ``own(pt_BR={"sign_in.heading": "Entrar"})``."""

    def make(**languages: dict[str, str | tuple[str, ...]]) -> Path:
        for language, texts in languages.items():
            catalogue = Catalog(language)
            for message_id, text in texts.items():
                english: str | tuple[str, str] = ENGLISH[message_id]
                if message_id in SINGULAR:
                    english = (SINGULAR[message_id], ENGLISH[message_id])
                catalogue.add(english, text, context=message_id)
            folder = tmp_path / language / "LC_MESSAGES"
            folder.mkdir(parents=True)
            with (folder / "wsgi_auth.mo").open("wb") as stream:
                write_mo(stream, catalogue)
        return tmp_path

    return make


# --- negotiation ------------------------------------------------------------------------------

NEGOTIATED = {
    None: "en",
    "": "en",
    "de": "de",
    "DE": "de",
    "de-AT": "de",
    "de-CH-1996": "de",
    "zh-CN": "zh",
    "zh-Hans": "zh",
    "zh-Hans-CN": "zh",
    "zh-TW,zh;q=0.9,en;q=0.8": "zh",
    "ja,en-US;q=0.9": "ja",
    "en-US,en;q=0.9,de;q=0.8": "en",
    "fr;q=0.2, es;q=0.5": "es",
    "fr;q=0.5, es;q=0.5": "fr",
    "tlh, de;q=0.1": "de",
    "tlh": "en",
    "de;q=0, fr;q=0.1": "fr",
    "de;q=0": "en",
    "*": "en",
    "en;q=0, *": "de",
    "fr ; q=0.8 , de\t;q=0.9": "de",
    "de;q=nonsense, fr": "fr",
    "de;q=2, fr;q=0.1": "fr",
    "de_DE, fr": "fr",
    ",,;;q=,\x00,de": "de",
    "de;level=1, fr;q=0.3": "fr",
}


@pytest.mark.parametrize("accept", NEGOTIATED)
def test_a_visitor_gets_the_language_they_like_best_of_those_that_there_are(accept):
    assert Languages().negotiate(accept) == NEGOTIATED[accept]


@pytest.mark.parametrize(
    ("wanted", "accept", "got"),
    [
        (["de"], "fr, en", "de"),
        (["fr", "en"], "ja", "fr"),
        (["fr", "en"], "en-GB", "en"),
        (["de-CH"], "fr", "de"),  # the nearest that there is
        (["zh-CN", "en"], "zh-TW", "zh"),
        (["DE"], None, "de"),
    ],
)
def test_languages_says_which_there_are_and_the_first_is_for_everybody_else(wanted, accept, got):
    assert Languages(wanted).negotiate(accept) == got


def test_a_variety_serves_who_reads_the_language(own):
    languages = Languages((), None, own(pt_BR={"sign_in.heading": "Entrar"}))
    for accept in ("pt", "pt-PT", "pt-BR"):
        assert languages.negotiate(accept) == "pt-BR"


def test_the_script_goes_with_the_region(own):
    languages = Languages((), None, own(zh_Hant={"sign_in.heading": "登入"}))
    for accept, got in {"zh-TW": "zh-Hant", "zh-HK": "zh-Hant", "zh-CN": "zh", "zh": "zh"}.items():
        assert languages.negotiate(accept) == got
    texts = languages.texts("zh-Hant")
    assert (texts["sign_in.heading"], texts["lang"]) == ("登入", "zh-Hant")
    assert texts["sign_in.password"] == "密码"  # what is missing is taken from the language


@given(st.text() | st.text(alphabet="deqzh-*;,=01. \t"))
def test_any_header_has_an_answer(accept):
    assert Languages(("de", "fr")).negotiate(accept) in ("de", "fr")


def test_a_header_without_end_costs_no_more_than_a_long_one():
    liked, _ = preferences("aa," * 100_000)
    assert liked == ("aa",)
    assert len(preferences(",".join(f"a{chr(97 + n % 26)}-{n}" for n in range(9_999)))[0]) <= 32


# --- texts ------------------------------------------------------------------------------------


def test_all_built_in_languages_are_there_and_english_is_first():
    assert Languages().tags == THERE


def test_a_language_has_texts_its_tag_and_its_direction():
    texts = Languages().texts("de")
    assert texts["sign_in.heading"] == "Anmelden"
    assert (texts["lang"], texts["dir"]) == ("de", "ltr")
    assert Languages().texts("zh")["lang"] == "zh-Hans"  # for the choice of glyphs


@pytest.mark.parametrize(
    ("tag", "dir"),
    [("ar", "rtl"), ("he-IL", "rtl"), ("fa", "rtl"), ("ku-Arab", "rtl"), ("az-Arab", "rtl"),
     ("de", "ltr"), ("ar-Latn", "ltr"), ("ku", "ltr"), ("zh-Hant", "ltr"), ("de-1996", "ltr")],
)  # fmt: skip
def test_the_direction_follows_from_the_language(tag, dir):
    assert direction(tag) == dir


def test_a_number_has_the_plural_form_of_its_language(own):
    languages = Languages((), None, own(pl={"mail.limits": ("{minutes} minutę", "{minutes} minuty",
                                                            "{minutes} minut")}))  # fmt: skip
    polish = languages.texts("pl")
    said = [polish.counted("mail.limits", each).format(minutes=each) for each in (1, 3, 5, 22)]
    assert said == ["1 minutę", "3 minuty", "5 minut", "22 minuty"]
    english, french = languages.texts("en"), languages.texts("fr")
    assert english.counted("mail.limits", 1).endswith("{minutes} minute.")
    assert english.counted("mail.limits", 2).endswith("{minutes} minutes.")
    assert french.counted("mail.limits", 0).endswith("minute.")
    own_word = Languages((), {"*": {"mail.limits": "{minutes} min"}}).texts("fr")
    assert own_word.counted("mail.limits", 1) == "{minutes} min"


def test_own_texts_win_in_every_language_and_those_of_one_before_them():
    texts = {
        "*": {"sign_in.heading": "Acme", "sign_in.or": "/"},
        "de": {"sign_in.heading": "Acme-Anmeldung"},
        "de-AT": {"sign_in.password": "Kennwort"},
    }
    languages = Languages((), texts)
    assert languages.negotiate("de-AT") == "de-AT" and languages.negotiate("de-CH") == "de"
    austrian, german, french = (languages.texts(tag) for tag in ("de-AT", "de", "fr"))
    assert [each["sign_in.heading"] for each in (austrian, german, french)] == [
        "Acme-Anmeldung", "Acme-Anmeldung", "Acme",
    ]  # fmt: skip
    assert austrian["sign_in.password"] == "Kennwort" and austrian["lang"] == "de-AT"
    assert german["sign_in.password"] == "Passwort" and german["sign_in.or"] == "/"
    assert french["sign_out.heading"] == "Se déconnecter"


def test_a_language_is_the_same_in_capitals(own):
    folder = own(DE={"sign_in.heading": "Los"})
    languages = Languages(["De"], {"DE": {"sign_in.or": "/"}}, folder)
    texts = languages.texts(*languages.tags)
    assert languages.tags == ("de",)
    assert (texts["sign_in.heading"], texts["sign_in.or"], texts["lang"]) == ("Los", "/", "de")
    assert texts["sign_in.password"] == "Passwort"


def test_texts_of_a_language_that_there_is_not_add_it():
    languages = Languages(("en", "ar"), {"ar": {"sign_in.heading": "تسجيل الدخول"}})
    texts = languages.texts(languages.negotiate("ar-EG"))
    assert (texts["sign_in.heading"], texts["lang"], texts["dir"]) == ("تسجيل الدخول", "ar", "rtl")
    assert texts["sign_out.heading"] == "Sign out"


def test_lang_without_a_language_says_which_one_all_pages_are_in():
    languages = Languages((), {"*": {"lang": "de-CH", "sign_in.heading": "Grüezi"}})
    assert languages.tags == ("de-CH",)
    texts = languages.texts("de-CH")
    assert (texts["sign_in.heading"], texts["sign_in.password"]) == ("Grüezi", "Passwort")


def test_own_catalogues_add_languages_and_come_before_ours(own):
    folder = own(nl={"sign_in.heading": "Inloggen"}, de={"sign_in.heading": "Einloggen"})
    languages = Languages((), None, folder)
    assert languages.tags == (*THERE, "nl")
    languages.check()
    german = languages.texts("de")
    assert (german["sign_in.heading"], german["sign_out.heading"]) == ("Einloggen", "Abmelden")
    dutch = languages.texts(languages.negotiate("nl-BE"))
    assert (dutch["sign_in.heading"], dutch["sign_out.heading"]) == ("Inloggen", "Sign out")


# --- mistakes ---------------------------------------------------------------------------------


def test_a_language_without_texts_is_refused_with_what_would_add_it():
    with pytest.raises(ConfigError) as caught:
        Languages(["pt-BR"])
    assert caught.value.key == "languages"
    assert "pt_BR/LC_MESSAGES/wsgi_auth.mo" in str(caught.value)
    assert "de, en, es, fr, ja, zh" in str(caught.value)


def test_languages_beside_a_language_for_all_texts_are_refused():
    with pytest.raises(ConfigError, match=r"texts\.lang: .* texts\.de"):
        Languages(["de", "en"], {"*": {"lang": "de"}})


def test_a_direction_for_every_language_is_refused():
    with pytest.raises(ConfigError, match=r"texts\.ar\.dir"):
        Languages((), {"*": {"dir": "rtl"}}).check()
    Languages(["de"], {"*": {"dir": "rtl"}}).check()


@pytest.mark.parametrize(
    ("texts", "key"),
    [
        ({"de": {"sign_in.headin": "x"}}, "texts.de.sign_in.headin"),
        ({"*": {"sign_in.with": "{nobody}"}}, "texts.sign_in.with"),
        ({"ar": {"dir": "up"}}, "texts.ar.dir"),
    ],
)
def test_a_wrong_text_of_one_language_is_named_with_it(texts, key):
    with pytest.raises(ConfigError) as caught:
        Languages((), texts).check()
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("texts", "named"),
    [
        ({"sign_in.with": "Zaloguj się: {providr}"}, "sign_in.with: {providr}"),
        ({"mail.limits": ("{minutes}", "{minutes}", "{minutos}")}, "mail.limits: {minutos}"),
        ({"sign_in.heading": "{"}, "sign_in.heading"),
    ],
)
def test_a_catalogue_with_a_field_that_cannot_be_filled_in_is_refused(own, texts, named):
    with pytest.raises(ConfigError) as caught:
        Languages((), None, own(pl=texts)).check()
    assert f"locale_dir: pl.{named}" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no catalogue", b"\xde\x12\x04\x95" + b"\xff" * 40])
def test_a_file_that_is_no_catalogue_is_refused(tmp_path, content):
    folder = tmp_path / "nl" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "wsgi_auth.mo").write_bytes(content)
    with pytest.raises(ConfigError, match=r"locale_dir: .*is no gettext catalogue"):
        Languages((), None, tmp_path).check()


def test_a_folder_without_a_compiled_catalogue_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match=r"locale_dir: .*LC_MESSAGES/wsgi_auth\.mo"):
        Languages((), None, tmp_path)
    folder = tmp_path / "nl" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "wsgi_auth.po").touch()
    with pytest.raises(ConfigError, match=r"msgfmt -o wsgi_auth\.mo"):
        Languages((), None, tmp_path)


def test_a_folder_that_is_called_like_no_language_is_refused(own):
    folder = own(nl={"sign_in.heading": "Inloggen"})
    (folder / "nl").rename(folder / "nl_NL.UTF-8")
    with pytest.raises(ConfigError, match=r"'nl-NL.UTF-8' is not a language"):
        Languages((), None, folder)
