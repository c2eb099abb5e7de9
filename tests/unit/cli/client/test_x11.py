"""What DISPLAY means, and what becomes of a cookie."""

import pytest

from pyssh_cli.client.x11 import Display, X11Problem, parse_display

SOCKETS = ("\0/tmp/.X11-unix/X7", "/tmp/.X11-unix/X7")  # where X servers listen


@pytest.mark.parametrize(
    ("text", "display"),
    [
        (":7", Display(SOCKETS, 0, ":7")),
        (":7.2", Display(SOCKETS, 2, ":7.2")),
        ("unix:7.1", Display(SOCKETS, 1, "unix:7.1")),
        ("host:7", Display((("host", 6007),), 0, "host:7")),
        ("localhost:10.0", Display((("localhost", 6010),), 0, "unix:10.0")),
        ("192.0.2.1:0.3", Display((("192.0.2.1", 6000),), 3, "192.0.2.1:0.3")),
        ("/run/x:0", Display(("/run/x:0", "/run/x"), 0, "/run/x:0")),
    ],
)
def test_displays(text: str, display: Display) -> None:
    assert parse_display(text) == display


@pytest.mark.parametrize(
    "text", ["host", "host:", "host:x", ":99999", ":-1", "$(id):0", "a b:0", "host:0;id", "`id`:0", ":٣"]
)
def test_what_is_no_display(text: str) -> None:
    with pytest.raises(X11Problem, match="is invalid"):
        parse_display(text)
