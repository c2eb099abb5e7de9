"""`pyssh keygen -k` and `-Q`: revocation lists made, added to and asked."""

import os
from pathlib import Path

import pytest

from tests.support.keygen import Keygen


@pytest.fixture
def keygen(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keygen:
    made = Keygen.in_folder(tmp_path, capfd, monkeypatch)
    for name in ("ca", "key"):
        made("-q", "-f", name, "-N", "", "-C", name)
    return made


def key_words(name: str = "key") -> str:
    return " ".join(Path(f"{name}.pub").read_text().split()[:2])


def certify(keygen: Keygen, serial: int, identity: str = "me") -> str:
    keygen("-q", "-s", "ca", "-I", identity, "-n", "x", "-z", str(serial), "key.pub")
    return str(Path("key-cert.pub").rename(f"cert{serial}.pub"))


@pytest.mark.parametrize("how", ["", "key: ", "KEY:", "sha1: ", "sha256: ", "hash: "])
def test_revokes_keys(keygen: Keygen, how: str) -> None:
    words = keygen("-lf", "key.pub").out.split()[1] if how == "hash: " else key_words()
    said = keygen("-k", "-f", "krl", "-", stdin=f"# comment\n {how}{words}  # more\n".encode())
    assert said == (0, "Revoking from (standard input)\n", "")
    assert Path("krl").stat().st_mode & 0o777 == 0o644
    said = keygen("-Q", "-f", "krl", "key.pub", "key", "ca")
    assert said == (1, "key.pub (key): REVOKED\nkey (key): REVOKED\nca (ca): ok\n", "")
    assert keygen("-Q", "-f", "krl", "ca.pub").code == 0


@pytest.mark.parametrize("authority", ["ca.pub", "none"])
def test_revokes_certificates(keygen: Keygen, authority: str) -> None:
    paths = [certify(keygen, serial, f"id{serial}") for serial in (1, 2, 3, 100, 0)]
    listed = b"serial: 1\nserial: 0x64-0200\nid: id0\n"
    assert keygen("-q", "-k", "-f", "krl", "-s", authority, "-", stdin=listed) == (0, "", "")
    said = keygen("-Q", "-f", "krl", *paths, "key.pub")
    assert [line.split(": ")[1] for line in said.out.split("\n")[:-1]] == [
        "REVOKED",
        "ok",
        "ok",
        "REVOKED",
        "REVOKED",
        "ok",
    ]
    assert keygen("-q", "-k", "-u", "-f", "krl", paths[1]).code == 0
    assert keygen("-Q", "-f", "krl", paths[1]).code == 1
    assert keygen("-Q", "-f", "krl", paths[2]).code == 0


def test_prints_a_list(keygen: Keygen) -> None:
    listed = f"serial: 4-10\nserial: 1\nid: b\nid: a\n{key_words()}\nsha1: {key_words('ca')}\n"
    keygen("-q", "-k", "-f", "krl", "-s", "ca.pub", "-z", "5", "-C", "words", "-", stdin=listed.encode())
    keygen("-q", "-k", "-u", "-f", "krl", "-s", "none", "-", stdin=b"serial: 77\n")
    said = keygen("-Q", "-l", "-f", "krl")
    fingerprint, authority = (keygen("-lf", name).out.split()[1] for name in ("key", "ca"))
    lines = said.out.split("\n")
    assert said.code == 0
    assert lines[0] == "# KRL version 5"
    assert lines[1].startswith("# Generated at 20")
    assert lines[2:5] == ["# Comment: words", "", f"hash: {fingerprint} # ssh-ed25519"]
    assert lines[5].startswith("# hash SHA1:")
    assert lines[6:] == [
        "",
        f"# CA key ssh-ed25519 {authority}",
        "serial: 1",
        "serial: 4-10",
        "id: a",
        "id: b",
        "",
        "# Wildcard CA",
        "serial: 77",
        "",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("serial: x", '(standard input):2: invalid serial "x"'),
        ("serial: -5", '(standard input):2: invalid serial "-5"'),
        ("serial: 1_0", '(standard input):2: invalid serial "1_0"'),
        ("serial: 09", '(standard input):2: invalid serial "09"'),
        ("serial: 5-4", "(standard input):2: invalid serial range 5:4"),
        ("serial: 5-5", "(standard input):2: invalid serial range 5:5"),
        ("serial: 0", "(standard input):2: 0-0 is not a range"),
        (f"serial: {'9' * 30}", "(standard input):2: serial out of range"),
        (f"serial: {'9' * 5000}", "(standard input):2: serial out of range"),
        ("hash: MD5:aa", "(standard input):2: unsupported hash algorithm"),
        ("hash: SHA256:!", "(standard input):2: decode hash failed"),
        ("hash: SHA256:abcd", "(standard input):2: a sha256 digest has 32 bytes, not 3"),
        ("nonsense", "(standard input):2: invalid key"),
        ("key: nonsense", "(standard input):2: invalid key"),
    ],
)
def test_lines_that_revoke_nothing(keygen: Keygen, line: str, problem: str) -> None:
    said = keygen("-q", "-k", "-f", "krl", "-s", "ca.pub", "-", stdin=f"\n{line}\n".encode())
    assert said.code == 255
    assert said.err.startswith(problem)
    assert said.err.count("\n") == 1
    assert not Path("krl").exists()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ("-k", "requires an output file"),
        ("-Q", "requires an input file"),
        ("-k -u -f absent", 'KRL "absent" does not exist'),
        ("-k -f no/where", "write no/where: No such file"),
        ("-k -f krl absent", "fopen absent: No such file or directory"),
        ("-k -f krl -s absent key.pub", "Cannot load CA public key absent"),
        ("-k -f krl -q serials", "requires specification of a CA key"),
        ("-k -f krl -q ids", "requires specification of a CA key"),
        ("-Q -f absent", "Unable to load KRL absent"),
        ("-Q -f key.pub", "Invalid KRL file key.pub: KRL file has invalid magic number"),
    ],
)
def test_wrong_requests_are_one_line(keygen: Keygen, arguments: str, part: str) -> None:
    Path("serials").write_text("serial: 1\n")
    Path("ids").write_text("id: x\n")
    said = keygen(*arguments.split())
    assert said.code == 255
    assert part in said.err
    assert said.err.count("\n") == 1


def test_keys_that_are_asked_about_must_be_there(keygen: Keygen) -> None:
    keygen("-q", "-k", "-f", "krl")
    assert "Cannot load public key absent" in keygen("-Q", "-f", "krl", "absent").err


def test_a_key_id_is_utf8(keygen: Keygen) -> None:
    said = keygen("-q", "-k", "-f", "krl", "-s", "ca.pub", "-", stdin=b"id: caf\xc3\xa9\nid: caf\xe9\n")
    assert said == (255, "", '(standard input):2: key ID "caf\\xe9" is not UTF-8\n')
    assert not Path("krl").exists()


def test_a_list_goes_into_a_pipe_and_not_in_its_place(keygen: Keygen) -> None:
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert keygen("-q", "-k", "-f", "pipe", "key.pub").code == 0
        Path("krl").write_bytes(os.read(reader, 4096))
    finally:
        os.close(reader)
    assert Path("pipe").is_fifo()
    assert keygen("-Q", "-f", "krl", "key.pub").code == 1
