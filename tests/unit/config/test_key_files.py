import os
import subprocess
from pathlib import Path

import pytest

from pyssh.errors import KeyFormatError, PassphraseError
from pyssh.keys.formats import dump_private
from pyssh.keys.private import generate_private_key
from pyssh_config.errors import ConfigError
from pyssh_config.key_files import (
    public_path,
    read_private_key,
    read_public_half,
    read_public_key,
    write_private_key,
    write_public_key,
)
from tests.support import peers

KEY = generate_private_key("ed25519", None)


def mode(path: Path | str) -> int:
    return Path(path).stat().st_mode & 0o777


@pytest.mark.parametrize("passphrase", [None, b"secret"])
def test_what_is_written_is_read(tmp_path: Path, passphrase: bytes | None) -> None:
    path = str(tmp_path / "id")
    previous = os.umask(0)
    try:
        write_private_key(path, KEY, "a comment", passphrase, 1)
        write_public_key(public_path(path), KEY.key, "a comment")
    finally:
        os.umask(previous)
    assert (mode(path), mode(path + ".pub")) == (0o600, 0o644)
    key, comment = read_private_key(path, passphrase)
    assert (key.key, comment) == (KEY.key, "a comment")
    assert read_public_key(path + ".pub") == (KEY.key, "a comment")


def test_existing_files_are_kept_unless_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "id")
    write_private_key(path, KEY)
    with pytest.raises(ConfigError, match="exists already"):
        write_private_key(path, generate_private_key("ed25519", None))
    other = generate_private_key("ed25519", None)
    write_private_key(path, other, replace=True)
    assert read_private_key(path)[0].key == other.key
    assert mode(path) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["id"]


def test_links_are_not_followed_when_writing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError):
        write_private_key(str(tmp_path / "link"), KEY)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o610])
def test_keys_that_others_can_read(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "id"
    write_private_key(str(path), KEY)
    path.chmod(bits)
    with pytest.raises(ConfigError, match="UNPROTECTED PRIVATE KEY FILE") as caught:
        read_private_key(str(path))
    assert f"{bits:04o}" in str(caught.value)


def test_public_half_of_an_encrypted_key(tmp_path: Path) -> None:
    path = str(tmp_path / "id")
    write_private_key(path, KEY, "c", b"secret", 1)
    assert read_public_half(path)[0] == KEY.key
    write_public_key(path + ".pub", KEY.key, "from pub")
    assert read_public_half(path) == (KEY.key, "from pub")
    with pytest.raises(PassphraseError):
        read_private_key(path)
    with pytest.raises(PassphraseError):
        read_private_key(path, b"wrong")


def test_files_of_other_programs(tmp_path: Path) -> None:
    for name, passphrase in (("ppk2", "secret"), ("pkcs8", ""), ("jwk", "")):
        path = tmp_path / name
        path.touch(0o600)
        path.write_bytes(dump_private(KEY, name, passphrase=passphrase))
        assert read_public_half(str(path))[0] == KEY.key
        assert read_private_key(str(path), passphrase.encode())[0].key == KEY.key
    path.write_bytes(dump_private(KEY, "pkcs8", passphrase="secret"))
    with pytest.raises(ConfigError, match="needs a passphrase"):
        read_public_half(str(path))


def test_useless_files(tmp_path: Path) -> None:
    path = tmp_path / "id"
    with pytest.raises(ConfigError, match="cannot read it"):
        read_private_key(str(path))
    path.touch(0o600)
    with pytest.raises(KeyFormatError):
        read_private_key(str(path))
    with pytest.raises(ConfigError, match="no public key"):
        read_public_key(str(path))
    path.write_text("# x\nssh-ed25519 AAAA\n")
    with pytest.raises(ConfigError, match="line 2"):
        read_public_key(str(path))
    with pytest.raises(ConfigError):
        write_public_key(str(tmp_path / "p"), KEY.key, "two\nlines")


@pytest.mark.parametrize("peer", [peers.NEWEST, peers.DISTRIBUTION], ids=str)
def test_ssh_keygen_reads_what_we_write(tmp_path: Path, peer: peers.OpenSSH) -> None:
    path = str(tmp_path / "id")
    write_private_key(path, KEY, "hello", b"secret", 2)
    program = peers.require(peer).path("ssh-keygen")
    shown = subprocess.run(
        [program, "-y", "-P", "secret", "-f", path], capture_output=True, text=True, check=True
    ).stdout
    write_public_key(path + ".pub", KEY.key, "hello")
    assert shown == Path(path + ".pub").read_text()
