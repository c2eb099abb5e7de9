import pytest

from pyssh.algorithms.macs import MACS, MacSpec

# RFC 2202 and RFC 4231, test case 1: the data is "Hi There", whose first four bytes stand for our sequence
# number
_KEY = b"\x0b" * 20
_SEQUENCE_NUMBER = int.from_bytes(b"Hi T", "big")
_DIGESTS = {
    20: "b617318655057264e28bc0b6fb378c8ef146be00",
    32: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    64: (
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
        "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
    ),
}

every_mac = pytest.mark.parametrize("spec", list(MACS), ids=lambda spec: spec.name)


@every_mac
def test_published_vectors(spec: MacSpec) -> None:
    mac = spec.keyed(_KEY)
    assert mac.sign(_SEQUENCE_NUMBER, b"here").hex() == _DIGESTS[spec.digest_size]
    assert mac.sign(_SEQUENCE_NUMBER, b"h", memoryview(b"ere")).hex() == _DIGESTS[spec.digest_size]


@every_mac
def test_verify(spec: MacSpec) -> None:
    mac = spec.keyed(_KEY)
    tag = mac.sign(3, b"data")
    assert len(tag) == mac.digest_size == spec.digest_size == spec.key_size
    assert mac.verify(3, tag, b"da", b"ta")
    assert not mac.verify(4, tag, b"data")
    assert not mac.verify(3, tag, b"date")
    assert not mac.verify(3, tag[:-1], b"data")
    assert not mac.verify(3, b"", b"data")
    assert not spec.keyed(b"\x0c" * 20).verify(3, tag, b"data")


@every_mac
def test_names_say_what_they_are(spec: MacSpec) -> None:
    assert spec.encrypt_then_mac is ("-etm@" in spec.name)
    assert spec.legacy is ("sha1" in spec.name)
