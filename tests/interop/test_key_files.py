"""Key files of `pyssh.keys` and of PuTTY, Dropbear, OpenSSL, AsyncSSH and Paramiko: each reads the other's.

Those of OpenSSH are in test_keygen.py and, by themselves, in tests/unit/keys/test_ssh_keygen.py.
"""

import functools
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pyssh import keys
from pyssh.errors import KeyFormatError, PassphraseError
from pyssh.keys.encryption import CIPHERS
from pyssh.keys.ppk import DERIVATIONS
from pyssh.keys.public import decode_public_key
from tests.support import peers, pyssh_client
from tests.support.keygen import Keygen
from tests.unit.keys.building import certificate_blob

SECRET = "pass phrase"
KINDS = {
    "ed25519": ("ed25519", None),
    "ecdsa-256": ("ecdsa", 256),
    "ecdsa-384": ("ecdsa", 384),
    "ecdsa-521": ("ecdsa", 521),
    "rsa": ("rsa", 2048),
}
DATA = b"what is signed"

kinds = pytest.mark.parametrize("kind", KINDS)
passphrases = pytest.mark.parametrize("passphrase", ["", SECRET], ids=["clear", "encrypted"])


def forms(*names: str) -> pytest.MarkDecorator:
    """Each kind of key in each format; there is no "pem" for Ed25519."""
    pairs = [(kind, name) for kind in KINDS for name in names if (kind, name) != ("ed25519", "pem")]
    return pytest.mark.parametrize(("kind", "file_format"), pairs)


@functools.cache
def key_of(kind: str) -> keys.PrivateKey:
    name, bits = KINDS[kind]
    return keys.generate_private_key(name, bits)


def ours(kind: str, file_format: str, passphrase: str = "", **settings: Any) -> bytes:
    """A file of ours, with passphrases that are quick to try."""
    rounds = 1 if file_format in ("openssh", "ppk") else None
    return keys.dump_private(
        key_of(kind), file_format, passphrase=passphrase, rounds=rounds, comment="a comment", **settings
    )


def words(kind: str) -> list[str]:
    """Type and blob as programs print them."""
    return keys.dump_public(key_of(kind).key).decode().split()


def run(*command: str | Path, cwd: Path) -> bytes:
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def check_loaded(data: bytes, kind: str, passphrase: str = "") -> None:
    """What was loaded is the key, also in what it signs."""
    if passphrase:
        for wrong in (None, "wrong"):
            with pytest.raises(PassphraseError):
                keys.load_private(data, wrong)
    private = keys.load_private(data, passphrase)
    assert private.key == key_of(kind).key
    algorithm = private.key.signature_algorithms[0]
    assert key_of(kind).key.verify(algorithm, private.sign(algorithm, DATA), DATA)


# --- PuTTY


@pytest.fixture
def puttygen(tmp_path: Path) -> Any:
    program = peers.require(peers.PUTTY).path("puttygen")
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "empty").touch()

    def call(source: str, *arguments: str, passphrase: str) -> bytes:
        word = "secret" if passphrase else "empty"
        given = ["--old-passphrase", word, "--new-passphrase", word]
        return run(program, source, *given, *arguments, cwd=tmp_path)

    return call


@passphrases
@pytest.mark.parametrize("version", ["ppk2", *DERIVATIONS])
@kinds
def test_putty(puttygen: Any, tmp_path: Path, kind: str, version: str, passphrase: str) -> None:
    form, settings = ("ppk2", {}) if version == "ppk2" else ("ppk", {"derivation": version})
    (tmp_path / "ours").write_bytes(ours(kind, form, passphrase, **settings))
    said = puttygen("ours", "-O", "public-openssh", passphrase=passphrase)
    assert said.decode().split() == [*words(kind), "a", "comment"]
    options = f"kdf={version.lower()},memory=64,passes=1" if form == "ppk" else "version=2"
    made = ("--reencrypt", "-O", "private", "-o", "theirs", "--ppk-param", options)
    puttygen("ours", *made, passphrase=passphrase)
    theirs = (tmp_path / "theirs").read_bytes()
    check_loaded(theirs, kind, passphrase)
    assert keys.load_public(theirs) == key_of(kind).key
    assert keys.load_key(theirs, passphrase).comment == "a comment"


@passphrases
@pytest.mark.parametrize("output", ["private-openssh", "private-openssh-new"])
@kinds
def test_other_formats_of_putty(
    puttygen: Any, tmp_path: Path, kind: str, output: str, passphrase: str
) -> None:
    (tmp_path / "ours").write_bytes(ours(kind, "ppk", passphrase))
    puttygen("ours", "-O", output, "-o", "theirs", passphrase=passphrase)
    check_loaded((tmp_path / "theirs").read_bytes(), kind, passphrase)
    # and what PuTTY takes in of those that we write
    (tmp_path / "openssh").write_bytes(ours(kind, "openssh", passphrase, cipher="aes256-cbc"))
    said = puttygen("openssh", "-O", "public-openssh", passphrase=passphrase)
    assert said.decode().split()[:2] == words(kind)


def test_the_format_of_ssh_com(puttygen: Any, tmp_path: Path) -> None:
    (tmp_path / "ours").write_bytes(ours("rsa", "ppk"))
    puttygen("ours", "-O", "private-sshcom", "-o", "theirs", passphrase="")
    check_loaded((tmp_path / "theirs").read_bytes(), "rsa")
    keygen = peers.require(peers.NEWEST).path("ssh-keygen")
    # which prints PKCS#1
    assert run(keygen, "-i", "-f", "theirs", cwd=tmp_path) == ours("rsa", "pem")
    puttygen("ours", "-O", "private-sshcom", "-o", "sealed", "--new-passphrase", "secret", passphrase="")
    with pytest.raises(KeyFormatError, match="encrypted with '3des-cbc' is not supported"):
        keys.load_private((tmp_path / "sealed").read_bytes(), SECRET)


@kinds
def test_public_keys_of_putty(puttygen: Any, tmp_path: Path, kind: str) -> None:
    (tmp_path / "key").write_bytes(ours(kind, "ppk"))
    for output, name in (("public", "rfc4716"), ("public-openssh", "public")):
        found = keys.load_key(puttygen("key", "-O", output, passphrase=""))
        assert (found.format, found.key, found.comment) == (name, key_of(kind).key, "a comment")
        (tmp_path / "public").write_bytes(keys.dump_public(key_of(kind).key, name, comment="c"))
        said = puttygen("public", "-O", "fingerprint", passphrase="")
        assert key_of(kind).key.fingerprint() in said.decode()


def test_certificates_of_putty(
    puttygen: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keygen = Keygen.in_folder(tmp_path, capfd, monkeypatch)
    certificate = decode_public_key(certificate_blob(key_of("ecdsa-256").key, key_of("ed25519")))
    line = keys.dump_public(certificate, comment="a comment")
    (tmp_path / "certificate").write_bytes(line)
    (tmp_path / "ours").write_bytes(ours("ecdsa-256", "ppk", SECRET))
    puttygen("ours", "--certificate", "certificate", "-O", "private", "-o", "theirs", passphrase=SECRET)
    theirs = (tmp_path / "theirs").read_bytes()
    check_loaded(theirs, "ecdsa-256", SECRET)
    assert keys.load_public(theirs) == keys.load_key(theirs, SECRET).key == certificate
    said = keygen("--import", "theirs", "-f", "new", "-P", SECRET, "-N", "", "-C", "a comment")
    assert "Your certificate has been saved in new-cert.pub\n" in said.out
    assert (tmp_path / "new-cert.pub").read_bytes() == line
    assert (tmp_path / "new.pub").read_text().split()[:2] == words("ecdsa-256")
    said = keygen("--export", "jwk", "-f", "theirs", "-P", SECRET)
    assert (said.code, "the certificate in it is not exported" in said.err) == (0, True)
    found = json.loads(keygen("audit", "--json", ".").out)["findings"]
    assert ("./theirs", "certificate") in [(entry["path"], entry["check"]) for entry in found]


# --- Dropbear


@kinds
def test_dropbear(tmp_path: Path, kind: str) -> None:
    peer = peers.require(peers.DROPBEAR)
    (tmp_path / "ours").write_bytes(ours(kind, "openssh"))
    convert = peer.path("dropbearconvert")
    run(convert, "openssh", "dropbear", "ours", "theirs", cwd=tmp_path)
    assert " ".join(words(kind)) in run(peer.path("dropbearkey"), "-y", "-f", "theirs", cwd=tmp_path).decode()
    run(convert, "dropbear", "openssh", "theirs", "back", cwd=tmp_path)
    check_loaded((tmp_path / "back").read_bytes(), kind)


# --- OpenSSL


@passphrases
@forms("pem", "pkcs8")
def test_openssl(tmp_path: Path, kind: str, file_format: str, passphrase: str) -> None:
    openssl = peers.require(peers.OPENSSL).path()
    (tmp_path / "ours").write_bytes(ours(kind, file_format, passphrase))
    spki = keys.dump_public(key_of(kind).key, "spki")
    out = ("-passin", f"pass:{passphrase}", "-pubout")
    assert run(openssl, "pkey", "-in", "ours", *out, cwd=tmp_path) == spki
    (tmp_path / "public").write_bytes(spki)
    assert run(openssl, "pkey", "-pubin", "-in", "public", "-pubout", cwd=tmp_path) == spki
    encrypt = ["-aes256", "-passout", f"pass:{passphrase}"] if passphrase else []
    traditional = ["-traditional"] if file_format == "pem" else []
    words_ = ("pkey", "-in", "ours", "-passin", f"pass:{passphrase}", *encrypt, *traditional)
    theirs = run(openssl, *words_, cwd=tmp_path)
    assert keys.detect_format(theirs) == file_format
    check_loaded(theirs, kind, passphrase)


def test_openssl_of_other_kinds(tmp_path: Path) -> None:
    openssl = peers.require(peers.OPENSSL).path()
    made = run(openssl, "ecparam", "-name", "prime256v1", "-genkey", cwd=tmp_path)
    assert made.startswith(b"-----BEGIN EC PARAMETERS-----")
    assert keys.load_private(made).key.key_type == "ecdsa-sha2-nistp256"
    (tmp_path / "rsa").write_bytes(ours("rsa", "pkcs8"))
    pkcs1 = run(openssl, "rsa", "-in", "rsa", "-RSAPublicKey_out", cwd=tmp_path)
    assert keys.load_key(pkcs1) == keys.KeyFile("pkcs1", key_of("rsa").key, None, "")
    assert keys.dump_public(key_of("rsa").key, "pkcs1") == pkcs1
    for cipher in ("-des3", "-aes128", "-aes256"):
        sealed = run(
            openssl, "pkey", "-in", "rsa", "-traditional", cipher, "-passout", "pass:x", cwd=tmp_path
        )
        assert keys.load_private(sealed, "x").key == key_of("rsa").key
    for scheme in (("-scrypt",), ("-v2prf", "hmacWithSHA512"), ("-iter", "10")):
        words_ = ("pkcs8", "-topk8", "-in", "rsa", "-passout", "pass:x", *scheme)
        assert keys.load_private(run(openssl, *words_, cwd=tmp_path), "x").key == key_of("rsa").key


# --- AsyncSSH


@passphrases
@forms("openssh", "pem", "pkcs8")
def test_asyncssh(kind: str, file_format: str, passphrase: str) -> None:
    peers.require(peers.ASYNCSSH)
    import asyncssh  # noqa: PLC0415  # a peer may be missing

    theirs = asyncssh.import_private_key(ours(kind, file_format, passphrase), passphrase or None)
    assert theirs.export_public_key().decode().split()[:2] == words(kind)
    name = "pkcs1-pem" if file_format == "pem" else "pkcs8-pem" if file_format == "pkcs8" else "openssh"
    settings: dict[str, Any] = {"rounds": 1, "ignore_few_rounds": True} if name == "openssh" else {}
    data = theirs.export_private_key(name, passphrase or None, **settings)
    check_loaded(data, kind, passphrase)


@pytest.mark.parametrize("cipher", CIPHERS)
def test_ciphers_of_asyncssh(cipher: str) -> None:
    peers.require(peers.ASYNCSSH)
    import asyncssh  # noqa: PLC0415  # a peer may be missing

    theirs = asyncssh.import_private_key(ours("ed25519", "openssh", SECRET, cipher=cipher), SECRET)
    data = theirs.export_private_key("openssh", SECRET, cipher_name=cipher, rounds=1, ignore_few_rounds=True)
    check_loaded(data, "ed25519", SECRET)


@kinds
def test_public_keys_of_asyncssh(kind: str) -> None:
    peers.require(peers.ASYNCSSH)
    import asyncssh  # noqa: PLC0415  # a peer may be missing

    names = {"public": "openssh", "rfc4716": "rfc4716", "spki": "pkcs8-pem"}
    if kind == "rsa":
        names["pkcs1"] = "pkcs1-pem"
    for ours_, theirs_ in names.items():
        theirs = asyncssh.import_public_key(keys.dump_public(key_of(kind).key, ours_, comment="c"))
        found = keys.load_key(theirs.export_public_key(theirs_))
        assert (found.format, found.key) == (ours_, key_of(kind).key)


# --- Paramiko


@passphrases
@forms("openssh", "pem")
def test_paramiko(tmp_path: Path, kind: str, file_format: str, passphrase: str) -> None:
    peers.require(peers.PARAMIKO)
    import paramiko  # noqa: PLC0415  # a peer may be missing

    (tmp_path / "ours").write_bytes(ours(kind, file_format, passphrase))
    theirs = paramiko.PKey.from_path(tmp_path / "ours", passphrase.encode() or None)
    assert [theirs.get_name(), theirs.get_base64()] == words(kind)
    if kind != "ed25519":  # which Paramiko does not write
        theirs.write_private_key_file(str(tmp_path / "theirs"), passphrase or None)
        check_loaded((tmp_path / "theirs").read_bytes(), kind, passphrase)


# --- in use


def test_logging_in_with_keys_of_other_programs(tmp_path: Path) -> None:
    asking = tmp_path / "ask"
    asking.write_text(f"#!/bin/sh\necho '{SECRET}'\n")
    asking.chmod(0o700)
    with peers.openssh_server() as server:
        private = keys.load_private(server.identity.read_bytes())
        for name, passphrase in (("ppk", SECRET), ("ppk2", ""), ("pkcs8", SECRET), ("jwk", "")):
            path = tmp_path / name
            path.touch(0o600)
            path.write_bytes(keys.dump_private(private, name, passphrase=passphrase))
            used = server._replace(identity=path)
            words_ = pyssh_client.command(used, tmp_path, "echo", "in")
            said = pyssh_client.run(words_, SSH_ASKPASS=str(asking), SSH_ASKPASS_REQUIRE="force")
            assert (said.returncode, said.stdout) == (0, b"in\n"), said.stderr
