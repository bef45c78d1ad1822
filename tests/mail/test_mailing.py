"""Addresses and servers as they are spelt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import URL, config
from wsgi_auth import ConfigError
from wsgi_auth.mail import written
from wsgi_auth.mailing import Mail, MailServer, address, sender
from wsgi_auth.providers import Email

ADDRESSES = {
    "ada@example.test": "ada@example.test",
    " Ada@Example.TEST ": "ada@example.test",
    "ada+wsgi.auth@example.test": "ada+wsgi.auth@example.test",
    "o'brien@example.test": "o'brien@example.test",
    "a@b": "a@b",
    "ada@xn--bcher-kva.example": "ada@xn--bcher-kva.example",
    # what compatibility forms stand for (R092): a full-width @, letters, a ligature, a Kelvin sign
    "ada＠example.test": "ada@example.test",
    "ａｄａ@example.test": "ada@example.test",
    "\ufb01@example.test": "fi@example.test",
    "\u212aelvin@example.test": "kelvin@example.test",
    "a" * 64 + "@example.test": "a" * 64 + "@example.test",
}


@pytest.mark.parametrize(("typed", "meant"), ADDRESSES.items(), ids=range(len(ADDRESSES)))
def test_an_address_has_one_spelling(typed, meant):
    assert address(typed) == meant == address(meant)


NO_ADDRESSES = [
    "",
    "ada",
    "@example.test",
    "ada@",
    "ada@@example.test",
    "ada@example.test@evil.test",
    "ada＠evil.test@example.test",
    "ada@example.test,eve@evil.test",
    "ada@example.test;eve@evil.test",
    "ada@example.test eve@evil.test",
    "ada@example.test\neve@evil.test",
    "ada@example.test\r\nBcc: eve@evil.test",
    "ada@example.test\r\n",
    "\nada@example.test",
    "ada@example.test\x00",
    "ada@example.test\x7f",
    "ada\u2028@example.test\u0085",
    "ada\u200b@example.test",
    "ada\u202e@example.test",
    "Ada <ada@example.test>",
    "<ada@example.test>",
    '"ada"@example.test',
    '"ada@evil.test"@example.test',
    '"a\\"b"@example.test',
    "ada(comment)@example.test",
    "ada@[127.0.0.1]",
    "ada@127.0.0.1",
    "ada@example..test",
    "ada@.example.test",
    "ada@example.test.",
    "ada@-example.test",
    ".ada@example.test",
    "ada.@example.test",
    "a..b@example.test",
    "adä@example.test",
    "ada@exämple.test",
    "\u0430da@example.test",
    "\ud800@example.test",
    "a" * 65 + "@example.test",
    "a" * 1_100 + "@example.test",
    "ada@" + "a" * 64 + ".test",
    "ada@" + "a.test." * 40 + "test",
    "mailto:ada@example.test",
    "ada@example.test?subject=x",
    "ada%0d%0aBcc:eve@evil.test",
    # words that a reader of headers decodes (RFC 2047): to "eve@evil.test,", to a header, to "\u202e"
    "=?utf-8?q?eve=40evil.test=2c?=@example.test",
    "=?utf-8?q?eve=0d=0abcc=3aeve=40evil.test?=@example.test",
    "=?UTF-8?B?4oCu?=@example.test",
    "ada.=?us-ascii?q?=22?=@example.test",
    None,
    17,
    ["ada@example.test"],
]


@pytest.mark.parametrize("typed", NO_ADDRESSES, ids=range(len(NO_ADDRESSES)))
def test_what_two_programs_could_read_in_two_ways_is_no_address_R092(typed):
    assert address(typed) is None


SENDERS = {
    "no-reply@example.test": ("", "no-reply@example.test"),
    "Example <no-reply@example.test>": ("Example", "no-reply@example.test"),
    '"Example, Inc." <no-reply@example.test>': ("Example, Inc.", "no-reply@example.test"),
    "Bücher <no-reply@example.test>": ("Bücher", "no-reply@example.test"),
    "": None,
    "Example": None,
    "Example <no-reply>": None,
    "Example <a@b.test> <c@d.test>": None,
    "a@b.test, c@d.test": None,
    "Example <a@b.test": None,
    "Exam\r\nple <a@b.test>": None,
    "a@b.test\nBcc: c@d.test": None,
    # none that a mail could come from, though it is folded to one
    "no-reply＠example.test": None,
    "\ufb01@example.test": None,
    "\u212a@example.test": None,
    "Example < no-reply@example.test >": None,
    "No-Reply@Example.test": ("", "No-Reply@Example.test"),
}


CHARACTERS = "abc019.+-_=?!#$%&'*/^`{|}~@<>\"(),:;[]\\ \r\n\t"
WRITTEN = st.text(st.sampled_from(CHARACTERS), max_size=20) | st.builds(
    "=?{}?{}?{}?=".format,
    st.sampled_from(["utf-8", "x"]),
    st.sampled_from("qbx"),
    st.text(st.sampled_from("abc=40d"), max_size=9),
)


@given(WRITTEN, st.sampled_from(["example.test", "x", "xn--bcher-kva.example"]))
def test_whatever_is_an_address_is_written_into_a_mail_as_it_is(local, domain):
    meant = address(f"{local}@{domain}")
    if meant is not None:
        mail = Mail(meant, "a@b.test", "x", "app.test", 1, "https://app.test/", "x", "<p>x</p>")
        message = written(mail, 0)
        assert message["To"] == meant
        assert f"\r\nTo: {meant}\r\nSubject: ".encode() in message.as_bytes()


@pytest.mark.parametrize(("text", "meant"), SENDERS.items(), ids=range(len(SENDERS)))
def test_a_sender_is_an_address_with_a_name_or_without(text, meant):
    assert sender(text) == meant


SERVERS = {
    "smtps://me:s%40crt@mail.example.test": ("mail.example.test", 465, "implicit", "me", "s@crt"),
    "smtps://mail.example.test:2465": ("mail.example.test", 2465, "implicit", "", ""),
    "smtp://mail.example.test": ("mail.example.test", 587, "starttls", "", ""),
    "smtp://mail.example.test:25": ("mail.example.test", 25, "starttls", "", ""),
    "smtp://mail.example.test?tls=off": ("mail.example.test", 587, "off", "", ""),
    "smtp://10.0.0.7:25": ("10.0.0.7", 25, "starttls", "", ""),
    "smtp://localhost": ("localhost", 25, "off", "", ""),
    "smtp://127.0.0.1:1025": ("127.0.0.1", 1025, "off", "", ""),
    "smtp://[::1]:1025": ("::1", 1025, "off", "", ""),
    "smtp://localhost:1025?tls=starttls": ("localhost", 1025, "starttls", "", ""),
}


@pytest.mark.parametrize(("url", "meant"), SERVERS.items(), ids=range(len(SERVERS)))
def test_a_server_is_a_url_and_encrypted_but_on_this_machine(url, meant):
    found = MailServer.parse(url)
    assert (found.host, found.port, found.tls, found.user, found.password) == meant
    assert not found.password or found.password not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.test",
        "http://mail.example.test",
        "smtp://",
        "smtp://mail.example.test:port",
        "smtp://mail.example.test:99999",
        "smtp://mail.example.test/path",
        "smtp://user:hush/hush@mail.example.test",
        "smtp://user:hush#hush@mail.example.test",
        "smtp://user:hush?hush@mail.example.test",
        "smtps://user:h%C3%BCsh-hush@mail.example.test",
        "smtps://\xfcser:hush@mail.example.test",
        "smtps://:hush@mail.example.test",
        "smtps://mail.example.test?tls=off",
        "smtp://mail.example.test?tls=maybe",
        "smtp://mail.example.test?timeout=0",
        "smtp://mail.example.test?timeout=forever",
        "smtp://mail.example.test?verify=no",
        "smtp://mail example.test",
        "smtp://mail.example.test\r\n",
    ],
    ids=lambda url: ascii(url).replace(":", "_"),
)
def test_a_server_that_is_spelt_wrong_stops_start_up_without_its_password(url):
    with pytest.raises(ConfigError, match=r"providers\.email\.server") as stopped:
        Email(server=url, sender="a@example.test")
    assert "hush" not in str(stopped.value)


def send(mail):
    """Takes any mail."""


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"adapter": None}, "adapter"),
        ({"url": None}, "url"),
        ({"from": None}, "providers.email.from"),
        ({"from": "Example"}, "providers.email.from"),
        ({"from": "a@b.test\r\nBcc: c@d.test"}, "providers.email.from"),
        ({"send": None}, "providers.email.server"),
        ({"server": "smtp://localhost"}, "providers.email.server"),
        ({"send": "no.such.module:send"}, "providers.email.send"),
        ({"max_age": "10s"}, "providers.email.max_age"),
        ({"max_age": "2d"}, "providers.email.max_age"),
        ({"max_age": "soon"}, "providers.email.max_age"),
        ({"sender": "a@b.test"}, "providers.email.sender"),
    ],
    ids=range(12),
)
def test_a_mistake_in_the_configuration_names_the_option(options, names):
    whole = {"adapter": "memory:", "url": URL} | {
        name: options[name] for name in ("adapter", "url") if name in options
    }
    entry = {"id": "email", "from": "a@example.test", "send": send, **options}
    for name in whole:
        entry.pop(name, None)
    with pytest.raises(ConfigError) as stopped:
        config(providers=[entry], **whole)
    assert stopped.value.key == names


def test_tenants_that_say_what_an_address_is_do_not_go_with_links():
    entry = {"id": "company", "per_request": send}
    with pytest.raises(ConfigError, match="knows no tenants"):
        config(adapter="memory:", providers=[Email(send=send, sender="a@b.test"), entry])


def test_the_environment_and_a_file_say_where_mail_goes(tmp_path):
    from wsgi_auth import AuthConfig

    environ = {
        "AUTH_EMAIL_SERVER": "smtps://me:hush@mail.example.test",
        "AUTH_EMAIL_FROM": "Example <a@example.test>",
        "AUTH_SECRET": "x" * 40,
        "AUTH_URL": URL,
        "AUTH_ADAPTER": "memory:",
        "AUTH_PROVIDERS": "email",
    }
    found = AuthConfig.from_env(environ)
    assert found.providers[0].mail_server.host == "mail.example.test"
    assert "hush" not in repr(found) + repr(found.providers[0])
    (tmp_path / "server").write_text("smtps://you:psst@post.example.test\n")
    (tmp_path / "auth.toml").write_text(
        'adapter = "memory:"\n[providers.email]\nserver_file = "server"\nfrom = "a@example.test"\n'
        'max_age = "1h"\n'
    )
    found = AuthConfig.from_toml(
        tmp_path / "auth.toml",
        environ={name: environ[name] for name in ("AUTH_SECRET", "AUTH_URL")},
    )
    (email,) = found.providers
    assert (email.mail_server.user, email.max_age) == ("you", 3600)


def test_two_rules_that_leave_nobody_are_said_at_start_up():
    found = config(
        adapter="memory:", providers=[Email(send=send, sender="a@b.test")], allow_groups=["staff"]
    )
    assert any("allow_groups" in warning for warning in found.warnings)


def test_anybody_has_an_address_so_remote_user_wants_to_know_who_may():
    entry = Email(send=send, sender="a@b.test")
    with pytest.raises(ConfigError, match="allow_emails"):
        config(adapter="memory:", providers=[entry], remote_user="email")
    config(adapter="memory:", providers=[entry], remote_user="email", allow_domains="b.test")
