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
