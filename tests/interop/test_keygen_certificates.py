"""Certificates and revocation lists of `pyssh keygen` and ssh-keygen, each judged by the other."""

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.keygen import Keygen, Said, ssh_keygen
from tests.support.processes import RunningProcess

VERSIONS = (peers.NEWEST, peers.DISTRIBUTION)
TYPES = ("ed25519", "ecdsa", "rsa", "mldsa44-ed25519")


@pytest.fixture
def keygen(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keygen:
    monkeypatch.setenv("TZ", "America/St_Johns")
    return Keygen.in_folder(tmp_path, capfd, monkeypatch)


def make_keys(keygen: Keygen, *kinds: str) -> None:
    for kind in kinds:
        size = ("-b", "2048") if kind == "rsa" else ()
        assert keygen("-q", "-t", kind, *size, "-f", kind, "-N", "", "-C", f"the {kind}").code == 0


def both(keygen: Keygen, peer: peers.OpenSSH, *arguments: str, stdin: bytes = b"") -> tuple[Said, Said]:
    """Runs ours, then theirs, on the same files; what ours wrote is kept as `ours.pub`."""
    ours = keygen(*arguments, stdin=stdin)
    if Path("ed25519-cert.pub").exists():
        shutil.move("ed25519-cert.pub", "ours.pub")
    return ours, ssh_keygen(peer, *arguments, stdin=stdin)


@pytest.mark.parametrize("authority", TYPES)
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("peer", VERSIONS, ids=str)
def test_all_types_certify_all_types(keygen: Keygen, peer: peers.OpenSSH, kind: str, authority: str) -> None:
    peers.require(peer)
    if peer.version < (10, 6) and "mldsa44-ed25519" in (kind, authority):
        pytest.skip(f"{peer} has no mldsa44-ed25519")
    make_keys(keygen, *{kind, authority})
    flags = ["-q", "-s", authority, "-I", "me", "-n", "a,b", "-z", "7", "-V", "20260101:20270101"]
    for signer in ("ours", "theirs"):
        if signer == "ours":
            assert keygen(*flags, f"{kind}.pub").code == 0
        else:
            assert ssh_keygen(peer, *flags, f"{kind}.pub").code == 0
        shown = keygen("-L", "-f", f"{kind}-cert.pub")
        assert shown == ssh_keygen(peer, "-L", "-f", f"{kind}-cert.pub")
        assert "Serial: 7" in shown.out


@pytest.mark.parametrize(
    "arguments",
    [
        "-n a",
        "-n a,b -z 18446744073709551615",
        "-h -n host",
        "-h -n host -O permit-pty",
        "-n x -O clear -O force-command=true -O source-address=10.0.0.0/8,::1/128",
        "-n x -O clear -O permit-pty -O permit-user-rc -O extension:foo@bar=baz -O extension:flag@x",
        "-n x -O no-touch-required -O verify-required -O critical:a=b -O critical:c",
        "-n x -O no-pty -O no-x11-forwarding -O no-user-rc -O no-agent-forwarding -O no-port-forwarding",
        "-n x -V always:forever",
        "-n x -V 20260101:20260701",
        "-n x -V 202601010203:20260701020304Z",
        "-n x -V 0x1:0x7fffffff",
        "-n x -V always:0xfffffffffffffffe",
    ],
)
def test_the_same_flags_make_the_same_certificate(keygen: Keygen, arguments: str) -> None:
    make_keys(keygen, "ed25519", "ecdsa")
    flags = ["-s", "ecdsa", "-I", "some id", *arguments.split(), "ed25519.pub"]
    ours, theirs = both(keygen, peers.NEWEST, *flags)
    assert ours == theirs
    shown = [keygen("-L", "-f", path).out.split("\n", 1)[1] for path in ("ours.pub", "ed25519-cert.pub")]
    assert shown[0] == shown[1]
    assert ssh_keygen(peers.NEWEST, "-L", "-f", "ours.pub").out.split("\n", 1)[1] == shown[0]
    comments = [Path(path).read_text().split(" ", 2)[2] for path in ("ours.pub", "ed25519-cert.pub")]
    assert comments[0] == comments[1]


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "-I x -n a -O foo",
        "-I x -n ,a",
        "-I x -n a -t rsa",
        "-I x -n a -V 20270101:20260101",
        "-I x -n a -V 2026:2027",
        "-I x -n a -O source-address=foo",
        "-I x -n a -U",
    ],
)
def test_both_refuse(keygen: Keygen, arguments: str) -> None:
    make_keys(keygen, "ed25519")
    ours, theirs = both(keygen, peers.NEWEST, "-s", "ed25519", *arguments.split(), "ed25519.pub")
    assert ours[:2] == theirs[:2]


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    peers.require(peers.NEWEST)
    socket = tmp_path / "agent"
    running = RunningProcess([peers.NEWEST.path("ssh-agent"), "-D", "-a", socket], r"SSH_AUTH_SOCK")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    yield
    running.close()


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_the_agent_certifies_and_signs(keygen: Keygen, kind: str) -> None:
    make_keys(keygen, kind)
    flags = ["-U", "-s", f"{kind}.pub", "-I", "me", "-n", "x", f"{kind}.pub"]
    assert "not found in agent" in keygen(*flags).err
    keygen("-q", "-s", kind, "-I", "me", "-n", "x", f"{kind}.pub")
    # with the certificate that lies beside the key
    subprocess.run([peers.NEWEST.path("ssh-add"), "-q", kind], check=True)
    Path(kind).unlink()
    said = keygen("-q", "-Y", "sign", "-f", f"{kind}-cert.pub", "-n", "file", stdin=b"message")
    Path("sig").write_text(said.out)
    check = ["-Y", "check-novalidate", "-n", "file", "-s", "sig"]
    assert ssh_keygen(peers.NEWEST, *check, stdin=b"message").code == 0
    assert keygen(*flags).code == 0
    assert "me" in ssh_keygen(peers.NEWEST, "-L", "-f", f"{kind}-cert.pub").out
    said = keygen("-q", "-Y", "sign", "-U", "-f", f"{kind}.pub", "-n", "file", stdin=b"message")
    assert said.code == 0
    Path("sig").write_text(said.out)
    assert ssh_keygen(peers.NEWEST, *check, stdin=b"message").code == 0


LISTED = """\
# comment
serial: 1
serial: 4-10
serial: 0x20-40   # words
id: some id
id:other
sha1: {ecdsa}
sha256: {rsa}
key: {ed25519}
"""


@pytest.mark.parametrize("peer", VERSIONS, ids=str)
def test_revocation_lists_are_the_same(keygen: Keygen, peer: peers.OpenSSH) -> None:
    make_keys(keygen, "ed25519", "ecdsa", "rsa")
    keygen("-q", "-f", "ca", "-N", "")
    words = {kind: " ".join(Path(f"{kind}.pub").read_text().split()[:2]) for kind in TYPES[:3]}
    Path("listed").write_text(LISTED.format(**words))
    paths = ["ed25519.pub", "ecdsa.pub", "rsa.pub", "ca.pub"]
    for serial in (1, 2, 10, 0):
        keygen("-q", "-s", "ca", "-I", "other" if serial == 0 else "me", "-z", str(serial), "ecdsa.pub")
        paths.append(str(Path("ecdsa-cert.pub").rename(f"cert{serial}.pub")))
    flags = ["-s", "ca.pub", "-z", "5", "-C", "words", "listed", "cert2.pub"]
    assert keygen("-k", "-f", "ours", *flags) == ssh_keygen(peer, "-k", "-f", "theirs", *flags)
    time_at = slice(20, 28)
    contents = [bytearray(Path(name).read_bytes()) for name in ("ours", "theirs")]
    for data in contents:
        data[time_at] = bytes(8)
    assert contents[0] == contents[1]
    for name in ("ours", "theirs"):
        for query in (["-Q", "-f", name, *paths], ["-Q", "-l", "-f", name]):
            if peer.version >= (10, 0) or "-l" not in query:
                assert keygen(*query) == ssh_keygen(peer, *query)
    add = ["-q", "-k", "-u", "-f", "ours", "-s", "none", "-"]
    assert keygen(*add, stdin=b"serial: 77\n").code == 0
    assert "# Wildcard CA\nserial: 77\n" in ssh_keygen(peer, "-Q", "-l", "-f", "ours").out


@pytest.mark.parametrize("peer", VERSIONS, ids=str)
def test_many_serials(keygen: Keygen, peer: peers.OpenSSH) -> None:
    keygen("-q", "-f", "ca", "-N", "")
    chance = random.Random(1)
    serial, lines = 0, []
    for _ in range(3000):
        serial += chance.choice([1, 1, 1, 2, 3, 5, 100, 100_000])
        lines.append(f"serial: {serial}\n")
    Path("listed").write_text("".join(lines))
    keygen("-q", "-k", "-f", "ours", "-s", "ca.pub", "listed")
    ssh_keygen(peer, "-q", "-k", "-f", "theirs", "-s", "ca.pub", "listed")
    assert Path("ours").stat().st_size <= Path("theirs").stat().st_size
    shown = []
    for name in ("ours", "theirs"):
        for said in (keygen("-Q", "-l", "-f", name), ssh_keygen(peer, "-Q", "-l", "-f", name)):
            shown.append([line for line in said.out.split("\n") if line.startswith("serial")])
    assert shown[0]
    assert all(other == shown[0] for other in shown)
