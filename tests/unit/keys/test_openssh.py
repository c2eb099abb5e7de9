from base64 import b64decode, b64encode
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyssh.errors import KeyFormatError, PassphraseError
from pyssh.keys.encryption import CIPHERS, MAX_KDF_ROUNDS, key_file_cipher
from pyssh.keys.openssh import (
    BEGIN,
    MAX_FILE_SIZE,
    decode_private_key,
    encode_private_key,
    kdf_rounds,
    public_of_private,
)
from pyssh.keys.private import PrivateKey, generate_private_key
from pyssh.wire.types import put_uint32
from tests.unit.keys.building import DATA, strings

END = b"-----END OPENSSH PRIVATE KEY-----"
MAGIC = b"openssh-key-v1\0"
KEY = generate_private_key("ed25519")
SECRET = KEY.key.blob[-32:]
PRIVATE = [
    KEY,
    generate_private_key("ecdsa", 256),
    generate_private_key("ecdsa", 384),
    generate_private_key("ecdsa", 521),
    generate_private_key("mldsa44-ed25519"),
    generate_private_key("mldsa44-ed25519@openssh.com"),
    generate_private_key("rsa", 2048),
]
CLEAR = encode_private_key(KEY, "comment", None)
ENCRYPTED = encode_private_key(KEY, "comment", b"passphrase", rounds=1)


def armour(raw: bytes) -> bytes:
    return b"\n".join((BEGIN, b64encode(raw), END, b""))


def raw(data: bytes) -> bytes:
    return b64decode(b"".join(data.split(b"\n")[1:-2]))


def container(
    private: bytes,
    *,
    cipher: str = "none",
    kdf: str = "none",
    options: bytes = b"",
    count: int = 1,
    public: bytes = KEY.key.blob,
    tag: bytes = b"",
) -> bytes:
    out = bytearray(MAGIC + strings(cipher, kdf, options))
    put_uint32(out, count)
    return armour(bytes(out) + strings(public, private) + tag)


def section(key: PrivateKey = KEY, padding: bytes | None = None, numbers: bytes = bytes(8)) -> bytes:
    fields = bytearray()
    key.put_private(fields)
    out = numbers + strings(key.key.key_type) + bytes(fields) + strings("comment")
    return out + (bytes(range(1, -len(out) % 8 + 1)) if padding is None else padding)


PADDING = section()[len(section(padding=b"")) :]


@pytest.mark.parametrize("passphrase", [None, b"", b"passphrase"])
@pytest.mark.parametrize("private", PRIVATE, ids=lambda private: private.key.key_type)
def test_round_trips(private: PrivateKey, passphrase: bytes | None) -> None:
    data = encode_private_key(private, "two words", passphrase, rounds=1)
    again, comment = decode_private_key(data, passphrase)
    assert again.key == private.key == public_of_private(data)
    assert comment == "two words"
    algorithm = private.key.signature_algorithms[0]
    assert private.key.verify(algorithm, again.sign(algorithm, DATA), DATA)


@pytest.mark.parametrize("cipher", CIPHERS)
def test_every_cipher(cipher: str) -> None:
    data = encode_private_key(KEY, "c\u00f6mment", b"passphrase", rounds=1, cipher=cipher)
    again, comment = decode_private_key(data, b"passphrase")
    assert (again.key, comment) == (KEY.key, "c\u00f6mment")
    assert cipher.encode() in raw(data)
    with pytest.raises(PassphraseError, match="wrong passphrase"):
        decode_private_key(data, b"Passphrase")
    for missing in (None, b""):
        with pytest.raises(PassphraseError, match="needs a passphrase"):
            decode_private_key(data, missing)


def test_rounds_are_seen_without_the_passphrase() -> None:
    assert kdf_rounds(CLEAR) == 0
    assert kdf_rounds(ENCRYPTED) == 1
    options = strings(bytes(16)) + bytes((0, 0, 0, 1))
    raw = b64decode(b"".join(ENCRYPTED.split(b"\n")[1:-2]))
    salted = raw.partition(options[:4])
    assert salted[1]
    for size in (0, 15, 17):
        damaged = salted[0] + bytes((0, 0, 0, size)) + salted[2]
        with pytest.raises(KeyFormatError, match="damaged"):
            kdf_rounds(armour(damaged))


def test_the_form_of_the_file() -> None:
    lines = CLEAR.split(b"\n")
    assert lines[0] == BEGIN
    assert lines[-2:] == [END, b""]
    assert {len(line) for line in lines[1:-3]} == {70}
    assert decode_private_key(b"\r\n" + CLEAR.replace(b"\n", b"\r\n"), None)[0].key == KEY.key


def test_each_salt_is_new() -> None:
    again = encode_private_key(KEY, "comment", b"passphrase", rounds=1)
    assert raw(again)[-100:] != raw(ENCRYPTED)[-100:]


def test_a_passphrase_for_a_file_in_clear_is_ignored() -> None:
    assert decode_private_key(CLEAR, b"passphrase")[0].key == KEY.key


def test_any_whole_number_of_blocks_may_be_padding() -> None:
    more = bytes(range(1, len(PADDING) + 9))
    assert decode_private_key(container(section(padding=more)), None)[0].key == KEY.key


def test_a_comment_that_is_not_text() -> None:
    fields = bytearray()
    KEY.put_private(fields)
    private = bytes(8) + strings("ssh-ed25519") + bytes(fields) + strings(b"\xff")
    private += bytes(range(1, -len(private) % 8 + 1))
    assert decode_private_key(container(private), None)[1] == "\ufffd"


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"",
        lambda: BEGIN,
        lambda: BEGIN + END,
        lambda: armour(b""),
        lambda: armour(b"openssh-key-v2\0" + raw(CLEAR)[15:]),
        lambda: armour(MAGIC),
        lambda: CLEAR.replace(BEGIN + b"\n", BEGIN + b"\n!"),
        lambda: CLEAR[:-10],
        lambda: CLEAR + b"more",
        lambda: CLEAR + bytes(MAX_FILE_SIZE),
        lambda: container(section(), count=0),
        lambda: container(section(), count=2),
        lambda: container(section(), kdf="bcrypt"),
        lambda: container(section(), options=b"x"),
        lambda: container(section(), tag=b"x"),
        lambda: container(section(), public=b"x"),
        lambda: container(section(), public=PRIVATE[1].key.blob),
        lambda: container(section(), public=generate_private_key("ed25519").key.blob),
        lambda: container(section(padding=PADDING[:-1] + b"\0")),
        lambda: container(section(padding=PADDING[:-1])),
        lambda: container(section(padding=PADDING + bytes(8))),
        lambda: container(section(padding=bytes(len(PADDING) + 800))),
        lambda: container(section(padding=PADDING + bytes(n % 256 for n in range(len(PADDING) + 1, 801)))),
        lambda: container(section(numbers=bytes(7) + b"\1")),
        lambda: container(bytes(8)),
        lambda: container(bytes(16)),
        lambda: container(b""),
        lambda: container(section()[:-8]),
    ],
)
def test_damaged_files(make: Callable[[], bytes]) -> None:
    data = make()
    with pytest.raises(KeyFormatError) as caught:
        decode_private_key(data, None)
    assert not isinstance(caught.value, PassphraseError)


def options(salt: bytes, rounds: int) -> bytes:
    out = bytearray(strings(salt))
    put_uint32(out, rounds)
    return bytes(out)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cipher": "rot13"}, "rot13"),
        ({"kdf": "scrypt"}, "scrypt"),
        ({"kdf": "none"}, "none"),
        ({"options": b""}, "damaged"),
        ({"options": options(b"", 1)}, "salt"),
        ({"options": options(bytes(1025), 1)}, "salt"),
        ({"options": options(bytes(16), 0)}, "rounds"),
        ({"options": options(bytes(16), MAX_KDF_ROUNDS + 1)}, "rounds"),
        ({"options": options(bytes(16), 2**32 - 1)}, "rounds"),
        ({"tag": b"x"}, "length"),
        ({"private": bytes(17)}, "length"),
        ({"cipher": "aes256-gcm@openssh.com"}, "length"),
    ],
)
def test_encryption_that_is_not_ours(changes: dict[str, object], reason: str) -> None:
    fields: dict[str, object] = {
        "private": bytes(32),
        "cipher": "aes256-ctr",
        "kdf": "bcrypt",
        "options": options(bytes(16), 1),
    }
    data = container(**fields | changes)  # type: ignore[arg-type] # any of them
    with pytest.raises(KeyFormatError, match=reason) as caught:
        decode_private_key(data, b"passphrase")
    assert not isinstance(caught.value, PassphraseError)


def test_ciphers_that_cannot_be_asked_for() -> None:
    with pytest.raises(KeyFormatError, match="rot13"):
        encode_private_key(KEY, "", b"passphrase", cipher="rot13")
    with pytest.raises(KeyFormatError, match="rounds"):
        encode_private_key(KEY, "", b"passphrase", rounds=0)
    with pytest.raises(KeyFormatError):
        key_file_cipher("none")


@pytest.mark.parametrize("cipher", [name for name, cipher in CIPHERS.items() if cipher.tag_size])
def test_tags_are_checked(cipher: str) -> None:
    data = bytearray(raw(encode_private_key(KEY, "", b"passphrase", rounds=1, cipher=cipher)))
    for at in (-1, -16, -17, -60):
        tampered = bytearray(data)
        tampered[at] ^= 1
        with pytest.raises(PassphraseError, match="wrong"):
            decode_private_key(armour(bytes(tampered)), b"passphrase")


def test_errors_hold_no_secret() -> None:
    for data, passphrase in (
        (ENCRYPTED, b"hunter2"),
        (container(section(padding=bytes(len(PADDING)))), b"hunter2"),
    ):
        with pytest.raises(KeyFormatError) as caught:
            decode_private_key(data, passphrase)
        assert "hunter2" not in repr(caught.value)
        assert caught.value.__cause__ is None


@given(st.binary(), st.sampled_from([None, b"passphrase"]))
def test_any_container(data: bytes, passphrase: bytes | None) -> None:
    for candidate in (data, armour(data), armour(MAGIC + data), container(data), container(bytes(8) + data)):
        with pytest.raises(KeyFormatError):
            decode_private_key(candidate, passphrase)
    for candidate in (data, armour(data), armour(MAGIC + data), container(b"", public=data)):
        with pytest.raises(KeyFormatError):
            public_of_private(candidate)


@settings(deadline=None)
@given(st.sampled_from(PRIVATE), st.data())
def test_any_change(private: PrivateKey, data: st.DataObject) -> None:
    changed = bytearray(raw(encode_private_key(private, "comment", None)))
    for at in data.draw(st.lists(st.integers(0, len(changed) - 1), min_size=1, max_size=3)):
        changed[at] = data.draw(st.integers(0, 255))
    try:
        again, _ = decode_private_key(armour(bytes(changed)), None)
    except KeyFormatError:
        return
    assert again.key == private.key
