"""Checked values: one small function a kind, each from whatever a road hands in to what is stored.

Every function takes the option's full name and the value, native or as the text of an INI file or
an environment variable, and returns the one right form or raises a :class:`ConfigError` that
names the option and says what would be right. What must not live here: which option exists.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, get_args

from wsgi_auth.cookies import SameSite
from wsgi_auth.errors import ApplicationRaised, AuthError, ConfigError

if TYPE_CHECKING:
    from pathlib import Path


_WHOLE = r"[ \t\n]*[0-9]{1,9}[ \t\n]*"
_DURATION = r"\s*([0-9]+)\s*(s|m|h|d|w)?\s*"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, None: 1}
_LONGEST = 10 * 366 * 86_400
# What the flags of code say: that it takes any number of arguments; that it is a coroutine, or an
# asynchronous generator.
_VARARGS, _ASYNC = 0x04, 0x80 | 0x200
_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}
_DOTTED = r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*"
# A cookie's name is an RFC 9110 token; ours may bear no dot-number ending, which marks a chunk.
_COOKIE_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# What ``oauth/pending`` leaves of a cookie beside the longest sign-in.
_LONGEST_NAME = 200
_DOMAIN = r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*"
_PATH = r"/[!-~]*"


def near(word: object, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` for the nearest of the known words, else an empty string."""
    import difflib  # for a mistake only

    if not isinstance(word, str):
        return ""
    all_ = list(known)
    found = difflib.get_close_matches(word, all_, 1) or difflib.get_close_matches(
        word.lower(), all_, 1
    )
    return f"; did you mean {found[0]!r}?" if found else ""


def text(key: str, value: Any) -> str:
    """A non-empty string without control characters."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(key, f"must be a non-empty string, not {_shown(value)}")
    if any(ord(character) < 32 for character in value.strip()):
        raise ConfigError(key, "must not hold control characters")
    octets(key, value)
    return value.strip()


def octets(key: str, value: str) -> bytes:
    """The text as UTF-8. What an environment variable holds that is none comes as half of a
    surrogate pair, which nothing could write."""
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise ConfigError(key, "must be text in UTF-8") from None


def boolean(key: str, value: Any) -> bool:
    """True or False; as text true/false, yes/no, on/off, 1/0."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise ConfigError(key, f"must be true or false, not {_shown(value)}")


def integer(key: str, value: Any) -> int:
    """A whole number, zero or more."""
    if isinstance(value, str) and re.fullmatch(_WHOLE, value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigError(key, f"must be a whole number of 0 or more, not {_shown(value)}")
    return value


def duration(key: str, value: Any) -> int:
    """Seconds, from a number of seconds, a ``timedelta`` or ``30d``, ``12h``, ``15m``, ``60s``."""
    if hasattr(value, "total_seconds") and not isinstance(value, type):
        value = int(value.total_seconds())
    if isinstance(value, str):
        found = re.fullmatch(_DURATION, value)
        if found and found.group(0).isascii() and len(found.group(1)) < 12:
            value = int(found.group(1)) * _UNITS[found.group(2)]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LONGEST:
        raise ConfigError(
            key, f"must be seconds or a duration such as '30d', '12h', '15m', not {_shown(value)}"
        )
    return value


def positive_duration(key: str, value: Any) -> int:
    """A duration of at least one second."""
    seconds = duration(key, value)
    if not seconds:
        raise ConfigError(key, "must be longer than 0 seconds")
    return seconds


def strings(key: str, value: Any) -> tuple[str, ...]:
    """A tuple of strings; as text one a line, or separated by commas or blanks."""
    if isinstance(value, str):
        value = _without_comment(key, value).replace(",", " ").split()
    return tuple(text(key, item) for item in sequence(key, value))


def lines(key: str, value: Any) -> tuple[Any, ...]:
    """A tuple; as text one item a line (an item may hold commas and blanks)."""
    if isinstance(value, str):
        value = _without_comment(key, value)
        value = [line.strip() for line in value.splitlines() if line.strip()]
    if isinstance(value, re.Pattern | bytes | bytearray) or not isinstance(value, Sequence):
        value = [value]
    return tuple(value)


def _without_comment(key: str, value: str) -> str:
    """The text of a list. With a comment behind an item of an INI file, the comment's words would
    be items, too: ``allow_groups = ops  # not staff``."""
    if ("#" in value or ";" in value) and re.search(r"\s[#;]", value):
        raise ConfigError(
            key,
            "has a comment in it (# or ;), which must stand outside of a list; in an INI file, on "
            "a line of its own",
        )
    return value


def sequence(key: str, value: Any) -> tuple[Any, ...]:
    """A list, tuple or set, as a tuple."""
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    if not isinstance(value, list | tuple):
        raise ConfigError(key, f"must be a list, not {_shown(value)}")
    return tuple(value)


def function(key: str, value: Any) -> Callable[..., Any]:
    """A callable that is not ``async``, or ``package.module:name`` of one."""
    if isinstance(value, str):
        value = load(key, value.strip())
    if not callable(value):
        raise ConfigError(key, f"must be a callable or 'package.module:name', not {_shown(value)}")
    found: Callable[..., Any] = value
    inner, _ = _function(found)
    if inner is not None and inner.__code__.co_flags & _ASYNC:
        raise ConfigError(key, "must not be async: what it returns is needed at once")
    return found


def called_with(*arguments: str) -> Callable[[str, Any], Callable[..., Any]]:
    """A function for a callable that takes these arguments, by position."""

    def checked(key: str, value: Any) -> Callable[..., Any]:
        found = function(key, value)
        own = cannot_take(found, len(arguments))
        if own is not None:
            raise ConfigError(
                key, f"is called with ({', '.join(arguments)}), and takes ({', '.join(own)})"
            )
        return found

    return checked


def cannot_take(found: Callable[..., Any], count: int) -> tuple[str, ...] | None:
    """The parameters of what cannot be called with so many arguments by position; None for all
    else, and where it cannot be seen. What a decorator put around a function is looked at, and not
    what its ``__wrapped__`` once took."""
    inner, bound = _function(found)
    if inner is None:
        return None
    code = inner.__code__
    own: tuple[str, ...] = code.co_varnames[bound : code.co_argcount + code.co_kwonlyargcount]
    most = code.co_argcount - bound
    least = most - len(inner.__defaults__ or ())
    asks_by_name = code.co_kwonlyargcount > len(inner.__kwdefaults__ or ())
    fits = least <= count and (count <= most or code.co_flags & _VARARGS) and not asks_by_name
    return None if fits else own


#: What is said of an ASGI application, behind its name.
ASGI = (
    "takes (scope, receive, send), so it seems to be an ASGI application: this is for those of WSGI"
)


def is_asgi(app: Any) -> bool:
    """Whether an application seems to be one of the other kind."""
    return callable(app) and cannot_take(app, 2) == ("scope", "receive", "send")


def _function(found: Any) -> tuple[FunctionType | None, bool]:
    """The function that a call of it calls, if that can be seen, and whether its first argument is
    bound. By hand: ``inspect`` takes longer to load than a start may. By type: what stands for a
    function (of ``wrapt``, say) shows that function's code as its own, and takes what it likes."""
    if isinstance(found, type):
        return None, False
    if type(found) not in (FunctionType, MethodType):
        found = found.__call__
    inner = getattr(found, "__func__", found)
    return (inner if type(inner) is FunctionType else None), inner is not found


def load(key: str, name: str) -> Any:
    """The object that ``package.module:name`` names."""
    if not re.fullmatch(_DOTTED, name):
        raise ConfigError(key, f"{name!r} is not of the form 'package.module:name'")
    module_name, _, attributes = name.partition(":")
    found = imported(key, module_name)
    for attribute in attributes.split("."):
        if not hasattr(found, attribute):
            raise ConfigError(
                key, f"{module_name!r} has no {attribute!r}{near(attribute, dir(found))}"
            )
        found = getattr(found, attribute)
    return found


def imported(key: str, module: str) -> Any:
    """The module of this name. Its code is the application's, and may raise anything."""
    try:
        return importlib.import_module(module)
    except AuthError:  # it says what is wrong itself
        raise
    except ImportError as error:
        raise ApplicationRaised(key, f"cannot import {module!r}: {error}") from error
    except (Exception, SystemExit) as error:  # a script that ends is not what was asked for
        raise ApplicationRaised(key, f"importing {module!r} raised {raised(error)}") from error


def raised(error: BaseException) -> str:
    """An exception in a message, as the last line of a traceback has it."""
    said = str(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def choice(*allowed: str) -> Callable[[str, Any], str]:
    """A function for one of these words."""

    def chosen(key: str, value: Any) -> str:
        if isinstance(value, str) and value.strip() in allowed:
            return value.strip()
        words = ", ".join(repr(word) for word in allowed)
        hint = near(value, allowed) if isinstance(value, str) else ""
        raise ConfigError(key, f"must be one of {words}, not {_shown(value)}{hint}")

    return chosen


def same_site(key: str, value: Any) -> str:
    """``Lax``, ``Strict`` or ``None`` (the word)."""
    words = get_args(SameSite)
    if isinstance(value, str):
        value = next((word for word in words if word.lower() == value.strip().lower()), value)
    return choice(*words)(key, value)


def cookie_name(key: str, value: Any) -> str:
    """An RFC 9110 token that does not look like a chunk of another cookie."""
    name = text(key, value)
    if not re.fullmatch(_COOKIE_NAME, name):
        raise ConfigError(key, f"{name!r} is no cookie name (RFC 9110 token characters only)")
    if re.search(r"\.[0-9]+$", name):
        raise ConfigError(key, f"{name!r} ends like a chunk; leave out the number at the end")
    if len(name) > _LONGEST_NAME:
        raise ConfigError(
            key,
            f"must have {_LONGEST_NAME} characters at most, not {len(name)}: browsers count the "
            "name with the value, and a sign-in under way has to fit beside it",
        )
    return name


def domain(key: str, value: Any) -> str:
    """A domain such as ``example.com``; a leading dot, which means nothing today, is dropped."""
    found = text(key, value).lstrip(".").lower()
    if not re.fullmatch(_DOMAIN, found):
        raise ConfigError(key, f"must be a domain such as 'example.com', not {_shown(value)}")
    return found


def path(key: str, value: Any) -> str:
    """An absolute path such as ``/auth``; a trailing slash is dropped."""
    found = text(key, value)
    odd = "//" in found or re.search(r"/\.\.?(/|$)", found) or set(found) & set("\\;?#%")
    if not re.fullmatch(_PATH, found) or odd:
        raise ConfigError(key, f"must be a path such as '/login', not {found!r}")
    return found.rstrip("/") or "/"


def file(key: str, value: Any, here: Path | None, maker: str = "") -> Path:
    """The path of a file that can be read; a relative one counts from ``here``. ``maker``: the
    command that makes one, with ``{}`` for its name."""
    found = _path_of(key, value, here, "file")
    if is_there(found.is_dir):
        raise ConfigError(key, f"{str(found)!r} is a folder, and must be a file")
    if not is_there(found.is_file):
        if key == "secret_file":
            maker = "wsgi-auth secret --out {}"
        made = f"; make it with: {maker.format(found.name)}" if maker else ""
        raise ConfigError(key, f"there is no file {str(found)!r}{made}")
    return found


def text_of_file(key: str, value: Any, here: Path | None) -> str:
    """What is in the file, without the blanks around it."""
    found = file(key, value, here)
    try:
        said = found.read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        why = error.strerror or type(error).__name__
    except UnicodeError:
        why = "it is no text in UTF-8"
    else:
        if not said and key.lower().endswith("secret_file"):  # an empty list may be meant
            raise ConfigError(key, f"the file {str(found)!r} is empty")
        return said
    raise ConfigError(key, f"the file {str(found)!r} cannot be read: {why}")


def folder(key: str, value: Any, here: Path | None) -> Path:
    """The path of a folder that is there; a relative one counts from ``here``."""
    found = _path_of(key, value, here, "folder")
    if not is_there(found.is_dir):
        raise ConfigError(key, f"there is no folder {str(found)!r}")
    return found


def _path_of(key: str, value: Any, here: Path | None, kind: str) -> Path:
    from pathlib import Path  # here and elsewhere: only who names a file needs it

    if not isinstance(value, str | os.PathLike) or not str(value):
        raise ConfigError(key, f"must be the path of a {kind}, not {_shown(value)}")
    found = Path(os.fsdecode(value))
    try:
        found = found.expanduser()
    except RuntimeError:  # there is no such user, so there is no such file
        pass
    return found if here is None or found.is_absolute() else here / found


def is_there(look: Callable[[], bool]) -> bool:
    """What the look for a file says."""
    try:
        return look()
    except OSError:  # too long a name for any file, say
        return False


def from_files(
    key: str, given: Mapping[str, Any], here: Path | None, among: Container[str] | None = None
) -> dict[str, Any]:
    """The options of a group, or with ``key`` "" of the whole, with every ``name_file`` replaced by
    ``name``, read from that file; with ``among`` only where that has the name."""
    found = dict(given)
    for option in [each for each in found if isinstance(each, str) and each.endswith("_file")]:
        name = option.removesuffix("_file")
        if among is not None and name not in among:
            continue
        full = f"{key}.{option}" if key else option
        if found.get(name) is not None:
            raise ConfigError(full, f"is given beside {name!r}; keep one of the two")
        found[name] = text_of_file(full, found.pop(option), here)
    return found


def _shown(value: Any) -> str:
    """A value in a message: its kind always, its text only if it is short and no secret's type."""
    if isinstance(value, int) and abs(value) >= 10**18:
        return "so large a number"
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, str):
        return repr(value) if len(value) <= 60 else f"a string of {len(value)} characters"
    if isinstance(value, Mapping):
        return "a mapping"
    return kind(value)


def kind(value: Any) -> str:
    """The type of a value in a message: ``an int``, ``a list``."""
    name = type(value).__name__
    return f"an {name}" if name[:1].lower() in tuple("aeio") else f"a {name}"
