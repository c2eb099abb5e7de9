"""`pyssh -G` beside `ssh -G`: the same lines, or both refuse."""

import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from pyssh.errors import SSHError
from pyssh_cli.client.effective import effective_lines
from pyssh_cli.flags import SSH_FLAGS
from pyssh_cli.getopt import BadUsageError, parse_host_command
from pyssh_cli.output import Output
from pyssh_cli.settings import load
from tests.support import peers
from tests.support.configurations import Case, Generator

CASES = 300
SEED = 20261121
ENVIRONMENT = {"WHO": "somebody", "SOCK": "/run/some.sock"}


CORPUS = [
    ("CanonicalizeHostname yes\nMatch canonical\n Port 5\n", "Host"),
    ("CanonicalizeHostname yes\nCanonicalDomains a.invalid b.invalid.\nHost host\n Port 5\n", "host"),
    ("CanonicalizeHostname yes\nCanonicalDomains a.invalid\nCanonicalizeFallbackLocal no\n", "host"),
    ("CanonicalizeHostname yes\nCanonicalizeFallbackLocal no\nProxyJump x\n", "host"),
    ("CanonicalizeHostname always\nCanonicalizeFallbackLocal no\nProxyJump x\n", "host"),
    ("CanonicalizeHostname yes\nCanonicalizeFallbackLocal no\nCanonicalizeMaxDots 0\n", "a.invalid"),
    ("Match final host 1.0.0.2\n Port 5\n", "1.2"),
    ("Host ::1\n Port 5\nHost 0*\n Port 6\n", "0::0001"),
    ("", "Host.Example"),
    ("Host a b*\n Port 3\n User u\nHost !bad *\n ServerAliveInterval 1m\n", "bb"),
    ("Host *\n HostName %h.example.com\n IdentityFile ~/k1\n IdentityFile k2\n IdentitiesOnly yes\n", "X"),
    ("User=me\nPort = 2200\nCompression  yes # really\nTCPKeepAlive\tno\n", "h"),
    ('"User" "a b"\nRemoteCommand echo "x  y" # z\n', "h"),
    ("LocalForward 8080 localhost:80\nLocalForward *:81 [::1]:82\nLocalForward /run/a /run/b\n", "h"),
    (
        "LocalForward [::1]:1 h:2\nRemoteForward 0 h:3\nRemoteForward 8088\nDynamicForward localhost:1080\n",
        "h",
    ),
    ("RekeyLimit 1G 1h\nConnectTimeout 90\nServerAliveCountMax 5\nConnectionAttempts 4\n", "h"),
    (
        "StrictHostKeyChecking off\nCheckHostIP yes\nHashKnownHosts yes\nUpdateHostKeys ask\n",
        "h",
    ),
    ("StrictHostKeyChecking accept-new\nUserKnownHostsFile none\nGlobalKnownHostsFile /a /b\n", "h"),
    ("SendEnv A B\nSendEnv -A\nSendEnv C*\nSetEnv X=1 Y=2\n", "h"),
    ("Match user root\n Port 5\nMatch host x originalhost y\n Port 6\nMatch all\n User z\n", "x"),
    ("Match originalhost x !host y\n Tag t\n Port 5\nMatch final host x\n Compression yes\n", "x"),
    ("ProxyJump a@b:22,c\nProxyCommand none\n", "h"),
    ("ProxyCommand nc %h %p\nProxyJump b\n", "h"),
    ("RequestTTY force\nSessionType none\nStdinNull yes\nForkAfterAuthentication no\n", "h"),
    ("EscapeChar none\nLogLevel verbose\nVisualHostKey true\nFingerprintHash md5\nGatewayPorts yes\n", "h"),
    (
        "EscapeChar ^]\nLogLevel QUIET\nClearAllForwardings yes\nLocalForward 1 h:2\n",
        "h",
    ),
    (
        "PreferredAuthentications publickey,password\nPasswordAuthentication no\nNumberOfPasswordPrompts 1\n",
        "h",
    ),
    ("KbdInteractiveAuthentication no\nPubkeyAuthentication host-bound\nIdentityAgent none\n", "h"),
    ("AddressFamily inet6\nBindAddress 192.0.2.1\nCertificateFile ~/c\nForwardAgent yes\n", "h"),
    ("Host x\n User a\nMatch !final\n Port 9\nHost *\n Port 8\n", "y"),
    ("IdentityFile none\n", "h"),
]


def write(case: Case, folder: Path) -> list[str]:
    for name, text in case.files.items():
        path = folder / name
        path.write_text(text)
        path.chmod(0o600)
    return ["-F", str(folder / "config"), "-G", *case.words]


# ours are not theirs, so these are compared where they are listed in full
LISTS = {
    "ciphers": "ciphers",
    "macs": "macs",
    "kexalgorithms": "kex_algorithms",
    "hostkeyalgorithms": "host_key_algorithms",
    "hostbasedacceptedalgorithms": "hostbased_accepted_algorithms",
    "pubkeyacceptedalgorithms": "pubkey_accepted_algorithms",
    "casignaturealgorithms": "ca_signature_algorithms",
}


class Outcome(NamedTuple):
    """What -G printed, by program; None if it refused, and why."""

    lines: list[str] | None
    problem: str = ""
    ignored: frozenset[str] = frozenset()

    def compared(self, ignored: frozenset[str]) -> list[str] | None:
        """The lines without those that may differ."""
        if self.lines is None:
            return None
        lines = [line for line in self.lines if line.partition(" ")[0] not in ignored]
        # ssh keeps them among the local ones
        dynamic = [line for line in lines if line.startswith("dynamicforward ")]
        return [*(line for line in lines if line not in dynamic), *sorted(dynamic)]


def ours(words: list[str]) -> Outcome:
    try:
        command = parse_host_command(words, SSH_FLAGS)
        config = load(command, Output("pyssh", sink=lambda _level, _line: None)).config
        lines = list(effective_lines(config))
    except (SSHError, BadUsageError) as error:
        return Outcome(None, str(error))
    ignored = {
        name for name, field in LISTS.items() if (getattr(config, field) or "+").startswith(("+", "-", "^"))
    }
    if "forward_x11_trusted" not in config.sources:
        ignored.add("forwardx11trusted")  # Debian's ssh trusts by default
    if config.batch_mode and "server_alive_interval" not in config.sources:
        ignored.add("serveraliveinterval")  # Debian's is 300 then
    if "-C" in words:
        ignored.add("compression")  # "UNKNOWN"
    if "-a" in words or (config.forward_agent is False and "forward_agent" in config.sources):
        ignored.add("forwardagent")  # shows the path of what is not forwarded
    if "syslog_facility" not in config.sources:
        ignored.add("syslogfacility")  # ssh takes it from sections that do not apply as well
    return Outcome(lines, "", frozenset(ignored))


def theirs(program: Path, words: list[str]) -> Outcome:
    done = subprocess.run(
        [program, *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    return Outcome(done.stdout.splitlines() if done.returncode == 0 else None, done.stderr)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_a_corpus(tmp_path: Path) -> None:
    program = peers.require(peers.NEWEST).path("ssh")
    generator = Generator(SEED, tmp_path)
    for _ in range(CASES):
        case = generator.case()
        words = write(case, tmp_path)
        here, there = ours(words), theirs(program, words)
        said = f"{case}\n{here.problem}\n{there.problem}"
        assert here.compared(here.ignored) == there.compared(here.ignored), said


@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_chosen_ones(tmp_path: Path, number: int) -> None:
    text, host = CORPUS[number]
    words = write(Case({"config": text}, (host,)), tmp_path)
    here, there = ours(words), theirs(peers.require(peers.NEWEST).path("ssh"), words)
    assert here.compared(here.ignored) == there.compared(here.ignored), here.problem + there.problem
