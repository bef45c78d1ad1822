"""The languages of the built-in pages: which there are, which one a request gets, and its texts.

What lives here: the negotiation of ``Accept-Language`` (RFC 9110 section 12.5.4, RFC 4647 section
3.4), and where catalogues lie. What must not: a text. A catalogue is gettext's own compiled form,
``<language>/LC_MESSAGES/wsgi_auth.mo``, read by the standard library when the first page in its
language is shown; adding a language is adding a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wsgi_auth.errors import ConfigError
from wsgi_auth.texts import Texts, check_texts, is_language_tag, translated

if TYPE_CHECKING:
    from gettext import NullTranslations

#: gettext's word for all texts of one program.
DOMAIN: Final = "wsgi_auth"
#: The language of the texts themselves, which needs no catalogue.
SOURCE: Final = "en"
#: Under which texts stand that hold in every language (the language range for any: RFC 4647 2.1).
EVERY: Final = "*"

#: Most characters of a header that are looked at, and most languages in it.
_LONGEST: Final = 1_000
_MOST: Final = 32
_RANGE: Final = re.compile(
    r"(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)"
    r"(?:[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?",
    re.ASCII,
)
#: The script that goes with a region where a language has two (Unicode CLDR, likely subtags).
_SCRIPTS: Final = {
    "zh-cn": "zh-hans", "zh-sg": "zh-hans", "zh-my": "zh-hans",
    "zh-tw": "zh-hant", "zh-hk": "zh-hant", "zh-mo": "zh-hant",
}  # fmt: skip


class Languages:
    """The languages of one site, first the one for whoever reads none of them.

    ``wanted`` narrows them (empty: all there are). ``texts`` are a site's own, by language tag or
    :data:`EVERY`; ``locale_dir`` is a folder of its own catalogues, which come before ours. Both
    may add languages. What is wrong with any of the three raises :class:`ConfigError`.
    """

    __slots__ = ("_catalogues", "_own", "_texts", "tags")

    #: The tags of the languages that there are.
    tags: tuple[str, ...]

    def __init__(
        self,
        wanted: Sequence[str] = (),
        texts: Mapping[str, Mapping[str, str]] | None = None,
        locale_dir: Path | None = None,
    ) -> None:
        self._texts = {tag.lower(): own for tag, own in (texts or {}).items()}
        ours = _catalogues(files("wsgi_auth").joinpath("locale"))
        self._own = {} if locale_dir is None else _own_catalogues(locale_dir)
        #: Of a language's catalogues, the one that is asked first comes first.
        self._catalogues: dict[str, list[Traversable]] = {}
        for tag, file in (*self._own.items(), *ours.items()):
            self._catalogues.setdefault(tag.lower(), []).append(file)
        there: dict[str, str] = {}
        for tag in (SOURCE, *ours, *self._own, *(each for each in texts or {} if each != EVERY)):
            there.setdefault(tag.lower(), tag)
        fixed = self._texts.get(EVERY, {}).get("lang")
        if fixed is not None and wanted:
            raise ConfigError(
                "texts.lang",
                "says that all pages are in that language, so 'languages' could choose nothing; "
                "give the texts of one language under its tag: texts.de",
            )
        if fixed is not None:
            self.tags = (fixed,)
        elif wanted:
            self.tags = tuple(dict.fromkeys(_one_of(there, each) for each in wanted))
        else:
            self.tags = tuple(there.values())

    def check(self) -> None:
        """Raise :class:`ConfigError` for what is wrong in a site's own texts and catalogues."""
        for tag, own in self._texts.items():
            check_texts(own, "texts" if tag == EVERY else f"texts.{tag}")
        if "dir" in self._texts.get(EVERY, {}) and len(self.tags) > 1:
            raise ConfigError(
                "texts.dir", "would hold in every language; give it for one: texts.ar.dir"
            )
        for tag, file in self._own.items():
            translated(_opened(file), f"locale_dir: {tag}")

    def negotiate(self, accept: str | None) -> str:
        """The language that suits an ``Accept-Language`` best; the first of all if none does.

        What a visitor likes best is looked for first, in full and then without its last parts
        (``de-AT``, ``de``), then as any variety of the same language.
        """
        if not accept or len(self.tags) == 1:
            return self.tags[0]
        liked, refused = preferences(accept)
        there = {tag.lower(): tag for tag in self.tags if tag.lower() not in refused}
        for wanted in liked:
            if wanted == EVERY:
                return next(iter(there.values()), self.tags[0])
            for candidate in _broader(wanted):
                if candidate in there:
                    return there[candidate]
            language = wanted.partition("-")[0]
            for tag, spelt in there.items():
                if tag.partition("-")[0] == language:
                    return spelt
        return self.tags[0]

    def texts(self, tag: str) -> Texts:
        """The texts of a language: a site's own, then its catalogues, then those of the language
        without its last parts, then English."""
        own = dict(self._texts.get(EVERY, {}))
        translations: NullTranslations | None = None
        for each in reversed(list(_broader(tag.lower()))):
            own |= self._texts.get(each, {})
            for file in reversed(self._catalogues.get(each, [])):
                opened = _opened(file)
                if translations is not None:
                    opened.add_fallback(translations)
                translations = opened
        return Texts(own, tag, translations)


def preferences(accept: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """The languages of an ``Accept-Language`` in small letters, best first, and those refused by
    ``q=0``. What does not parse is left out; linear, and defined for any text."""
    return _remembered(accept[:_LONGEST])


@lru_cache(maxsize=256)  # bounded in entries here and in length above
def _remembered(accept: str) -> tuple[tuple[str, ...], frozenset[str]]:
    weighed: dict[str, float] = {}
    for entry in accept.split(",")[:_MOST]:
        found = _RANGE.fullmatch(entry.strip(" \t"))
        if found is not None:
            weighed.setdefault(found[1].lower(), float(found[2] or 1))
    liked = sorted((tag for tag in weighed if weighed[tag]), key=lambda tag: -weighed[tag])
    return tuple(liked), frozenset(tag for tag in weighed if not weighed[tag])


def _broader(tag: str) -> Iterator[str]:
    """The tag, and what it is a variety of: ``zh-tw``, ``zh-hant``, ``zh``."""
    while tag:
        yield tag
        if tag in _SCRIPTS:
            yield _SCRIPTS[tag]
        tag = tag.rpartition("-")[0]


def _one_of(there: Mapping[str, str], wanted: str) -> str:
    """The language that an operator means by a tag."""
    for candidate in _broader(wanted.lower()):
        if candidate in there:
            return there[candidate]
    known = ", ".join(sorted(there.values()))
    raise ConfigError(
        "languages",
        f"there are no texts in {wanted!r}, but in {known}; a file "
        f"{wanted.replace('-', '_')}/LC_MESSAGES/{DOMAIN}.mo in the folder that locale_dir names, "
        f"or texts.{wanted}, adds a language",
    )


# --- files ----------------------------------------------------------------------------------


def _catalogues(folder: Traversable) -> dict[str, Traversable]:
    """The compiled catalogues in a folder by language tag, in the order of their names."""
    found = {}
    for each in sorted(folder.iterdir(), key=lambda each: each.name) if folder.is_dir() else ():
        file = each.joinpath("LC_MESSAGES", f"{DOMAIN}.mo")
        if each.is_dir() and file.is_file():
            found[each.name.replace("_", "-")] = file
    return found


def _own_catalogues(folder: Path) -> dict[str, Traversable]:
    found = _catalogues(folder)
    for tag in found:
        if not is_language_tag(tag):
            raise ConfigError("locale_dir", f"{tag!r} is not a language such as de or pt_BR")
    if not found:
        source = next(folder.glob(f"*/LC_MESSAGES/{DOMAIN}.po"), None)
        hint = f"; compile {source.name}: msgfmt -o {DOMAIN}.mo {DOMAIN}.po" if source else ""
        raise ConfigError(
            "locale_dir", f"{str(folder)!r} has no LANGUAGE/LC_MESSAGES/{DOMAIN}.mo{hint}"
        )
    return found


def _opened(file: Traversable) -> NullTranslations:
    from gettext import GNUTranslations  # only who shows a page in another language needs it

    try:
        with file.open("rb") as stream:
            return GNUTranslations(stream)
    except Exception as error:  # gettext's reader raises whatever unpacking a broken file does
        raise ConfigError("locale_dir", f"{str(file)!r} is no gettext catalogue: {error}") from None
