"""`pyssh doctor` with stock sshd: what is well, what is not, and in which words."""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.peers import Server, make_key, openssh_server
from tests.support.processes import LOOPBACK, free_port
from tests.support.pyssh_client import PYSSH, arguments, run


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with openssh_server() as started:
        yield started


class Seen:
    """What the doctor said."""

    def __init__(self, done: "subprocess.CompletedProcess[bytes]") -> None:
        self.code = done.returncode
        self.errors = done.stderr.decode()
        self.answer: dict[str, Any] = json.loads(done.stdout)
        assert self.answer["ok"] is (self.code == 0)

    def texts(self, area: str, status: str = "") -> str:
        return "\n".join(
            found["text"]
            for found in self.answer["findings"]
            if found["area"] == area and status in ("", found["status"])
        )


def examine(server: Server, folder: Path, *options: str, known: str | None = None) -> Seen:
    words = arguments(server, folder, "-o", "IdentityAgent=none", *options)
    if known is not None:
        (folder / "known_hosts").write_text(known)
    return Seen(run([*PYSSH, "doctor", "--json", *words, f"{server.user}@{LOOPBACK}"]))


def test_all_is_well(server: Server, tmp_path: Path) -> None:
    seen = examine(server, tmp_path)
    assert (seen.code, seen.errors) == (0, "")
    assert f"{LOOPBACK} port {server.port} answers" in seen.texts("connection", "ok")
    assert "it is SSH-2.0-OpenSSH_" in seen.texts("server", "ok")
    assert f"is trusted: {tmp_path}/known_hosts line 1" in seen.texts("host key", "ok")
    assert f"{server.user} gets in" in seen.texts("login", "ok")
    assert f"{server.identity} is a private key" in seen.texts("files", "ok")
    offers = {offer["kind"]: offer for offer in seen.answer["algorithms"]}
    assert offers["key exchange"]["chosen"] in offers["key exchange"]["theirs"]
    assert offers["MAC to the server"]["chosen"] == "part of the cipher"
    values = {value["keyword"]: value for value in seen.answer["configuration"]}
    assert values["Port"]["value"] == str(server.port)


def test_values_with_file_and_line(server: Server, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("# comment\nHost *\n  Compression yes\n")
    seen = examine(server, tmp_path, "-F", str(config))
    # the later -F counts, which is `none`
    assert "Compression" not in {value["keyword"] for value in seen.answer["configuration"]}
    words = [*PYSSH, "doctor", "--json", "--no-login", "-F", str(config), "-p", str(free_port()), LOOPBACK]
    done = Seen(run(words))
    line = {"keyword": "Compression", "value": "yes", "path": str(config), "line": 3}
    assert line in done.answer["configuration"]


def test_nobody_listens(tmp_path: Path) -> None:
    seen = Seen(run([*PYSSH, "doctor", "--json", "-F", "none", "-p", str(free_port()), LOOPBACK]))
    assert seen.code == 1
    assert "Connection refused" in seen.texts("connection", "problem")


def test_hosts_on_the_way(server: Server, tmp_path: Path) -> None:
    words = arguments(server, tmp_path, "-o", "IdentityAgent=none")
    config = tmp_path / "config"
    hop = f"Host hop\n  HostName {LOOPBACK}\n  Port PORT\n  User {server.user}\n"
    text = f"{hop}  UserKnownHostsFile {tmp_path}/known_hosts\n  IdentityFile {server.identity}\n"
    words[words.index("none")] = str(config)
    done = {}
    for name, port in (("good", server.port), ("gone", free_port())):
        config.write_text(text.replace("PORT", str(port)))
        done[name] = Seen(run([*PYSSH, "doctor", "--json", *words, "-J", "hop", f"{server.user}@{LOOPBACK}"]))
    assert done["good"].code == 0
    assert "gets in" in done["good"].texts("login", "ok")
    assert "a host on the way cannot be reached" in done["gone"].texts("connection", "problem")


def test_a_name_without_an_address() -> None:
    seen = Seen(run([*PYSSH, "doctor", "--json", "-F", "none", "no-such-host.invalid"]))
    assert seen.code == 1
    assert "no-such-host.invalid has no address" in seen.texts("name", "problem")


@pytest.mark.parametrize("known", ["", "other"])
def test_a_key_that_is_not_trusted_is_told_and_not_learned(
    server: Server, tmp_path: Path, known: str
) -> None:
    if known:
        other = make_key(tmp_path / "other").with_suffix(".pub").read_text()
        known = f"[{LOOPBACK}]:{server.port} {other}"
    seen = examine(server, tmp_path, "-o", "StrictHostKeyChecking=no", known=known)
    assert seen.code == 1
    assert "is not trusted" in seen.texts("host key", "problem")
    said = seen.texts("host key", "note")
    assert ("HAS CHANGED" if known else "No ED25519 host key is known") in said
    assert (tmp_path / "known_hosts").read_text() == known
    assert seen.texts("login") == ""
    assert seen.answer["algorithms"]


def test_a_key_that_the_server_does_not_know(server: Server, tmp_path: Path) -> None:
    wrong = make_key(tmp_path / "wrong")
    words = arguments(server, tmp_path, "-o", "IdentityAgent=none")
    words[words.index(str(server.identity))] = str(wrong)
    seen = Seen(run([*PYSSH, "doctor", "--json", *words, f"{server.user}@{LOOPBACK}"]))
    assert seen.code == 0
    assert "a password or passphrase might" in seen.texts("login", "warning")
    assert f"{wrong} (ssh-ed25519 " in seen.texts("login", "note")


def test_an_agent_that_is_gone(server: Server, tmp_path: Path) -> None:
    words = [*PYSSH, "doctor", "--json", "-F", "none", "-o", f"IdentityAgent={tmp_path}/gone"]
    seen = Seen(run([*words, "-p", str(free_port()), LOOPBACK]))
    assert "cannot be reached" in seen.texts("agent", "problem")


def test_old_algorithms_are_told(tmp_path: Path) -> None:
    lines = ["KexAlgorithms diffie-hellman-group14-sha1", "Ciphers aes128-cbc", "MACs hmac-sha1"]
    with openssh_server(lines=lines) as server:
        seen = examine(server, tmp_path)
        assert seen.code == 1
        assert "no key exchange method in common" in seen.texts("connection", "problem")
        assert "nothing in common: key exchange" in seen.texts("algorithms", "problem")
        allowed = [("KexAlgorithms", lines[0]), ("Ciphers", lines[1]), ("MACs", lines[2])]
        options = [word for name, line in allowed for word in ("-o", f"{name}=+{line.split()[1]}")]
        seen = examine(server, tmp_path, *options)
    assert seen.code == 0
    warnings = seen.texts("algorithms", "warning")
    for name in ("diffie-hellman-group14-sha1 (key exchange) is weak", "aes128-cbc", "quantum"):
        assert name in warnings


def test_tables_for_people(server: Server, tmp_path: Path) -> None:
    words = arguments(server, tmp_path, "-o", "IdentityAgent=none", "-o", "User=[bold]x[/bold]")
    done = run([*PYSSH, "doctor", "--no-login", *words, LOOPBACK], COLUMNS="150")
    text = done.stdout.decode()
    assert done.returncode == 0
    for part in (
        "Configuration in effect",
        "[bold]x[/bold]",
        "Algorithms, best first",
        "No problem was found.",
    ):
        assert part in text
    assert "What was found at 127.0.0.1" in text


@pytest.mark.parametrize("words", [[], ["a", "b"], ["--bogus", "a"]])
def test_wrong_usage(words: Sequence[str]) -> None:
    done = run([*PYSSH, "doctor", *words])
    assert done.returncode == 2
    assert done.stderr.decode().startswith("pyssh doctor: ")


def test_a_configuration_that_cannot_be_read(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Bogus value\n")
    seen = Seen(run([*PYSSH, "doctor", "--json", "-F", str(config), LOOPBACK]))
    assert seen.code == 1
    assert re.search(r"config line 1: Bogus", seen.texts("configuration", "problem"))
