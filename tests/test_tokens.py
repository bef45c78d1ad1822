"""Signed tokens: what we write itsdangerous reads, and nothing else is read (R013 to R020)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import re

import itsdangerous
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from wsgi_auth.sealed import SealedCodec
from wsgi_auth.tokens import MAX_TOKEN, SignedCodec, _dumper, dump_json, random_id, random_token

SECRET, OTHER = b"s" * 40, b"o" * 40
CLAIMS = {"sub": "1", "name": "Ада", "iat": 1, "exp": 2}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def definition(secret: bytes, purpose: str = "p") -> itsdangerous.Signer:
    return itsdangerous.Signer(
        secret, salt=purpose, key_derivation="hmac", digest_method=hashlib.sha256
    )


@given(json_values)
def test_what_is_written_is_read_and_itsdangerous_agrees(content):
    codec = SignedCodec([SECRET], "p")
    token = codec.encode(content)
    assert codec.verify(token) == (content, 0)
    payload = definition(SECRET).unsign(token)
    assert json.loads(itsdangerous.encoding.base64_decode(payload)) == content


@given(st.text() | st.binary().map(lambda octets: octets.decode("latin-1")))
def test_no_input_raises_and_none_but_ours_is_read(text):
    codec = SignedCodec([SECRET], "p")
    assert codec.verify(text) is None


def test_every_changed_character_is_refused():
    codec = SignedCodec([SECRET], "p")
    token = codec.encode(CLAIMS)
    for at in range(len(token)):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert codec.verify(changed) is None, at


@pytest.mark.parametrize("respelt", ["=", "==", "standard alphabet", "last character"])
def test_another_spelling_of_a_signature_is_another_token(respelt):
    """R020: itsdangerous accepts these."""
    codec = SignedCodec([SECRET], "p")
    for number in range(200):
        token = codec.encode({"sub": str(number)})
        payload, _, signature = token.rpartition(".")
        if respelt.startswith("="):
            changed = signature + respelt
        elif respelt == "standard alphabet":
            changed = signature.replace("-", "+").replace("_", "/")
        else:
            alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            changed = signature[:-1] + alphabet[alphabet.index(signature[-1]) ^ 1]
        if changed != signature:
            assert definition(SECRET).validate(f"{payload}.{changed}") or respelt != "="
            assert codec.verify(f"{payload}.{changed}") is None


def test_a_token_of_one_purpose_is_none_of_another():
    """R013, R014."""
    token = SignedCodec([SECRET], "wsgi_auth.session a").encode(CLAIMS)
    assert SignedCodec([SECRET], "wsgi_auth.session b").verify(token) is None


def test_the_first_secret_signs_and_all_verify():
    """R018."""
    old, both = SignedCodec([OTHER], "p"), SignedCodec([SECRET, OTHER], "p")
    assert both.verify(old.encode(CLAIMS)) == (CLAIMS, 1)
    assert both.verify(both.encode(CLAIMS)) == (CLAIMS, 0)
    assert old.verify(both.encode(CLAIMS)) is None
    assert SignedCodec([SECRET], "p").verify(old.encode(CLAIMS)) is None


def test_the_tag_is_hmac_sha256():
    """R015."""
    assert len(SignedCodec([SECRET], "p").encode(CLAIMS).rpartition(".")[2]) == 43


@pytest.mark.parametrize(
    "text", ["{} ", " {}", "{}{}", "", "{", "[1", '{"a":NaN', "\udcff", "x", "[" * 200_000,
             '{"a":' * 50_000], ids=lambda text: ascii(text[:9]),
)  # fmt: skip
def test_a_signed_text_that_is_no_json_is_no_content(text):
    """R019, R022: signed by us, and still looked at."""
    import base64

    octets = text.encode(errors="surrogateescape")
    payload = base64.urlsafe_b64encode(octets).rstrip(b"=")
    token = definition(SECRET).sign(payload).decode()
    assert SignedCodec([SECRET], "p").verify(token) is None


def test_a_token_beyond_the_limit_is_not_looked_at():
    codec = SignedCodec([SECRET], "p")
    assert codec.verify(codec.encode({"x": "a" * MAX_TOKEN})) is None
    assert sealed().open(sealed().seal({"x": "a" * MAX_TOKEN})) is None


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), object(), {1, 2}, {("a", "b"): 1}],
    ids=["nan", "inf", "object", "set", "key"],
)  # fmt: skip
def test_what_is_no_json_cannot_be_signed(value):
    with pytest.raises((ValueError, TypeError)):
        SignedCodec([SECRET], "p").encode({"x": value})


@pytest.mark.parametrize("value", [CLAIMS, [1, None, True], {"a": {"b": ["ß", "\u2028", 0.5]}}])
def test_without_the_encoder_that_cpython_has_the_same_is_written(value, monkeypatch):
    monkeypatch.setattr("json.encoder.c_make_encoder", None)
    dump = _dumper()
    assert dump(value) == dump_json(value)
    with pytest.raises(ValueError):
        dump(float("nan"))


@pytest.mark.parametrize(("make", "length"), [(random_id, 32), (random_token, 43)])
def test_random_ids_do_not_repeat_and_do_not_follow_the_seed(make, length):
    """R024."""
    random.seed(1)
    first = {make() for _ in range(2_000)}
    random.seed(1)
    assert len(first) == 2_000
    assert make() not in first
    assert len(make()) == length


SEALED = {"verifier": "a" * 43, "state": "ß", "numbers": [1, 2.5, None, True], "more": {"a": "b"}}


def sealed(*secrets: bytes, purpose: str = "wsgi_auth.flow") -> SealedCodec:
    return SealedCodec(secrets or (SECRET,), purpose)


def test_what_is_sealed_comes_back_and_cannot_be_read_or_recognised():
    first, second = (sealed().seal(SEALED) for _ in range(2))
    assert sealed().open(first) == sealed().open(second) == SEALED
    assert first != second and "aaaa" not in first
    assert re.fullmatch(r"[A-Za-z0-9_-]+", first)


def test_what_is_sealed_is_aes_256_gcm_with_a_nonce_of_96_bits():
    """NIST SP 800-38D section 8.2; what was sealed before an upgrade must open after it."""
    octets = base64.urlsafe_b64decode(sealed().seal(SEALED) + "==")
    key = hmac.digest(SECRET, b"wsgi_auth.flow", "sha256")
    text = AESGCM(key).decrypt(octets[:12], octets[12:], b"wsgi_auth.flow")
    assert json.loads(text) == SEALED


def test_what_was_sealed_under_an_older_secret_opens_and_under_a_removed_one_does_not():
    token = sealed(OTHER).seal(SEALED)
    assert sealed(SECRET, OTHER).open(token) == SEALED
    assert sealed(SECRET).open(token) is None


def test_what_was_sealed_for_one_purpose_opens_for_no_other():
    assert sealed(purpose="wsgi_auth.tokens").open(sealed().seal(SEALED)) is None


@given(st.integers(0, 200), st.integers(1, 255))
def test_no_changed_octet_of_a_sealed_token_goes_unnoticed(position, change):
    octets = bytearray(base64.urlsafe_b64decode(sealed().seal(SEALED) + "=="))
    octets[position % len(octets)] ^= change
    token = base64.urlsafe_b64encode(octets).decode().rstrip("=")
    assert sealed().open(token) is None


@given(st.text())
def test_no_text_is_mistaken_for_a_sealed_token_or_raises(text):
    assert sealed().open(text) is None
