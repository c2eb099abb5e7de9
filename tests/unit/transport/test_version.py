import pytest

from pyssh.errors import VersionError
from pyssh.options import Limits
from pyssh.transport.version import VersionReader


def read(data: bytes, *, peer_is_server: bool = True, step: int = 0) -> tuple[VersionReader, int]:
    reader = VersionReader(Limits(), peer_is_server=peer_is_server)
    taken = 0
    step = step or len(data)
    for offset in range(0, len(data), step):
        taken += reader.receive(memoryview(data[offset : offset + step]))
        if reader.identification is not None:
            break
    return reader, taken


@pytest.mark.parametrize("step", [0, 1, 7])
@pytest.mark.parametrize("line", [b"SSH-2.0-x_1 a comment", b"SSH-2.0-a-b-c", b"SSH-1.99-old"])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_takes_the_line_and_nothing_behind_it(line: bytes, end: bytes, step: int) -> None:
    reader, taken = read(line + end + b"\x00\x00binary", step=step)
    assert reader.identification == line
    assert taken == len(line + end)


def test_a_server_may_send_lines_before_its_own() -> None:
    reader, _ = read(b"hello\r\nworld\xff\nSSH-2.0-x\r\n", step=3)
    assert reader.identification == b"SSH-2.0-x"
    assert reader.preamble == ["hello", "world\\xff"]


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"GET / HTTP/1.1\r\n", "does not speak SSH"),
        (b"\x16\x03\x01\x02\n", "does not speak SSH"),
        (b"SSH-1.99-old\r\n", "not supported"),
        (b"SSH-1.5-older\r\n", "not supported"),
        (b"SSH-2.0\r\n", "not supported"),
        (b"SSH-2.0-a\0b\r\n", "NUL"),
        (b"x" * 300, "too long"),
        (b"SSH-2.0-" + b"x" * 300, "too long"),
    ],
)
def test_a_client_that_begins_otherwise_is_refused(data: bytes, word: str) -> None:
    with pytest.raises(VersionError, match=word):
        read(data, peer_is_server=False, step=16)


def test_a_web_server_is_named() -> None:
    with pytest.raises(VersionError, match="web server"):
        read(b"HTTP/1.1 400 Bad Request\r\n")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"x\n" * 2000, "too many lines"),
        (b"y" * 70_000, "too much text"),
        (b"z" * 200 + b"\n" + (b"z" * 200 + b"\n") * 400, "too much text"),
    ],
)
def test_a_preamble_has_an_end(data: bytes, word: str) -> None:
    with pytest.raises(VersionError, match=word):
        read(data)


def test_the_quoted_line_is_harmless() -> None:
    with pytest.raises(VersionError) as caught:
        read(b"\x1b]0;title\x07\r\n", peer_is_server=False)
    assert "\x1b" not in str(caught.value)
    assert "\\x1b" in str(caught.value)


def test_an_early_end_tells_what_came() -> None:
    reader, _ = read(b"Too many users\r\n")
    assert "Too many users" in str(reader.finish())
    assert str(VersionReader(Limits(), peer_is_server=True).finish()).endswith("identified itself")
