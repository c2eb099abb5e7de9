"""Every registered cipher, with every MAC it can be used with."""

import os

import pytest

from pyssh.algorithms.ciphers import CIPHERS, CipherSpec, NoneOpener, NoneSealer, PacketOpener, PacketSealer
from pyssh.algorithms.macs import MACS, MacSpec
from pyssh.errors import IntegrityError, UsageError

Suite = tuple[CipherSpec, MacSpec | None]

SUITES: list[Suite] = [(cipher, None) for cipher in CIPHERS if cipher.is_aead]
SUITES += [(cipher, mac) for cipher in CIPHERS if not cipher.is_aead for mac in MACS]


def _suite_name(suite: Suite) -> str:
    cipher, mac = suite
    return f"{cipher.name}+{mac.name}" if mac else cipher.name


every_suite = pytest.mark.parametrize("suite", SUITES, ids=_suite_name)


class _Ends:
    """Both ends of one direction."""

    def __init__(self, suite: Suite) -> None:
        self.cipher, self.mac = suite
        self.key = os.urandom(self.cipher.key_size)
        self.mac_key = os.urandom(self.mac.key_size if self.mac else 0)
        iv = os.urandom(self.cipher.iv_size)
        self.sealer = self.new_sealer(iv)
        self.opener = self.new_opener(iv)

    def new_sealer(self, iv: bytes) -> PacketSealer:
        return self.cipher.sealer(self.key, iv, self.mac.keyed(self.mac_key) if self.mac else None)

    def new_opener(self, iv: bytes) -> PacketOpener:
        return self.cipher.opener(self.key, iv, self.mac.keyed(self.mac_key) if self.mac else None)


def frame_for(sealer: PacketSealer, payload: bytes) -> bytearray:
    """Frame `payload` as RFC 4253 section 6 has it."""
    padding = 4
    while (5 - sealer.unaligned + len(payload) + padding) % sealer.block_size:
        padding += 1
    length = 1 + len(payload) + padding
    return bytearray(
        length.to_bytes(4, "big") + bytes((padding,)) + payload + os.urandom(padding) + bytes(sealer.tag_size)
    )


def open_packet(opener: PacketOpener, packet: bytes | bytearray, sequence_number: int) -> bytes:
    """Open as the transport does: the length, its bounds, then the packet. Returns the payload."""
    length = opener.length(memoryview(packet)[: opener.first_size], sequence_number)
    if 4 + length + opener.tag_size != len(packet):
        raise IntegrityError
    plain = opener.open(memoryview(packet), sequence_number)
    return plain[1 : len(plain) - plain[0]]


@every_suite
def test_packets_come_out_as_they_went_in(suite: Suite) -> None:
    ends = _Ends(suite)
    for sequence_number, size in enumerate((1, 3, 11, 12, 100, 0, 32768)):
        payload = os.urandom(size)
        frame = frame_for(ends.sealer, payload)
        before = bytes(frame)
        ends.sealer.seal(frame, sequence_number)
        assert len(frame) == len(before)
        assert size < 3 or payload not in frame
        assert open_packet(ends.opener, frame, sequence_number) == payload


@every_suite
def test_each_altered_byte_is_noticed(suite: Suite) -> None:
    ends = _Ends(suite)
    iv = ends.opener.iv
    frame = frame_for(ends.sealer, b"payload")
    ends.sealer.seal(frame, 7)
    for place in range(len(frame)):
        altered = bytearray(frame)
        altered[place] ^= 0x40
        with pytest.raises(IntegrityError):
            open_packet(ends.new_opener(iv), altered, 7)
    assert open_packet(ends.new_opener(iv), frame, 7) == b"payload"


@every_suite
def test_a_replayed_packet_is_noticed(suite: Suite) -> None:
    ends = _Ends(suite)
    frame = frame_for(ends.sealer, b"payload")
    ends.sealer.seal(frame, 0)
    open_packet(ends.opener, frame, 0)
    with pytest.raises(IntegrityError):
        open_packet(ends.opener, frame, 1)


@every_suite
def test_packets_out_of_order_are_noticed(suite: Suite) -> None:
    ends = _Ends(suite)
    frames = [frame_for(ends.sealer, payload) for payload in (b"first", b"other")]
    for sequence_number, frame in enumerate(frames):
        ends.sealer.seal(frame, sequence_number)
    with pytest.raises(IntegrityError):
        open_packet(ends.opener, frames[1], 0)


@every_suite
def test_an_exported_iv_continues_both_ends(suite: Suite) -> None:
    ends = _Ends(suite)
    for sequence_number in range(5):
        frame = frame_for(ends.sealer, os.urandom(20 * sequence_number))
        ends.sealer.seal(frame, sequence_number)
        open_packet(ends.opener, frame, sequence_number)
    sealer = ends.new_sealer(ends.sealer.iv)
    frame = frame_for(sealer, b"after the move")
    sealer.seal(frame, 5)
    ends.opener.length(memoryview(frame)[: ends.opener.first_size], 5)  # an export in mid-packet
    opener = ends.new_opener(ends.opener.iv)
    assert open_packet(opener, frame, 5) == b"after the move"
    assert len(sealer.iv) == ends.cipher.iv_size
    assert sealer.iv == opener.iv


@every_suite
def test_a_counter_wraps(suite: Suite) -> None:
    ends = _Ends(suite)
    iv = b"\xff" * ends.cipher.iv_size
    sealer, opener = ends.new_sealer(iv), ends.new_opener(iv)
    for sequence_number in (0, 1):
        frame = frame_for(sealer, bytes(40))
        sealer.seal(frame, sequence_number)
        assert open_packet(opener, frame, sequence_number) == bytes(40)
    assert sealer.iv == opener.iv


@every_suite
def test_the_opener_leaves_the_packet_alone(suite: Suite) -> None:
    ends = _Ends(suite)
    frame = frame_for(ends.sealer, b"payload")
    ends.sealer.seal(frame, 0)
    sent = bytes(frame)
    open_packet(ends.opener, frame, 0)
    assert frame == sent


@every_suite
def test_both_ends_agree_on_the_form(suite: Suite) -> None:
    ends = _Ends(suite)
    sealer, opener, cipher, mac = ends.sealer, ends.opener, ends.cipher, ends.mac
    assert sealer.block_size == opener.block_size == cipher.block_size
    assert sealer.tag_size == opener.tag_size == (mac.digest_size if mac else 16)
    etm = mac is None or mac.encrypt_then_mac
    assert sealer.unaligned == opener.unaligned == (4 if etm else 0)
    assert opener.first_size == (4 if etm else cipher.block_size)


def test_aes_gcm_invocation_counter_wraps_within_its_field() -> None:
    spec = CIPHERS["aes128-gcm@openssh.com"]
    sealer = spec.sealer(bytes(16), b"\x01\x02\x03\x04" + b"\xff" * 8, None)
    sealer.seal(frame_for(sealer, b"x"), 0)
    assert sealer.iv == b"\x01\x02\x03\x04" + bytes(8)


@pytest.mark.parametrize(
    ("name", "ciphertext"),
    [
        ("aes128-gcm@openssh.com", "0388dace60b6a392f328c2b971b2fe78"),
        ("aes256-gcm@openssh.com", "cea7403d4d606b6e074ec5d3baf39d18"),
    ],
)
def test_nist_gcm_ciphertext(name: str, ciphertext: str) -> None:
    """Test cases 2 and 14 of the GCM submission to NIST. They have no additional data, so no tag of ours."""
    spec = CIPHERS[name]
    sealer = spec.sealer(bytes(spec.key_size), bytes(12), None)
    frame = bytearray((16).to_bytes(4, "big") + bytes(32))
    sealer.seal(frame, 0)
    assert frame[4:20].hex() == ciphertext


# NIST SP 800-38A sections F.2 and F.5 (first blocks), and the example of SP 800-67 revision 1 for 3DES, whose
# first block is the same in CBC mode under a zero IV
_AES_KEYS = {
    "aes128": "2b7e151628aed2a6abf7158809cf4f3c",
    "aes192": "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
    "aes256": "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
}
_AES_PLAINTEXT = "6bc1bee22e409f96e93d7e117393172a"


@pytest.mark.parametrize(
    ("name", "ciphertext"),
    [
        ("aes128-ctr", "874d6191b620e3261bef6864990db6ce"),
        ("aes192-ctr", "1abc932417521ca24f2b0459fe7e6e0b"),
        ("aes256-ctr", "601ec313775789a5b7a7f504bbf3d228"),
        ("aes128-cbc", "7649abac8119b246cee98e9b12e9197d"),
        ("aes192-cbc", "4f021db243bc633d7178183a9fa071e8"),
        ("aes256-cbc", "f58c4c04d6e5f1ba779eabfb5f7bfbd6"),
    ],
)
def test_nist_aes_modes(name: str, ciphertext: str) -> None:
    iv = bytes(range(0xF0, 0x100)) if name.endswith("ctr") else bytes(range(16))
    mac = MACS["hmac-sha2-256-etm@openssh.com"].keyed(bytes(32))
    sealer = CIPHERS[name].sealer(bytes.fromhex(_AES_KEYS[name[:6]]), iv, mac)
    frame = bytearray((16).to_bytes(4, "big") + bytes.fromhex(_AES_PLAINTEXT) + bytes(32))
    sealer.seal(frame, 0)
    assert frame[4:20].hex() == ciphertext


def test_nist_3des() -> None:
    key = bytes.fromhex("0123456789abcdef23456789abcdef01456789abcdef0123")
    mac = MACS["hmac-sha1-etm@openssh.com"].keyed(bytes(20))
    sealer = CIPHERS["3des-cbc"].sealer(key, bytes(8), mac)
    frame = bytearray((8).to_bytes(4, "big") + b"The qufc" + bytes(20))
    sealer.seal(frame, 0)
    assert frame[4:12].hex() == "a826fd8ce53b855f"


def test_the_worked_example_of_chacha20_poly1305() -> None:
    """draft-ietf-sshm-chacha20-poly1305, appendix A."""
    spec = CIPHERS["chacha20-poly1305@openssh.com"]
    key = bytes.fromhex(
        "8bbff6855fc102338c373e73aac0c914f076a905b2444a32eecaffeae22becc5"
        "e9b7a7a5825a8249346ec1c28301cf394543fc7569887d76e168f37562ac0740"
    )
    plain = bytes.fromhex("065e00000000000000384c") + (
        b"orem ipsum dolor sit amet, consectetur adipisicing elit" + bytes.fromhex("4e43e804dc6c")
    )
    frame = bytearray((72).to_bytes(4, "big") + plain + bytes(16))
    spec.sealer(key, b"", None).seal(frame, 7)
    assert frame.hex() == (
        "2c3ecce4"
        "a5bc05895bf07a7ba956b6c68829ac7c83b780b7000ecde745afc705bbc378ce"
        "03a280236b87b53bed5839662302b164b6286a48cd1e097138e3cb909b8b2b82"
        "9dd18d2a35ff82d9"
        "95349e855bf02c298ef775f2d1a7e8b8"
    )
    opener = spec.opener(key, b"", None)
    assert opener.length(bytes(frame[:4]), 7) == 72
    assert opener.open(bytes(frame), 7) == plain


@pytest.mark.parametrize("suite", [suite for suite in SUITES if suite[1]], ids=_suite_name)
def test_a_packet_that_is_no_multiple_of_the_block_is_refused(suite: Suite) -> None:
    ends = _Ends(suite)
    frame = frame_for(ends.sealer, b"payload")
    ends.sealer.seal(frame, 0)
    ends.opener.length(memoryview(frame)[: ends.opener.first_size], 0)
    with pytest.raises(IntegrityError):
        ends.opener.open(bytes(frame[:-1]), 0)


def test_none_passes_packets_through() -> None:
    sealer, opener = NoneSealer(), NoneOpener()
    frame = frame_for(sealer, b"payload")
    before = bytes(frame)
    sealer.seal(frame, 0)
    assert frame == before
    assert open_packet(opener, frame, 0) == b"payload"
    assert (sealer.iv, opener.iv) == (b"", b"")


def test_an_unknown_cipher_is_named() -> None:
    with pytest.raises(UsageError, match="unknown cipher 'rot13'"):
        CIPHERS["rot13"]
