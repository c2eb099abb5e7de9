"""`pyssh agent` and the programs of OpenSSH: ssh-add, ssh, and sshd behind a forwarded agent."""

import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.agent import SECONDS, Agent, answering_program, running_agent, started
from tests.support.peers import (
    ASYNCSSH,
    DISTRIBUTION,
    DROPBEAR,
    NEWEST,
    PUTTY,
    Server,
    make_key,
    openssh_server,
    require,
    ssh_command,
)
from tests.support.pyssh_client import PYSSH

DATA = Path(__file__).resolve().parents[1] / "unit" / "keys" / "data"
KINDS = ("ed25519", "ecdsa", "rsa")
NEW_KINDS = (*KINDS, "mldsa44-ed25519")


@pytest.fixture
def agent() -> Iterator[Agent]:
    require(NEWEST)
    with running_agent() as found:
        yield found


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A key of each kind with a certificate beside it."""
    require(NEWEST)
    folder = tmp_path_factory.mktemp("keys")
    authority = make_key(folder / "ca")
    made = {kind: make_key(folder / kind, kind) for kind in NEW_KINDS}
    publics = [f"{path}.pub" for path in made.values()]
    certify = [str(NEWEST.path("ssh-keygen")), "-q", "-s", str(authority), "-I", "id"]
    certify += ["-n", peers.current_user(), *publics]
    subprocess.run(certify, check=True, capture_output=True)
    return made


def public(path: Path) -> str:
    return " ".join(path.read_text().split()[:2])


@pytest.mark.parametrize("peer", [NEWEST, DISTRIBUTION], ids=str)
def test_keys_and_certificates_of_all_types(agent: Agent, keys: dict[str, Path], peer: peers.OpenSSH) -> None:
    kinds = NEW_KINDS if peer is NEWEST else KINDS
    for kind in kinds:
        path = keys[kind]
        certificate = path.with_name(f"{kind}-cert.pub")
        assert agent.add("-q", path, peer=peer).code == 0
        assert agent.listed(peer) == [public(path.with_name(f"{kind}.pub")), public(certificate)]
        # -T has the agent sign, and verifies that
        assert agent.add("-T", f"{path}.pub", certificate, peer=peer).code == 0
        # with the file, both
        assert agent.add("-d", path, peer=peer).code == 0
        assert agent.listed(peer) == []
    for kind in kinds:
        agent.add("-q", keys[kind], peer=peer)
    assert len(agent.listed(peer)) == 2 * len(kinds)
    assert agent.add("-D", peer=peer).code == 0
    assert agent.listed(peer) == []


def test_what_it_says_of_extensions(agent: Agent) -> None:
    assert agent.add("-Q").out == "session-bind@openssh.com\n"


def test_locking(agent: Agent, keys: dict[str, Path], tmp_path: Path) -> None:
    def unlock(word: str, flag: str = "-X") -> int:
        program = answering_program(tmp_path / f"say-{word}", word)
        return agent.add(flag, SSH_ASKPASS=str(program), SSH_ASKPASS_REQUIRE="force").code

    agent.add("-q", keys["ed25519"])
    assert unlock("secret", "-x") == 0
    assert agent.listed() == []
    assert agent.add("-q", keys["rsa"]).code != 0
    assert unlock("wrong") != 0
    # this one has to wait
    assert unlock("secret") == 0
    assert len(agent.listed()) == 2


def test_lifetimes(agent: Agent, keys: dict[str, Path]) -> None:
    assert agent.add("-q", "-t", "1", keys["ed25519"]).code == 0
    assert agent.add("-q", "-t", "1h", keys["rsa"]).code == 0
    # by itself, without anybody asking
    agent.running.wait_for("expired: ssh-ed25519-cert")
    assert [key.split()[0] for key in agent.listed()] == ["ssh-rsa", "ssh-rsa-cert-v01@openssh.com"]


@pytest.mark.parametrize(
    ("answer", "code", "signs"), [("", 0, True), ("yes", 0, True), ("no", 0, False), ("yes", 1, False)]
)
def test_consent(keys: dict[str, Path], tmp_path: Path, answer: str, code: int, signs: bool) -> None:
    require(NEWEST)
    program = answering_program(tmp_path / "askpass", answer, code)
    environ = {"SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force"}
    with running_agent(environ=environ) as agent:
        agent.add("-q", "-c", keys["ed25519"])
        assert (agent.add("-T", f"{keys['ed25519']}.pub").code == 0) is signs
    asked = (tmp_path / "askpass.asked").read_text()
    assert asked.startswith("confirm|Allow use of key test?\nKey fingerprint SHA256:")


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({"SSH_ASKPASS": "true"}, "no display"),
        ({"SSH_ASKPASS": "true", "DISPLAY": ":0", "SSH_ASKPASS_REQUIRE": "never"}, "no display"),
        ({"SSH_ASKPASS": "/nonexistent", "DISPLAY": ":0"}, "cannot be started"),
    ],
)
def test_consent_that_nobody_can_give(keys: dict[str, Path], environ: dict[str, str], reason: str) -> None:
    require(NEWEST)
    with running_agent(environ=environ) as agent:
        agent.add("-q", "-c", keys["ed25519"])
        assert agent.add("-T", f"{keys['ed25519']}.pub").code != 0
        assert reason in agent.log


def test_others_are_served_while_the_user_thinks(keys: dict[str, Path], tmp_path: Path) -> None:
    require(NEWEST)
    gate = tmp_path / "gate"
    program = tmp_path / "askpass"
    program.write_text(f"#!/bin/sh\n: > {tmp_path}/asked\nuntil [ -e {gate} ]; do sleep 0.05; done\n")
    program.chmod(0o700)
    with running_agent(environ={"SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force"}) as agent:
        agent.add("-q", "-c", keys["ed25519"])
        test = [str(NEWEST.path("ssh-add")), "-T", f"{keys['ed25519']}.pub"]
        with started(test, env=agent.environ(), stderr=subprocess.DEVNULL) as waiting:
            until = time.monotonic() + SECONDS
            while not (tmp_path / "asked").exists():
                assert time.monotonic() < until
                time.sleep(0.01)
            assert len(agent.listed()) == 2
            assert waiting.poll() is None
            gate.touch()
            assert waiting.wait(SECONDS) == 0


def test_security_keys_are_held_and_do_not_sign(agent: Agent, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes((DATA / "sk-ssh-ed25519").read_bytes())
    path.chmod(0o600)
    said = agent.add("-q", path)
    assert said.code == 0, said
    (listed,) = agent.listed()
    (tmp_path / "key.pub").write_text(listed)
    assert agent.add("-T", tmp_path / "key.pub").code != 0
    assert "is in a security key" in agent.log


def test_tokens_are_refused(agent: Agent, tmp_path: Path) -> None:
    program = answering_program(tmp_path / "askpass", "1234")
    said = agent.add("-s", "/usr/lib/none.so", SSH_ASKPASS=str(program), SSH_ASKPASS_REQUIRE="force")
    assert said.code == 1
    assert "PKCS#11 tokens are not supported" in agent.log


# --- logins


@pytest.fixture(scope="module")
def servers(keys: dict[str, Path]) -> Iterator[dict[str, Server]]:
    """Two hosts, which let each key in."""
    require(NEWEST)
    authorized = "".join(Path(f"{path}.pub").read_text() for path in keys.values())
    authorized += f"cert-authority {(keys['ed25519'].parent / 'ca.pub').read_text()}"
    with (
        openssh_server(authorized_keys=authorized) as near,
        openssh_server(authorized_keys=authorized) as far,
    ):
        yield {"near": near, "far": far}


@pytest.fixture
def known_hosts(servers: dict[str, Server], tmp_path: Path) -> Path:
    path = tmp_path / "known_hosts"
    path.write_text("".join(f"{name} {server.host_keys[0].read_text()}" for name, server in servers.items()))
    return path


def login(agent: Agent, server: Server, key: Path, *words: str, peer: peers.OpenSSH = NEWEST) -> int:
    """Log in with the agent's key alone; returns ssh's exit code."""
    options = ["-o", f"IdentityAgent={agent.path}", "-A"]
    command = ssh_command(server.port, Path(f"{key}.pub"), *words, peer=peer, options=options)
    done = subprocess.run(
        command, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS
    )
    return done.returncode


@pytest.mark.parametrize("kind", NEW_KINDS)
def test_logins(agent: Agent, servers: dict[str, Server], keys: dict[str, Path], kind: str) -> None:
    assert login(agent, servers["near"], keys[kind], "true") == 255
    # without the certificate, which stands for itself
    agent.add("-q", "-k", keys[kind])
    assert login(agent, servers["near"], keys[kind], "exit 3") == 3


def test_logins_with_a_certificate_alone(
    agent: Agent, servers: dict[str, Server], keys: dict[str, Path], tmp_path: Path
) -> None:
    agent.add("-q", keys["rsa"])
    agent.add("-q", "-d", "-k", f"{keys['rsa']}.pub")
    assert [key.split()[0] for key in agent.listed()] == ["ssh-rsa-cert-v01@openssh.com"]
    path = tmp_path / "only"
    Path(f"{path}.pub").write_text(keys["rsa"].with_name("rsa-cert.pub").read_text())
    assert login(agent, servers["near"], path, "exit 3") == 3


@pytest.mark.parametrize("peer", [NEWEST, DISTRIBUTION], ids=str)
def test_destinations(
    agent: Agent,
    servers: dict[str, Server],
    keys: dict[str, Path],
    known_hosts: Path,
    peer: peers.OpenSSH,
) -> None:
    key = keys["ed25519"]
    assert agent.add("-q", "-k", "-h", "near", "-H", known_hosts, key, peer=peer).code == 0
    assert login(agent, servers["near"], key, "exit 3", peer=peer) == 3
    assert login(agent, servers["far"], key, "true", peer=peer) == 255
    assert "no constraint permits the host key" in agent.log
    # there, the forwarded agent does not show it, and here it does
    show = shlex.join([str(peer.path("ssh-add")), "-l"])
    assert login(agent, servers["near"], key, show, peer=peer) == 1
    assert len(agent.listed(peer)) == 1
    # nobody signs anything else with it
    assert agent.add("-T", f"{key}.pub", peer=peer).code != 0


@pytest.mark.parametrize(
    "case",
    [
        (["near", "near>far"], 3),
        (["near"], 255),
        (["near", "far"], 255),
        (["near", "near>{user}@far"], 3),
        (["near", "near>nobody@far"], 255),
    ],
    ids=str,
)
def test_destinations_beyond_a_hop(
    agent: Agent,
    servers: dict[str, Server],
    keys: dict[str, Path],
    known_hosts: Path,
    case: tuple[list[str], int],
) -> None:
    steps, code = case
    flags = [word for step in steps for word in ("-h", step.format(user=peers.current_user()))]
    assert agent.add("-q", "-k", *flags, "-H", known_hosts, keys["ed25519"]).code == 0
    # a second ssh, on the first host, which uses the agent that the first one forwards
    options = ["-o", "IdentityAgent=SSH_AUTH_SOCK"]
    further = ssh_command(servers["far"].port, Path(f"{keys['ed25519']}.pub"), "exit 3", options=options)
    assert login(agent, servers["near"], keys["ed25519"], shlex.join(further)) == code


def test_other_clients(agent: Agent, servers: dict[str, Server], keys: dict[str, Path]) -> None:
    require(PUTTY)
    require(DROPBEAR)
    agent.add("-q", "-k", keys["ecdsa"])
    agent.add("-q", "-k", keys["rsa"])
    server = servers["near"]
    shown = [str(NEWEST.path("ssh-keygen")), "-lf", str(server.host_keys[0])]
    fingerprint = subprocess.run(shown, check=True, capture_output=True, text=True).stdout.split()[1]
    where = ["-P", str(server.port), f"{server.user}@127.0.0.1", "exit 3"]
    plink = [str(PUTTY.path("plink")), "-batch", "-agent", "-hostkey", fingerprint, *where]
    dbclient = [str(DROPBEAR.path("dbclient")), "-y", "-y", "-p", *where[1:]]
    for command in (plink, dbclient):
        done = subprocess.run(
            command,
            env=agent.environ(),
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
        )
        assert done.returncode == 3, done.stderr


async def test_the_client_of_asyncssh(agent: Agent) -> None:
    require(ASYNCSSH)
    import asyncssh  # noqa: PLC0415  # a peer, which need not be there

    async with asyncssh.connect_agent(str(agent.path)) as client:
        key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
        await client.add_keys([key], lifetime=3600)
        (held,) = await client.get_keys()
        assert held.public_data == key.public_data
        await client.lock("secret")
        assert await client.get_keys() == []
        await client.unlock("secret")
        await client.remove_keys([held])
        assert agent.listed() == []


def test_our_own_client(agent: Agent, servers: dict[str, Server], keys: dict[str, Path]) -> None:
    agent.add("-q", "-k", keys["mldsa44-ed25519"])
    server = servers["near"]
    options = ["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "-p", str(server.port)]
    command = [*PYSSH, *options, "-o", f"IdentityAgent={agent.path}", f"{server.user}@127.0.0.1", "exit 3"]
    done = subprocess.run(
        command, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS
    )
    assert done.returncode == 3, done.stderr
