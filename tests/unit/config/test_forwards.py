import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh_config.errors import ConfigError
from pyssh_config.forwards import (
    Address,
    Destination,
    Forward,
    HostPattern,
    ListenAddress,
    UnixPath,
    parse_destination,
    parse_forward,
    parse_jump,
    parse_listen_address,
    parse_permit,
    parse_stdio_forward,
    permits,
)
from pyssh_config.values import Arguments


@pytest.mark.parametrize(
    ("text", "forward"),
    [
        ("8080:localhost:80", Forward(Address(None, 8080), Address("localhost", 80))),
        ("127.0.0.1:8080:h:80", Forward(Address("127.0.0.1", 8080), Address("h", 80))),
        ("[::1]:8080:[2001:db8::1]:80", Forward(Address("::1", 8080), Address("2001:db8::1", 80))),
        ("*:8080:h:80", Forward(Address("*", 8080), Address("h", 80))),
        (":8080:h:80", Forward(Address("", 8080), Address("h", 80))),
        ("8080:/run/s", Forward(Address(None, 8080), UnixPath("/run/s"))),
        ("h:8080:/run/s", Forward(Address("h", 8080), UnixPath("/run/s"))),
        ("/run/l:/run/s", Forward(UnixPath("/run/l"), UnixPath("/run/s"))),
        ("/run/l:h:80", Forward(UnixPath("/run/l"), Address("h", 80))),
        (r"/run/a\:b:h:80", Forward(UnixPath("/run/a:b"), Address("h", 80))),
        ("[/run/a:b]:h:80", Forward(UnixPath("/run/a:b"), Address("h", 80))),
        ("${X}:h:80", Forward(UnixPath("/e/x"), Address("h", 80))),
    ],
)
def test_local_forwards(text: str, forward: Forward) -> None:
    assert parse_forward(text, environ={"X": "/e/x"}) == forward


@pytest.mark.parametrize(
    "text",
    [
        "", "8080", "h:8080", "0:h:80", "8080:h:0", "65536:h:80", "8080:h:80:1:2", "8080:h", "[::1:80:h:80",
        "[::1]x:80:h:80", "8080/localhost/80", "8080::80", "${NOPE}:h:80", "${:h:80",
        "/" + "x" * 108 + ":h:80", "8080:" + "h" * 1100 + ":80",
    ],
)  # fmt: skip
def test_bad_local_forwards(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_forward(text)


@pytest.mark.parametrize(
    ("text", "forward"),
    [
        ("0:h:80", Forward(Address(None, 0), Address("h", 80))),
        ("8080", Forward(Address(None, 8080))),
        ("*:0", Forward(Address("*", 0))),
        ("/run/r:h:1", Forward(UnixPath("/run/r"), Address("h", 1))),
    ],
)
def test_remote_forwards(text: str, forward: Forward) -> None:
    assert parse_forward(text, remote=True) == forward


@pytest.mark.parametrize(
    ("text", "forward"),
    [
        ("1080", Forward(Address(None, 1080))),
        ("localhost:1080", Forward(Address("localhost", 1080))),
        ("[::]:1080", Forward(Address("::", 1080))),
        ("/run/socks", Forward(UnixPath("/run/socks"))),
    ],
)
def test_dynamic_forwards(text: str, forward: Forward) -> None:
    assert parse_forward(text, dynamic=True) == forward


@pytest.mark.parametrize("text", ["0", "1080:h:80", "x", "a:b:c"])
def test_bad_dynamic_forwards(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_forward(text, dynamic=True)


@given(st.text(alphabet="[]:/\\0123456789ah*.$\x1b{}", max_size=24), st.booleans(), st.booleans())
def test_any_text_is_a_forward_or_a_config_error(text: str, dynamic: bool, remote: bool) -> None:
    problem = ""
    try:
        parse_forward(text, dynamic=dynamic, remote=remote)
    except ConfigError as error:
        problem = str(error)
    assert problem.isprintable()


def test_stdio_forwards() -> None:
    assert parse_stdio_forward("h:22") == Address("h", 22)
    assert parse_stdio_forward("[::1]:22") == Address("::1", 22)
    assert parse_stdio_forward("/run/s") == UnixPath("/run/s")
    for bad in ("22", ":22", "h", "h:0", ""):
        with pytest.raises(ConfigError):
            parse_stdio_forward(bad)


@pytest.mark.parametrize(
    ("text", "destination"),
    [
        ("h", Destination("h")),
        ("u@h", Destination("h", "u")),
        ("u@d@h", Destination("h", "u@d")),
        ("::1", Destination("::1")),
        ("ssh://u@h:2222", Destination("h", "u", 2222)),
        ("ssh://h/", Destination("h")),
        ("ssh://[::1]:22", Destination("::1", None, 22)),
        ("ssh://a%40b@h", Destination("h", "a@b")),
    ],
)
def test_destinations(text: str, destination: Destination) -> None:
    assert parse_destination(text) == destination


@pytest.mark.parametrize(
    "text",
    [
        "", "@h", "u@", "-oProxyCommand=x", "u@-x", "-u@h", "h;x", "$(x)", "u`x`@h", "h\n", "ssh://h:0", "ssh://h/x",
        "ssh://", "ssh://-x", "ssh://%2dx", "u -o@h", "u\\@h",
    ],
)  # fmt: skip
def test_bad_destinations(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_destination(text)


def test_jumps() -> None:
    assert parse_jump("u@h:22") == Destination("h", "u", 22)
    assert parse_jump("[::1]:22") == Destination("::1", None, 22)
    assert parse_jump("ssh://h:22") == Destination("h", None, 22)
    assert parse_jump("h:") == Destination("h")
    for bad in ("h:x y", "::1", "1:2:3", "/x", "u@", "-x", "a b", "[::1"):
        with pytest.raises(ConfigError):
            parse_jump(bad)


def test_listen_addresses() -> None:
    assert parse_listen_address("::") == ListenAddress("::")
    assert parse_listen_address("[::1]:22") == ListenAddress("::1", 22)
    assert parse_listen_address("0.0.0.0:2222") == ListenAddress("0.0.0.0", 2222)
    assert parse_listen_address("h") == ListenAddress("h")
    assert str(ListenAddress("::1", 22)) == "[::1]:22"
    for bad in ("", ":22", "h:x", "[::1", "h/22"):
        with pytest.raises(ConfigError):
            parse_listen_address(bad)


def test_permits() -> None:
    assert parse_permit("h:80") == HostPattern("h", 80)
    assert parse_permit("[::1]:*") == HostPattern("::1", 0)
    assert parse_permit("8080", listen=True) == HostPattern("*", 8080)
    assert permits(listen=False)(Arguments(("any",), "any")) is None
    assert permits(listen=False)(Arguments(("none",), "none")) == ()
    for bad in ("h", "h:", ":1", "h:x"):
        with pytest.raises(ConfigError):
            parse_permit(bad)
