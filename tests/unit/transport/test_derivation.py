import hashlib

from pyssh.transport.derivation import HashedBeginning, KeySource, exchange_hash


def test_the_hash_is_over_the_fields_as_rfc_4253_has_them() -> None:
    hashed = HashedBeginning(b"SSH-2.0-c", b"SSH-2.0-s", b"I_C", b"I_S", b"K_S", b"<e><f>", b"<K>")
    expected = b"".join(
        len(part).to_bytes(4, "big") + part for part in (b"SSH-2.0-c", b"SSH-2.0-s", b"I_C", b"I_S", b"K_S")
    )
    assert exchange_hash("sha256", hashed) == hashlib.sha256(expected + b"<e><f><K>").digest()


def test_long_keys_are_made_of_several_hashes() -> None:
    source = KeySource("sha256", b"K", b"H", b"session")
    first = hashlib.sha256(b"KHCsession").digest()
    second = hashlib.sha256(b"KH" + first).digest()
    third = hashlib.sha256(b"KH" + first + second).digest()
    assert source.derive(b"C", 90) == (first + second + third)[:90]
    assert source.derive(b"C", 16) == first[:16]
    assert "K" not in repr(source).split("shared_secret=")[1][:4]
