"""What is measured of wsgi_auth, each with its unit and its target."""

from __future__ import annotations

from dataclasses import dataclass

from joserfc.jwk import KeySet

from benchmarks import floors
from benchmarks.measure import Case, alone
from benchmarks.requests import (
    FOREIGN,
    NAVIGATION,
    among_others,
    claims,
    config,
    environ,
    hand_written_cookies,
    session_cookies,
)
from wsgi_auth import AuthMiddleware
from wsgi_auth.jwe import hkdf
from wsgi_auth.testing import FakeProvider
from wsgi_auth.tokens import derive

#: More distinct tokens than the reader remembers in its two generations.
DISTINCT = 6_000


@dataclass
class Row:
    """One line of the table: ``case`` over ``unit``, and what it must not exceed."""

    label: str
    case: Case
    unit: Case
    unit_name: str
    target: float | None = None


class Suite:
    """All cases of wsgi_auth and its floors, made once."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.settings = config()
        self.name = self.settings.cookies.session.name
        purpose = f"wsgi_auth.session {self.name}"
        self.key = derive(self.settings.secret[0], purpose)
        users = [claims(number) for number in range(DISTINCT)]
        self.cookies = self._ours(users)
        self.noop = Case("N", alone(floors.NoOp, floors.bare), environ())
        by_hand = self._hand_written(floors.reads_hand_written)
        self.floor = Case("F", by_hand, environ(), self._theirs(users))
        self._anonymous()
        self._signed_in()
        self._authjs()
        self._tokens()
        self._refused()
        self._growth()
        self._large()

    @property
    def cases(self) -> list[Case]:
        """Every case once."""
        found = {id(case): case for row in self.rows for case in (row.case, row.unit)}
        return list(found.values())

    def _hand_written(self, app, kind=floors.HandWritten):
        return alone(kind, app, self.name, self.key)

    def _ours(self, users, age: float = 0) -> list[str]:
        """Cookies of these users as we sign them, among others."""
        return [among_others(session_cookies(self.settings, each, age)) for each in users]

    def _theirs(self, users, age: float = 0) -> list[str]:
        """The same as they would be signed by hand."""
        return [among_others(hand_written_cookies(self.settings, each, age)) for each in users]

    def _add(self, label, case, unit, unit_name, target=None) -> None:
        self.rows.append(Row(label, case, unit, unit_name, target))

    def _anonymous(self) -> None:
        ours = alone(AuthMiddleware, floors.bare, self.settings)
        for label, target, given in (
            ("path ignored", 1.6, environ("/static/app.css", among_others(self.cookies[0]))),
            ("open path, no cookie", 2.0, environ("/about")),
            ("open path, 400 octets of foreign cookies", 2.6, environ("/about", FOREIGN)),
        ):
            self._add(label, Case(label, ours, given), self.noop, "N", target)

    def _signed_in(self) -> None:
        ours = alone(AuthMiddleware, floors.reads_ours, self.settings)
        floor = self.floor
        one = environ("/members/area", self.cookies[0])
        self._add("hand-written reader", floor, self.noop, "N")
        by_hand = self._hand_written(floors.reads_hand_written, floors.HandWrittenList)
        case = Case("F list", by_hand, environ(), self.cookies)
        self._add("the same of our cookie, whose claims are a list", case, floor, "F")
        case = Case("protected", ours, environ("/members/area"), self.cookies)
        self._add("protected, session, token not seen before", case, floor, "F", 1.0)
        ours = alone(AuthMiddleware, floors.reads_ours, self.settings)
        cached = Case("protected, cached", ours, one)
        self._add("protected, session, token seen before", cached, floor, "F", 0.35)
        ours = alone(AuthMiddleware, floors.reads_ours, self.settings)
        opened = Case("open", ours, environ("/about"), self.cookies)
        self._add("open path, session, token not seen before", opened, floor, "F", 1.0)
        again = Case("open, cached", ours, environ("/about", self.cookies[0]))
        self._add("open path, session, token seen before", again, floor, "F", 0.35)

        full = [
            claims(number, sid="Zm9vYmFyYmF6cXV4cXV1eGNvcmdl", auth_time=1_700_000_000,
                   provider="credentials", email_verified=True, groups=["staff", "ops"])
            for number in range(DISTINCT)
        ]  # fmt: skip
        unit = Case("F full", floor.app, environ("/members/area"), self._theirs(full))
        ours = alone(AuthMiddleware, floors.reads_ours, self.settings)
        case = Case("protected, full", ours, environ("/members/area"), self._ours(full))
        self._add("the same, all claims of our own sign-in", case, unit, "hand-written", 1.0)

        old = [claims(number) for number in range(500)]
        by_hand = self._hand_written(floors.reads_hand_written, floors.HandWrittenRenewal)
        unit = Case(
            "renewal by hand", by_hand, environ("/members/area"), self._theirs(old, 200_000)
        )
        case = Case("renewal", ours, environ("/members/area"), self._ours(old, 200_000))
        self._add("renewal due", case, unit, "hand-written", 1.2)

        forged = [cookie.replace("; lang", "x; lang") for cookie in self._broken(self.cookies)]
        opened_to_all = alone(AuthMiddleware, floors.bare, self.settings)
        case = Case("forged", opened_to_all, environ("/about"), forged)
        self._add("forged cookie", case, opened, "valid one", 0.8)

    def _authjs(self) -> None:
        """Auth.js's cookie."""
        settings = config(session={"strategy": "jwt"})
        name = settings.cookies.session.name
        info = f"Auth.js Generated Encryption Key ({name})".encode()
        key = hkdf(settings.secret[0], name.encode(), info, 64)
        cookies = [
            among_others(session_cookies(settings, claims(number))) for number in range(DISTINCT)
        ]
        header = cookies[0].partition(name + "=")[2].partition(".")[0].encode()
        given = environ("/members/area")
        by_hand = alone(floors.HandWrittenJWE, floors.reads_hand_written, name, key, header)
        self.authjs = Case("J", by_hand, given, cookies)
        self._add("hand-written reader of Auth.js's cookie (J)", self.authjs, self.floor, "F")
        ours = alone(AuthMiddleware, floors.reads_ours, settings)
        first = Case("jwt", ours, given, cookies)
        self._add("Auth.js's cookie, token not seen before", first, self.authjs, "J", 1.0)
        ours = alone(AuthMiddleware, floors.reads_ours, settings)
        again = Case("jwt, cached", ours, environ("/members/area", cookies[0]))
        self._add("Auth.js's cookie, token seen before", again, self.floor, "F", 0.35)
        library = alone(floors.JoserfcJWE, floors.reads_hand_written, name, key, header)
        case = Case("joserfc", library, given, cookies)
        self._add("the same hand-written with joserfc", case, self.authjs, "J")

    def _tokens(self) -> None:
        """Access tokens of a provider."""
        fake, api = FakeProvider(), "https://api.example.com"
        settings = config(
            providers=[fake.options(audience=api)],
            transport=fake.transport,
            session={"absolute_age": 30 * 86_400},
            routes=[{"source": "/api/:path*", "bearer": True}],
        )
        tokens = [f"Bearer {fake.access_token(f'program-{each}', api)}" for each in range(1_500)]
        keys = KeySet.import_key_set(fake.keys.document())
        given = environ("/api/orders", HTTP_ACCEPT="application/json")
        by_hand = alone(floors.HandWrittenBearer, floors.reads_hand_written, keys, fake.issuer, api)
        unit = Case("token by hand", by_hand, given, tokens, header="HTTP_AUTHORIZATION")
        ours = alone(AuthMiddleware, floors.reads_ours, settings)
        first = Case("token", ours, given, tokens, header="HTTP_AUTHORIZATION")
        self._add("access token, not seen before", first, unit, "hand-written with joserfc")
        ours = alone(AuthMiddleware, floors.reads_ours, settings)
        again = Case("token, again", ours, {**given, "HTTP_AUTHORIZATION": tokens[0]})
        self._add("access token, seen before", again, self.floor, "F")

    @staticmethod
    def _broken(cookies: list[str]) -> list[str]:
        """Another payload under each signature."""
        return [cookie[:-60] + ("A" if cookie[-60] != "A" else "B") + cookie[-59:-1]
                for cookie in cookies]  # fmt: skip

    def _refused(self) -> None:
        ours = alone(AuthMiddleware, floors.bare, self.settings)
        by_hand = self._hand_written(floors.bare)
        navigation = environ("/members/area", FOREIGN)
        page = {key: value for key, value in navigation.items() if key not in NAVIGATION}
        program = {**page, "HTTP_ACCEPT": "application/json"}
        for label, given, target in (
            ("refused with 302", page, 1.3),
            ("refused with 302, Fetch Metadata sent", navigation, 1.3),
            ("refused with 401", program, 1.5),
        ):
            unit = Case(label + " by hand", by_hand, given)
            self._add(label, Case(label, ours, given), unit, "hand-written", target)

    def _growth(self) -> None:
        hits, misses = {}, {}
        for count in (1, 10, 100, 10_000):
            patterns = [f"/area{number}/:path*" for number in range(count)]
            ours = alone(AuthMiddleware, floors.bare, config(matcher=patterns))
            # distinct paths: what is remembered of one must not help the next
            hits[count] = Case(
                f"hit {count}", _Paths(ours, f"/area{count - 1}/page", self.cookies[0]), {}
            )
            misses[count] = Case(f"miss {count}", _Paths(ours, "/elsewhere/page", None), {})
        for kind, cases in (("hit", hits), ("miss", misses)):
            for count in (1, 100, 10_000):
                target = 1.3 if count == 10_000 else None
                label = f"{count:,} patterns, {kind}"
                self._add(label, cases[count], cases[10], "10 patterns", target)

        ours = alone(AuthMiddleware, floors.reads_ours, self.settings)
        some = {}
        for count in (5, 20, 100):
            others = "; ".join(f"other{number}=value{number}" for number in range(count - 1))
            headers = [f"{others}; {cookie.split('; ')[3]}" for cookie in self.cookies]
            ours = alone(AuthMiddleware, floors.reads_ours, self.settings)
            some[count] = Case(f"{count} cookies", ours, environ("/members/area"), headers)
        self._add("20 cookies", some[20], some[5], "5 cookies")
        self._add("100 cookies", some[100], some[5], "5 cookies", 1.15)

    def _large(self) -> None:
        ours = alone(AuthMiddleware, floors.reads_ours, self.settings)
        for size in (200, 1_000, 4_000, 8_000, 32_000):
            content = claims()
            if size > 200:
                filling = size - 200
                content["data"] = {f"key{n}": "x" * 40 for n in range(filling // 50)}
            users = [
                {**content, "sub": f"u{number:06}"}
                for number in range(DISTINCT if size < 4_000 else 1)
            ]
            theirs = [hand_written_cookies(self.settings, each) for each in users]
            chunked = f"{self.name}.0=" in theirs[0]
            kind = floors.HandWrittenChunks if chunked else floors.HandWritten
            by_hand = self._hand_written(floors.reads_hand_written, kind)
            unit = Case(f"{size} by hand", by_hand, environ(), theirs)
            headers = [session_cookies(self.settings, each) for each in users]
            ours = alone(AuthMiddleware, floors.reads_ours, self.settings)
            case = Case(f"{size}", ours, environ(), headers)
            pieces = headers[0].count("; ") + 1
            label = f"session of {size / 1000:g} kB in {pieces} cookie{'s' if pieces > 1 else ''}"
            self._add(label, case, unit, "hand-written", 1.2)


class _Paths:
    """Calls an application with a path that is new each time."""

    def __init__(self, app, path: str, cookie: str | None) -> None:
        self.app = app
        self.number = 0
        self.path = path
        self.environ = environ(path, cookie)

    def __call__(self, _, start_response):
        self.number += 1
        given = self.environ
        given["PATH_INFO"] = f"{self.path}{self.number}"
        return self.app(given, start_response)
