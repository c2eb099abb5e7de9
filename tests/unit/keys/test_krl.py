"""Key revocation lists: what they revoke, their bytes, and bytes that are none."""

import contextlib
from base64 import b64encode
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyssh.errors import KeyFormatError
from pyssh.keys.certificate import Certificate
from pyssh.keys.certify import Statement, sign_certificate
from pyssh.keys.krl import MAX_KRL_SIZE, RevocationList, decode_krl, is_krl
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import decode_public_key
from tests.unit.keys.building import certificate_blob, strings

KEY = generate_private_key("ed25519")
CA = generate_private_key("ed25519")
OTHER_CA = generate_private_key("ecdsa")
HEADER = b"SSHKRL\n\0" + bytes((0, 0, 0, 1)) + bytes(24) + strings("", "")


def certificate(**changes: Any) -> Certificate:
    return cast(Certificate, decode_public_key(certificate_blob(KEY.key, CA, **changes)))


def section(kind: int, contents: bytes) -> bytes:
    return bytes((kind,)) + strings(contents)


def test_revokes_keys() -> None:
    for how in ("key", "sha1", "sha256"):
        krl = RevocationList()
        if how == "key":
            krl.revoke(KEY.key)
        else:
            krl.revoke_digest(how, KEY.key.digest(how))
        for copy in (krl, decode_krl(krl.encode())):
            assert copy.is_revoked(KEY.key)
            assert copy.is_revoked(certificate())
            assert not copy.is_revoked(CA.key)


def test_revokes_certificates_of_a_ca() -> None:
    for blob in (CA.key, None):
        krl = RevocationList()
        krl.of_authority(blob).serials.add(7, 7)
        assert krl.is_revoked(certificate())
        assert not krl.is_revoked(KEY.key)
        krl = RevocationList()
        krl.of_authority(blob).key_ids.add("id")
        assert decode_krl(krl.encode()).is_revoked(certificate())
    krl = RevocationList()
    krl.of_authority(OTHER_CA.key).serials.add(7, 7)
    assert not krl.is_revoked(certificate())


def test_a_revoked_ca_takes_its_certificates_along() -> None:
    krl = RevocationList()
    krl.revoke(CA.key)
    assert krl.is_revoked(certificate())


def test_revokes_the_statement_of_a_certificate() -> None:
    krl = RevocationList()
    krl.revoke(certificate())
    assert krl.is_revoked(certificate())
    assert not krl.is_revoked(KEY.key)
    assert not krl.is_revoked(certificate(key_id=b"other")) or 7 in krl.of_authority(CA.key).serials


def test_revokes_a_certificate_without_a_number_by_its_name() -> None:
    made = sign_certificate(
        KEY.key, Statement("user", "id"), CA.key, lambda data: CA.sign("ssh-ed25519", data), bytes(32)
    )
    krl = RevocationList()
    krl.revoke(made)
    assert decode_krl(krl.encode()).of_authority(CA.key).key_ids == {"id"}
    assert krl.is_revoked(made)
    assert not krl.is_revoked(made.replace(key_id="other"))


@example(set(range(1, 200, 2)), set(), 0, "")
@example(set(range(5, 90)), set(), 0, "")
@given(
    st.sets(st.integers(1, 2**64 - 1), max_size=30) | st.sets(st.integers(1, 400)),
    st.sets(st.text(max_size=5), max_size=4),
    st.integers(0, 2**64 - 1),
    st.text(max_size=9),
)
def test_comes_back_as_it_was(serials: set[int], key_ids: set[str], version: int, comment: str) -> None:
    krl = RevocationList(version, comment, 5)
    part = krl.of_authority(CA.key)
    for serial in serials:
        part.serials.add(serial, serial)
    part.key_ids.update(key_ids)
    krl.revoke(KEY.key)
    again = decode_krl(krl.encode())
    assert again.encode() == krl.encode()
    assert (again.version, again.comment, again.generated) == (version, comment, 5)
    assert list(again.of_authority(CA.key).serials.runs()) == list(part.serials.runs())
    assert again.of_authority(CA.key).key_ids == key_ids


def test_reads_what_we_do_not_write() -> None:
    about = strings("", "") + section(0x39, strings("x") + b"\0") + section(0x20, (3).to_bytes(8, "big"))
    signed = section(4, strings(KEY.key.blob)) + strings(b"signature")
    data = HEADER + section(255, strings("name") + b"\0more") + section(1, about) + signed
    assert decode_krl(data).is_revoked(certificate()) is False
    assert list(decode_krl(data).of_authority(None).serials.runs()) == [(3, 3)]
    assert not decode_krl(HEADER + section(4, strings(KEY.key.blob))).keys


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSHKRL\n\0",
        b"ssh-ed25519 AAAA",
        HEADER.replace(b"\0\0\0\1", b"\0\0\0\2", 1),
        HEADER + b"\1",
        HEADER + section(9, b""),
        HEADER + section(255, strings("name") + b"\1"),
        HEADER + section(1, strings("nonsense", "")),
        HEADER + section(1, strings("", "") + section(0x39, strings("x") + b"\1")),
        HEADER + section(1, strings("", "") + section(0x40, b"")),
        HEADER + section(1, strings("", "") + section(0x20, b"short")),
        HEADER + section(1, strings("", "") + section(0x20, bytes(8))),
        HEADER + section(1, strings("", "") + section(0x21, bytes(7) + b"\2" + bytes(7) + b"\1")),
        HEADER + section(1, strings("", "") + section(0x22, bytes(8) + strings(b"\xff"))),
        HEADER + section(2, strings("nonsense")),
        HEADER + section(3, strings("short")),
        HEADER + section(5, strings(bytes(20))),
    ],
)
def test_damaged_lists(data: bytes) -> None:
    with pytest.raises(KeyFormatError):
        decode_krl(data)


def test_size_is_limited() -> None:
    with pytest.raises(KeyFormatError, match="more than"):
        decode_krl(HEADER + bytes(MAX_KRL_SIZE))


@given(st.binary(max_size=200))
def test_arbitrary_bytes(data: bytes) -> None:
    for prefix in (b"", HEADER, HEADER + b"\1"):
        with contextlib.suppress(KeyFormatError):
            decode_krl(prefix + data)
    assert is_krl(HEADER + data)
    assert not is_krl(b64encode(HEADER))
