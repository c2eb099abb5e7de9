"""Certificates, signatures and hidden host names of `pyssh keygen`, AsyncSSH and Paramiko.

Each judges what the other made. Those of ssh-keygen are in test_keygen_certificates.py and
test_keygen_signatures.py.
"""

import time
from pathlib import Path
from typing import Any

import pytest

from pyssh import keys
from pyssh.errors import KeyFormatError
from tests.support import peers
from tests.support.keygen import Keygen, ssh_keygen

TYPES = ("ed25519", "ecdsa", "rsa")
MESSAGE = b"a message\n"
NOW = 1_800_000_000

kinds = pytest.mark.parametrize("kind", TYPES)


@pytest.fixture
def keygen(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keygen:
    # whatever zone an earlier test has left behind, for ssh-keygen and for this process
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    made = Keygen.in_folder(tmp_path, capfd, monkeypatch)
    made("-q", "-t", "ed25519", "-f", "user", "-N", "", "-C", "comment")
    return made


@pytest.fixture
def asyncssh() -> Any:
    peers.require(peers.ASYNCSSH)
    import asyncssh  # noqa: PLC0415  # a peer may be missing

    return asyncssh


@pytest.fixture
def paramiko() -> Any:
    peers.require(peers.PARAMIKO)
    import paramiko  # noqa: PLC0415  # a peer may be missing

    return paramiko


def make_key(keygen: Keygen, kind: str, name: str) -> str:
    """Makes a key and returns type and blob."""
    size = ("-b", "2048") if kind == "rsa" else ()
    # Paramiko 5.1 takes the zeros of an empty comment for padding, where the file needs none
    assert keygen("-q", "-t", kind, *size, "-f", name, "-N", "", "-C", "comment").code == 0
    return Path(f"{name}.pub").read_text().removesuffix(" comment\n")


# --- certificates


@kinds
def test_our_certificates(keygen: Keygen, asyncssh: Any, paramiko: Any, kind: str) -> None:
    authority = make_key(keygen, kind, "ca")
    options = [
        "-O",
        "force-command=true",
        "-O",
        "source-address=10.0.0.0/8",
        "-z",
        "7",
        "-V",
        "always:forever",
    ]
    assert keygen("-q", "-s", "ca", "-I", "id", "-n", "alice,bob", *options, "user.pub").code == 0
    theirs = asyncssh.read_certificate("user-cert.pub")
    theirs.validate(1, "alice")
    with pytest.raises(ValueError, match="principal"):
        theirs.validate(1, "carol")
    with pytest.raises(ValueError, match="type"):
        theirs.validate(2, "alice")
    assert theirs.signing_key.export_public_key().decode().strip() == authority
    assert theirs.options["force-command"] == "true"
    loaded = paramiko.PKey.from_path("user")
    assert loaded.public_blob.key_type == "ssh-ed25519-cert-v01@openssh.com"


@kinds
def test_certificates_of_asyncssh(keygen: Keygen, asyncssh: Any, kind: str) -> None:
    authority = make_key(keygen, kind, "ca")
    made = asyncssh.read_private_key("ca").generate_user_certificate(
        asyncssh.read_public_key("user.pub"),
        "id",
        serial=7,
        principals=["alice", "bob"],
        valid_after=NOW - 10,
        valid_before=NOW + 10,
        force_command="true",
        source_address=["10.0.0.0/8"],
    )
    Path("user-cert.pub").write_bytes(made.export_certificate())
    assert keygen("-L", "-f", "user-cert.pub") == ssh_keygen(peers.NEWEST, "-L", "-f", "user-cert.pub")
    certificate = keys.load_public(Path("user-cert.pub").read_bytes())
    assert isinstance(certificate, keys.Certificate)
    assert keys.dump_public(certificate.signature_key).decode().strip() == authority
    assert (certificate.force_command, certificate.source_address) == ("true", "10.0.0.0/8")
    certificate.validate(NOW, "alice", "user")
    for moment, name, kind_ in ((NOW + 10, "alice", "user"), (NOW, "carol", "user"), (NOW, "alice", "host")):
        with pytest.raises(KeyFormatError):
            certificate.validate(moment, name, kind_)
    # and our list of what is revoked knows it
    Path("spec").write_text("serial: 7\n")
    assert keygen("-q", "-k", "-f", "krl", "-s", "ca.pub", "spec").code == 0
    for said in (
        keygen("-Q", "-f", "krl", "user-cert.pub"),
        ssh_keygen(peers.NEWEST, "-Q", "-f", "krl", "user-cert.pub"),
    ):
        assert said.code == 1
        assert "REVOKED" in said.out


# --- signatures over files


@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
@kinds
def test_signatures(keygen: Keygen, asyncssh: Any, kind: str, hash_name: str) -> None:
    line = make_key(keygen, kind, "key")
    Path("signers").write_text(f'alice namespaces="file" {line}\n')
    Path("message").write_bytes(MESSAGE)
    ours = keygen("-Y", "sign", "-f", "key", "-n", "file", "-O", f"hashalg={hash_name}", stdin=MESSAGE)
    signers = asyncssh.read_allowed_signers("signers")
    assert asyncssh.validate_sshsig(MESSAGE, ours.out.encode(), "alice", signers)
    assert not asyncssh.validate_sshsig(MESSAGE + b"!", ours.out.encode(), "alice", signers)
    theirs = asyncssh.create_sshsig("key", MESSAGE, hash_name=hash_name, namespace="file")
    Path("message.sig").write_bytes(theirs)
    verify = ["-Y", "verify", "-f", "signers", "-n", "file", "-s", "message.sig", "-I"]
    assert keygen(*verify, "alice", stdin=MESSAGE).code == 0
    assert keygen(*verify, "alice", stdin=MESSAGE + b"!").code == 255
    assert keygen(*verify, "bob", stdin=MESSAGE).code == 255


# --- known_hosts


def test_host_names_that_we_hide(keygen: Keygen, asyncssh: Any, paramiko: Any) -> None:
    line = make_key(keygen, "ecdsa", "key")
    Path("hosts").write_text(f"host,10.0.0.1 {line}\n[host]:2222 {line}\n")
    assert keygen("-q", "-H", "-f", "hosts").code == 0
    assert "host" not in Path("hosts").read_text()
    ours = [asyncssh.import_known_hosts(Path("hosts").read_text()), "", 22]
    for name, port, count in (("host", 22, 1), ("host", 2222, 1), ("other", 22, 0)):
        found = asyncssh.match_known_hosts(ours[0], name, "", port)
        assert len(found[0]) == count
    theirs = paramiko.HostKeys("hosts")
    assert theirs.lookup("host")["ecdsa-sha2-nistp256"].get_base64() == line.split()[1]
    assert theirs.lookup("[host]:2222") is not None
    assert theirs.lookup("other") is None


def test_host_names_that_paramiko_hides(keygen: Keygen, paramiko: Any) -> None:
    line = make_key(keygen, "ecdsa", "key")
    hosts = paramiko.HostKeys()
    key = paramiko.ECDSAKey(filename="key")
    for name in ("host", "[host]:2222"):
        hosts.add(paramiko.HostKeys.hash_host(name), key.get_name(), key)
    hosts.save("hosts")
    for name in ("host", "[host]:2222"):
        said = keygen("-F", name, "-f", "hosts")
        assert said == ssh_keygen(peers.NEWEST, "-F", name, "-f", "hosts")
        assert (said.code, line in said.out) == (0, True)
    assert keygen("-F", "other", "-f", "hosts").code == 1
