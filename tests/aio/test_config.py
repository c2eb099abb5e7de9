"""The library goes where ssh_config says, with a real server at the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyssh.aio.client import connect
from pyssh.errors import HostKeyError, PassphraseError
from pyssh.keys.private import generate_private_key
from pyssh_config.client import ConfigFile
from pyssh_config.errors import ConfigError
from pyssh_config.key_files import write_private_key
from pyssh_config.library import connect_arguments, connect_route
from tests.support import peers
from tests.support.peers import Server, openssh_server
from tests.support.processes import LOOPBACK


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with openssh_server(peers.NEWEST) as started:
        yield started


class Files:
    """An ssh_config about a server, and its known_hosts."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.known = folder / "known_hosts"
        self.known.write_text(server.known_hosts())
        self._common = (
            f"Host web\n HostName {LOOPBACK}\n"
            f"Host jump\n HostName localhost\n AddressFamily inet\n HostKeyAlias [{LOOPBACK}]:{server.port}\n"
            f"Host web jump\n Port {server.port}\n User {server.user}\n"
            f"Host *\n IdentityFile {server.identity}\n UserKnownHostsFile {self.known}\n"
            " GlobalKnownHostsFile none\n"
        )

    def with_lines(self, *lines: str) -> list[ConfigFile]:
        path = self.folder / "config"
        path.write_text("".join(f"{line}\n" for line in lines) + self._common)
        path.chmod(0o600)
        return [ConfigFile(str(path), is_user=True)]


@pytest.fixture
def files(tmp_path: Path, server: Server) -> Files:
    return Files(tmp_path, server)


async def test_connecting(files: Files, server: Server) -> None:
    arguments = connect_arguments("web", files=files.with_lines("Ciphers aes128-ctr", "BindInterface lo"))
    assert arguments["options"].algorithms.ciphers == ("aes128-ctr",)
    async with connect(**arguments) as link:
        done = await link.run("echo $SSH_CONNECTION")
    assert done.stdout.split()[::2] == [LOOPBACK.encode(), LOOPBACK.encode()]


async def test_through_another_host(files: Files) -> None:
    first, second = connect_route("web", files=files.with_lines("Host web", "ProxyJump jump"))
    async with connect(**first) as jump, connect(**second, via=jump) as link:
        assert (await link.run("echo there")).stdout == b"there\n"
    with pytest.raises(ConfigError, match="web is behind other hosts"):
        connect_arguments("web", files=files.with_lines("Host web", "ProxyJump jump"))


def test_through_a_command(files: Files) -> None:
    arguments = connect_arguments("web", files=files.with_lines("ProxyCommand nc %h  %p"))
    assert arguments["proxy_command"] == f"nc {LOOPBACK}  {arguments['port']}"


async def test_a_host_that_is_not_known(files: Files) -> None:
    arguments = connect_arguments("web", files=files.with_lines(), overrides=["HostKeyAlias=nobody"])
    assert arguments["host_keys"] == ()
    with pytest.raises(HostKeyError):
        await connect(**arguments)


def test_a_key_that_was_revoked_is_not_known(files: Files) -> None:
    lines = files.known.read_text().splitlines()
    files.known.write_text("\n".join([*lines, f"@revoked * {lines[0].partition(' ')[2]}"]))
    arguments = connect_arguments("web", files=files.with_lines())
    assert len(arguments["host_keys"]) == len(lines) - 1


def test_keys_with_a_passphrase(files: Files) -> None:
    path = str(files.folder / "locked")
    key = generate_private_key("ed25519")
    write_private_key(path, key, "locked", passphrase=b"open", rounds=1)
    lines = files.with_lines(f"IdentityFile {path}")
    with pytest.raises(PassphraseError):
        connect_arguments("web", files=lines)
    passed_over = connect_arguments("web", files=lines, passphrase=lambda _: None)
    opened = connect_arguments(
        "web", files=lines, passphrase=lambda asked: b"open" if asked == path else None
    )
    assert len(passed_over["keys"]) == 1
    assert opened["keys"][0].key == key.key


@pytest.mark.parametrize(
    "line",
    [
        "KnownHostsCommand /x",
        "RevokedHostKeys /x",
        "ProxyCommand -",
        "ProxyCommand x\nProxyUseFdpass yes",
        "Tunnel yes",
    ],
)
def test_what_cannot_be_said_in_arguments(files: Files, line: str) -> None:
    with pytest.raises(ConfigError, match=line.rsplit("\n", maxsplit=1)[-1].split(maxsplit=1)[0]):
        connect_arguments("web", files=files.with_lines(line))
