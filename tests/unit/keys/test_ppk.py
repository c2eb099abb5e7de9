"""PuTTY's files. That PuTTY reads and writes them is shown in tests/interop/test_keygen_formats.py."""

import contextlib
import re
from base64 import b64decode
from typing import NoReturn

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import KeyFormatError, PassphraseError
from pyssh.keys import ppk
from pyssh.keys.ed25519 import Ed25519Private
from pyssh.keys.formats import load_key
from pyssh.keys.private import generate_private_key
from tests.unit.keys.building import DATA, certificate_blob, ppk_in_clear, strings

QUICK = ppk.Argon2(memory=64, passes=1)
SECRET = b"correct horse"
KEYS = {
    name: generate_private_key(kind, bits)
    for name, kind, bits in (
        ("ed25519", "ed25519", None),
        ("ecdsa-256", "ecdsa", 256),
        ("ecdsa-384", "ecdsa", 384),
        ("ecdsa-521", "ecdsa", 521),
        ("rsa", "rsa", 2048),
    )
}
CLEAR = ppk.encode_private_key(KEYS["ed25519"], "me@here", None)
ENCRYPTED = ppk.encode_private_key(KEYS["ed25519"], "me@here", SECRET, 3, QUICK)


@pytest.mark.parametrize("passphrase", [None, SECRET])
@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("name", KEYS)
def test_comes_back(name: str, version: int, passphrase: bytes | None) -> None:
    data = ppk.encode_private_key(KEYS[name], "a comment", passphrase, version, QUICK)
    for text in (data, data.replace(b"\n", b"\r\n"), b"\n" + data.rstrip()):
        key, comment = ppk.decode_private_key(text, passphrase)
        assert (key.key, comment) == (KEYS[name].key, "a comment")
    algorithm = key.key.signature_algorithms[0]
    assert key.key.verify(algorithm, key.sign(algorithm, DATA), DATA)
    assert ppk.public_of_private(data) == (key.key, "a comment")
    assert ppk.is_encrypted(data) is bool(passphrase)


@pytest.mark.parametrize("name", ppk.DERIVATIONS)
def test_derivations(name: str) -> None:
    data = ppk.encode_private_key(KEYS["ed25519"], "", SECRET, 3, QUICK.replace(name=name, parallelism=2))
    assert f"Key-Derivation: {name}\n".encode() in data
    assert ppk.decode_private_key(data, SECRET)[0].key == KEYS["ed25519"].key


def test_a_library_without_argon2(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> NoReturn:
        raise UnsupportedAlgorithm("as under FIPS")

    monkeypatch.setitem(ppk.DERIVATIONS, "Argon2id", refuse)
    with pytest.raises(KeyFormatError, match="has no Argon2id"):
        ppk.decode_private_key(ENCRYPTED, SECRET)


def test_a_private_number_that_ends_in_zeros() -> None:
    """PuTTY writes it as a little-endian number, without them."""
    key = Ed25519Private(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 31)) + bytes(2)))
    data = ppk.encode_private_key(key, "", None)
    trimmed = ppk_in_clear(key.key.blob, b"\0\0\0\x1e" + bytes(range(1, 31)))
    assert len(trimmed) < len(data)
    assert ppk.decode_private_key(trimmed, None)[0].key == key.key


@pytest.mark.parametrize("version", [2, 3])
def test_passphrases_that_are_wrong(version: int) -> None:
    data = ppk.encode_private_key(KEYS["ed25519"], "", SECRET, version, QUICK)
    for missing in (None, b""):
        with pytest.raises(PassphraseError, match="needs a passphrase"):
            ppk.decode_private_key(data, missing)
    with pytest.raises(PassphraseError, match="wrong passphrase") as caught:
        ppk.decode_private_key(data, b"Correct horse")
    assert "orse" not in repr(caught.value)


def replaced(data: bytes, pattern: bytes, by: bytes) -> bytes:
    changed, count = re.subn(pattern, by, data, count=1, flags=re.MULTILINE | re.DOTALL)
    assert count
    return changed


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a .ppk file"),
        (replaced(CLEAR, b"File-3", b"File-1"), "version other than 2 and 3"),
        (replaced(CLEAR, b"File-3", b"File-33"), "no PuTTY-User-Key-File-3"),
        (replaced(CLEAR, b"me@here", b"you@here"), "wrong MAC"),
        (replaced(CLEAR, b"MAC: ..", b"MAC: "), "wrong MAC"),
        (replaced(CLEAR, b"MAC: .*", b"MAC: xyz"), "not hexadecimal"),
        (replaced(CLEAR, b"Encryption: none", b"Encryption: aes256-ctr"), "unknown cipher"),
        (replaced(CLEAR, b"Comment: ", b"Kommentar: "), "no Comment where it should be"),
        (replaced(CLEAR, b"Public-Lines: 2", b"Public-Lines: 999999"), "cut short"),
        (replaced(CLEAR, b"Public-Lines: 2", b"Public-Lines: 99999999999999999999"), "no sensible number"),
        (replaced(CLEAR, b"Public-Lines: 2", b"Public-Lines: -2"), "no sensible number"),
        (replaced(CLEAR, b"Public-Lines: 2", b"Public-Lines: 1"), "no Private-Lines"),
        (replaced(CLEAR, b"Private-Lines: 1", b"Private-Lines: 0"), "no Private-MAC"),
        (replaced(CLEAR, b"Private-Lines.*", b""), "cut short: no Private-Lines"),
        (replaced(CLEAR, b"^AAAA", b"****"), "not base64"),
        (CLEAR + b"more\n", "follows its end"),
        (replaced(CLEAR, b"-3: ssh-ed25519", b"-3: ssh-rsa"), "another type"),
        (CLEAR + bytes(1 << 20), "more than"),
        (replaced(ENCRYPTED, b"Argon2id", b"scrypt"), "unknown way to derive keys, 'scrypt'"),
        (replaced(ENCRYPTED, b"Memory: 64", b"Memory: 999999999"), "KiB of memory"),
        (replaced(ENCRYPTED, b"Memory: 64", b"Memory: 1"), "KiB of memory"),
        (replaced(ENCRYPTED, b"Passes: 1", b"Passes: 999999999"), "passes of Argon2"),
        (replaced(ENCRYPTED, b"Passes: 1", b"Passes: 0"), "passes of Argon2"),
        (replaced(ENCRYPTED, b"lelism: 1", b"lelism: 65"), "lanes"),
        (replaced(ENCRYPTED, b"Salt: .*?\n", b"Salt: \n"), "does not work with a salt"),
        (replaced(ENCRYPTED, b"Salt: .*?\n", b"Salt: " + b"00" * 1025 + b"\n"), "a salt of more"),
        (replaced(ENCRYPTED, b"Lines: 1\n.*\nPrivate-MAC", b"Lines: 1\nAAAA\nPrivate-MAC"), "wrong length"),
    ],
)
def test_what_cannot_be_used(data: bytes, reason: str) -> None:
    with pytest.raises(KeyFormatError, match=reason) as caught:
        ppk.decode_private_key(data, SECRET)
    assert not isinstance(caught.value, PassphraseError)


def test_the_private_half_of_another_key() -> None:
    """The MAC of a file in clear takes no secret, so that anybody can make one that is right."""
    public, private = KEYS["ed25519"].key.blob, strings(bytes(32))
    for changed, reason in (
        (private, "do not belong together"),
        (private + b"more", "too long"),
        (private[:20], "bytes wanted"),
    ):
        with pytest.raises(KeyFormatError, match=reason):
            ppk.decode_private_key(ppk_in_clear(public, changed), None)


@pytest.mark.parametrize("name", KEYS)
def test_certificates(name: str) -> None:
    blob = certificate_blob(KEYS[name].key, KEYS["rsa"])
    clear = ppk.encode_private_key(KEYS[name], "", None).partition(b"Private-Lines: ")[2].split(b"\n")
    private = b64decode(b"".join(clear[1 : 1 + int(clear[0])]))
    data = ppk_in_clear(blob, private)
    found = load_key(data)
    assert found.private is not None
    assert found.private.key == found.key.plain == KEYS[name].key
    assert found.key.blob == blob
    with pytest.raises(KeyFormatError):
        load_key(ppk_in_clear(blob, strings(bytes(32))))


def test_what_cannot_be_written() -> None:
    with pytest.raises(KeyFormatError, match="PuTTY has no keys of type"):
        ppk.encode_private_key(generate_private_key("mldsa44-ed25519"), "", None)
    with pytest.raises(KeyFormatError, match="the comment"):
        ppk.encode_private_key(KEYS["ed25519"], "a\nPublic-Lines: 0", None)
    with pytest.raises(KeyFormatError, match="versions 2 and 3"):
        ppk.encode_private_key(KEYS["ed25519"], "", None, 4)


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    for candidate in (ppk.BEGIN + b"3: ssh-ed25519\n" + data, CLEAR[:60] + data, CLEAR[: len(data)]):
        with contextlib.suppress(KeyFormatError):
            ppk.decode_private_key(candidate, SECRET)
