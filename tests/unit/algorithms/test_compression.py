import os
import zlib

import pytest

from pyssh.algorithms.compression import COMPRESSION, CompressionSpec
from pyssh.errors import DisconnectReason, ProtocolError

every_method = pytest.mark.parametrize("spec", list(COMPRESSION), ids=lambda spec: spec.name)
every_zlib = pytest.mark.parametrize(
    "spec", [spec for spec in COMPRESSION if spec.name != "none"], ids=lambda spec: spec.name
)

LIMIT = 65536


@every_method
def test_payloads_come_out_as_they_went_in(spec: CompressionSpec) -> None:
    compressor, decompressor = spec.compressor(), spec.decompressor(LIMIT)
    for payload in (b"a", b"a" * 1000, b"", os.urandom(30000), b"a", bytes(LIMIT)):
        assert decompressor.decompress(memoryview(compressor.compress(payload))) == payload


@every_zlib
def test_the_stream_remembers(spec: CompressionSpec) -> None:
    compressor = spec.compressor()
    payload = os.urandom(500)
    compressor.compress(payload)
    assert len(compressor.compress(payload)) < 100


@every_zlib
def test_used_streams_say_so(spec: CompressionSpec) -> None:
    compressor, decompressor = spec.compressor(), spec.decompressor(LIMIT)
    assert not compressor.used
    assert not decompressor.used
    decompressor.decompress(compressor.compress(b"x"))
    assert compressor.used
    assert decompressor.used


def test_none_keeps_no_state() -> None:
    spec = COMPRESSION["none"]
    compressor, decompressor = spec.compressor(), spec.decompressor(1)
    assert decompressor.decompress(compressor.compress(b"longer than the limit")) == b"longer than the limit"
    assert not compressor.used
    assert not decompressor.used


@every_zlib
@pytest.mark.parametrize(
    "compressed",
    [
        b"garbage",
        zlib.compress(bytes(LIMIT + 1)),
        zlib.compress(bytes(100 * LIMIT)),
        zlib.compress(b"an ended stream"),
    ],
    ids=["garbage", "one too many", "bomb", "ended"],
)
def test_what_cannot_be_decompressed_is_refused(spec: CompressionSpec, compressed: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        spec.decompressor(LIMIT).decompress(compressed)
    assert caught.value.reason == DisconnectReason.COMPRESSION_ERROR


def test_only_none_is_on() -> None:
    assert COMPRESSION.default_names == ("none",)
    assert [spec.name for spec in COMPRESSION if spec.delayed] == ["zlib@openssh.com"]
