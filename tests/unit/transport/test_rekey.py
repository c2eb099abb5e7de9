import os

import pytest

from pyssh.algorithms.preferences import Algorithms
from pyssh.events import AgreedAlgorithms
from pyssh.options import ClientOptions, Options
from pyssh.transport.framing import PacketReader, PacketWriter
from pyssh.transport.rekey import BYTES_64_BIT_BLOCKS, BYTES_128_BIT_BLOCKS, PACKETS, RekeyTimer


def timer(options: Options, cipher: str = "aes256-gcm@openssh.com") -> RekeyTimer:
    return RekeyTimer(options, AgreedAlgorithms("k", "h", cipher, cipher, "", "", "none", "none", True))


@pytest.mark.parametrize(
    ("cipher", "limit"),
    [
        ("aes256-gcm@openssh.com", BYTES_128_BIT_BLOCKS),
        ("aes128-ctr", BYTES_128_BIT_BLOCKS),
        ("chacha20-poly1305@openssh.com", BYTES_128_BIT_BLOCKS),
        ("3des-cbc", BYTES_64_BIT_BLOCKS),
    ],
)
def test_bytes_run_out_in_either_direction(cipher: str, limit: int) -> None:
    for options, bound in ((ClientOptions(), limit), (ClientOptions(rekey_bytes=1000), 1000)):
        writer, reader = PacketWriter(os.urandom), PacketReader(1000)
        assert not timer(options, cipher).due(writer, reader)
        writer.byte_count = bound - 1
        assert not timer(options, cipher).due(writer, reader)
        writer.byte_count = bound
        assert timer(options, cipher).due(writer, reader)
        writer.byte_count, reader.byte_count = 0, bound
        assert timer(options, cipher).due(writer, reader)


def test_a_larger_wish_than_is_safe_is_not_granted() -> None:
    writer, reader = PacketWriter(os.urandom), PacketReader(1000)
    writer.byte_count = BYTES_64_BIT_BLOCKS
    assert timer(ClientOptions(rekey_bytes=1 << 50), "3des-cbc").due(writer, reader)


def test_packets_run_out() -> None:
    writer, reader = PacketWriter(os.urandom), PacketReader(1000)
    reader.packets = PACKETS
    assert timer(ClientOptions()).due(writer, reader)


def test_age_begins_with_the_first_tick() -> None:
    writer, reader = PacketWriter(os.urandom), PacketReader(1000)
    aging = timer(ClientOptions(rekey_seconds=60))
    assert aging.deadline() is None
    aging.tick(1000.0)
    assert aging.deadline() == 1060.0
    aging.tick(1059.9)
    assert not aging.due(writer, reader)
    aging.tick(1060.0)
    assert aging.due(writer, reader)
    ageless = timer(ClientOptions(algorithms=Algorithms()))
    ageless.tick(0.0)
    ageless.tick(1e9)
    assert ageless.deadline() is None
    assert not ageless.due(writer, reader)
