"""A visitor of :mod:`tests.live.kept`: signs in by the form, asks, signs out."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from tests.live.servers import Running

NAME = "auth.session-token"


def cookies(response: Any) -> dict[str, str]:
    found = [value.partition(";")[0].partition("=") for value in response.headers.get_all(
        "Set-Cookie") or []]  # fmt: skip
    return {name: value for name, _, value in found}


def sign_in(server: Running, user: str) -> str:
    """The value of a session cookie, by the real form."""
    response, body = server.request("GET", "/auth/csrf")
    jar = cookies(response)
    form = {
        "username": user,
        "password": "correct horse",
        "csrfToken": json.loads(body)["csrfToken"],
    }
    header = "; ".join(f"{name}={value}" for name, value in jar.items())
    response, _ = server.request(
        "POST", "/auth/callback/credentials",
        {"Cookie": header, "Content-Type": "application/x-www-form-urlencoded"},
        urlencode(form).encode(),
    )  # fmt: skip
    assert response.status == 303
    return cookies(response)[NAME]


def sign_out(server: Running, value: str) -> int:
    response, body = server.request("GET", "/auth/csrf", {"Cookie": f"{NAME}={value}"})
    header = "; ".join(f"{n}={v}" for n, v in {NAME: value, **cookies(response)}.items())
    form = {"csrfToken": json.loads(body)["csrfToken"]}
    response, _ = server.request(
        "POST", "/auth/signout",
        {"Cookie": header, "Content-Type": "application/x-www-form-urlencoded"},
        urlencode(form).encode(),
    )  # fmt: skip
    return response.status


def ask(server: Running, value: str) -> tuple[int, str, str]:
    """The status, and the process and user that a page names."""
    response, body = server.request("GET", "/", {"Cookie": f"{NAME}={value}"})
    if response.status != 200:
        return response.status, "", ""
    process, _, user = body.decode().partition(" ")
    return 200, process, user
