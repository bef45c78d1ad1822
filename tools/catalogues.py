"""The gettext catalogues of the built-in pages: ``make catalogues`` brings them up to date.

From ``ENGLISH`` in ``wsgi_auth/texts.py`` comes the template ``wsgi_auth/locale/wsgi_auth.pot``.
Each ``wsgi_auth/locale/*/LC_MESSAGES/wsgi_auth.po`` gets the messages that it lacks and loses those
that are gone, and is compiled to the ``.mo`` beside it, which is what the pages read. A translation
of a text that has changed is marked fuzzy, which leaves it out until somebody has looked.

``python tools/catalogues.py LANGUAGE`` begins a new one. Needs babel.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from wsgi_auth.languages import DOMAIN
from wsgi_auth.texts import ABOUT, ENGLISH, SINGULAR

LOCALE = Path(__file__).parent.parent / "wsgi_auth" / "locale"
HEADER = """\
# The built-in pages and mails of wsgi_auth.
#
# The context (msgctxt) is the message id. What stands in braces is filled in and keeps its name:
# {provider} is a sign-in service, {name} and {user} are people, {host} is the site's address,
# {time} a date; {device}, {browser} and {system} say what somebody signed in with. A field may
# move, and it may be left out."""


class Plain(Catalog):
    """A catalogue whose files say nothing of when, and with which release, they were written."""

    def _headers(self) -> list[tuple[str, str]]:
        wanted = ("Language", "Plural-Forms", "MIME-Version", "Content-Type",
                  "Content-Transfer-Encoding")  # fmt: skip
        headers = [each for each in super().mime_headers if each[0] in wanted]
        return [("Project-Id-Version", DOMAIN), *headers]

    mime_headers = property(_headers, Catalog.mime_headers.fset)


def catalogue(language: str | None, before: Catalog | None = None) -> Plain:
    """The catalogue of a language with what ``before`` has; the template for None."""
    made = Plain(language, header_comment=HEADER, charset="utf-8", fuzzy=False)
    if before is not None:  # how many forms a language has is said in its file, not by a release
        made.mime_headers = [("Plural-Forms", before.plural_forms)]
    known: dict[str | None, Message] = {each.context: each for each in before or () if each.id}
    for message_id, english in ENGLISH.items():
        if message_id in ABOUT:
            continue
        one = SINGULAR.get(message_id)
        source = english if one is None else (one, english)
        flags = {"python-brace-format"} if "{" in english else set()
        old = known.get(message_id)
        if old is not None and old.string and old.id != source:
            flags.add("fuzzy")
        if old is not None and "fuzzy" in old.flags:
            flags.add("fuzzy")
        string = old.string if old is not None else None
        if isinstance(string, str) != isinstance(source, str):
            string = None
        comments = [] if old is None else old.user_comments
        made.add(source, string, flags=flags, user_comments=comments, context=message_id)
    return made


def files() -> dict[Path, bytes]:
    """Every file as it should be."""
    found = {LOCALE / f"{DOMAIN}.pot": _po(catalogue(None))}
    for po in sorted(LOCALE.glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
        language = po.parent.parent.name
        with po.open("rb") as stream:
            before = read_po(stream, language)
        made = catalogue(language, before)
        found[po] = _po(made)
        compiled = io.BytesIO()
        write_mo(compiled, made)
        found[po.with_suffix(".mo")] = compiled.getvalue()
    return found


def _po(made: Catalog) -> bytes:
    written = io.BytesIO()
    write_po(written, made, width=98)
    return written.getvalue()


def main(begin: list[str]) -> None:
    for language in begin:
        po = LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"
        if not po.exists():
            po.parent.mkdir(parents=True, exist_ok=True)
            po.write_bytes(_po(catalogue(language)))
    for path, content in files().items():
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
            print(f"written: {path.relative_to(LOCALE.parent.parent)}")


if __name__ == "__main__":
    main(sys.argv[1:])
