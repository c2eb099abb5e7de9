"""`pyssh keygen -e`, `-i` and `-r`: other formats of public keys, and SSHFP records."""

from pathlib import Path

import pytest

from pyssh import keys
from tests.support.keygen import Keygen
from tests.unit.keys.sshcom import sshcom_file


@pytest.fixture
def keygen(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keygen:
    made = Keygen.in_folder(tmp_path, capfd, monkeypatch)
    for kind in ("ed25519", "ecdsa", "rsa", "mldsa44-ed25519"):
        made("-q", "-t", kind, "-f", kind, "-N", "", "-C", kind)
    return made


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("file_format", ["RFC4716", "ssh2", "PKCS8", "pem"])
def test_comes_back(keygen: Keygen, kind: str, file_format: str) -> None:
    words = " ".join(Path(f"{kind}.pub").read_text().split()[:2])
    for path in (kind, f"{kind}.pub"):
        exported = keygen("-e", "-m", file_format, "-f", path)
        assert exported.code == 0
        Path("exported").write_text(exported.out)
        assert keygen("-i", "-m", file_format, "-f", "exported") == (0, f"{words}\n", "")


def test_encrypted_keys_need_no_passphrase(keygen: Keygen) -> None:
    keygen("-q", "-f", "key", "-N", "secret")
    Path("key.pub").unlink()
    assert keygen("-e", "-f", "key").out.startswith("---- BEGIN SSH2 PUBLIC KEY ----\n")
    keygen("-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-f", "old", "-N", "secret")
    words = " ".join(Path("old.pub").read_text().split()[:2])
    Path("old.pub").unlink()
    said = keygen("-e", "-f", "old", stdin=b"secret\n")
    Path("exported").write_text(said.out)
    assert keygen("-X", "-f", "exported").out == f"{words}\n"


def test_private_keys_of_ssh_com(keygen: Keygen) -> None:
    key = keys.load_private(Path("rsa").read_bytes())
    Path("theirs").write_bytes(sshcom_file(key))
    assert keygen("-i", "-f", "theirs").out.encode() == keys.dump_private(key, "pem")
    Path("theirs").write_bytes(sshcom_file(key, cipher="3des-cbc"))
    said = keygen("-i", "-f", "theirs")
    assert (said.code, said.out) == (255, "")
    assert said.err.startswith("theirs: an ssh.com private key encrypted with '3des-cbc' is not supported")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ("-e -f absent", "absent: No such file or directory"),
        ("-i -f absent", "absent: No such file or directory"),
        ("-i -f rsa.pub", "rsa.pub: not an SSH2 key file (RFC 4716)"),
        ("-i -m PKCS8 -f rsa.pub", "rsa.pub: not a public key in PEM"),
        ("-e -m PEM -f mldsa44-ed25519", "no form outside of SSH"),
        ("-r host -f absent", "absent: No such file or directory"),
        ("-r host -f empty", 'Failed to read v2 public key from "empty"'),
        ("-r host -O nonsense -f rsa", 'Invalid option "nonsense"'),
    ],
)
def test_what_cannot_be_converted_is_one_line(keygen: Keygen, arguments: str, part: str) -> None:
    Path("empty").touch()
    said = keygen(*arguments.split())
    assert (said.code, said.out) == (255, "")
    assert part in said.err
    assert said.err.count("\n") == 1


def test_records(keygen: Keygen) -> None:
    said = keygen("-r", "host.example", "-f", "ed25519.pub")
    lines = said.out.split("\n")
    assert [line.rsplit(" ", 1)[0] for line in lines[:2]] == [
        "host.example IN SSHFP 4 1",
        "host.example IN SSHFP 4 2",
    ]
    assert keygen("-r", "h", "-O", "hashalg=sha1", "-f", "rsa").out.startswith("h IN SSHFP 1 1 ")
    assert keygen("-g", "-r", "h", "-f", "ecdsa").out.startswith(r"h IN TYPE44 \# 22 03 01 ")
    said = keygen("-r", "h", "-f", "mldsa44-ed25519")
    assert (said.code, said.out) == (0, "")
    assert "no SSHFP records" in said.err
