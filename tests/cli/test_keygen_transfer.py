"""`pyssh keygen --import` and `--export`."""

from pathlib import Path

import pytest

from pyssh import keys
from tests.support.keygen import Keygen

TYPES = ("ed25519", "ecdsa", "rsa")
PRIVATE = ("openssh", "pem", "pkcs8", "ppk", "ppk2", "jwk")
PUBLIC = ("public", "rfc4716", "spki", "jwk")


@pytest.fixture
def keygen(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keygen:
    return Keygen.in_folder(tmp_path, capfd, monkeypatch)


@pytest.fixture(scope="module")
def key_files() -> dict[str, bytes]:
    """A pair of each type; making them takes longer than all the rest."""
    files = {}
    for kind in (*TYPES, "mldsa44-ed25519"):
        key = keys.generate_private_key(kind, 2048 if kind == "rsa" else None)
        files[kind] = keys.dump_private(key, comment="me@here")
        files[f"{kind}.pub"] = keys.dump_public(key.key, comment="me@here")
    return files


@pytest.fixture
def make(keygen: Keygen, key_files: dict[str, bytes]) -> Keygen:
    for name, data in key_files.items():
        Path(name).write_bytes(data)
        Path(name).chmod(0o600)
    return keygen


def words(path: str) -> list[str]:
    return Path(path).read_text().split()


@pytest.mark.parametrize("passphrase", ["", "secret"])
@pytest.mark.parametrize("file_format", PRIVATE)
@pytest.mark.parametrize("kind", TYPES)
def test_private_keys_come_back(make: Keygen, kind: str, file_format: str, passphrase: str) -> None:
    if (kind, file_format) == ("ed25519", "pem") or (passphrase and file_format == "jwk"):
        return
    quick = ["-a", "1"] if file_format in ("openssh", "ppk") else []
    out = ["--output", "exported"]
    assert make("--export", file_format, "-f", kind, "-N", passphrase, *quick, *out) == (0, "", "")
    assert Path("exported").stat().st_mode & 0o777 == 0o600
    assert keys.detect_format(Path("exported").read_bytes()) == file_format.removesuffix("2")
    said = make("--import", "exported", "-f", "again", "-a", "1", stdin=passphrase.encode() + b"\n")
    assert (said.code, "Your public key has been saved in again.pub" in said.out) == (0, True)
    assert Path("again").stat().st_mode & 0o777 == 0o600
    kept = file_format not in ("pem", "pkcs8")
    assert words("again.pub") == words(f"{kind}.pub") if kept else words(f"{kind}.pub")[:2]
    # the passphrase is still the same one
    assert make("-y", "-f", "again", "-P", passphrase).code == 0
    assert make("-y", "-f", "again", "-P", "other").code == (255 if passphrase else 0)


@pytest.mark.parametrize("file_format", PUBLIC)
@pytest.mark.parametrize("kind", TYPES)
def test_public_keys_come_back(make: Keygen, kind: str, file_format: str) -> None:
    exported = make("--export", file_format, "-f", f"{kind}.pub")
    assert exported.code == 0
    Path("exported").write_text(exported.out)
    said = make("--import", "exported")
    assert said.out.split()[:2] == words(f"{kind}.pub")[:2]
    assert make("--import", "exported", "-f", "again.pub", "-C", "new") == (0, "", "")
    assert words("again.pub")[2:] == ["new"]
    assert Path("again.pub").stat().st_mode & 0o777 == 0o644
    # fingerprints of all of them
    assert make("-l", "-f", "exported").out.split()[1] == make("-l", "-f", kind).out.split()[1]


def test_of_several_public_keys_it_is_the_first(make: Keygen) -> None:
    lines = [Path(f"{kind}.pub").read_text() for kind in ("rsa", "ed25519")]
    Path("authorized_keys").write_text("".join(lines))
    warning = "authorized_keys: more than one key in it; this is the first\n"
    assert make("--import", "authorized_keys") == (0, lines[0], warning)


def test_the_public_half_needs_no_passphrase(make: Keygen) -> None:
    make("--export", "openssh", "-f", "ed25519", "-N", "secret", "-a", "1", "--output", "key")
    make("--export", "ppk2", "-f", "ed25519", "-N", "secret", "--output", "key.ppk")
    make("--export", "pkcs8", "-f", "ed25519", "-N", "secret", "--output", "old")
    expected = make("--export", "spki", "-f", "ed25519").out
    assert expected.startswith("-----BEGIN PUBLIC KEY-----\n")
    for path in ("key", "key.ppk"):
        assert make("--export", "spki", "-f", path) == (0, expected, "")
    asked = make("--export", "spki", "-f", "old", stdin=b"secret\n")
    assert asked.out == expected
    assert asked.err == 'Enter passphrase for "old": '
    Path("old.pub").write_text(Path("ed25519.pub").read_text())
    assert make("--export", "public", "-f", "old").out == Path("ed25519.pub").read_text()


def test_passphrases(make: Keygen) -> None:
    make("--export", "ppk2", "-f", "ed25519", "-N", "secret", "--output", "key.ppk")
    wrong = make("--import", "key.ppk", "-f", "new", "-P", "wrong")
    assert (wrong.code, wrong.err) == (
        255,
        'Load key "key.ppk": wrong passphrase, or the .ppk file is damaged\n',
    )
    assert not Path("new").exists()
    assert make("--import", "key.ppk", "-f", "new", "-P", "secret", "-N", "other", "-a", "1").code == 0
    assert make("-y", "-f", "new", "-P", "other").code == 0
    clear = make("--import", "key.ppk", "-f", "clear", "-P", "secret", "-N", "")
    assert "It has no passphrase" in clear.out
    exported = make("--export", "jwk", "-f", "new", "-P", "other")
    assert '"d"' in exported.out
    assert exported.err == "a JWK is never encrypted: what is written holds the private key in clear\n"
    refused = make("--export", "jwk", "-f", "new", "-P", "other", "-N", "third")
    assert (refused.code, refused.out) == (255, "")
    assert refused.err.startswith("new: a JWK is never encrypted")


def test_files_of_other_programs_are_read_and_not_changed(make: Keygen) -> None:
    make("--export", "ppk", "-f", "ed25519", "--output", "key.ppk")
    make("--export", "jwk", "-f", "ed25519", "--output", "key.jwk")
    for path in ("key.ppk", "key.jwk"):
        before = Path(path).read_bytes()
        assert make("-y", "-f", path).out == Path("ed25519.pub").read_text()
        for arguments in (("-p", "-N", "new"), ("-c", "-C", "new")):
            said = make(*arguments, "-f", path)
            assert (said.code, said.out) == (255, "")
            assert "is not changed; --import and --export do" in said.err
        assert Path(path).read_bytes() == before


def test_derivations_of_ppk(make: Keygen) -> None:
    for name in ("argon2i", "argon2d", "argon2id"):
        options = ["-N", "secret", "-a", "2", "-O", f"kdf={name}"]
        said = make("--export", "ppk", "-f", "ed25519", *options)
        assert f"Key-Derivation: {name.capitalize()}\nArgon2-Memory: 8192\nArgon2-Passes: 2\n" in said.out


def test_nothing_is_replaced_without_asking(make: Keygen) -> None:
    Path("there").write_text("precious")
    for arguments in (
        ("--export", "jwk", "-f", "rsa", "--output", "there"),
        ("--import", "rsa", "-f", "there"),
    ):
        said = make(*arguments, stdin=b"n\n")
        assert said.code == 1
        assert "there already exists.\nOverwrite (y/n)? " in said.out
        assert Path("there").read_text() == "precious"
    assert make("--import", "rsa", "-f", "there", stdin=b"y\n").code == 0
    assert words("there.pub") == words("rsa.pub")


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        ("--import absent -f new", 255, 'Load key "absent": No such file'),
        ("--import empty -f new", 255, "not a key file of any format"),
        ("--import large -f new", 255, "large: larger than 1048576 bytes"),
        ("--import rsa -f rsa", 255, "rsa: this is the file that the key comes from"),
        ("--export jwk -f rsa --output rsa", 255, "rsa: this is the file that the key comes from"),
        ("--export jwk -f open", 255, "permissions 0644 are too open"),
        ("--export foo -f rsa", 1, 'Unsupported format "foo"; there are openssh, pem,'),
        ("--export ppk -f rsa.pub", 255, "this is a public key, and ppk is a format of private ones"),
        ("--export pem -f ed25519", 255, "no form in PEM"),
        ("--export pkcs1 -f ed25519", 255, "pkcs1 is a format of RSA keys"),
        ("--export ppk -f mldsa44-ed25519", 255, "PuTTY has no keys of type ssh-mldsa44-ed25519"),
        ("--export jwk -f mldsa44-ed25519", 255, "no form outside of SSH"),
        ("--export jwk -f mldsa44-ed25519.pub", 255, "no form outside of SSH"),
        ("--export jwk -f rsa -a 5", 1, "-a is for OpenSSH's format and for ppk, not for jwk"),
        ("--export ppk -f rsa -Z aes256-ctr", 1, "-Z is for OpenSSH's format, not for ppk"),
        ("--export ppk -f rsa -O kdf=scrypt", 1, 'Invalid option "kdf=scrypt"'),
        ("--export ppk2 -f rsa -O kdf=argon2i", 1, 'Invalid option "kdf=argon2i"'),
        ("--export ppk -f rsa -N secret -a 999999", 255, "passes of Argon2"),
    ],
)
def test_what_cannot_be_done_is_one_line(make: Keygen, arguments: str, code: int, part: str) -> None:
    Path("empty").touch()
    Path("large").write_bytes(bytes((1 << 20) + 1))
    Path("open").write_bytes(Path("rsa").read_bytes())
    Path("open").chmod(0o644)
    said = make(*arguments.split())
    assert (said.code, said.out) == (code, "")
    assert part in said.err
    assert said.err.count("\n") == 1
    assert not Path("new").exists()
