"""The lines that are printed of a key."""

import pytest

from pyssh.keys.private import generate_private_key
from pyssh.keys.public import format_public_line
from pyssh_cli.keyscan.lines import key_lines
from pyssh_cli.keyscan.request import Request
from pyssh_cli.output import Output
from pyssh_config.known_hosts import parse_known_host

KEY = generate_private_key("ed25519").key
SHOWN = format_public_line(KEY, "")


def lines(names: str, **changes: object) -> list[str]:
    return list(key_lines(KEY, names, Request().replace(**changes), Output("pyssh keyscan")))


def test_names_share_a_line_on_the_usual_port_only() -> None:
    assert lines("A,b") == [f"a,b {SHOWN}"]
    assert lines("A,b", port=2222) == [f"[a]:2222 {SHOWN}", f"[b]:2222 {SHOWN}"]


def test_hidden_names_are_found_again() -> None:
    hidden = lines("a,b", hide_names=True, port=2222)
    for name, line in zip(("[a]:2222", "[b]:2222"), hidden, strict=True):
        entry = parse_known_host(line, "known_hosts", 1)
        assert entry
        assert entry.is_hashed
        assert entry.matches(name)
        assert entry.key == KEY


def test_certificates_stand_alone() -> None:
    assert lines("a,b", certificates=True) == [SHOWN]


def test_records_for_the_dns() -> None:
    digest = KEY.digest("sha256").hex()
    assert lines("a,b", as_sshfp=True, hashes=("sha256",)) == [
        f"{name} IN SSHFP 4 2 {digest}" for name in ("a", "b")
    ]


def test_types_without_records_are_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    key = generate_private_key("mldsa44-ed25519").key
    assert not list(key_lines(key, "host", Request(as_sshfp=True), Output("pyssh keyscan")))
    said = capsys.readouterr().err
    assert said == "pyssh keyscan: host: there are no SSHFP records for keys of type ssh-mldsa44-ed25519\n"
