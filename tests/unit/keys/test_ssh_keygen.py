"""The formats against ssh-keygen, in both directions."""

import hashlib
import subprocess
from base64 import b64decode, encodebytes
from pathlib import Path

import pytest

from pyssh.keys.certificate import Certificate
from pyssh.keys.encryption import CIPHERS
from pyssh.keys.formats import load_private_key
from pyssh.keys.openssh import encode_private_key, public_of_private
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import PublicKey, decode_public_key, format_public_line, parse_public_line
from pyssh.keys.signing import SIGNATURE_ALGORITHMS
from pyssh.wire.types import Reader, put_uint32, take_string, take_uint32
from tests.support.peers import DISTRIBUTION, NEWEST, OpenSSH, require
from tests.unit.keys.building import certificate_blob, sshsig_message, strings
from tests.unit.keys.device import ECDSA, ED25519, Device

NAMESPACE = "file"
MESSAGE = b"what is signed"

types = pytest.mark.parametrize(
    ("peer", "key_type", "bits"),
    [
        (DISTRIBUTION, "ed25519", None),
        (DISTRIBUTION, "ecdsa", 256),
        (DISTRIBUTION, "ecdsa", 384),
        (DISTRIBUTION, "ecdsa", 521),
        (DISTRIBUTION, "rsa", 2048),
        (NEWEST, "ed25519", None),
        (NEWEST, "mldsa44-ed25519", None),
    ],
    ids=str,
)


def ssh_keygen(peer: OpenSSH, *words: str | Path, data: bytes = b"") -> str:
    command = [require(peer).path("ssh-keygen"), *words]
    ran = subprocess.run(command, check=False, input=data, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout.decode()


def made_by(peer: OpenSSH, folder: Path, key_type: str, bits: int | None, *words: str) -> Path:
    path = folder / "theirs"
    size = ["-b", str(bits)] if bits else []
    ssh_keygen(peer, "-q", "-t", key_type, *size, "-C", "a comment", "-f", path, "-a", "1", *words)
    return path


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def sshsig(path: Path) -> tuple[PublicKey, bytes, bytes]:
    """Key, signature and signed data of a signature file."""
    reader = Reader(b64decode("".join(path.read_text().splitlines()[1:-1])), len("SSHSIG"))
    assert take_uint32(reader) == 1
    blob, namespace, _reserved, hash_name, signature = (take_string(reader) for _ in range(5))
    digest = hashlib.new(hash_name.decode(), MESSAGE).digest()
    return (
        decode_public_key(blob),
        signature,
        sshsig_message(namespace.decode(), hash_name.decode(), digest),
    )


def check_signature(peer: OpenSSH, folder: Path, key: PublicKey, signature: bytes) -> None:
    """Have ssh-keygen verify a signature over `signed_message()`."""
    out = bytearray(b"SSHSIG")
    put_uint32(out, 1)
    out += strings(key.blob, NAMESPACE, b"", "sha512", signature)
    armoured = b"-----BEGIN SSH SIGNATURE-----\n" + encodebytes(out) + b"-----END SSH SIGNATURE-----\n"
    path = write(folder / "signature", armoured)
    ssh_keygen(peer, "-Y", "check-novalidate", "-n", NAMESPACE, "-s", path, data=MESSAGE)


def signed_message() -> bytes:
    return sshsig_message(NAMESPACE, "sha512", hashlib.sha512(MESSAGE).digest())


@types
def test_their_keys(tmp_path: Path, peer: OpenSSH, key_type: str, bits: int | None) -> None:
    path = made_by(peer, tmp_path, key_type, bits, "-N", "")
    private, comment = load_private_key(path.read_bytes(), None)
    public, public_comment = parse_public_line(path.with_suffix(".pub").read_text())
    assert private.key == public == public_of_private(path.read_bytes())
    assert comment == public_comment == "a comment"
    for hash_name in ("sha256", "md5"):
        size, fingerprint, *_ = ssh_keygen(peer, "-l", "-E", hash_name, "-f", path).split()
        assert (int(size), fingerprint) == (public.bits, public.fingerprint(hash_name))


@types
def test_our_keys(tmp_path: Path, peer: OpenSSH, key_type: str, bits: int | None) -> None:
    private = generate_private_key(key_type, bits)
    for passphrase in ("", "passphrase"):
        data = encode_private_key(private, "a comment", passphrase.encode(), rounds=1)
        path = write(tmp_path / "ours", data)
        line = ssh_keygen(peer, "-y", "-P", passphrase, "-f", path).strip()
        assert line == format_public_line(private.key, "a comment")


@types
def test_their_signatures(tmp_path: Path, peer: OpenSSH, key_type: str, bits: int | None) -> None:
    path = made_by(peer, tmp_path, key_type, bits, "-N", "")
    message = write(tmp_path / "message", MESSAGE)
    ssh_keygen(peer, "-Y", "sign", "-n", NAMESPACE, "-f", path, message)
    key, signature, signed = sshsig(tmp_path / "message.sig")
    assert key.verify(key.signature_algorithms[0], signature, signed)
    assert not key.verify(key.signature_algorithms[0], signature, signed + b".")


@types
def test_our_signatures(tmp_path: Path, peer: OpenSSH, key_type: str, bits: int | None) -> None:
    private = generate_private_key(key_type, bits)
    signature = private.sign(private.key.signature_algorithms[0], signed_message())
    check_signature(peer, tmp_path, private.key, signature)


@types
def test_their_certificates(tmp_path: Path, peer: OpenSSH, key_type: str, bits: int | None) -> None:
    authority = made_by(peer, tmp_path, key_type, bits, "-N", "")
    line = format_public_line(generate_private_key(key_type, bits).key, "")
    user = write(tmp_path / "user.pub", line.encode())
    options = ["-O", "force-command=true", "-O", "source-address=10.0.0.0/8", "-O", "extension:a@b=c"]
    validity = ["-V", "19700101000000Z:19800101000000Z", "-z", "9"]
    ssh_keygen(peer, "-q", "-s", authority, "-I", "an id", "-n", "user,other", *options, *validity, user)
    certificate, _ = parse_public_line((tmp_path / "user-cert.pub").read_text())
    assert isinstance(certificate, Certificate)
    certificate.validate(1000, "other", "user")
    assert (certificate.serial, certificate.key_id) == (9, "an id")
    assert (certificate.force_command, certificate.source_address) == ("true", "10.0.0.0/8")
    assert certificate.extensions["a@b"] == strings("c")


@types
def test_our_certificates(tmp_path: Path, peer: OpenSSH, key_type: str, bits: int | None) -> None:
    authority = generate_private_key("ed25519")
    key = generate_private_key(key_type, bits).key
    certificate = decode_public_key(certificate_blob(key, authority))
    path = write(tmp_path / "ours-cert.pub", format_public_line(certificate, "").encode())
    shown = ssh_keygen(peer, "-L", "-f", path)
    assert f"Type: {certificate.key_type} user certificate" in shown
    assert key.fingerprint() in shown
    assert authority.key.fingerprint() in shown


@pytest.mark.parametrize("cipher", CIPHERS)
def test_every_cipher(tmp_path: Path, cipher: str) -> None:
    path = made_by(DISTRIBUTION, tmp_path, "ed25519", None, "-N", "passphrase", "-Z", cipher)
    private, comment = load_private_key(path.read_bytes(), b"passphrase")
    assert private.key == public_of_private(path.read_bytes())
    assert comment == "a comment"

    ours = encode_private_key(private, comment, b"passphrase", rounds=1, cipher=cipher)
    shown = ssh_keygen(DISTRIBUTION, "-y", "-P", "passphrase", "-f", write(tmp_path / "ours", ours))
    assert shown.strip() == format_public_line(private.key, comment)


@pytest.mark.parametrize("form", ["PEM", "PKCS8"])
@pytest.mark.parametrize("key_type", ["rsa", "ecdsa", "ed25519"])
@pytest.mark.parametrize("passphrase", ["", "passphrase"])
def test_other_formats(tmp_path: Path, form: str, key_type: str, passphrase: str) -> None:
    path = made_by(DISTRIBUTION, tmp_path, key_type, None, "-N", passphrase, "-m", form)
    private, _ = load_private_key(path.read_bytes(), passphrase.encode())
    public, _ = parse_public_line(path.with_suffix(".pub").read_text())
    assert private.key == public


@pytest.mark.parametrize("key_type", [ED25519, ECDSA])
def test_security_keys(tmp_path: Path, key_type: str) -> None:
    device = Device(key_type)
    signature = device.sign(signed_message())
    assert device.key.verify(key_type, signature, signed_message())
    check_signature(DISTRIBUTION, tmp_path, device.key, signature)

    certificate = decode_public_key(certificate_blob(device.key, generate_private_key("ed25519")))
    path = write(tmp_path / "sk-cert.pub", format_public_line(certificate, "").encode())
    assert f"Type: {certificate.key_type} user certificate" in ssh_keygen(DISTRIBUTION, "-L", "-f", path)


def test_names() -> None:
    """Every algorithm is one of OpenSSH's, but for the composite's name before 10.6."""
    theirs = set(require(NEWEST).algorithms("key-sig"))
    ours = {algorithm.name for algorithm in SIGNATURE_ALGORITHMS}
    before = {"ssh-mldsa44-ed25519@openssh.com", "ssh-mldsa44-ed25519-cert-v01@openssh.com"}
    assert ours - theirs == before
