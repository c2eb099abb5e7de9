"""Key files in whatever format: found out by their content, read and written.

OpenSSH's own format is `openssh`. The modules of the others are loaded only for such files: most of them
bring in every type of key there is.
"""

from typing import Final

from pyssh.errors import KeyFormatError
from pyssh.keys import openssh
from pyssh.keys.lines import find_keys
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import PublicKey, format_public_line
from pyssh.record import Record

__all__ = [
    "PRIVATE_FORMATS",
    "PUBLIC_FORMATS",
    "KeyFile",
    "detect_format",
    "dump_private",
    "dump_public",
    "load_key",
    "load_private",
    "load_private_key",
    "load_public",
]

PRIVATE_FORMATS: Final = ("openssh", "pem", "pkcs8", "ppk", "ppk2", "jwk")
"""What `dump_private` writes; "pem" is PKCS#1 or SEC 1, "ppk" is version 3."""
PUBLIC_FORMATS: Final = ("public", "rfc4716", "spki", "pkcs1", "jwk")
"""What `dump_public` writes; "public" is the line of a `.pub` file."""

_BEGINNINGS: Final = (
    (openssh.BEGIN, "openssh"),
    (b"-----BEGIN PRIVATE KEY-----", "pkcs8"),
    (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", "pkcs8"),
    (b"-----BEGIN RSA PRIVATE KEY-----", "pem"),
    (b"-----BEGIN EC PRIVATE KEY-----", "pem"),
    (b"-----BEGIN EC PARAMETERS-----", "pem"),  # `openssl ecparam -genkey` puts it in front
    (b"-----BEGIN DSA PRIVATE KEY-----", "pem"),
    (b"-----BEGIN PUBLIC KEY-----", "spki"),
    (b"-----BEGIN RSA PUBLIC KEY-----", "pkcs1"),
    (b"---- BEGIN SSH2 PUBLIC KEY ----", "rfc4716"),
    (b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----", "sshcom"),
    (b"PuTTY-User-Key-File-", "ppk"),
    (b"{", "jwk"),
)
_ALWAYS_PRIVATE: Final = frozenset({"openssh", "pem", "pkcs8", "ppk", "sshcom"})


class KeyFile(Record):
    """What a file holds. `format` is as in `detect_format`; `private` is None in the file of a public key.

    `key` is a certificate where the file holds one, also beside a private key, as PuTTY's may. `others`
    counts the public keys that follow the first one, as in authorized_keys: `lines.find_keys` has them all.
    """

    format: str
    key: PublicKey
    private: PrivateKey | None
    comment: str
    others: int = 0


def detect_format(data: bytes) -> str:
    """Name the format of a key file by its content; `KeyFormatError` if it is none.

    Beside those that are written there are "sshcom", private keys of commercial SSH; "ppk" is both versions,
    and "public" any text with a line that holds a public key, as authorized_keys is.
    """
    text = data.lstrip()
    for beginning, name in _BEGINNINGS:
        if text.startswith(beginning):
            return name
    if any(find_keys(_text(data))):
        return "public"
    raise KeyFormatError("not a key file of any format that is known")


def load_key(data: bytes, passphrase: bytes | str | None = None) -> KeyFile:
    """Read a file of any format, private or public; of several public keys the first.

    `PassphraseError` if it is encrypted and `passphrase` is missing or wrong; a passphrase for a file in
    clear is ignored. `KeyFormatError` for everything else that is wrong.
    """
    _check_size(data)
    name = detect_format(data)
    if name in _ALWAYS_PRIVATE:
        private, comment = _load_private(name, data.strip(), _passphrase(passphrase))
        return KeyFile(name, _certificate_with(name, data) or private.key, private, comment)
    if name == "jwk":
        from pyssh.keys.jwk import decode_jwk  # noqa: PLC0415  # as said above, here and below

        public, half, comment = decode_jwk(data)
        return KeyFile(name, public, half, comment)
    if name == "public":
        (public, comment), *others = find_keys(_text(data))
        return KeyFile(name, public, None, comment, len(others))
    public, comment = _load_public(name, data)
    return KeyFile(name, public, None, comment)


def load_private(data: bytes, passphrase: bytes | str | None = None) -> PrivateKey:
    """Read a private key from a file of any format. Errors are those of `load_key`."""
    return load_private_key(data, _passphrase(passphrase))[0]


def load_public(data: bytes) -> PublicKey:
    """Read a public key from a file of any format; of a private key, the public half.

    `PassphraseError` for an encrypted private key of a format that does not have the public half in clear.
    """
    _check_size(data)
    match detect_format(data):
        case "openssh":
            return openssh.public_of_private(data)
        case "ppk":
            from pyssh.keys.ppk import public_of_private  # noqa: PLC0415

            return public_of_private(data)[0]
        case _:
            return load_key(data).key


def load_private_key(
    data: bytes, passphrase: bytes | None, *, handles: bool = False
) -> tuple[PrivateKey, str]:
    """Read a private key file of any format; return the key and its comment, which some formats have.

    With `handles` it may be one whose secret is in a security key and which does not sign. Errors are those
    of `load_key`.
    """
    _check_size(data)
    text = data.strip()
    try:
        name = detect_format(text)
    except KeyFormatError:
        raise KeyFormatError("not a private key file") from None
    if name == "jwk":
        from pyssh.keys.jwk import decode_jwk  # noqa: PLC0415

        _, private, comment = decode_jwk(text)
        if private is None:
            raise KeyFormatError("this is a public key")
        return private, comment
    if name not in _ALWAYS_PRIVATE:
        raise KeyFormatError("this is a public key; the private key's file has no .pub at its end")
    private, comment = _load_private(name, text, passphrase)
    if private.key.is_security_key and not handles:
        raise KeyFormatError("the private key is in a security key; use it through ssh-agent")
    return private, comment


def dump_private(
    key: PrivateKey,
    file_format: str = "openssh",
    *,
    passphrase: bytes | str | None = None,
    comment: str = "",
    rounds: int | None = None,
    cipher: str | None = None,
    derivation: str | None = None,
) -> bytes:
    """Return a private key file in one of `PRIVATE_FORMATS`; without a passphrase in clear.

    `rounds` are those of bcrypt in "openssh" and the passes of Argon2 in "ppk"; `cipher` is for "openssh",
    `derivation` (Argon2id, Argon2i, Argon2d) for "ppk". "pem" and "pkcs8" do not keep the comment.
    `KeyFormatError` for what the format does not have: this type of key, or, in "jwk", a passphrase.
    """
    secret = _passphrase(passphrase)
    match file_format:
        case "openssh":
            rounds = openssh.DEFAULT_ROUNDS if rounds is None else rounds
            return openssh.encode_private_key(key, comment, secret, rounds, cipher or openssh.DEFAULT_CIPHER)
        case "pem" | "pkcs8":
            from pyssh.keys import traditional  # noqa: PLC0415

            return traditional.encode_private_key(key, file_format, secret)
        case "ppk" | "ppk2":
            from pyssh.keys import ppk  # noqa: PLC0415

            argon2 = ppk.DEFAULT_ARGON2.replace(
                name=derivation or ppk.DEFAULT_ARGON2.name,
                passes=ppk.DEFAULT_ARGON2.passes if rounds is None else rounds,
            )
            return ppk.encode_private_key(key, comment, secret, 2 if file_format == "ppk2" else 3, argon2)
        case "jwk":
            if secret:
                raise KeyFormatError("a JWK is never encrypted, so that a passphrase is of no use")
            from pyssh.keys.jwk import encode_jwk  # noqa: PLC0415

            return encode_jwk(key, comment)
        case _:
            known = ", ".join(PRIVATE_FORMATS)
            raise KeyFormatError(f"private keys are not written as {file_format[:64]!r}; there are {known}")


def dump_public(key: PublicKey, file_format: str = "public", *, comment: str = "") -> bytes:
    """Return a public key file in one of `PUBLIC_FORMATS`.

    Only "public" and "rfc4716" have certificates and the types that exist only in SSH: the others take the
    key out of a certificate, and raise `KeyFormatError` for the rest. "spki" and "pkcs1" keep no comment.
    """
    match file_format:
        case "public":
            return format_public_line(key, comment).encode() + b"\n"
        case "rfc4716":
            from pyssh.keys.rfc4716 import encode_rfc4716  # noqa: PLC0415

            return encode_rfc4716(key, comment).encode()
        case "spki" | "pkcs1":
            if file_format == "pkcs1" and key.plain.key_type != "ssh-rsa":
                raise KeyFormatError("pkcs1 is a format of RSA keys; the others have spki")
            from pyssh.keys.spki import encode_pem_public  # noqa: PLC0415

            return encode_pem_public(key, pkcs1=file_format == "pkcs1")
        case "jwk":
            from pyssh.keys.jwk import encode_jwk  # noqa: PLC0415

            return encode_jwk(key, comment)
        case _:
            known = ", ".join(PUBLIC_FORMATS)
            raise KeyFormatError(f"public keys are not written as {file_format[:64]!r}; there are {known}")


def _passphrase(given: bytes | str | None) -> bytes | None:
    return given.encode() if isinstance(given, str) else given


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _check_size(data: bytes) -> None:
    if len(data) > openssh.MAX_FILE_SIZE:
        raise KeyFormatError(f"a key file of more than {openssh.MAX_FILE_SIZE} bytes")


def _load_private(name: str, data: bytes, passphrase: bytes | None) -> tuple[PrivateKey, str]:
    match name:
        case "openssh":
            return openssh.decode_private_key(data, passphrase)
        case "ppk":
            from pyssh.keys import ppk  # noqa: PLC0415

            return ppk.decode_private_key(data, passphrase)
        case "sshcom":
            from pyssh.keys import sshcom  # noqa: PLC0415

            return sshcom.decode_private_key(data)
        case _:
            from pyssh.keys import traditional  # noqa: PLC0415

            return traditional.decode_private_key(data, passphrase), ""


def _certificate_with(name: str, data: bytes) -> PublicKey | None:
    """Return the certificate that a private key file holds as well."""
    if name != "ppk":
        return None
    from pyssh.keys.ppk import public_of_private  # noqa: PLC0415

    public, _ = public_of_private(data)
    return None if public.plain is public else public


def _load_public(name: str, data: bytes) -> tuple[PublicKey, str]:
    match name:
        case "rfc4716":
            from pyssh.keys.rfc4716 import decode_rfc4716  # noqa: PLC0415

            return decode_rfc4716(_text(data))
        case _:
            from pyssh.keys.spki import decode_pem_public  # noqa: PLC0415

            return decode_pem_public(data), ""
