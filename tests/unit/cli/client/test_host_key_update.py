"""Which announcements of a server change known_hosts: proven ones, of a host that was trusted before."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from pyssh.aio.client import ClientLink
from pyssh.connection.requests import HOSTKEYS_PROVE, HostKeyProofData, HostKeyProofs, HostKeysProve
from pyssh.errors import RequestError
from pyssh.keys.private import PrivateKey, generate_private_key
from pyssh.keys.public import PublicKey, format_public_line
from pyssh_cli.client.host_key_update import HostKeyUpdate
from pyssh_cli.client.prompt import Prompter
from pyssh_cli.client.trust import HostTrust
from pyssh_cli.output import Level, Output
from pyssh_config.client import ClientConfig

SHOWN, NEW, OLD, LIAR = (generate_private_key("ed25519") for _ in range(4))


class Link:
    """Announces keys, and proves them with what it is given."""

    session_identifier = b"session"
    ended = False

    def __init__(self, announced: Sequence[bytes], signer: PrivateKey | None) -> None:
        self.host_key: PublicKey = SHOWN.key
        self.asked = 0
        self._announced = tuple(announced)
        self._signer = signer

    def handle_host_keys(self, handler: Callable[[tuple[bytes, ...]], object]) -> None:
        handler(self._announced)

    def spawn(self, work: Coroutine[Any, Any, Any], name: str = "") -> asyncio.Task[Any]:
        return asyncio.ensure_future(work)

    async def global_request(self, request: HostKeysProve) -> bytes:
        self.asked += 1
        if self._signer is None:
            raise RequestError("refused")
        return HostKeyProofs(
            tuple(
                self._signer.sign("ssh-ed25519", HostKeyProofData(HOSTKEYS_PROVE, b"session", blob).encode())
                for blob in request.host_keys
            )
        ).encode()


class Case:
    """The host h, whose shown key and an old one are known."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.said: list[str] = []
        self.path = folder / "known"
        self.path.write_text("".join(f"h {format_public_line(one.key, '')}\n" for one in (SHOWN, OLD)))
        named = [f"UserKnownHostsFile={self.path}", "GlobalKnownHostsFile=none"]
        wanted = [*options, "UpdateHostKeys=yes", *named]
        self.config = ClientConfig.load("h", files=[], overrides=wanted)
        self.output = Output("pyssh", level=Level.DEBUG, sink=lambda _, line: self.said.append(line))
        self.trust = HostTrust(self.config, Prompter({}, batch=True), self.output)
        self.trust.judge(SHOWN.key)

    def run(self, link: Link) -> set[bytes]:
        """Return the keys that are known afterwards."""

        async def update() -> None:
            work = HostKeyUpdate(self.config, self.trust, cast(ClientLink, link), self.output)
            work.start()
            await work.settle()

        asyncio.run(update())
        lines = self.path.read_text().splitlines()
        return {
            one.key.blob
            for one in (SHOWN, NEW, OLD)
            if any(format_public_line(one.key, "") in x for x in lines)
        }


BEFORE = {SHOWN.key.blob, OLD.key.blob}


def test_proven_keys_are_learned_and_others_forgotten(tmp_path: Path) -> None:
    link = Link([SHOWN.key.blob, NEW.key.blob], NEW)
    assert Case(tmp_path).run(link) == {SHOWN.key.blob, NEW.key.blob}
    assert link.asked == 1


def test_without_new_keys_there_is_nothing_to_prove(tmp_path: Path) -> None:
    link = Link([SHOWN.key.blob], None)
    assert Case(tmp_path).run(link) == {SHOWN.key.blob}
    assert link.asked == 0


@pytest.mark.parametrize("signer", [LIAR, None], ids=["wrong", "refused"])
def test_what_is_not_proven_changes_nothing(tmp_path: Path, signer: PrivateKey | None) -> None:
    case = Case(tmp_path)
    assert case.run(Link([SHOWN.key.blob, NEW.key.blob], signer)) == BEFORE
    assert any("the host's keys are not updated" in line for line in case.said)


@pytest.mark.parametrize(
    "announced",
    [
        [],
        [NEW.key.blob],  # not the one that it shows: whoever forgets that is locked out the next time
        [SHOWN.key.blob, NEW.key.blob, NEW.key.blob],
        [SHOWN.key.blob] * 101,
    ],
    ids=["none", "without-the-shown", "twice", "too-many"],
)
def test_strange_announcements_change_nothing(tmp_path: Path, announced: list[bytes]) -> None:
    assert Case(tmp_path).run(Link(announced, NEW)) == BEFORE


def test_keys_that_we_cannot_read_are_passed_over(tmp_path: Path) -> None:
    assert Case(tmp_path).run(Link([b"what", SHOWN.key.blob, OLD.key.blob], None)) == BEFORE


def test_a_host_that_was_not_trusted_changes_nothing(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.trust.is_trusted = False
    assert case.run(Link([SHOWN.key.blob, NEW.key.blob], NEW)) == BEFORE
    case = Case(tmp_path)
    case.trust.changed = True
    assert case.run(Link([SHOWN.key.blob, NEW.key.blob], NEW)) == BEFORE
