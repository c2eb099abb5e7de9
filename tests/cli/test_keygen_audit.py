"""`pyssh keygen audit`."""

import json
import os
import pty
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pyssh import keys
from pyssh.keys.public import decode_public_key
from pyssh.keys.rsa import RsaPublic
from tests.support.keygen import Keygen
from tests.unit.keys.building import certificate_blob

DATA = Path(__file__).resolve().parents[1] / "unit" / "keys" / "data"
GOOD = keys.generate_private_key("ed25519")
OTHER = keys.generate_private_key("ecdsa")
SEALED = keys.dump_private(GOOD, passphrase="secret", rounds=16)
LINE = keys.dump_public(GOOD.key, comment="me@here")
DSA = b"ssh-dss AAAAB3NzaC1kc3MAAACB old\n"


@pytest.fixture
def keygen(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keygen:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir(mode=0o700)
    return Keygen.in_folder(tmp_path / ".ssh", capfd, monkeypatch)


def put(name: str, data: bytes, mode: int = 0o600) -> None:
    Path(name).write_bytes(data)
    Path(name).chmod(mode)


def found(keygen: Keygen) -> list[tuple[str, int | None, str]]:
    """Path, line and check of each finding."""
    said = keygen("audit", "--json", ".")
    findings = json.loads(said.out)["findings"]
    assert (said.code, said.err) == (1 if findings else 0, "")
    return [(entry["path"].removeprefix("./"), entry["line"], entry["check"]) for entry in findings]


def test_nothing_to_find(keygen: Keygen) -> None:
    put("id_ed25519", SEALED)
    put("id_ed25519.pub", LINE, 0o644)
    put("authorized_keys", b"# comment\nrestrict " + LINE)
    put("known_hosts", b"host " + LINE, 0o644)
    put("config", b"Host *\n")
    put("notes", b"\0\xff" * 100)
    os.mkfifo("fifo")
    Path("nowhere").symlink_to("absent")
    Path("folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("agent")
        said = keygen("audit")
    folder = Path.home() / ".ssh"
    summary = "0 findings; private keys: 1, public keys: 1, authorized keys: 1"
    assert said == (0, f"{folder}: {summary}\n", "")


def test_what_json_says_of_keys(keygen: Keygen) -> None:
    put("id_ed25519", SEALED)
    put("id_ed25519.pub", LINE, 0o644)
    said = json.loads(keygen("audit", ".", "--json").out)
    assert (said["directory"], said["findings"]) == (".", [])
    expected = {
        "path": "./id_ed25519",
        "line": None,
        "format": "openssh",
        "type": "ssh-ed25519",
        "bits": 256,
        "fingerprint": GOOD.key.fingerprint(),
        "comment": "",
        "encrypted": True,
    }
    assert said["keys"][0] == expected
    assert said["keys"][1]["encrypted"] is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (keys.dump_private(GOOD), ["no-passphrase"]),
        (keys.dump_private(GOOD, "jwk"), ["no-passphrase"]),
        (keys.dump_private(GOOD, "ppk"), ["no-passphrase"]),
        (keys.dump_private(GOOD, "pkcs8", passphrase="x"), []),
        (keys.dump_private(GOOD, "ppk", passphrase="x"), []),
        (keys.dump_private(GOOD, "ppk2", passphrase="x"), ["weak-encryption"]),
        (keys.dump_private(GOOD, passphrase="x", rounds=15), ["weak-encryption"]),
        (keys.dump_private(OTHER, "pem", passphrase="x"), ["weak-encryption"]),
        (keys.dump_private(keys.generate_private_key("rsa", 2048)), ["no-passphrase", "old-key"]),
        (keys.dump_public(keys.generate_private_key("rsa", 2048).key), ["old-key"]),
        (keys.dump_public(RsaPublic.from_numbers(65537, 2**3071 + 1), "jwk"), []),
        (DSA, ["weak-key"]),
        (keys.dump_public(RsaPublic.from_numbers(65537, 2**1535 + 1)), ["weak-key"]),
        (b"-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n", ["weak-key"]),
        (
            keys.dump_private(
                keys.generate_private_key("mldsa44-ed25519@openssh.com"), passphrase="x", rounds=16
            ),
            ["old-key"],
        ),
        ((DATA / "sk-ssh-ed25519").read_bytes(), []),
        (SEALED[:200], ["unreadable"]),
        (b"-----BEGIN OTHER PRIVATE KEY-----\n", ["unreadable"]),
    ],
)
def test_one_file(keygen: Keygen, data: bytes, expected: list[str]) -> None:
    name = (
        "id.pub"
        if data.startswith((b"ssh-", b'{\n  "kty": "RSA",\n  "n": "')) and b'"d"' not in data
        else "id"
    )
    put(name, data)
    assert found(keygen) == [(name, None, check) for check in expected]


def test_modes(keygen: Keygen) -> None:
    put("id", SEALED, 0o640)
    put("config", b"", 0o664)
    put("key.ppk", keys.dump_private(OTHER, "ppk", passphrase="x"), 0o666)
    Path().chmod(0o770)
    assert found(keygen) == [
        (".", None, "mode"),
        ("config", None, "mode"),
        ("id", None, "mode"),
        ("key.ppk", None, "mode"),
        ("key.ppk", None, "mode"),
    ]


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_owners(keygen: Keygen) -> None:
    put("id", SEALED)
    os.chown("id", 12345, -1)
    assert found(keygen) == [("id", None, "owner")]


def test_duplicates_and_mismatches(keygen: Keygen) -> None:
    put("first", SEALED)
    put("first.pub", keys.dump_public(OTHER.key))
    put("second", SEALED)
    put("second.pub", LINE)
    assert found(keygen) == [("first.pub", None, "mismatch"), ("second", None, "duplicate")]


def test_an_encrypted_file_that_hides_its_public_half(keygen: Keygen) -> None:
    sealed = keys.dump_private(GOOD, "pkcs8", passphrase="x")
    put("one", sealed)
    put("two", sealed)
    assert found(keygen) == []
    put("one.pub", LINE)
    put("two.pub", LINE)
    assert found(keygen) == [("two", None, "duplicate")]


@pytest.mark.parametrize(("valid", "count"), [((0, 2**64 - 1), 0), ((1000, 2000), 1), ((2**40, 2**41), 1)])
def test_certificates(keygen: Keygen, valid: tuple[int, int], count: int) -> None:
    certificate = decode_public_key(certificate_blob(GOOD.key, OTHER, valid=valid))
    put("id-cert.pub", keys.dump_public(certificate))
    assert found(keygen) == [("id-cert.pub", None, "certificate")] * count


def test_authorized_keys(keygen: Keygen) -> None:
    old = keys.dump_public(keys.generate_private_key("rsa", 2048).key)
    other = keys.dump_public(OTHER.key)
    lines = (
        b"# a comment",
        LINE,
        b'expiry-time="20200101" ' + other,
        b"no-pty " + LINE,
        DSA,
        b"unheard-of " + other,
        old,
    )
    put("authorized_keys", b"\n".join(line.rstrip() for line in lines))
    assert [(line, check) for _, line, check in found(keygen)] == [
        (3, "expired"),
        (4, "duplicate"),
        (5, "weak-key"),
        (6, "unusable-line"),
        (7, "old-key"),
    ]


def test_files_that_are_too_large(keygen: Keygen) -> None:
    with Path("authorized_keys").open("wb") as file:
        file.truncate((16 << 20) + 1)
    with Path("disk.img").open("wb") as file:
        file.truncate((1 << 20) + 1)
    for path in ("authorized_keys", "disk.img"):
        Path(path).chmod(0o600)
    assert found(keygen) == [("authorized_keys", None, "unreadable")]


def test_directories_that_cannot_be_looked_at(keygen: Keygen) -> None:
    put("file", b"")
    for path, reason in (("absent", "No such file or directory"), ("file", "Not a directory")):
        assert keygen("audit", path) == (255, "", f"{path}: {reason}\n")
    assert keygen("audit", "a", "b").code == 1
    Path("many").mkdir()
    for number in range(4097):
        Path(f"many/{number}").touch()
    assert "this is no .ssh directory" in keygen("audit", "many").err


def test_texts_in_files_are_harmless(keygen: Keygen) -> None:
    put("evil\x1b[2J", keys.dump_private(GOOD))
    put("authorized_keys", b"\x1b[2J " + LINE)
    said = keygen("audit", ".")
    assert said.code == 1
    assert "\x1b" not in said.out
    assert json.loads(keygen("audit", "--json", ".").out)["findings"][1]["path"] == "./evil\x1b[2J"


def test_a_table_on_a_terminal(keygen: Keygen) -> None:
    put("id", keys.dump_private(GOOD))
    put("[red]", keys.dump_private(OTHER))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pyssh", "keygen", "audit", "."]
    environment = os.environ | {
        "TERM": "dumb",
        "COLUMNS": "100",
        "PYTHONPATH": str(Path(keys.__file__).parents[2]),
    }
    ran = subprocess.Popen(command, stdout=theirs, env=environment)
    os.close(theirs)
    said = b""
    try:
        while chunk := os.read(ours, 4096):
            said += chunk
    except OSError:
        pass  # how a terminal's other side says that it is the end
    os.close(ours)
    assert ran.wait() == 1
    lines = [line.split() for line in said.decode().splitlines()]
    assert lines[0] == ["where", "key", "check", "what"]
    starts = [line[:4] for line in lines]
    assert ["[red]", "ECDSA", "256", "no-passphrase"] in starts
    assert ["id", "ED25519", "256", "no-passphrase"] in starts
