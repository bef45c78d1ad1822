"""The gettext catalogues: whole, filled in alike, compiled as they are written."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from tests.docs.blocks import ROOT
from tests.needs import require_module, require_program
from tools import catalogues
from wsgi_auth.languages import Languages
from wsgi_auth.texts import ABOUT, ENGLISH, SINGULAR

FILES = sorted(catalogues.LOCALE.glob("*/LC_MESSAGES/wsgi_auth.po"))
LANGUAGES = [path.parent.parent.name for path in FILES]
BY_LANGUAGE = pytest.mark.parametrize("path", FILES, ids=LANGUAGES)
#: Words that are the same in the language as in English.
SAME = {("de", "account.passkeys")}


def read(path: Path) -> Catalog:
    with path.open("rb") as stream:
        return read_po(stream, path.parent.parent.name, abort_invalid=True)


def forms(text: object) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)  # type: ignore[arg-type]


def fields(text: str) -> list[str]:
    return sorted(re.findall(r"\{\w*\}", text))


def test_there_are_at_least_these_languages():
    assert {"en", "de", "es", "fr", "ja", "zh"} <= set(Languages().tags)
    assert [tag.replace("-", "_") for tag in Languages().tags] == ["en", *LANGUAGES]


def test_the_files_are_what_the_command_makes_of_the_english_texts():
    old = [path for path, content in catalogues.files().items() if path.read_bytes() != content]
    assert not old, "run: make catalogues; then translate what is new in the .po files, and again"


@BY_LANGUAGE
def test_a_catalogue_has_exactly_the_messages_that_there_are(path):
    found = {each.context: each.id for each in read(path) if each.id}
    assert found == {
        message_id: (SINGULAR[message_id], english) if message_id in SINGULAR else english
        for message_id, english in ENGLISH.items()
        if message_id not in ABOUT
    }


@BY_LANGUAGE
def test_no_message_is_untranslated_or_in_doubt(path):
    catalogue = read(path)
    for each in catalogue:
        if not each.id:
            continue
        assert not each.fuzzy, f"{each.context} is fuzzy"
        texts = forms(each.string)
        assert all(text.strip() == text and text for text in texts), each.context
        assert len(texts) == (catalogue.num_plurals if each.pluralizable else 1), each.context
        if (path.parent.parent.name, each.context) not in SAME:
            assert not set(texts) & set(forms(each.id)), f"{each.context} is English"


@BY_LANGUAGE
def test_a_translation_has_the_fields_of_the_english_text(path):
    for each in read(path):
        for text in forms(each.string) if each.id else ():
            assert fields(text) == fields(forms(each.id)[-1]), each.context


@BY_LANGUAGE
def test_a_translation_ends_as_the_english_text_does(path):
    """A sentence with its stop, a label without."""
    for each in read(path):
        for text in forms(each.string) if each.id else ():
            stops = ".?。？"
            assert (text[-1] in stops) == (forms(each.id)[-1][-1] in stops), each.context


@pytest.mark.parametrize(
    ("language", "wrong"),
    [
        ("fr", r"'|\s[?!:;](?<!\u00a0.)|\w[?!:;]"),  # the apostrophe; the space before a sign
        ("de", r"\b(du|dein|dich|dir)\b"),  # formal throughout
        ("es", r"\b(tu|tus|te|tú)\b"),
        ("ja", r"[?!,]|サインイン"),  # one word for one thing
        ("zh", r"[?!,]|帐|登陆"),
    ],
)
def test_a_language_keeps_to_its_own_manners(language, wrong):
    texts = Languages().texts(language)
    bad = {name: text for name, text in texts.items() if re.search(wrong, text, re.IGNORECASE)}
    assert not bad


def test_gettexts_own_program_finds_nothing_wrong(tmp_path):
    """msgfmt reads what translators' tools write, and is stricter than babel."""
    program = require_program("msgfmt")
    for path in FILES:
        compiled = str(tmp_path / "wsgi_auth.mo")
        arguments = [program, "--check-format", "--check-domain", "-o", compiled, str(path)]
        done = subprocess.run(arguments, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_changed_english_text_puts_its_translations_in_doubt(tmp_path, monkeypatch):
    """Then the old translation is not used until somebody has looked at it."""
    monkeypatch.setattr(catalogues, "ENGLISH", {**ENGLISH, "sign_in.heading": "Come in"})
    before = read(FILES[0])
    made = catalogues.catalogue(LANGUAGES[0], before)
    changed = made.get("Come in", context="sign_in.heading")
    assert changed.fuzzy and changed.string == before.get("Sign in", "sign_in.heading").string
    kept = made.get("or", context="sign_in.or")
    assert not kept.fuzzy and kept.string


def test_a_new_language_begins_with_every_message_and_no_text(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogues, "LOCALE", tmp_path)
    shutil.copytree(FILES[0].parent.parent, tmp_path / LANGUAGES[0])
    catalogues.main(["pt_BR"])
    begun = read(tmp_path / "pt_BR" / "LC_MESSAGES" / "wsgi_auth.po")
    assert len(begun) == len(ENGLISH) - len(ABOUT)
    assert not any("".join(forms(each.string)) for each in begun if each.id)
    assert (tmp_path / "wsgi_auth.pot").is_file()


def test_the_catalogues_are_in_what_is_installed(tmp_path):
    require_module("setuptools")
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    for path in (
        catalogues.LOCALE / "wsgi_auth.pot",
        *FILES,
        *(f.with_suffix(".mo") for f in FILES),
    ):
        installed = tmp_path / path.relative_to(ROOT)
        assert installed.read_bytes() == path.read_bytes()
