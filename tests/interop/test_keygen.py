"""`pyssh keygen` and ssh-keygen on the same files: each reads what the other wrote, and both say the same."""

import re
import shutil
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.keygen import Keygen, ssh_keygen

VERSIONS = (peers.NEWEST, peers.DISTRIBUTION)
DATA = Path(__file__).resolve().parents[1] / "unit" / "keys" / "data"
TYPES = ("ed25519", "ecdsa", "rsa", "mldsa44-ed25519")
CIPHERS = (
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-cbc",
    "3des-cbc",
)


@pytest.fixture
def keygen(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keygen:
    return Keygen.in_folder(tmp_path, capfd, monkeypatch)


def require_type(peer: peers.OpenSSH, kind: str) -> None:
    peers.require(peer)
    if kind.startswith("mldsa") and peer.version < (10, 6):
        pytest.skip(f"{peer} has no {kind}")


@pytest.mark.parametrize("passphrase", ["", "pass phrase"])
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("peer", VERSIONS, ids=str)
def test_keys_are_read_by_the_other(keygen: Keygen, peer: peers.OpenSSH, kind: str, passphrase: str) -> None:
    require_type(peer, kind)
    assert keygen("-q", "-t", kind, "-N", passphrase, "-f", "ours", "-C", "a comment").code == 0
    assert ssh_keygen(peer, "-y", "-P", passphrase, "-f", "ours").out == Path("ours.pub").read_text()
    assert ssh_keygen(peer, "-q", "-t", kind, "-N", passphrase, "-f", "theirs", "-C", "c").code == 0
    assert keygen("-y", "-P", passphrase, "-f", "theirs").out == Path("theirs.pub").read_text()
    for path in ("ours", "ours.pub", "theirs", "theirs.pub"):
        for flags in ("-l", "-lv", "-lEmd5", "-lvEsha512"):
            assert keygen(flags, "-f", path) == ssh_keygen(peer, flags, "-f", path)
    assert keygen("-B", "-f", "ours") == ssh_keygen(peer, "-B", "-f", "ours")


@pytest.mark.parametrize("cipher", CIPHERS)
def test_ciphers_of_key_files(keygen: Keygen, cipher: str) -> None:
    options = ["-q", "-a", "3", "-Z", cipher, "-N", "pass"]
    keygen(*options, "-f", "ours")
    assert ssh_keygen(peers.NEWEST, "-y", "-P", "pass", "-f", "ours").out == Path("ours.pub").read_text()
    ssh_keygen(peers.NEWEST, *options, "-f", "theirs")
    assert keygen("-y", "-P", "pass", "-f", "theirs").out == Path("theirs.pub").read_text()


@pytest.mark.parametrize("passphrase", ["", "pass phrase"])
@pytest.mark.parametrize(
    ("kind", "file_format", "first"),
    [
        ("rsa", "PEM", "RSA PRIVATE KEY"),
        ("ecdsa", "PEM", "EC PRIVATE KEY"),
        ("rsa", "PKCS8", "PRIVATE KEY"),
        ("ecdsa", "PKCS8", "PRIVATE KEY"),
        ("ed25519", "PKCS8", "PRIVATE KEY"),
        ("mldsa44-ed25519", "PKCS8", "OPENSSH PRIVATE KEY"),
        ("ed25519", "RFC4716", "OPENSSH PRIVATE KEY"),
    ],
)
def test_formats_of_private_keys(
    keygen: Keygen, kind: str, file_format: str, first: str, passphrase: str
) -> None:
    options = ["-q", "-t", kind, "-m", file_format, "-N", passphrase]
    keygen(*options, "-f", "ours")
    ssh_keygen(peers.NEWEST, *options, "-f", "theirs")
    heads = [Path(name).read_text().split("\n")[0] for name in ("ours", "theirs")]
    assert heads[0] == heads[1]
    assert heads[0].removeprefix("-----BEGIN ").removeprefix("ENCRYPTED ") == f"{first}-----"
    key = Path("ours.pub").read_text().split()[1]
    assert ssh_keygen(peers.NEWEST, "-y", "-P", passphrase, "-f", "ours").out.split()[1] == key
    key = Path("theirs.pub").read_text().split()[1]
    assert keygen("-y", "-P", passphrase, "-f", "theirs").out.split()[1] == key


def test_generation_says_the_same(keygen: Keygen) -> None:
    ours = keygen("-f", "key", "-N", "").out
    theirs = ssh_keygen(peers.NEWEST, "-f", "key", "-N", "", stdin=b"y\n").out

    def frame(said: str) -> str:
        return re.sub(r"(?m)^SHA256:\S+|^\|.*\|$", "", said)

    assert frame(theirs) == "".join(
        (
            frame(ours).split("\n")[0],
            "\nkey already exists.\nOverwrite (y/n)? ",
            frame(ours).split("\n", 1)[1],
        )
    )


@pytest.mark.parametrize(
    "arguments",
    ["-p -N new", "-c -C new", "-c -C same", "-y", "-p -P x -N new", "-lE sha384", "-p -N new -P old"],
)
@pytest.mark.parametrize("passphrase", ["", "old"])
def test_changes_say_the_same(keygen: Keygen, arguments: str, passphrase: str) -> None:
    ssh_keygen(peers.NEWEST, "-q", "-f", "key", "-N", passphrase, "-C", "same")
    shutil.copy("key", "kept")
    shutil.copy("key.pub", "kept.pub")
    theirs = ssh_keygen(peers.NEWEST, *arguments.split(), "-f", "key")
    shutil.copy("kept", "key")
    shutil.copy("kept.pub", "key.pub")
    ours = keygen(*arguments.split(), "-f", "key")
    assert ours[:2] == theirs[:2]


HOSTS = """\
# comment
foo,bar {rsa} a comment
*.wild.org,!x.wild.org {ecdsa}
@cert-authority *.ca {rsa}
@revoked foo {ecdsa}
[foo]:2222 {ecdsa}
|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= {ecdsa}

FOO {ecdsa}
"""


@pytest.mark.parametrize(
    "arguments",
    [
        "-F foo",
        "-F FOO",
        "-lF foo",
        "-lvF bar",
        "-F [foo]:2222",
        "-F h.wild.org",
        "-F x.wild.org",
        "-F a.ca",
        "-F 192.168.1.61",
        "-F nope",
        "-qF foo",
        "-lBF foo",
        "-HF a.ca",
        "-R foo",
        "-qR bar",
        "-R nope",
        "-H",
    ],
)
@pytest.mark.parametrize("peer", VERSIONS, ids=str)
def test_known_hosts_end_up_the_same(keygen: Keygen, peer: peers.OpenSSH, arguments: str) -> None:
    keys = {}
    for kind in ("rsa", "ecdsa"):
        ssh_keygen(peer, "-q", "-t", kind, "-f", kind, "-N", "")
        keys[kind] = " ".join(Path(f"{kind}.pub").read_text().split()[:2])
    hosts, old = Path("hosts"), Path("hosts.old")
    hosts.write_text(HOSTS.format(**keys))
    theirs = ssh_keygen(peer, *arguments.split(), "-f", "hosts")
    written = hosts.read_text(), old.read_text() if old.exists() else None, hosts.stat().st_mode
    hosts.write_text(HOSTS.format(**keys))
    old.unlink(missing_ok=True)
    assert keygen(*arguments.split(), "-f", "hosts") == theirs
    again = hosts.read_text(), old.read_text() if old.exists() else None, hosts.stat().st_mode
    if arguments == "-H":
        # the salts differ, so each finds the names that the other hid
        hosts.write_text(written[0])
        assert keygen("-F", "bar", "-f", "hosts").code == 0
        hosts.write_text(again[0])
        assert ssh_keygen(peer, "-F", "bar", "-f", "hosts").code == 0
        assert len(again[0]) == len(written[0])
    else:
        assert again == written


def test_host_keys_are_the_same_files(keygen: Keygen, tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        (tmp_path / name / "etc" / "ssh").mkdir(parents=True)
    assert keygen("-A", "-f", "ours") == ssh_keygen(peers.NEWEST, "-A", "-f", "theirs")
    made = [
        {path.name: path.stat().st_mode for path in (tmp_path / name / "etc" / "ssh").iterdir()}
        for name in ("ours", "theirs")
    ]
    assert made[0] == made[1]


@pytest.mark.parametrize("kind", ["sk-ssh-ed25519", "sk-ecdsa-sha2-nistp256"])
@pytest.mark.parametrize("peer", VERSIONS, ids=str)
def test_files_of_security_keys(keygen: Keygen, peer: peers.OpenSSH, kind: str) -> None:
    shutil.copy(DATA / kind, "key")
    Path("key").chmod(0o600)
    public = keygen("-y", "-f", "key")
    assert public.out.startswith(f"{kind}@openssh.com ")
    assert public == ssh_keygen(peer, "-y", "-f", "key")
    assert keygen("-l", "-f", "key") == ssh_keygen(peer, "-l", "-f", "key")
    assert keygen("-p", "-f", "key", "-N", "secret").code == 0
    assert ssh_keygen(peer, "-y", "-P", "secret", "-f", "key") == public
    assert keygen("-c", "-f", "key", "-P", "secret", "-C", "new").code == 0
    line = Path("key.pub").read_text()
    assert line.split()[2:] == ["new"]
    assert ssh_keygen(peer, "-y", "-P", "secret", "-f", "key").out == line
    refused = keygen("-Y", "sign", "-f", "key", "-P", "secret", "-n", "file", stdin=b"message")
    assert refused.code == 255
    assert "use it through ssh-agent" in refused.err
