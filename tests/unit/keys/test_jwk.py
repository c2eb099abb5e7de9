"""JSON Web Keys."""

import contextlib
import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import KeyFormatError
from pyssh.keys.jwk import MAX_SIZE, decode_jwk, encode_jwk
from pyssh.keys.private import generate_private_key
from tests.unit.keys.building import DATA

KEYS = {
    name: generate_private_key(kind, bits)
    for name, kind, bits in (
        ("ed25519", "ed25519", None),
        ("P-256", "ecdsa", 256),
        ("P-384", "ecdsa", 384),
        ("P-521", "ecdsa", 521),
        ("rsa", "rsa", 2048),
    )
}
# RFC 8037, appendix A.1, and the fingerprint of its key
ED25519_OF_THE_RFC = b"""{"kty":"OKP","crv":"Ed25519",
 "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
 "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"""


def fields_of(name: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(encode_jwk(KEYS[name]))
    return fields


def changed(name: str, **members: object) -> bytes:
    """A private key with other members; those that are None are left out."""
    fields = fields_of(name) | members
    return json.dumps({key: value for key, value in fields.items() if value is not None}).encode()


def number(value: int) -> str:
    return urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()


@pytest.mark.parametrize("name", KEYS)
def test_comes_back(name: str) -> None:
    key, private, comment = decode_jwk(encode_jwk(KEYS[name], "me@here"))
    assert private is not None
    assert (key, comment) == (KEYS[name].key, "me@here")
    algorithm = key.signature_algorithms[0]
    assert key.verify(algorithm, private.sign(algorithm, DATA), DATA)
    assert decode_jwk(encode_jwk(KEYS[name].key)) == (KEYS[name].key, None, "")
    assert "d" not in json.loads(encode_jwk(KEYS[name].key))


def test_the_key_of_the_rfc() -> None:
    key, private, _ = decode_jwk(ED25519_OF_THE_RFC)
    raw = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.blob[-32:].hex() == raw
    assert private is not None
    assert private.key == key


@pytest.mark.parametrize(
    ("name", "spelling"), [("P-256", "nistp256"), ("P-384", "nistp384"), ("P-521", "nistp521")]
)
def test_both_spellings_of_curves(name: str, spelling: str) -> None:
    assert fields_of(name)["crv"] == name
    for crv in (name, spelling):
        key, private, _ = decode_jwk(changed(name, crv=crv))
        assert private is not None
        assert key == private.key == KEYS[name].key


def test_what_a_key_may_come_with() -> None:
    alone = decode_jwk(changed("P-256", use="sig", key_ops=["sign"], alg="ES256"))
    of_set = decode_jwk(b'{"keys": [%b]}' % encode_jwk(KEYS["P-256"]))
    assert alone[0] == of_set[0] == KEYS["P-256"].key


def test_rsa_without_its_primes() -> None:
    data = changed("rsa", p=None, q=None, dp=None, dq=None, qi=None)
    _, private, _ = decode_jwk(data)
    assert private is not None
    assert KEYS["rsa"].key.verify("rsa-sha2-256", private.sign("rsa-sha2-256", DATA), DATA)


def test_a_prime_is_no_modulus() -> None:
    """Here every base is of the right order, and none helps."""
    prime = 2**1279 - 1
    e = 65537
    d = pow(e, -1, prime - 1)
    data = changed("rsa", n=number(prime), e=number(e), d=number(d), p=None, q=None)
    with pytest.raises(KeyFormatError, match="do not belong together"):
        decode_jwk(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff{}", "not JSON"),
        (b"[" * 20_000, "not JSON"),
        (b'{"n":' + b"9" * 10_000 + b"}", "not JSON"),
        (b"[]", "not a JWK"),
        (b'{"keys": []}', "other than one key"),
        (b'{"keys": [1]}', "not a JWK"),
        (b'{"kty": "EC", "kty": "RSA"}', "a member twice"),
        (b" " * MAX_SIZE + b"{}", "more than"),
        (b"{}", "not of the kinds"),
        (b'{"kty": ["RSA"]}', "not of the kinds"),
        (b'{"kty": "oct", "k": "AAAA"}', "not of the kinds"),
        (changed("ed25519", kid=5), "kid"),
        (changed("ed25519", crv="X25519"), "curve that SSH does not have"),
        (changed("ed25519", x=None), "no member x"),
        (changed("ed25519", x=5), "no member x"),
        (changed("ed25519", x="AAAA="), "not base64url"),
        (changed("ed25519", x="AAAAA"), "not base64url"),
        (changed("ed25519", x="+/+/"), "not base64url"),
        (changed("ed25519", x="AAAA"), "32 bytes"),
        (changed("ed25519", d="AAAA"), "32 bytes"),
        (changed("ed25519", d="A" * 43), "do not belong together"),
        (changed("P-256", crv="P-384"), "48 bytes each"),
        (changed("P-256", crv="secp256k1"), "curve that SSH does not have"),
        (changed("P-256", crv=[]), "curve that SSH does not have"),
        (changed("P-256", x="A" * 43), "not on P-256"),
        (changed("P-256", d="A" * 43), "out of range"),
        (changed("P-256", d="AQ"), "do not belong together"),
        (changed("P-256", d="_" * 43), "out of range|do not belong"),
        (changed("rsa", n="A" * 5000), "too long"),
        (changed("rsa", n="AQAB"), "bits"),
        (changed("rsa", d="AQAB"), "do not belong together"),
        (changed("rsa", p="Aw"), "do not belong together"),
        (changed("rsa", q=None), "no member q"),
        (changed("rsa", oth=[]), "more than two primes"),
        (changed("rsa", d="AQAB", p=None, q=None), "do not belong together"),
        (changed("rsa", d="AA", p=None, q=None), "cannot be worked out"),
        (changed("rsa", n="_" * 2000, p=None, q=None), "cannot be worked out"),
    ],
)
def test_what_cannot_be_used(data: bytes, reason: str) -> None:
    with pytest.raises(KeyFormatError, match=reason):
        decode_jwk(data)


def test_keys_that_only_ssh_has() -> None:
    with pytest.raises(KeyFormatError, match="no form outside of SSH"):
        encode_jwk(generate_private_key("mldsa44-ed25519"))


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda s: st.lists(s, max_size=3))


@given(
    st.sampled_from(list(KEYS)),
    st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "d", "n", "p"]), JSON),
)
def test_any_members(name: str, members: dict[str, Any]) -> None:
    with contextlib.suppress(KeyFormatError):
        decode_jwk(changed(name, **members))
