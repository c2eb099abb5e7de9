import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.macs import MACS
from pyssh.errors import IntegrityError, ProtocolError
from pyssh.transport.derivation import DirectionKeys
from pyssh.transport.framing import PacketReader, PacketWriter

MAXIMUM = 300_000


def combinations() -> Iterator[tuple[str, str]]:
    for cipher in CIPHERS.names:
        if CIPHERS[cipher].is_aead:
            yield cipher, ""
        else:
            for mac in MACS.names:
                yield cipher, mac


def ends(cipher_name: str, mac_name: str) -> tuple[PacketWriter, PacketReader]:
    writer, reader = PacketWriter(os.urandom), PacketReader(MAXIMUM)
    if cipher_name:
        cipher = CIPHERS[cipher_name]
        mac = MACS[mac_name] if mac_name else None
        keys = DirectionKeys(
            os.urandom(cipher.iv_size), os.urandom(cipher.key_size), os.urandom(mac.key_size if mac else 0)
        )
        writer.switch(cipher.sealer(keys.key, keys.iv, mac.keyed(keys.mac_key) if mac else None), None)
        reader.switch(cipher.opener(keys.key, keys.iv, mac.keyed(keys.mac_key) if mac else None), None)
    return writer, reader


def read_all(reader: PacketReader, pieces: list[bytes]) -> list[bytes]:
    payloads = []
    for piece in pieces:
        buffer = bytearray(piece)
        reader.feed(buffer)
        while (payload := reader.next_payload()) is not None:
            payloads.append(bytes(payload))
        reader.keep()
        buffer[:] = bytes(len(buffer))  # the caller may reuse its buffer at once
    return payloads


PAYLOADS = [b"\x02", b"x" * 7, b"y" * 255, os.urandom(40_000), b"z"]


@pytest.mark.parametrize(("cipher", "mac"), [("", ""), *combinations()])
@pytest.mark.parametrize("step", [1 << 20, 1, 17])
def test_payloads_survive_any_cut(cipher: str, mac: str, step: int) -> None:
    writer, reader = ends(cipher, mac)
    sent = PAYLOADS if step > 1 else PAYLOADS[:3]
    for payload in sent:
        writer.write(payload[:1], payload[1:])
    stream = b"".join(writer.drain())
    pieces = [stream[offset : offset + step] for offset in range(0, len(stream), step)]
    assert read_all(reader, pieces) == sent
    assert (writer.sequence_number, reader.sequence_number) == (len(sent), len(sent))
    assert writer.packets == reader.packets == len(sent)
    assert reader.unread() == b""


@given(st.lists(st.binary(min_size=1, max_size=600), max_size=8), st.lists(st.integers(1, 50), min_size=1))
def test_cuts_do_not_change_payloads(payloads: list[bytes], steps: list[int]) -> None:
    writer, reader = ends("aes256-gcm@openssh.com", "")
    for payload in payloads:
        writer.write(payload)
    stream = b"".join(writer.drain())
    pieces, offset, turn = [], 0, 0
    while offset < len(stream):
        size = steps[turn % len(steps)]
        pieces.append(stream[offset : offset + size])
        offset, turn = offset + size, turn + 1
    assert read_all(reader, pieces) == payloads


def test_what_was_parked_is_kept() -> None:
    writer, reader = ends("aes256-gcm@openssh.com", "")
    for payload in (b"one", b"two", b"three"):
        writer.write(payload)
    stream = b"".join(writer.drain())
    buffer = bytearray(stream[:-5])
    reader.feed(buffer)
    assert bytes(reader.next_payload() or b"") == b"one"
    reader.keep()
    buffer[:] = bytes(len(buffer))
    assert reader.unread() == stream[len(stream) // 3 : -5]
    assert read_all(reader, [stream[-5:]]) == [b"two", b"three"]


@pytest.mark.parametrize("length", [0, 1, 4, 5, MAXIMUM + 1, 0xFFFFFFFF, 13])
def test_lengths_out_of_bounds_are_refused(length: int) -> None:
    reader = PacketReader(MAXIMUM)
    reader.feed(length.to_bytes(4, "big") + bytes(32))
    with pytest.raises(ProtocolError, match="bad packet length"):
        reader.next_payload()


@pytest.mark.parametrize("padding", [0, 3, 11, 12, 255])
def test_paddings_out_of_bounds_are_refused(padding: int) -> None:
    reader = PacketReader(MAXIMUM)
    reader.feed((12).to_bytes(4, "big") + bytes([padding]) + bytes(11))
    with pytest.raises(ProtocolError, match="bad padding length"):
        reader.next_payload()


@pytest.mark.parametrize(("cipher", "mac"), list(combinations()))
def test_an_altered_packet_ends_it(cipher: str, mac: str) -> None:
    for position in (0, 4, 5, 20, -1):
        writer, reader = ends(cipher, mac)
        writer.write(b"payload" * 5)
        stream = bytearray(b"".join(writer.drain()))
        stream[position] ^= 1
        with pytest.raises(ProtocolError):  # noqa: PT012  # a longer length wants more bytes first
            read_all(reader, [bytes(stream)])
            read_all(reader, [bytes(MAXIMUM)])


def test_a_payload_is_compressed_whole() -> None:
    class Shout:
        used = True

        def compress(self, payload: bytes | bytearray | memoryview) -> bytes:
            return bytes(payload).upper()

        def decompress(self, payload: bytes | memoryview) -> bytes:
            return bytes(payload).lower() if payload != b"EMPTY" else b""

    writer, reader = ends("", "")
    writer.compressor = Shout()
    writer.write(b"one", b"two")
    writer.write(b"empty")
    stream = b"".join(writer.drain())
    assert b"ONETWO" in stream
    reader.decompressor = Shout()
    reader.feed(stream)
    assert bytes(reader.next_payload() or b"") == b"onetwo"
    with pytest.raises(ProtocolError, match="without a payload"):
        reader.next_payload()


class Backwards:
    """A compressor that makes payloads one byte longer."""

    used = True

    def compress(self, payload: bytes) -> bytes:
        return payload[::-1] + b"!"


@pytest.mark.parametrize(("cipher", "mac"), [("", ""), *combinations()])
@pytest.mark.parametrize(("size", "most"), [(1, 100), (100, 100), (101, 100), (1000, 100), (999, 64)])
@pytest.mark.parametrize("compressed", [False, True])
def test_channel_data_is_framed_as_any_payload(
    cipher: str, mac: str, size: int, most: int, compressed: bool
) -> None:
    """What `write_strings` makes at once is what a `write` for each piece makes, to the byte."""
    data, fields = os.urandom(size), b"\x5e\0\0\0\7"
    keys = bytes(range(64))
    fast, slow = PacketWriter(bytes), PacketWriter(bytes)
    for writer in (fast, slow):
        if cipher:
            spec, check = CIPHERS[cipher], MACS[mac].keyed(keys[: MACS[mac].key_size]) if mac else None
            writer.switch(spec.sealer(keys[: spec.key_size], keys[: spec.iv_size], check), None)
        writer.compressor = Backwards() if compressed else None
    fast.write_strings(fields, memoryview(data), most)
    for start in range(0, size, most):
        piece = data[start : start + most]
        slow.write(fields + len(piece).to_bytes(4, "big"), piece)
    assert b"".join(fast.drain()) == b"".join(slow.drain())
    assert (fast.sequence_number, fast.packets) == (slow.sequence_number, slow.packets)
    assert fast.byte_count == slow.byte_count


def test_sequence_numbers_wrap() -> None:
    writer, reader = ends("chacha20-poly1305@openssh.com", "")
    writer.sequence_number = reader.sequence_number = 0xFFFFFFFF
    for payload in (b"last", b"first"):
        writer.write(payload)
    assert read_all(reader, [b"".join(writer.drain())]) == [b"last", b"first"]
    assert (writer.sequence_number, reader.sequence_number) == (1, 1)


@pytest.mark.parametrize("cipher", ["aes128-cbc", "aes256-ctr"])
def test_a_bad_encrypted_length_looks_like_any_corruption(cipher: str) -> None:
    """The attack on CBC of 2008 learns plaintext from when, and how, an error comes."""
    writer, reader = ends(cipher, "hmac-sha2-256")
    writer.write(b"payload")
    stream = bytearray(b"".join(writer.drain()))
    stream[0] ^= 0x80
    assert read_all(reader, [bytes(stream)]) == []
    assert read_all(reader, [bytes(MAXIMUM - 1000)]) == []
    with pytest.raises(IntegrityError):
        read_all(reader, [bytes(1100)])
