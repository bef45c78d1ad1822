"""URLs: the configured base, the origins a return URL may name, and the URLs we build ourselves.

What lives here: pure text. "Return URLs are built, never filtered": a value from a request is
parsed once, judged by the reading that browsers have of it (WHATWG URL Standard), and what goes
out is put together from the parts that were judged, never the text that came in (R057 to R061).
What must not: anything that reads a Host or ``X-Forwarded-*`` header (R063).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from wsgi_auth.errors import ConfigError
from wsgi_auth.frozen import Frozen

#: The longest return URL, as it comes in and as it goes out.
MAX_RETURN_URL = 2048

_DEFAULT_PORTS = {"http": 80, "https": 443}


# --- the base URL ---------------------------------------------------------------------------


class BaseURL(Frozen):
    """The configured ``url``: where the application is, as its visitors see it.

    ``origin`` is ``https://app.example.com`` (lower case, ASCII, no default port); ``mount`` is
    ``""`` or ``"/app"`` (percent-encoded, no slash at its end): the SCRIPT_NAME. ``str()`` gives
    both together.
    """

    origin: str
    mount: str
    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> BaseURL:
        """The checked base URL; ConfigError (``url``) for what cannot be one."""
        try:
            origin, path = _configured(text)
            mount = _mount(path)
        except ValueError as problem:
            raise ConfigError("url", f"{problem}; expected e.g. https://app.example.com") from None
        return cls(origin.text, mount, origin.scheme, origin.host, origin.port)

    @property
    def secure(self) -> bool:
        """Whether it is https: cookies are Secure, names have their prefix (R003)."""
        return self.scheme == "https"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can be meant."""
        return is_loopback_host(self.host)

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address rather than a name."""
        # as it was parsed: a last label of digits is an IPv4 address in its usual form
        return self.host.startswith("[") or self.host.removesuffix(".").split(".")[-1].isdigit()

    def absolute(self, local: str) -> str:
        """The absolute URL of a local one that :func:`local_url` built (mount already in it)."""
        return self.origin + local

    def __str__(self) -> str:
        return self.origin + self.mount


def is_loopback_host(host: str) -> bool:
    """Whether only this machine can be meant: 127.0.0.0/8, ::1, localhost (RFC 6761 6.3)."""
    host = host.removesuffix(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return is_loopback_address(host.strip("[]"))


def is_loopback_address(text: str) -> bool:
    """Whether it is an address of this machine itself, of IPv4 written as IPv6 too; no name is."""
    import ipaddress  # here and below: most hosts have a name

    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    # Python 3.13 looks at the address within by itself
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)


# --- listed origins -------------------------------------------------------------------------


class AllowedOrigin(Frozen):
    """An origin that a return URL may name beside our own: scheme, host and port, exactly (R061).

    A ``wildcard`` stands for the whole left-most label, and stops at the dot:
    ``https://*.example.com`` is ``https://a.example.com``, neither ``https://example.com`` nor
    ``https://a.b.example.com``.
    """

    scheme: str
    host: str
    port: int
    wildcard: bool = False

    @classmethod
    def parse(cls, text: str) -> AllowedOrigin:
        """One entry of ``allowed_redirects``; ConfigError (that key) for what cannot be one."""
        try:
            return cls._parse(text)
        except ValueError as problem:
            hint = "expected an origin such as https://www.example.com or https://*.example.com"
            raise ConfigError("allowed_redirects", f"{problem}; {hint}") from None

    @classmethod
    def _parse(cls, text: str) -> AllowedOrigin:
        wildcard = isinstance(text, str) and "://*." in text
        origin, path = _configured(text.replace("://*.", "://", 1) if wildcard else text)
        if path not in ("", "/"):
            raise ValueError("an entry is an origin and has no path")
        if wildcard:
            labels = origin.host.removesuffix(".").split(".")
            if origin.host.startswith("[") or labels[-1].isdigit():
                raise ValueError("a wildcard cannot stand before an IP address")
            if len(labels) < 2:
                raise ValueError("a wildcard needs at least two labels after it")
        return cls(origin.scheme, origin.host, origin.port, wildcard)

    def matches(self, origin: _Origin) -> bool:
        """Whether this entry lists ``origin``."""
        if (self.scheme, self.port) != (origin.scheme, origin.port):
            return False
        if not self.wildcard:
            return self.host == origin.host
        return self.host == origin.host.partition(".")[2]


# --- return URLs ----------------------------------------------------------------------------


def safe_return_url(
    value: object,
    *,
    base: BaseURL | None,
    mount: str,
    allowed: Sequence[AllowedOrigin],
    default: str,
) -> str:
    """A URL on our own or a listed origin, built from ``value``; else ``mount + default``.

    Never raises, whatever ``value`` is (R059). What is accepted: a path that starts with one
    slash; and, when ``base`` is known, an absolute URL of its origin (which comes back as a path)
    or of an ``allowed`` one (which comes back absolute). Query, fragment and percent-encodings
    are kept exactly; what may not stand in a URL is percent-encoded as UTF-8, as browsers do
    (R058, R062). ``default`` is a path below the mount, and is not judged: it is ours.
    """
    return _return_url(value, base, allowed) or mount + default


# Refused wherever it stands: C0, DEL and C1 controls (browsers drop tab and newline, and read on
# what is then left), backslash (which they read as a slash), and surrogates (no UTF-8).
_NEVER = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
_SURROGATE = "[\ud800-\udfff]"  # takes longer to compile than all of this module: for text only
# Exactly two slashes: browsers read "https:evil.test", "https:/evil.test" and "https:///evil.test"
# all as a host, other software does not, so these are refused before anybody can differ.
# Both cases are spelt out: to ignore the case of all Unicode reads "httpſ" as a scheme, and takes a
# table that nothing else at start-up needs.
_ABSOLUTE = re.compile(r"([Hh][Tt][Tt][Pp][Ss]?)://([^/?#]+)(.*)", re.DOTALL)


def _is_illegal(text: str) -> bool:
    return bool(_NEVER.search(text) or (not text.isascii() and re.search(_SURROGATE, text)))


def _return_url(value: object, base: BaseURL | None, allowed: Sequence[AllowedOrigin]) -> str:
    """The built URL, or "" when ``value`` is refused."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_RETURN_URL:
        return ""
    if _is_illegal(value) or value[-1] == " ":
        return ""
    prefix, rest = "", value
    if value[0] != "/":
        found = _ABSOLUTE.fullmatch(value)
        if not base or not found:
            return ""
        try:
            origin = _origin(found[1].lower(), found[2])
        except ValueError:
            return ""
        if origin.text != base.origin:
            if not any(entry.matches(origin) for entry in allowed):
                return ""
            prefix = origin.text
        rest = found[3]
    local = _local(rest)
    return prefix + local if local and len(prefix) + len(local) <= MAX_RETURN_URL else ""


def _local(rest: str) -> str:
    """Path, query and fragment, percent-encoded; "" if the path could be read as a host."""
    rest, hash_mark, fragment = rest.partition("#")
    path, question_mark, query = rest.partition("?")
    if _is_doubtful(path):
        return ""
    return "".join(
        (
            path.translate(_IN_PATH) or "/",
            question_mark,
            query.translate(_IN_QUERY),
            hash_mark,
            fragment.translate(_IN_FRAGMENT),
        )
    )


_ENCODED_DOT = "%2[eE]"


def _is_doubtful(path: str) -> bool:
    """Whether a path starts with two slashes, now or while its dot segments are resolved.

    "/.//evil.test" and "/a/..//evil.test" stay on the origin in a browser, whose URL then has the
    path "//evil.test": whoever cuts the origin off that URL gets another host.
    """
    if path[:2] == "//":
        return True
    if "/." not in path and "%2" not in path:
        return False
    segments = [re.sub(_ENCODED_DOT, ".", segment) for segment in path.split("/")[1:]]
    if segments[-1:] in (["."], [".."]):
        segments.append("")  # "/x/.." is "/", and "/x/." is "/x/"
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
            if len(kept) > 1 and kept[0] == "":
                return True
    return False


# --- URLs we build --------------------------------------------------------------------------

Params = Mapping[str, str] | Iterable[tuple[str, str]]


def local_url(mount: str, path: str, params: Params = ()) -> str:
    """``mount + path`` with a percent-encoded query: a URL on our own origin, legal in a header.

    ``path`` is decoded text below the mount. Slashes stay readable in the values of the query,
    where they are legal (RFC 3986 3.4).
    """
    # a path of ours never needs more than one slash at its start
    url = "/" + (mount + path.translate(_IN_LOCAL_PATH)).lstrip("/")
    pairs = params.items() if isinstance(params, Mapping) else params
    query = "&".join(
        f"{name.translate(_IN_LOCAL_VALUE)}={value.translate(_IN_LOCAL_VALUE)}"
        for name, value in pairs
    )
    return f"{url}?{query}" if query else url


_PLAIN_PATH = re.compile(r"/(?!/)[A-Za-z0-9._~/-]{0,2047}")


def quote_return(path: str, query: str = "") -> str:
    """The value for ``callbackUrl=``: the URL of this request, percent-encoded for a query.

    ``path`` is SCRIPT_NAME + PATH_INFO and ``query`` QUERY_STRING, as they stand in the environ
    (bytes as latin-1, PEP 3333). Never raises and never gives anything that is illegal in a
    header (R062); "/" for what is over 2,048 characters or no text at all. On the path of every
    refusal, so a plain path costs one match.
    """
    try:
        if not query and _PLAIN_PATH.fullmatch(path):
            return path
        if path[:1] != "/" or path[1:2] == "/":
            path = "/" + path.lstrip("/")
        if len(path) + len(query) < MAX_RETURN_URL:  # before the work, which is for the length
            url = path.translate(_RAW_IN_PATH)
            if query:
                url += "?" + query.translate(_IN_QUERY_RAW)
            if len(url) <= MAX_RETURN_URL:
                return url.translate(_IN_VALUE)
    except (AttributeError, TypeError):  # a server that puts None or bytes into the environ
        pass
    return "/"


class _Encoding(dict[int, str]):
    """A table for ``str.translate``: these characters percent-encoded, with blank, controls and all
    beyond ASCII. It fills itself: most starts need a few letters of it.

    ``raw`` tables read U+0080 to U+00FF as the bytes of an environ; the others as text.
    """

    def __init__(self, characters: str, *, raw: bool) -> None:
        super().__init__()
        self._characters = frozenset(characters)
        self._octets = range(0x100 if raw else 0x80)

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if " " < character < "\x7f" and character not in self._characters:
            written = character
        elif code in self._octets:
            written = f"%{code:02X}"
        else:  # not kept: there are too many
            return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))
        self[code] = written
        return written


# The percent-encode sets of the URL Standard, section 1.3. A "%" is left as it is.
_IN_PATH = _Encoding('"#<>?`{}^', raw=False)
_IN_QUERY = _Encoding("\"#<>'", raw=False)
_IN_FRAGMENT = _Encoding('"<>`', raw=False)
# The same for text from an environ: PATH_INFO is decoded, so its "%" is one; a backslash is no
# slash there.
_RAW_IN_PATH = _Encoding('"#<>?`{}^%\\', raw=True)
_IN_QUERY_RAW = _Encoding("\"#<>'\\", raw=True)
# What RFC 3986 leaves for a path (section 3.3), and what is unreserved (2.3), with the slash: text.
_IN_LOCAL_PATH = _Encoding('"#%<>?[\\]^`{|}', raw=False)
_IN_LOCAL_VALUE = _Encoding("!\"#$%&'()*+,:;<=>?@[\\]^`{|}", raw=False)
# And around both: the value of a query parameter. The URL in it is ASCII by then.
_IN_VALUE = _Encoding("\"#<>'%&+=;?\\`{}^|[],:@$!()*", raw=True)


# --- origins --------------------------------------------------------------------------------


class _Origin(Frozen):
    scheme: str
    host: str
    port: int

    @property
    def text(self) -> str:
        if self.port == _DEFAULT_PORTS[self.scheme]:
            return f"{self.scheme}://{self.host}"
        return f"{self.scheme}://{self.host}:{self.port}"


def _configured(text: object) -> tuple[_Origin, str]:
    """Origin and path of a URL in the configuration; ValueError says what is wrong with it.

    The text itself is never part of the message: it may hold a password.
    """
    if not isinstance(text, str):
        raise ValueError(f"must be a string, not {type(text).__name__}")
    if _is_illegal(text) or " " in text:
        raise ValueError("has a blank, a backslash or a control character in it")
    if "?" in text or "#" in text:
        raise ValueError("has a query or a fragment")
    found = _ABSOLUTE.fullmatch(text)
    if not found:
        raise ValueError("must start with http:// or https:// and a host name")
    return _origin(found[1].lower(), found[2]), found[3]


_PORT = re.compile(r":([0-9]{0,5})\Z")
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
# IDNA 2003 (which the standard library has) maps these away, browsers keep them: another domain.
_DEVIATIONS = "[ßẞς\u200c\u200d]"


def _origin(scheme: str, authority: str) -> _Origin:
    """The origin of an authority, in the form that browsers compare; ValueError if it has none."""
    if "@" in authority:
        raise ValueError("has a user name in it")
    port = _DEFAULT_PORTS[scheme]
    found = _PORT.search(authority)
    if found:
        authority = authority[: found.start()]
        port = int(found[1] or port)
        if port > 65535:
            raise ValueError("has a port above 65535")
    return _Origin(scheme, host_name(authority), port)


def host_name(text: str) -> str:
    """A host as browsers write it: small letters, ``xn--`` where it is an international one.
    ``ValueError`` for none."""
    if text.startswith("["):
        return _ipv6(text)
    if not text.isascii():
        if len(text) > 253 or re.search(_DEVIATIONS, text):
            raise ValueError("has a host name that must be written in its xn-- form")
        try:
            text = text.encode("idna").decode("ascii")
        except UnicodeError:
            raise ValueError("has a host name that is none") from None
    text = text.lower()
    if len(text) > 254 or not _HOST.fullmatch(text):
        raise ValueError("has a host name that is none")
    last = text.removesuffix(".").rpartition(".")[2]
    if last.isdigit() or re.fullmatch("0x[0-9a-f]*", last):
        # browsers read "127.1", "0x7f.1" and "017700000001" as addresses: only the plain form
        import ipaddress

        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError:
            raise ValueError("has an IP address that is not in its usual form") from None
    return text


def _ipv6(text: str) -> str:
    import ipaddress

    try:
        if not text.endswith("]") or "%" in text:
            raise ValueError
        address = ipaddress.IPv6Address(text[1:-1])
    except ValueError:
        raise ValueError("has an IPv6 address that is none") from None
    if address.ipv4_mapped is None:
        return f"[{address.compressed}]"
    # Python 3.13 writes these with dots, the URL Standard (and Python 3.11) in hexadecimal
    high, low = divmod(int(address.ipv4_mapped), 0x10000)
    return f"[::ffff:{high:x}:{low:x}]"


def _mount(path: str) -> str:
    """The path of a base URL as a mount: "" or "/app", percent-encoded."""
    path = path.removesuffix("/")
    segments = [re.sub(_ENCODED_DOT, ".", segment) for segment in path.split("/")[1:]]
    if any(segment in ("", ".", "..") for segment in segments):
        raise ValueError("has an empty or a dot segment in its path")
    if ";" in path or re.search("%(?![0-9A-Fa-f]{2})|%2[fF]|%5[cC]|%[01]|%7[fF]", path):
        raise ValueError("has a path that cannot be a mount")
    return path.translate(_IN_PATH)
