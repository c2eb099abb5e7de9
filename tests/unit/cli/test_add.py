"""What `pyssh add` asks of an agent: limits, lifetimes of certificates, tokens."""

import time
from pathlib import Path

import pytest

from pyssh.agent.constraints import Constraints, Destination, Hop, HopKey, decode_constraints
from pyssh.agent.framing import encode_frame
from pyssh.agent.identities import take_identity
from pyssh.agent.messages import (
    AddIdConstrained,
    AddSmartcardKey,
    AddSmartcardKeyConstrained,
    RemoveSmartcardKey,
    Success,
)
from pyssh.keys.certificate import FOREVER, Certificate
from pyssh.keys.certify import NONCE_SIZE, Statement, sign_certificate
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import format_public_line
from pyssh.wire.message import Message
from pyssh.wire.types import Reader
from pyssh_cli.add.files import certificate_lifetime
from pyssh_cli.add.limits import parse_destination
from pyssh_cli.add.request import AddError, parse_request
from pyssh_cli.commands import add
from pyssh_config.key_files import write_private_key, write_public_key
from pyssh_config.known_hosts import KnownHosts
from tests.support.fake_agent import fake_agent

KEY, HOST, AUTHORITY, REVOKED = (generate_private_key("ed25519") for _ in range(4))
HERE = Hop("", "", ())
GRACE = 300


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """A known_hosts file with a host, an authority for it, a revoked key, and a key that nobody can read."""
    path = tmp_path / "known_hosts"
    lines = [
        f"one,[two]:2222 {format_public_line(HOST.key, '')}",
        f"@cert-authority *.example {format_public_line(AUTHORITY.key, '')}",
        f"@revoked one {format_public_line(REVOKED.key, '')}",
        "one ssh-unheard-of AAAAD3NzaC11bmhlYXJkLW9m",
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("text", "destination"),
    [
        ("one", Destination(HERE, Hop("", "one", (HopKey(HOST.key),)))),
        ("me@one", Destination(HERE, Hop("me", "one", (HopKey(HOST.key),)))),
        ("m*@[two]:2222", Destination(HERE, Hop("m*", "[two]:2222", (HopKey(HOST.key),)))),
        (
            "one>me@inner.example",
            Destination(
                Hop("", "one", (HopKey(HOST.key),)),
                Hop("me", "inner.example", (HopKey(AUTHORITY.key, True),)),
            ),
        ),
    ],
)
def test_destinations(text: str, destination: Destination, known: Path) -> None:
    assert parse_destination(text, KnownHosts.load([str(known)])) == destination


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("unknown", 'No host keys found for destination "unknown"'),
        ("two", "No host keys found"),
        ("me@one>one", "cannot specify user on 'from' host"),
        ("", "does not specify user or host"),
        ("me@", "does not specify a host"),
        ("one>", "does not specify user or host"),
    ],
)
def test_destinations_that_make_no_sense(text: str, problem: str, known: Path) -> None:
    with pytest.raises(AddError, match=problem):
        parse_destination(text, KnownHosts.load([str(known)]))


def _certificate(valid_before: int = FOREVER) -> Certificate:
    made = Statement("user", "its id", valid_before=valid_before)
    return sign_certificate(
        KEY.key, made, AUTHORITY.key, lambda data: AUTHORITY.sign("ssh-ed25519", data), bytes(NONCE_SIZE)
    )


@pytest.mark.parametrize(
    ("valid_before", "limit", "lifetime"),
    [
        (FOREVER, None, None),
        (FOREVER, 60, 60),
        (1100, None, 100 + GRACE),
        (1100, 60, 60),
        (1100, 1000, 100 + GRACE),
        (1000, None, 0),
        (999, 60, 0),
        (1 << 60, None, (1 << 31) - 1),
    ],
)
def test_how_long_a_certificate_is_kept(valid_before: int, limit: int | None, lifetime: int | None) -> None:
    assert certificate_lifetime(_certificate(valid_before), limit, 1000.5) == lifetime


def _ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> list[bytes]:
    """Run the command; return what the agent was asked."""
    requests: list[bytes] = []

    def answer(request: bytes) -> bytes:
        requests.append(request)
        return encode_frame(Success())

    monkeypatch.setattr("pyssh_cli.client.prompt.Prompter.ask", lambda *_, **__: "1234")
    with fake_agent(tmp_path / "agent", answer) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        assert add.main(words) == 0
    return requests


def test_a_key_and_its_certificate_with_all_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: Path
) -> None:
    path = tmp_path / "key"
    write_private_key(str(path), KEY, "comment")
    certificate = _certificate(int(time.time()) + 1000)
    write_public_key(f"{path}-cert.pub", certificate)
    words = ("-c", "-t", "10m", "-H", str(known), "-h", "one", "-h", "one>x.example", str(path))
    parsed = [parse_destination(text, KnownHosts.load([str(known)])) for text in ("one", "one>x.example")]
    limits = Constraints(lifetime=600, confirm=True, destinations=tuple(parsed))
    for request, shown in zip(_ask(tmp_path, monkeypatch, *words), (None, certificate), strict=True):
        reader = Reader(AddIdConstrained.decode(request).identity)
        held = take_identity(reader)
        assert (held.private.key, held.certificate, held.comment) == (KEY.key, shown, b"comment")
        assert decode_constraints(reader.take(reader.remaining)) == limits


def test_tokens_are_the_agents_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = _certificate()
    write_public_key(str(tmp_path / "cert.pub"), certificate)
    library = "/usr/lib/token.so"

    def ask(*words: str) -> Message:
        (tmp_path / "agent").unlink(missing_ok=True)
        (request,) = _ask(tmp_path, monkeypatch, *words)
        kinds = (AddSmartcardKey, AddSmartcardKeyConstrained, RemoveSmartcardKey)
        return next(kind for kind in kinds if kind.number == request[0]).decode(request)

    assert ask("-s", library) == AddSmartcardKey(library, b"1234")
    assert ask("-e", library) == RemoveSmartcardKey(library, b"")
    added = ask("-s", library, "-t", "5", "-C", str(tmp_path / "cert.pub"))
    assert isinstance(added, AddSmartcardKeyConstrained)
    limits = Constraints(lifetime=5, certificates=(certificate,), certificates_only=True)
    assert decode_constraints(added.constraints) == limits


def test_what_is_done_when_flags_name_several_things() -> None:
    def action(*words: str) -> str:
        request = parse_request(words, {})
        assert request is not None
        return request.action

    assert action("file") == ""
    assert [action("-D", "-T"), action("-T", "-s", "x"), action("-e", "x"), action("-Q", "-T")] == [
        *("D", "T", "s", "Q"),
    ]
    assert parse_request(["--help"], {}) is None
    with pytest.raises(AddError, match="Invalid combination"):
        action("-D", "-l")


def test_resident_keys_are_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert add.main(["-K"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
