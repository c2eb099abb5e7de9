import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyssh.errors import KeyFormatError, UsageError
from pyssh.keys.ed25519 import Ed25519Private, Ed25519Public, generate, take_private
from pyssh.keys.public import decode_public_key
from pyssh.wire.types import Reader, put_string, put_text

# RFC 8032 section 7.1: seed, public key, message, signature
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]
DATA = b"what is signed"


def signature_blob(name: str, value: bytes) -> bytes:
    out = bytearray()
    put_text(out, name)
    put_string(out, value)
    return bytes(out)


@pytest.mark.parametrize(("seed", "public", "message", "signature"), VECTORS)
def test_published_vectors(seed: str, public: str, message: str, signature: str) -> None:
    private = Ed25519Private(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)))
    expected = signature_blob("ssh-ed25519", bytes.fromhex(signature))
    assert private.key == Ed25519Public.from_raw(bytes.fromhex(public))
    assert private.sign("ssh-ed25519", bytes.fromhex(message)) == expected
    assert private.key.verify("ssh-ed25519", expected, bytes.fromhex(message))


def test_the_blob_is_the_key() -> None:
    key = generate("ssh-ed25519", None).key
    assert decode_public_key(key.blob) == key
    assert pickle.loads(pickle.dumps(key)) == key
    assert key.plain is key
    assert (key.key_type, key.bits, key.signature_algorithms) == ("ssh-ed25519", 256, ("ssh-ed25519",))
    assert not key.is_security_key


@pytest.mark.parametrize("size", [0, 31, 33])
def test_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(KeyFormatError, match="32 bytes"):
        decode_public_key(signature_blob("ssh-ed25519", bytes(size)))


@pytest.mark.parametrize("size", [0, 63, 65])
def test_signatures_of_other_sizes_are_wrong(size: int) -> None:
    key = generate("ssh-ed25519", None).key
    assert not key.verify("ssh-ed25519", signature_blob("ssh-ed25519", bytes(size)), DATA)


def test_it_signs_with_nothing_else() -> None:
    with pytest.raises(UsageError, match="does not sign"):
        generate("ssh-ed25519", 256).sign("rsa-sha2-256", DATA)


def test_it_has_one_size() -> None:
    with pytest.raises(KeyFormatError, match="256 bits"):
        generate("ssh-ed25519", 255)


def test_private_fields_round_trip() -> None:
    private = generate("ssh-ed25519", None)
    out = bytearray()
    private.put_private(out)
    assert take_private("ssh-ed25519", Reader(out)).key == private.key


def test_halves_that_do_not_belong_together_are_refused() -> None:
    public = generate("ssh-ed25519", None).key.blob[-32:]
    seed = bytes(range(32))
    for first, second in ((public, seed + public), (public, seed + bytes(32)), (b"", seed), (public, seed)):
        out = bytearray()
        put_string(out, first)
        put_string(out, second)
        with pytest.raises(KeyFormatError):
            take_private("ssh-ed25519", Reader(out))


def test_the_secret_is_not_in_its_repr() -> None:
    private = generate("ssh-ed25519", None)
    assert repr(private) == f"<private ssh-ed25519 {private.key.fingerprint()}>"
