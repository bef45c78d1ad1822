"""A visitor's whole way: sent to sign-in, signed in, back, signed out."""

from __future__ import annotations

from tests.conftest import BROWSER


def test_a_browser_without_a_session_is_sent_to_sign_in_and_comes_back(browser):
    visitor = browser()
    sent = visitor.visit("/members?page=2", status=302)
    assert sent.headers["Location"] == "/auth/signin?callbackUrl=/members%3Fpage%3D2"
    page = sent.follow(headers=BROWSER)
    form = page.forms[0]
    form["username"] = "alice"
    form["password"] = "correct horse"
    back = form.submit(headers=BROWSER, status=303)
    assert back.headers["Location"] == "/members?page=2"
    assert "hello alice" in back.follow(headers=BROWSER)


def test_a_program_without_a_session_gets_401_with_the_sign_in_url(browser):
    answer = browser().get("/api/things", headers={"Accept": "application/json"}, status=401)
    assert answer.json == {
        "error": "SessionRequired",
        "signinUrl": "/auth/signin?callbackUrl=/api/things",
    }
    assert answer.headers["WWW-Authenticate"].startswith("Session ")


def test_signing_out_ends_the_session_in_this_browser(browser):
    visitor = browser()
    visitor.sign_in()
    assert "hello alice" in visitor.visit("/")
    page = visitor.visit("/auth/signout")
    page.forms[0].submit(headers=BROWSER, status=303)
    assert visitor.visit("/").status_int == 302


def test_a_wrong_password_is_401_on_the_sign_in_page(browser):
    visitor = browser()
    page = visitor.sign_in("alice", "wrong", status=401)
    assert page.forms[0]["username"].value == "alice"
    assert "wrong" not in page.text.replace("is wrong", "")
    assert visitor.visit("/").status_int == 302
