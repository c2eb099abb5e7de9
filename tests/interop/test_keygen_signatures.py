"""Signatures and public keys of `pyssh keygen` and ssh-keygen, each read by the other."""

from pathlib import Path

import pytest

from tests.support import peers
from tests.support.keygen import Keygen, ssh_keygen

VERSIONS = (peers.NEWEST, peers.DISTRIBUTION)
TYPES = ("ed25519", "ecdsa", "rsa", "mldsa44-ed25519")
MESSAGE = b"a message\n"


@pytest.fixture
def keygen(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keygen:
    return Keygen.in_folder(tmp_path, capfd, monkeypatch)


def make_key(keygen: Keygen, peer: peers.OpenSSH, kind: str) -> str:
    """Makes a key and returns type and blob."""
    peers.require(peer)
    if kind.startswith("mldsa") and peer.version < (10, 6):
        pytest.skip(f"{peer} has no {kind}")
    size = ("-b", "2048") if kind == "rsa" else ()
    assert keygen("-q", "-t", kind, *size, "-f", "key", "-N", "", "-C", "").code == 0
    return Path("key.pub").read_text().strip()


@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("peer", VERSIONS, ids=str)
def test_signatures(keygen: Keygen, peer: peers.OpenSSH, kind: str, hash_name: str) -> None:
    line = make_key(keygen, peer, kind)
    Path("signers").write_text(f'alice,b* namespaces="file" {line}\n')
    Path("message").write_bytes(MESSAGE)
    # the distribution's ssh-keygen knows -O hashalg only from 9.3 on
    choice = ["-O", f"hashalg={hash_name}"] if hash_name != "sha512" else []
    sign = ["-Y", "sign", "-f", "key", "-n", "file", *choice, "message"]
    verify = ["-Y", "verify", "-f", "signers", "-n", "file", "-s", "message.sig", "-I"]
    for signer in ("ours", "theirs"):
        Path("message.sig").unlink(missing_ok=True)
        said = keygen(*sign) if signer == "ours" else ssh_keygen(peer, *sign)
        if said.code and peer.version < (9, 3):
            continue
        assert said == (0, "", "Signing file message\nWrite signature to message.sig\n")
        for who in ("alice", "bob", "carol"):
            ours = keygen(*verify, who, stdin=MESSAGE)
            theirs = ssh_keygen(peer, *verify, who, stdin=MESSAGE)
            assert ours[:2] == theirs[:2]
            assert ours.code == (255 if who == "carol" else 0)
        for arguments in (
            ["-Y", "check-novalidate", "-n", "file", "-s", "message.sig"],
            ["-Y", "check-novalidate", "-n", "other", "-s", "message.sig"],
            ["-Y", "find-principals", "-f", "signers", "-s", "message.sig"],
            ["-Y", "match-principals", "-f", "signers", "-I", "bob"],
            ["-Y", "match-principals", "-f", "signers", "-I", "nobody"],
        ):
            ours = keygen(*arguments, stdin=MESSAGE)
            assert ours[:2] == ssh_keygen(peer, *arguments, stdin=MESSAGE)[:2]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("file_format", ["RFC4716", "PKCS8", "PEM"])
@pytest.mark.parametrize("peer", VERSIONS, ids=str)
def test_formats_of_public_keys(keygen: Keygen, peer: peers.OpenSSH, kind: str, file_format: str) -> None:
    make_key(keygen, peer, kind)
    theirs = ssh_keygen(peer, "-e", "-m", file_format, "-f", "key")
    if theirs.code:
        # theirs has no form for the newer types
        assert kind.endswith("ed25519")
        return
    assert keygen("-e", "-m", file_format, "-f", "key") == theirs
    Path("exported").write_text(theirs.out)
    back = ssh_keygen(peer, "-i", "-m", file_format, "-f", "exported")
    if back.code == 0:
        assert keygen("-i", "-m", file_format, "-f", "exported") == back


@pytest.mark.parametrize("flags", ["", "-g", "-O hashalg=sha1", "-O hashalg=sha256"])
@pytest.mark.parametrize("kind", TYPES)
def test_records(keygen: Keygen, kind: str, flags: str) -> None:
    make_key(keygen, peers.NEWEST, kind)
    arguments = [*flags.split(), "-r", "host.example", "-f", "key.pub"]
    assert keygen(*arguments)[:2] == ssh_keygen(peers.NEWEST, *arguments)[:2]
