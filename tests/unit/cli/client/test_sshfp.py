"""SSHFP records from a name server of the test's own, through dnspython."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from pyssh.keys.private import generate_private_key
from pyssh.keys.sshfp import SshfpRecord, sshfp_record
from pyssh_cli.client import sshfp
from pyssh_cli.client.sshfp import compare, look_up

KEY, OTHER = (generate_private_key("ed25519").key for _ in range(2))
RSA = generate_private_key("rsa", 2048).key


def records(*made: tuple[Any, str]) -> list[SshfpRecord]:
    return [sshfp_record(key, name) for key, name in made]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (records((KEY, "sha256")), (True, True)),
        (records((KEY, "sha1"), (KEY, "sha256")), (True, True)),
        (records((OTHER, "sha1"), (KEY, "sha256")), (True, False)),
        (records((KEY, "sha256"), (OTHER, "sha256")), (True, False)),
        (records((RSA, "sha256")), (False, False)),
        ([], (False, False)),
    ],
    ids=map(str, range(6)),
)
def test_every_record_must_fit(found: list[SshfpRecord], expected: tuple[bool, bool]) -> None:
    assert compare(KEY, found) == expected


class NameServer:
    """Answers each question with the same records; `validated` sets the flag of a DNSSEC resolver."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.validated = True
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            data, address = self._socket.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            reply = dns.message.make_response(query)
            if self.validated:
                reply.flags |= dns.flags.AD
            if self.lines:
                name = query.question[0].name
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "SSHFP", *self.lines))
            else:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            self._socket.sendto(reply.to_wire(), address)

    def close(self) -> None:
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def resolver(self) -> Any:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self.port
        return resolver


@pytest.fixture
def server() -> Iterator[NameServer]:
    started = NameServer()
    yield started
    started.close()


def line(key: Any, name: str) -> str:
    return sshfp_record(key, name).zone_line("x").removeprefix("x IN SSHFP ")


def test_answers(server: NameServer) -> None:
    server.lines = [line(KEY, "sha256"), line(RSA, "sha1")]
    finding = look_up("host.example", KEY, server.resolver())
    assert (finding.found, finding.matches, finding.secure, finding.problem) == (True, True, True, "")
    assert not look_up("host.example", OTHER, server.resolver()).matches
    server.validated = False
    assert not look_up("host.example", KEY, server.resolver()).secure
    server.lines = []
    assert not look_up("host.example", KEY, server.resolver()).found


def test_an_address_is_not_looked_up() -> None:
    assert "no SSHFP records" in look_up("192.0.2.7", KEY).problem


def test_whose_validation_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "resolv.conf"
    monkeypatch.setattr(sshfp, "_RESOLV_CONF", str(path))
    assert not sshfp._is_trusted(["192.0.2.1"])
    path.write_text("nameserver 192.0.2.1\n# options trust-ad\n")
    assert not sshfp._is_trusted(["192.0.2.1"])
    path.write_text("nameserver 192.0.2.1\noptions edns0 trust-ad\n")
    assert sshfp._is_trusted(["192.0.2.1"])
    path.unlink()
    assert sshfp._is_trusted(["127.0.0.53", "::1"])
    assert not sshfp._is_trusted(["127.0.0.53", "192.0.2.1"])
