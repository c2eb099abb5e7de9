"""`pyssh keygen ca`: the authority's life, and what ssh-keygen and sshd make of what it writes."""

import itertools
import json
import re
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from pyssh.keys.krl import decode_krl
from pyssh_cli.keygen import ca
from pyssh_cli.keygen.ca_store import Store
from tests.support import peers
from tests.support.keygen import Keygen, Said, ssh_keygen
from tests.support.peers import make_key, openssh_server

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def keygen(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Keygen:
    monkeypatch.setenv("PYSSH_CA", str(tmp_path / "ca"))
    return Keygen.in_folder(tmp_path, capfd, monkeypatch)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A user's public key."""
    return make_key(tmp_path / "key").with_suffix(".pub")


@pytest.fixture
def authority(keygen: Keygen, tmp_path: Path) -> Path:
    assert keygen("ca", "init", "-N", "").code == 0
    return tmp_path / "ca"


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def listed(keygen: Keygen, *flags: str) -> list[dict[str, Any]]:
    said = keygen("ca", "list", "--json", *flags)
    assert said.code == 0, said
    found: list[dict[str, Any]] = json.loads(said.out)
    return found


# --- init


def test_a_new_authority_is_its_owners_alone(keygen: Keygen, tmp_path: Path) -> None:
    said = keygen("ca", "init", "-N", "secret words", "--hosts", "*.example.org")
    assert said.code == 0
    directory = tmp_path / "ca"
    assert directory.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}
    assert modes == {
        **dict.fromkeys(("user_ca", "host_ca", "record.jsonl"), 0o600),
        **dict.fromkeys(("user_ca.pub", "host_ca.pub", "revoked.krl"), 0o644),
    }
    assert "TrustedUserCAKeys /etc/ssh/user_ca.pub" in said.out
    assert f"@cert-authority *.example.org {(directory / 'host_ca.pub').read_text()}" in said.out + "\n"
    for name in ("user_ca", "host_ca"):
        public = (directory / f"{name}.pub").read_text().split()[:2]
        shown = ssh_keygen(peers.NEWEST, "-y", "-P", "secret words", "-f", directory / name)
        assert shown.out.split()[:2] == public
    assert names_in(tmp_path) == ["ca"]


def test_a_directory_with_something_in_it_is_left_alone(keygen: Keygen, tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir()
    (tmp_path / "ca" / "file").touch()
    said = keygen("ca", "init", "-N", "")
    assert said.code == 1
    assert "holds something already" in said.err
    assert names_in(tmp_path / "ca") == ["file"]
    assert names_in(tmp_path) == ["ca"]


@pytest.mark.parametrize(
    "words", [["list"], ["show"], ["krl"], ["revoke", "1"], ["issue", "user", "a", "key"]]
)
def test_without_an_authority(keygen: Keygen, words: list[str]) -> None:
    said = keygen("ca", *words)
    assert said.code == 1
    assert "pyssh keygen ca init makes one" in said.err


# --- issue


@pytest.mark.usefixtures("authority")
def test_a_certificate_is_issued_and_recorded(keygen: Keygen, tmp_path: Path, key: Path) -> None:
    said = keygen(
        *("ca", "issue", "user", "alice,backup", key, "--valid", "2 days"),
        *("-O", "source-address=192.0.2.0/24", "-O", "no-x11-forwarding", "--id", "Alice's laptop"),
    )
    assert said.code == 0, said
    certificate = tmp_path / "key-cert.pub"
    shown = ssh_keygen(peers.NEWEST, "-L", "-f", certificate).out
    for part in ("user certificate", "Serial: 1\n", "alice\n", "backup\n", "source-address 192.0.2.0/24"):
        assert part in shown
    assert "X11" not in shown
    assert "Alice's laptop" in shown
    (one,) = listed(keygen)
    assert (one["serial"], one["kind"], one["names"], one["state"]) == (
        1,
        "user",
        ["alice", "backup"],
        "valid",
    )
    assert one["line"] == certificate.read_text().strip()
    table = keygen("ca", "list").out.splitlines()
    assert table[1].startswith("1       user  alice,backup  valid  ")


@pytest.mark.usefixtures("authority")
def test_host_certificates_have_no_extensions(keygen: Keygen, tmp_path: Path, key: Path) -> None:
    said = keygen("ca", "issue", "host", "h.example,192.0.2.1", key, "-o", tmp_path / "out")
    assert "HostCertificate /etc/ssh/key-cert.pub" in said.out
    shown = ssh_keygen(peers.NEWEST, "-L", "-f", tmp_path / "out").out
    assert "host certificate" in shown
    assert "Extensions: (none)" in shown


def test_a_passphrase_is_asked_for(keygen: Keygen, key: Path) -> None:
    keygen("ca", "init", "-N", "secret")
    assert keygen("ca", "issue", "user", "a", key, stdin=b"secret\n").code == 0
    assert keygen("ca", "issue", "user", "a", key, "-P", "secret").code == 0
    wrong = keygen("ca", "issue", "user", "a", key, "-P", "guess")
    assert wrong.code == 255
    assert "incorrect passphrase" in wrong.err
    assert len(listed(keygen)) == 2


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["robot", "a", "key.pub"], "is for a user or a host"),
        (["user", "a,,b", "key.pub"], '"a,,b" has an empty name; pyssh keygen ca --help lists'),
        (["user", "a", "absent.pub"], "absent.pub"),
        (["user", "a", "key.pub", "--valid", "soon"], "try .*30 days"),
        (["user", "a", "key.pub", "-O", "nonsense"], "Unsupported certificate option"),
        (["user", "a"], "usage: pyssh keygen ca issue"),
        (["user", "a\udcff", "key.pub"], "must be UTF-8"),
        (["user", "a", "key.pub", "--bogus"], "unknown option --bogus"),
    ],
)
@pytest.mark.usefixtures("authority", "key")
def test_what_cannot_be_issued(keygen: Keygen, words: list[str], problem: str) -> None:
    said = keygen("ca", "issue", *words)
    assert said.code != 0
    assert re.search(problem, said.err)
    assert listed(keygen, "--all") == []


def test_serial_numbers_are_given_once(authority: Path, tmp_path: Path, key: Path) -> None:
    def issue(number: int) -> None:
        words = ["issue", "user", f"u{number}", str(key), "-d", str(authority)]
        assert ca.main([*words, "-o", str(tmp_path / f"c{number}")]) == 0

    threads = [threading.Thread(target=issue, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.serial for one in Store(str(authority)).issued()] == list(range(1, 13))


# --- list


@pytest.mark.usefixtures("authority")
def test_what_expires_soon(keygen: Keygen, key: Path) -> None:
    for valid in ("40 days", "3 days", "1 day"):
        keygen("ca", "issue", "user", "a", key, "--valid", valid)
    assert [one["serial"] for one in listed(keygen, "--expiring", "1 week")] == [3, 2]
    assert [one["serial"] for one in listed(keygen)] == [1, 2, 3]
    assert keygen("ca", "list", "--expiring", "1 hour").out == "nothing\n"


# --- revoke


@pytest.mark.usefixtures("authority")
def test_revocation(keygen: Keygen, tmp_path: Path, key: Path) -> None:
    for number in range(1, 6):
        keygen("ca", "issue", "user", "a", key, "--id", f"id{number}", "-o", tmp_path / f"c{number}")
    other = make_key(tmp_path / "other").with_suffix(".pub")
    keygen("ca", "issue", "host", "h", other)
    said = keygen("ca", "revoke", "1", "id2", tmp_path / "c3", other, "--reason", "lost, alas")
    assert said.code == 0
    krl = tmp_path / "ca" / "revoked.krl"
    assert decode_krl(krl.read_bytes()).version == 4
    files = [tmp_path / f"c{number}" for number in range(1, 6)] + [tmp_path / "other-cert.pub"]
    asked = ssh_keygen(peers.NEWEST, "-Q", "-f", krl, *files)
    assert [line.rpartition(" ")[2] for line in asked.out.splitlines()] == (
        ["REVOKED"] * 3 + ["ok"] * 2 + ["REVOKED"]
    )
    assert {one["reason"] for one in listed(keygen, "--all") if one["state"] == "revoked"} == {"lost, alas"}
    again = keygen("ca", "revoke", "1")
    assert "is revoked already" in again.err
    assert keygen("ca", "revoke", "99").code == 1
    assert keygen("ca", "krl", "-o", tmp_path / "copy").out == f"{tmp_path}/copy\n"
    assert decode_krl((tmp_path / "copy").read_bytes()).version == 4


# --- the record


@pytest.mark.usefixtures("key")
def test_a_half_written_line_was_never_there(keygen: Keygen, authority: Path) -> None:
    keygen("ca", "issue", "user", "a", "key.pub")
    record = authority / "record.jsonl"
    before = record.read_bytes()
    record.write_bytes(before + b'{"event": "issue", "serial": 2, "na')
    assert len(listed(keygen)) == 1
    keygen("ca", "issue", "user", "b", "key.pub")
    assert record.read_bytes().startswith(before)
    assert [one["names"] for one in listed(keygen)] == [["a"], ["b"]]


@pytest.mark.usefixtures("key")
def test_a_last_line_without_its_end_counts(keygen: Keygen, authority: Path) -> None:
    keygen("ca", "issue", "user", "a", "key.pub")
    record = authority / "record.jsonl"
    record.write_bytes(record.read_bytes().removesuffix(b"\n"))
    assert len(listed(keygen)) == 1
    keygen("ca", "issue", "user", "b", "key.pub")
    assert [(one["serial"], one["names"]) for one in listed(keygen)] == [(1, ["a"]), (2, ["b"])]


@pytest.mark.parametrize("line", ["garbage", "[]", '{"event": "issue"}', '{"event": "revoke", "serial": 7}'])
def test_a_damaged_record_is_one_clear_line(keygen: Keygen, authority: Path, line: str) -> None:
    with (authority / "record.jsonl").open("a") as file:
        file.write(f"{line}\n")
    for words in (["list"], ["revoke", "1"], ["krl"]):
        said = keygen("ca", *words)
        assert said.code == 255
        assert "record.jsonl" in said.err
        assert said.err.count("\n") == 1


# --- verify


def verify(keygen: Keygen, *words: str | Path) -> tuple[Said, dict[str, bool]]:
    said = keygen("ca", "verify", *words, "--json")
    answer = json.loads(said.out)
    assert answer["holds"] is (said.code == 0)
    return said, {check["check"]: check["passed"] for check in answer["checks"]}


@pytest.mark.usefixtures("authority")
def test_verify_explains(keygen: Keygen, tmp_path: Path, key: Path) -> None:
    keygen("ca", "issue", "user", "alice", key, "-O", "source-address=192.0.2.0/24", "--valid", "2 days")
    certificate = tmp_path / "key-cert.pub"
    said, checks = verify(keygen, certificate, "--name", "alice", "--from", "192.0.2.9")
    assert said.code == 0
    assert all(checks.values())
    assert len(checks) == 8
    for words, failed in (
        (("--name", "bob"), "principals"),
        (("--from", "198.51.100.1"), "source"),
        (("--at", "3 days"), "validity"),
    ):
        said, checks = verify(keygen, certificate, *words)
        assert [name for name, passed in checks.items() if not passed] == [failed]
        assert said.code == 1
    keygen("ca", "revoke", "1")
    plain = keygen("ca", "verify", certificate)
    assert plain.code == 1
    assert "It does not hold: the certificate, its key or its CA is revoked." in plain.out
    keygen("ca", "init", "-N", "", "-d", tmp_path / "other")
    said, checks = verify(keygen, certificate, "-d", tmp_path / "other")
    assert not checks["authority"]
    assert keygen("ca", "verify", key).code == 1


def test_verify_without_an_authority(keygen: Keygen, tmp_path: Path, key: Path) -> None:
    authority = make_key(tmp_path / "stock")
    assert ssh_keygen(peers.NEWEST, "-q", "-s", authority, "-I", "x", "-n", "a", key).code == 0
    said, checks = verify(keygen, tmp_path / "key-cert.pub", "--name", "a")
    assert said.code == 0
    assert "authority" not in checks


# --- with sshd


def test_stock_programs_obey(keygen: Keygen, authority: Path, tmp_path: Path, key: Path) -> None:
    host = make_key(tmp_path / "host")
    keygen("ca", "issue", "host", "127.0.0.1", f"{host}.pub")
    keygen("ca", "issue", "user", peers.current_user(), key)
    known = tmp_path / "known_hosts"
    known.write_text(json.loads(keygen("ca", "show", "--json").out)["known_hosts"] + "\n")
    lines = [
        f"TrustedUserCAKeys {authority}/user_ca.pub",
        f"RevokedKeys {authority}/revoked.krl",
        f"HostCertificate {host}-cert.pub",
    ]
    with openssh_server(host_keys=(host,), lines=lines) as server:
        options = ["-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={known}"]
        words = peers.ssh_command(server.port, key.with_suffix(""), "true", options=options)
        assert subprocess.run(words, check=False, capture_output=True).returncode == 0
        keygen("ca", "revoke", "2")
        assert subprocess.run(words, check=False, capture_output=True).returncode == 255


# --- the manual page


def test_flags_and_their_page() -> None:
    page = (ROOT / "man" / "pyssh-keygen-ca.1").read_text()
    items = [line.split()[1:] for line in page.splitlines() if line.startswith(".It Fl ")]
    words = {name.lstrip("-") for item in items for macro, name in itertools.pairwise(item) if macro == "Fl"}
    assert words == {spelling for flag in ca.FLAGS for spelling in (flag.letter, flag.name) if spelling}
