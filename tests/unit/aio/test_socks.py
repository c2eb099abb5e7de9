"""The SOCKS dialogue: versions 4, 4a and 5, cut anywhere, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.aio.socks import SocksDialogue, SocksError

PORT = (8080).to_bytes(2, "big")
GREETING = b"\x05\x02\x02\x00"
REQUESTS = {
    "4": (b"\x04\x01" + PORT + b"\x0a\x00\x00\x01me\x00", ("10.0.0.1", 8080)),
    "4a": (b"\x04\x01" + PORT + b"\x00\x00\x00\x07me\x00db.example\x00", ("db.example", 8080)),
    "5 IPv4": (GREETING + b"\x05\x01\x00\x01\x0a\x00\x00\x01" + PORT, ("10.0.0.1", 8080)),
    "5 name": (GREETING + b"\x05\x01\x00\x03\x0adb.example" + PORT, ("db.example", 8080)),
    "5 IPv6": (GREETING + b"\x05\x01\x00\x04" + bytes(15) + b"\x01" + PORT, ("::1", 8080)),
}


@pytest.mark.parametrize("name", REQUESTS)
@given(cuts=st.lists(st.integers(0, 60), max_size=5), left=st.binary(max_size=2000))
def test_requests_cut_anywhere(name: str, cuts: list[int], left: bytes) -> None:
    request, target = REQUESTS[name]
    dialogue = SocksDialogue()
    places = sorted({min(cut, len(request)) for cut in cuts})
    pieces = [request[a:b] for a, b in zip([0, *places], [*places, len(request)], strict=True)]
    pieces[-1] += left
    replies = b"".join(dialogue.receive(piece) for piece in pieces if piece and dialogue.target is None)
    assert dialogue.target == target
    assert replies == (b"\x05\x00" if name.startswith("5") else b"")
    if pieces[-1] != left:
        assert dialogue.left == left
    first = 0 if name.startswith("4") else 5
    assert dialogue.granted()[:2] == (b"\x05\x00" if first else b"\x00\x5a")
    assert dialogue.refused()[:2] == (b"\x05\x01" if first else b"\x00\x5b")
    assert len(dialogue.granted()) == len(dialogue.refused()) == (10 if first else 8)


@pytest.mark.parametrize(
    ("request_bytes", "reply"),
    [
        (b"GET / HTTP/1.1\r\n", b""),
        (b"\x05\x01\x02", b"\x05\xff"),
        (b"\x04\x02" + PORT + b"\x0a\x00\x00\x01me\x00", b"\x00\x5b" + bytes(6)),
        (b"\x04\x01" + PORT + b"\x00\x00\x00\x07me\x00\x00", b"\x00\x5b" + bytes(6)),
        (b"\x04\x01" + PORT + b"\x00\x00\x00\x07me\x00a\nb\x00", b"\x00\x5b" + bytes(6)),
        (GREETING + b"\x05\x02\x00\x01\x0a\x00\x00\x01" + PORT, b"\x05\x07\x00\x01" + bytes(6)),
        (GREETING + b"\x05\x01\x00\x09\x0a\x00\x00\x01" + PORT, b"\x05\x08\x00\x01" + bytes(6)),
        (GREETING + b"\x05\x01\x00\x03\x02\xc3\xbc" + PORT, b"\x05\x01\x00\x01" + bytes(6)),
        (GREETING + b"\x04\x01\x00\x01\x0a\x00\x00\x01" + PORT, b""),
        (b"\x04\x01" + PORT + b"\x0a\x00\x00\x01" + b"u" * 2000, b""),
    ],
)
def test_refusals(request_bytes: bytes, reply: bytes) -> None:
    with pytest.raises(SocksError) as caught:
        SocksDialogue().receive(request_bytes)
    assert caught.value.reply == reply


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_anything_is_taken_or_refused(pieces: list[bytes]) -> None:
    dialogue = SocksDialogue()
    try:
        for piece in pieces:
            dialogue.receive(piece)
            if dialogue.target is not None:
                break
    except SocksError:
        pass
