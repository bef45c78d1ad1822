"""Auth.js's encrypted tokens: both read and write them, and nothing else is read (R013 to R020)."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import OctKey

from tests.test_tokens import json_values
from wsgi_auth.jwe import JWECodec, hkdf, read_claims, thumbprint
from wsgi_auth.tokens import MAX_TOKEN

NAME = "authjs.session-token"
SECRET, OTHER, THIRD = b"secret", b"another-secret-1", b"a third one"
CLAIMS = {"sub": "1", "name": "Ада", "iat": 1, "exp": 2, "list": [{"a": [1]}]}

# written by @auth/core 0.41 (the first three) and next-auth 4.24, with an end in the year 2126
V5 = (
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwia2lkIjoiN3g5RFVNVmFFVTZnaWFiMGwwT1dE"
    "dDRlNFNzUkhfY2J3TW9mMkV6RXl5Nm9uSzVvOHhTUFBCNzk5UlZvcW0ydjZ6Njc0a1FDdjlqb20yVDhTLWEx"
    "ZFEifQ..P9FeXA0q94hO0g7iR5vR3A.3KoRr5mUKNFSpnaYtGg7-ZMoRheq5EzKWY2Z7qBx4q2Wd9iUkwEnk"
    "HUrHtIB4cSn9Bx__AxVrfEixoI_APEHNomjU9py9sI1EL0sYCC16_uTttCZ-BJiGqdKGllGlde1_jsTrK6Bs"
    "GS9GyZqZwSa98jSY98axlG7OAnnx_Cs0Wkt8wrqBLcGtmvmexK5uo97p4h_2AVPdocYAX0J3bpHxw.Y8QqNg"
    "yDITqGB0H2XnieCNS3hBHKCBp9E6HT2lCl9Ko"
)
V5_OTHER = (
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwia2lkIjoicVM1M1VnMkctTVp1R0lOWWg1NXhp"
    "X0kwNFc3elctWHJXSTdLM0F0ZDdla2p5WWdRejgzV0RhZ3Z4LXloTkExcVFQaFNFMWRzTkVLdWN6eWlKV2hV"
    "UFEifQ..Rb6Kzi4yig5GvB53i0ocwg.8vbEP6uokmeoIpJwpY80-ws1OvVOePeJjLCbbDSgfxskWfJvHBnlH"
    "T9QEHS69UGOVKVmdUgurQc9xgkpJ6qCz4IsMXJtSwie2yDihy38kLMf4KbabegTJvXXrjqAGzxc.Uk-fEAcm"
    "MZZlDzGu77PBnrmzCB-VsyUyd50ZdocqxhE"
)
V5_GCM = (
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..KvBalemZEO9x5LFf.74cnzXOKFPof2VwYnSLgjv2RcF"
    "2Y26PF3aqCmSHevkepnPzu0hqu-qoRMfs5MQ.0qtKnI5yrw7eZZJ3ULsRTw"
)
V4 = (
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..ankqEisDLUMaDejm.hGzEKpPB3x1qiEyAZtdogntNpr"
    "T-hXvKHyUUVaGbTPdtgU-gPSOvA9d1hMOCCpxzwW9dp3NjOYc.VFc-jZhONHZCnzmgD_FYKw"
)

#: What Auth.js derives from a secret and a cookie's name, and calls that key.
KEYS = [
    (SECRET, NAME, "b1ef6cdd915c44c0a71232574a6a70546a5e16d12bb38df4638e3b96bdd320251"
     "31e90695ff072a9d148f1511c7a4981a85b63a628311da1fa7ccfc49c47c2bb",
     "7x9DUMVaEU6giab0l0OWDt4e4SsRH_cbwMof2EzEyy6onK5o8xSPPB799RVoqm2v6z674kQCv9jom2T8S-a1dQ"),
    (SECRET, f"__Secure-{NAME}", "0d8bf2d720367891eda6b7cc8f1960cf3fac4c0e5972e05c0ea71f835d01d69a6"
     "0b8d258a71a473d46b0eec5ed3dfe45a7bcfbe54ccfa14f50206f3af0f777f5",
     "7E3YIGAxRtn6djTGy1UjZrFvXELHKzM9vfWl0nQ4b88EsnrmmX0grN0VKis7G3fjgB626TXm_lEtBG1N0E7Xyg"),
    (OTHER, NAME, "10398240c879d10cde5f56522b0fa03eef470b7e5f84f501627b18022fdca2d89"
     "9c4a3725ba64ca95db1d28e38722ca859f7ac2f27ed36c0b8a0132d30efd0e1",
     "qS53Ug2G-MZuGINYh55xi_I04W7zW-XrWI7K3Atd7ekjyYgQz83WDagvx-yhNA1qQPhSE1dsNEKuczyiJWhUPQ"),
]  # fmt: skip


def key_of(secret: bytes = SECRET, name: str = NAME, length: int = 64) -> bytes:
    info = f"Auth.js Generated Encryption Key ({name})"
    return hkdf(secret, name.encode(), info.encode(), length)


def by_joserfc(claims, header=None, key: bytes | None = None) -> str:
    """A token that a JOSE library wrote."""
    header = {"alg": "dir", "enc": "A256CBC-HS512", **(header or {})}
    names = ["dir", header["enc"], "DEF", "A256KW"]
    registry = jwe.JWERegistry(algorithms=names, strict_check_header=False)
    if key is None:
        key = key_of(length=32 if header["enc"] == "A256GCM" else 64)
    content = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return jwe.encrypt_compact(header, content, OctKey.import_key(key), registry=registry)


def read_by_joserfc(token: str, secret: bytes = SECRET):
    names = ["dir", "A256CBC-HS512", "A256GCM"]
    key = OctKey.import_key(key_of(secret))
    return json.loads(jwe.decrypt_compact(token, key, algorithms=names).plaintext)


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@pytest.mark.parametrize(("secret", "name", "key", "kid"), KEYS)
def test_keys_are_derived_and_named_as_in_authjs(secret, name, key, kid):
    assert key_of(secret, name).hex() == key
    assert thumbprint(key_of(secret, name)) == kid
    v4 = hkdf(b"secret", b"", b"NextAuth.js Generated Encryption Key", 32)
    assert v4.hex() == "9ab5058ebf5be88f82f4aee99d22cf8be7a34a4af1836299d0668f4d83020f5a"


@pytest.mark.parametrize(
    ("token", "subject", "index"),
    [(V5, "42", 0), (V5_OTHER, "43", 1), (V5_GCM, "44", 0), (V4, "45", 0)],
)
def test_what_authjs_wrote_is_read(token, subject, index):
    claims, found = JWECodec([SECRET, OTHER], NAME).verify(token)
    assert (claims["sub"], found) == (subject, index)


@settings(deadline=None)
@given(st.dictionaries(st.text(), json_values))
def test_what_is_written_is_read_and_joserfc_agrees(claims):
    codec = JWECodec([SECRET, OTHER], NAME)
    token = codec.encode(claims)
    assert codec.verify(token) == (claims, 0)
    assert read_by_joserfc(token) == claims


@settings(deadline=None)
@given(st.dictionaries(st.text(), json_values), st.sampled_from(["A256CBC-HS512", "A256GCM"]))
def test_what_joserfc_writes_is_read(claims, enc):
    assert JWECodec([OTHER, SECRET], NAME).verify(by_joserfc(claims, {"enc": enc})) == (claims, 1)


@settings(deadline=None)
@given(st.text() | st.binary().map(lambda octets: octets.decode("latin-1")))
def test_no_input_raises_and_none_but_ours_is_read(text):
    codec = JWECodec([SECRET], NAME)
    head = V5.partition("..")[0]
    for token in (text, f"{head}..{text}", f"{head}.{text}", f"eyJ{text}..a.b.c", V5 + text[:1]):
        assert token == V5 or codec.verify(token) is None


@settings(deadline=None)
@given(st.binary())
def test_any_header_is_judged_without_an_exception(octets):
    token = V5.partition(".")[2]
    assert JWECodec([SECRET], NAME).verify(f"{base64url(octets)}.{token}") is None


@pytest.mark.parametrize("token", [V5, V5_GCM, V4], ids=["v5", "v5 gcm", "v4"])
def test_every_changed_or_missing_character_is_refused(token):
    codec = JWECodec([SECRET], NAME)
    for at in range(len(token)):
        for changed in ("A", "B", ".", "=", "é", ""):
            other = token[:at] + changed + token[at + 1 :]
            assert other == token or codec.verify(other) is None, (at, changed)
        assert codec.verify(token[:at]) is None, at
    assert codec.verify(token + "A") is codec.verify("A" + token) is None


@pytest.mark.parametrize("size", range(1, 40))
def test_another_spelling_of_the_same_octets_is_another_token(size):
    """R020: jose and joserfc accept padding, unused bits and what their decoders skip."""
    codec = JWECodec([SECRET], NAME)
    token = codec.encode({"sub": "x" * size})
    head, _, iv, ciphertext, tag = token.split(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = []
    for at, part in enumerate((iv, ciphertext, tag)):
        unused = {0: 1, 2: 16, 3: 4}[len(part) % 4]
        last = alphabet.index(part[-1])
        respelt = [part[:-1] + alphabet[last + more] for more in range(1, unused)]
        for spelling in [*respelt, part + "=", part + "==", part[:2] + "!" + part[2:], part + "\n"]:
            parts = [iv, ciphertext, tag]
            parts[at] = spelling
            others.append(".".join([head, "", *parts]))
    others += [token.replace("-", "+"), token.replace("_", "/")]
    assert [each for each in others if each != token and codec.verify(each)] == []


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"}, {"alg": "A256KW"}, {"alg": "PBES2-HS512+A256KW", "p2c": 2**31}, {"alg": None},
        {"alg": "DIR"}, {"alg": ["dir"]}, {"enc": "A128CBC-HS256"}, {"enc": "A128GCM"}, {"enc": None},
        {"enc": "none"}, {"zip": "DEF"}, {"zip": None}, {"crit": ["exp"]}, {"crit": []}, {"kid": 1},
        {"kid": "x"}, {"kid": ""}, {"kid": ["7x9"]}, {"kid": {}}, {"kid": True},
    ],
    ids=str,
)  # fmt: skip
def test_nothing_in_a_header_chooses_what_is_not_ours(header):
    """R016, RFC 8725 section 3.1: and it costs nothing (a p2c of two thousand million)."""
    codec = JWECodec([SECRET], NAME)
    said = {"alg": "dir", "enc": "A256CBC-HS512", **header}
    assert codec.verify(with_header(said)) is None
    assert codec.verify(with_header({"alg": "dir", "enc": "A256CBC-HS512"})) is not None


def with_header(said, claims=CLAIMS, secret=SECRET) -> str:
    """A token rightly authenticated by the right key, whatever its header says."""
    import hmac

    key = key_of(secret)
    header = base64url(json.dumps(said).encode())
    _, _, iv, ciphertext, _ = JWECodec([secret], NAME).encode(claims).split(".")
    aad = header.encode()
    content = aad + base64.urlsafe_b64decode(iv + "==")
    content += base64.urlsafe_b64decode(ciphertext + "=" * (-len(ciphertext) % 4))
    tag = hmac.digest(key[:32], content + (len(aad) * 8).to_bytes(8, "big"), "sha512")[:32]
    return f"{header}..{iv}.{ciphertext}.{base64url(tag)}"


@pytest.mark.parametrize(("enc", "length"), [("A256CBC-HS512", 64), ("A256GCM", 32)])
def test_a_key_is_named_rightly_or_not_at_all(enc, length):
    codec, key = JWECodec([OTHER, SECRET], NAME), key_of(length=length)
    for kid, found in ((thumbprint(key), (CLAIMS, 1)), (None, (CLAIMS, 1)), ("x", None),
                       (thumbprint(key_of(OTHER, length=length)), None)):  # fmt: skip
        header = {"typ": "JWT", "enc": enc, **({} if kid is None else {"kid": kid})}
        assert codec.verify(by_joserfc(CLAIMS, header, key)) == found
    v4 = hkdf(SECRET, b"", b"NextAuth.js Generated Encryption Key", 32)
    assert codec.verify(by_joserfc(CLAIMS, {"enc": "A256GCM", "kid": thumbprint(v4)}, v4)) is None


@pytest.mark.parametrize("token", [V5, V5_GCM, V4], ids=["v5", "v5 gcm", "v4"])
def test_a_token_that_brings_a_key_is_refused(token):
    head, _, rest = token.partition("..")
    assert JWECodec([SECRET], NAME).verify(f"{head}..{rest}") is not None
    assert JWECodec([SECRET], NAME).verify(f"{head}.AAAA.{rest}") is None


def authenticated(iv: bytes, ciphertext: bytes) -> str:
    """What the right key has put its tag to."""
    import hmac

    key, header = key_of(), V5.partition("..")[0]
    aad = header.encode()
    content = aad + iv + ciphertext + (len(aad) * 8).to_bytes(8, "big")
    tag = hmac.digest(key[:32], content, "sha512")[:32]
    return f"{header}..{base64url(iv)}.{base64url(ciphertext)}.{base64url(tag)}"


def encrypted(padded: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    encryptor = Cipher(AES(key_of()[32:]), CBC(bytes(16))).encryptor()
    return encryptor.update(padded) + encryptor.finalize()


WELL_PADDED = b'{"a":1}' + b"\x09" * 9
NO_BLOCKS = {
    "nothing": b"", "an octet": b"x", "less than a block": encrypted(WELL_PADDED)[:-1],
    "more than a block": encrypted(WELL_PADDED) + b"x",
    "no padding": encrypted(b'{"a":12345}\0\0\0\0\0'),
    "too much padding": encrypted(b'{"a":12345678}' + b"\x12" * 18),
    "nothing but padding": encrypted(b"\x10" * 16),
}  # fmt: skip


@pytest.mark.parametrize("ciphertext", NO_BLOCKS.values(), ids=NO_BLOCKS)
def test_what_is_no_whole_blocks_with_padding_is_refused_and_spoils_no_other(ciphertext):
    codec = JWECodec([SECRET], NAME)
    assert codec.verify(authenticated(bytes(16), encrypted(WELL_PADDED))) == ({"a": 1}, 0)
    assert codec.verify(authenticated(bytes(16), ciphertext)) is None
    assert codec.verify(authenticated(bytes(16), encrypted(WELL_PADDED))) == ({"a": 1}, 0)
    assert codec.verify(V5)[0]["sub"] == "42"


@pytest.mark.parametrize("size", [0, 1, 15, 17, 18, 31, 32])
def test_octets_that_are_parted_elsewhere_are_another_token(size):
    """R020: the tag is of both together."""
    whole = bytes(16) + encrypted(WELL_PADDED)
    codec = JWECodec([SECRET], NAME)
    assert codec.verify(authenticated(whole[:16], whole[16:])) == ({"a": 1}, 0)
    assert codec.verify(authenticated(whole[:size], whole[size:])) is None


def test_what_a_header_says_beside_changes_nothing():
    """RFC 7516 section 4: what is not understood is ignored, a key it brings along too."""
    said = {"enc": "A256CBC-HS512", "typ": "JWT", "jwk": {"kty": "oct", "k": "AAAA"}, "alg": "dir",
            "jku": "https://evil.test/keys", "p2c": 2**31, "p2s": "AAAA"}  # fmt: skip
    assert JWECodec([SECRET], NAME).verify(with_header(said)) == (CLAIMS, 0)
    long = {"alg": "dir", "enc": "A256CBC-HS512", "x": "x" * 1_100}
    assert JWECodec([SECRET], NAME).verify(with_header(long)) is None


def test_a_token_under_another_name_or_secret_or_with_a_key_of_its_own_is_refused():
    """R013, R014."""
    token = JWECodec([SECRET], NAME).encode(CLAIMS)
    assert JWECodec([SECRET], f"__Secure-{NAME}").verify(token) is None
    assert JWECodec([SECRET], "authjs.pkce.code_verifier").verify(token) is None
    assert JWECodec([OTHER, THIRD], NAME).verify(token) is None
    # the right header in front of what another secret wrote, and the other way round
    other = JWECodec([OTHER], NAME).encode(CLAIMS)
    mixed = token.partition("..")[0] + ".." + other.partition("..")[2]
    both = JWECodec([SECRET, OTHER], NAME)
    assert both.verify(mixed) is None
    assert both.verify(other) == (CLAIMS, 1)
    assert both.verify(token) == (CLAIMS, 0)


def test_a_list_of_secrets_rotates():
    """R018: the first writes, all read, one that was taken out is refused."""
    old, both, new = (JWECodec(each, NAME) for each in ([SECRET], [OTHER, SECRET], [OTHER]))
    token = old.encode(CLAIMS)
    assert both.verify(token) == (CLAIMS, 1)
    again = both.encode(CLAIMS)
    assert both.verify(again) == (CLAIMS, 0)
    assert new.verify(again) == (CLAIMS, 0)
    assert new.verify(token) is old.verify(again) is None


@pytest.mark.parametrize(
    "claims", [b"[]", b"1", b'"x"', b"null", b"", b"{", b"\xff", b"{}x", b" {}"]
)
def test_only_an_object_is_claims(claims):
    """R022."""
    for enc in ("A256CBC-HS512", "A256GCM"):
        assert JWECodec([SECRET], NAME).verify(by_joserfc(claims, {"enc": enc})) is None


def test_a_deeply_nested_object_is_refused_not_followed():
    deep = b'{"a":' + b"[" * 40_000 + b"]" * 40_000 + b"}"
    assert JWECodec([SECRET], NAME).verify(by_joserfc(deep)) is None
    assert JWECodec([SECRET], NAME).verify(by_joserfc(deep, {"enc": "A256GCM"})) is None


def test_a_truncated_tag_of_gcm_is_refused():
    """RFC 7518 section 5.3: 128 bits; a tag of 32 is guessed in an afternoon."""
    head, _, iv, ciphertext, tag = V5_GCM.split(".")
    for octets in (
        b"",
        *(base64.urlsafe_b64decode(tag + "==")[:size] for size in (1, 4, 8, 12, 15)),
    ):
        token = f"{head}..{iv}.{ciphertext}.{base64url(octets)}"
        assert JWECodec([SECRET], NAME).verify(token) is None


def test_what_was_read_before_and_by_which_thread_changes_nothing():
    codec = JWECodec([SECRET, OTHER], NAME)
    written = [{"sub": str(number), "pad": "x" * number} for number in range(40)]
    tokens = [codec.encode(claims) for claims in written]
    broken = [f"{token[:-1]}!" for token in tokens]

    def read(start: int) -> bool:
        order = [(start * 7 + step * 11) % len(tokens) for step in range(10 * len(tokens))]
        return all(
            codec.verify(tokens[at]) == (written[at], 0) and codec.verify(broken[at]) is None
            for at in order
        )

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read, range(16)))


def test_what_is_no_json_is_not_written():
    for claims in ({"a": object()}, {"a": float("nan")}, {"a": "\ud800"}):
        with pytest.raises((TypeError, ValueError)):
            JWECodec([SECRET], NAME).encode(claims)


def test_no_two_tokens_of_the_same_claims_are_alike():
    codec = JWECodec([SECRET], NAME)
    assert len({codec.encode(CLAIMS) for _ in range(100)}) == 100


def _long(unit: str) -> list[str]:
    return [unit * (size // len(unit)) for size in (MAX_TOKEN // 8, MAX_TOKEN - 500)]


HEAD = V5.partition("..")[0]


@pytest.mark.alone
@pytest.mark.parametrize(
    "tokens",
    [
        _long("."), _long("A"), _long("eyJ."), [f"{HEAD}..{each}" for each in _long("A")],
        [f"{HEAD}..{each}" for each in _long(".")],
        [f"{HEAD}..{'A' * 22}.{each}.{'A' * 43}" for each in _long("AAAA")],
        [f"{V4.partition('..')[0]}..{'A' * 16}.{each}.{'A' * 22}" for each in _long("AAAA")],
        [JWECodec([SECRET], NAME).encode({"a": "x" * size}) for size in (8_000, 64_000)],
    ],
    ids=["dots", "letters", "headers", "no parts", "parts", "cbc", "gcm", "valid"],
)  # fmt: skip
def test_the_cost_is_linear_in_the_token(tokens):
    codec = JWECodec([SECRET, OTHER], NAME)

    def cost(token: str) -> float:
        best = 1.0
        for _ in range(7):
            began = time.perf_counter()
            codec.verify(token)
            best = min(best, time.perf_counter() - began)
        return best

    # linear is 8 times as much, quadratic 64 times; a floor keeps out what is too short to time
    assert any(cost(tokens[1]) <= 32 * max(cost(tokens[0]), 2e-5) for _ in range(4))


def test_more_than_fits_into_all_chunks_is_not_looked_at():
    codec = JWECodec([SECRET], NAME)
    token = codec.encode({"a": "x" * 80_000})
    assert len(token) > MAX_TOKEN
    assert codec.verify(token) is None


NO_CLAIMS = [b"", b"x", b"{", b"[1]", b'"x"', b"1", b"null", b"{} ", b" {}", b"{}{}", b"[{}]", b"[",
             b"\xff", b'{"a":1,}', b'{"a":[1}', b"[" * 50_000, b'{"a":' * 50_000, b'{"a":' + b"[" * 50_000]  # fmt: skip


@pytest.mark.parametrize("octets", NO_CLAIMS, ids=lambda octets: repr(octets[:20]))
def test_octets_that_are_no_json_object_are_no_claims_and_no_error(octets):
    assert read_claims(octets) is None


@pytest.mark.parametrize(
    ("claims", "changes"),
    [
        ({"groups": ["a"], "more": {"deep": [{"x": 1}]}},
         [lambda claims: claims["groups"].append("b"),
          lambda claims: claims["more"].clear(),
          lambda claims: claims["more"]["deep"].pop(),
          lambda claims: claims["more"]["deep"][0].pop("x")]),
        ({"name": "{", "groups": ["a"]}, [lambda claims: claims["groups"].append("b")]),
        ({"groups": [["a"]]}, [lambda claims: claims["groups"][0].append("b")]),
    ],
)  # fmt: skip
def test_the_values_of_claims_are_read_only_all_the_way_down(claims, changes):
    codec = JWECodec([SECRET], NAME)
    verified, _ = codec.verify(codec.encode(claims))
    assert verified == claims
    for change in changes:
        with pytest.raises(TypeError, match="read-only"):
            change(verified)
