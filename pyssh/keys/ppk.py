"""PuTTY's private key files (.ppk), versions 2 and 3: appendix C of PuTTY's manual.

Loaded for such files only (`formats`). The public half and the comment are in clear, the private half may be
encrypted, and a MAC under the passphrase covers everything.
"""

from base64 import b64decode, b64encode
from binascii import unhexlify
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.argon2 import Argon2d, Argon2i, Argon2id

from pyssh.errors import DecodeError, KeyFormatError, PassphraseError
from pyssh.keys.modules import key_module
from pyssh.keys.openssh import MAX_FILE_SIZE
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.record import Record
from pyssh.wire.types import (
    Reader,
    put_mpint,
    put_string,
    take_mpint,
    take_string,
    take_text,
)

__all__ = [
    "BEGIN",
    "DEFAULT_ARGON2",
    "DERIVATIONS",
    "Argon2",
    "decode_private_key",
    "encode_private_key",
    "is_encrypted",
    "public_of_private",
]

BEGIN: Final = b"PuTTY-User-Key-File-"
_LINE_SIZE: Final = 64
_BLOCK_SIZE: Final = 16
_KEY_SIZE, _IV_SIZE, _MAC_KEY_SIZE = 32, 16, 32

MAX_MEMORY: Final = 1 << 20
"""KiB, so a GiB. puttygen takes 8 MiB unless told otherwise."""
MAX_WORK: Final = 1 << 26
"""KiB, over all passes: some dozens of seconds. puttygen makes as many passes as take a tenth of one."""
_MAX_PARALLELISM: Final = 64
_MAX_SALT_SIZE: Final = 1024

DERIVATIONS: Final[dict[str, type[Argon2d] | type[Argon2i] | type[Argon2id]]] = {
    "Argon2id": Argon2id,
    "Argon2i": Argon2i,
    "Argon2d": Argon2d,
}
"""What version 3 derives keys with; puttygen's choice first."""


class Argon2(Record):
    """How hard it is to try a passphrase. `memory` is in KiB."""

    name: str = "Argon2id"
    memory: int = 8192
    passes: int = 21
    parallelism: int = 1

    def check(self) -> None:
        """Raise `KeyFormatError` for what would take too much time or memory, or is not Argon2."""
        if self.name not in DERIVATIONS:
            raise KeyFormatError(f"an unknown way to derive keys, {self.name[:64]!r}")
        if not 1 <= self.parallelism <= _MAX_PARALLELISM:
            raise KeyFormatError(f"{self.parallelism} lanes of Argon2; 1 to {_MAX_PARALLELISM} are allowed")
        if not 8 * self.parallelism <= self.memory <= MAX_MEMORY:
            raise KeyFormatError(
                f"{self.memory} KiB of memory for Argon2; {8 * self.parallelism} to {MAX_MEMORY} are allowed"
            )
        if not 1 <= self.passes <= MAX_WORK // self.memory:
            raise KeyFormatError(
                f"{self.passes} passes of Argon2; 1 to {MAX_WORK // self.memory} are allowed "
                f"with {self.memory} KiB"
            )

    def derive(self, passphrase: bytes, salt: bytes) -> bytes:
        """Return key, IV and MAC key in one."""
        size = _KEY_SIZE + _IV_SIZE + _MAC_KEY_SIZE
        try:
            derivation = DERIVATIONS[self.name](
                salt=salt,
                length=size,
                iterations=self.passes,
                lanes=self.parallelism,
                memory_cost=self.memory,
            )
            return derivation.derive(passphrase)
        except UnsupportedAlgorithm:
            raise KeyFormatError(f"the library that cryptography stands on has no {self.name}") from None
        except (ValueError, MemoryError):
            raise KeyFormatError(f"{self.name} does not work with a salt of {len(salt)} bytes") from None


DEFAULT_ARGON2: Final = Argon2()


class _Secrets(Record):
    """What a passphrase turns into."""

    key: bytes
    iv: bytes
    mac_key: bytes

    redacted_fields = frozenset({"key", "iv", "mac_key"})


class _File(Record):
    """What the lines say. `private` is encrypted if `encryption` says so."""

    version: int
    algorithm: bytes
    encryption: bytes
    comment: bytes
    public: bytes
    argon2: Argon2 | None
    salt: bytes
    private: bytes
    mac: bytes

    redacted_fields = frozenset({"private"})

    @property
    def encrypted(self) -> bool:
        return self.encryption != b"none"


class _Lines:
    """Takes the headers of a file, which stand in one order."""

    def __init__(self, data: bytes) -> None:
        text = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").strip(b"\n")
        self._lines = text.split(b"\n")
        self._at = 0

    def header(self, name: str) -> bytes:
        line = self._next(name)
        found, colon, value = line.partition(b":")
        if not colon or found != name.encode():
            raise KeyFormatError(f"the .ppk file is damaged: no {name} where it should be")
        return value.removeprefix(b" ")

    def number(self, name: str) -> int:
        digits = self.header(name)
        # all numbers that are allowed are shorter
        if not digits.isdigit() or len(digits) > 9:
            raise KeyFormatError(f"the .ppk file is damaged: {name} is no sensible number")
        return int(digits)

    def blob(self, name: str) -> bytes:
        count = self.number(name)
        if count > len(self._lines) - self._at:
            raise KeyFormatError(f"the .ppk file is cut short: it promises {count} {name}")
        taken = b"".join(line.strip() for line in self._lines[self._at : self._at + count])
        self._at += count
        try:
            return b64decode(taken, validate=True)
        except ValueError:
            raise KeyFormatError("the .ppk file is damaged: not base64") from None

    def hexadecimal(self, name: str) -> bytes:
        try:
            return unhexlify(self.header(name))
        except ValueError:
            raise KeyFormatError(f"the .ppk file is damaged: {name} is not hexadecimal") from None

    def finish(self) -> None:
        if self._at != len(self._lines):
            raise KeyFormatError("the .ppk file is damaged: something follows its end")

    def _next(self, name: str) -> bytes:
        if self._at == len(self._lines):
            raise KeyFormatError(f"the .ppk file is cut short: no {name}")
        self._at += 1
        return self._lines[self._at - 1]


def decode_private_key(data: bytes, passphrase: bytes | None) -> tuple[PrivateKey, str]:
    """Decode a file; return key and comment. Errors are those of `openssh.decode_private_key`.

    Where the file holds a certificate (puttygen 0.78 puts them in), `public_of_private` returns it.
    """
    file = _parse(data)
    public = _public(file).plain
    clear = _clear(file, passphrase)
    try:
        private = _take_private(public, clear, padded=file.encrypted)
    except DecodeError as error:
        raise KeyFormatError(f"the .ppk file is damaged: {error.problem}") from None
    return private, file.comment.decode(errors="replace")


def public_of_private(data: bytes) -> tuple[PublicKey, str]:
    """Return the public half, or the certificate, and the comment.

    They are in clear; without the passphrase they are not proven.
    """
    file = _parse(data)
    return _public(file), file.comment.decode(errors="replace")


def is_encrypted(data: bytes) -> bool:
    """Tell whether it takes a passphrase to use the key."""
    return _parse(data).encrypted


def encode_private_key(
    key: PrivateKey,
    comment: str,
    passphrase: bytes | None,
    version: int = 3,
    argon2: Argon2 = DEFAULT_ARGON2,
) -> bytes:
    """Return a file as puttygen writes it; without a passphrase (None or empty) in clear.

    `argon2` is for version 3; version 2 has a quick SHA-1 instead. `KeyFormatError` for a type of key that
    PuTTY does not have.
    """
    if not comment.isprintable():
        raise KeyFormatError("the comment cannot stand in a .ppk file")
    if version not in (2, 3):
        raise KeyFormatError(f"there are versions 2 and 3 of .ppk files, not {version}")
    clear = _put_private(key)
    salt = b""
    encryption = b"none"
    if passphrase:
        encryption = b"aes256-cbc"
        # the library draws it, as in `encryption`
        salt = AESGCM.generate_key(128)
        # puttygen also takes the padding from a hash, and readers do not look at it
        clear += _hash(hashes.SHA256(), clear)[: -len(clear) % _BLOCK_SIZE]
    file = _File(
        version,
        key.key.key_type.encode(),
        encryption,
        comment.encode(),
        key.key.blob,
        argon2 if passphrase and version == 3 else None,
        salt,
        clear,
        b"",
    )
    secrets = _secrets(file, passphrase or b"")
    mac = _mac(file, secrets, clear).finalize()
    if passphrase:
        encryptor = Cipher(AES(secrets.key), CBC(secrets.iv)).encryptor()
        file = file.replace(private=encryptor.update(clear) + encryptor.finalize())
    return _format(file.replace(mac=mac))


def _parse(data: bytes) -> _File:
    if len(data) > MAX_FILE_SIZE:
        raise KeyFormatError(f"a private key file of more than {MAX_FILE_SIZE} bytes")
    first = data.lstrip()[: len(BEGIN) + 1]
    if not first.startswith(BEGIN):
        raise KeyFormatError("not a .ppk file")
    version = {b"2": 2, b"3": 3}.get(first[len(BEGIN) :])
    if version is None:
        raise KeyFormatError("a .ppk file of a version other than 2 and 3; puttygen can convert it")
    lines = _Lines(data.lstrip())
    algorithm = lines.header((BEGIN + b"%d" % version).decode())
    encryption = lines.header("Encryption")
    if encryption not in (b"none", b"aes256-cbc"):
        raise KeyFormatError("the .ppk file is encrypted with an unknown cipher")
    comment = lines.header("Comment")
    public = lines.blob("Public-Lines")
    argon2, salt = None, b""
    if version == 3 and encryption != b"none":
        argon2 = Argon2(
            lines.header("Key-Derivation").decode(errors="replace"),
            lines.number("Argon2-Memory"),
            lines.number("Argon2-Passes"),
            lines.number("Argon2-Parallelism"),
        )
        salt = lines.hexadecimal("Argon2-Salt")
        if len(salt) > _MAX_SALT_SIZE:
            raise KeyFormatError(f"a salt of more than {_MAX_SALT_SIZE} bytes")
    private = lines.blob("Private-Lines")
    mac = lines.hexadecimal("Private-MAC")
    lines.finish()
    return _File(version, algorithm, encryption, comment, public, argon2, salt, private, mac)


def _format(file: _File) -> bytes:
    def lines_of(blob: bytes) -> list[bytes]:
        encoded = b64encode(blob)
        return [encoded[at : at + _LINE_SIZE] for at in range(0, len(encoded), _LINE_SIZE)]

    public, private = lines_of(file.public), lines_of(file.private)
    lines = [
        b"%b%d: %b" % (BEGIN, file.version, file.algorithm),
        b"Encryption: %b" % file.encryption,
        b"Comment: %b" % file.comment,
        b"Public-Lines: %d" % len(public),
        *public,
    ]
    if file.argon2:
        lines += [
            b"Key-Derivation: %b" % file.argon2.name.encode(),
            b"Argon2-Memory: %d" % file.argon2.memory,
            b"Argon2-Passes: %d" % file.argon2.passes,
            b"Argon2-Parallelism: %d" % file.argon2.parallelism,
            b"Argon2-Salt: %b" % file.salt.hex().encode(),
        ]
    lines += [
        b"Private-Lines: %d" % len(private),
        *private,
        b"Private-MAC: %b" % file.mac.hex().encode(),
        b"",
    ]
    return b"\n".join(lines)


def _public(file: _File) -> PublicKey:
    public = decode_public_key(file.public)
    if public.key_type.encode() != file.algorithm:
        raise KeyFormatError("the .ppk file names another type than that of its key")
    return public


def _clear(file: _File, passphrase: bytes | None) -> bytes:
    """Return the private half, decrypted and proven by the MAC."""
    if not file.encrypted:
        problem = KeyFormatError("the .ppk file is damaged: wrong MAC")
        secrets, clear = _secrets(file, b""), file.private
    else:
        if not passphrase:
            raise PassphraseError("the private key needs a passphrase")
        if len(file.private) % _BLOCK_SIZE:
            raise KeyFormatError("the .ppk file is damaged: wrong length")
        problem = PassphraseError("wrong passphrase, or the .ppk file is damaged")
        secrets = _secrets(file, passphrase)
        decryptor = Cipher(AES(secrets.key), CBC(secrets.iv)).decryptor()
        clear = decryptor.update(file.private) + decryptor.finalize()
    try:
        _mac(file, secrets, clear).verify(file.mac)
    except InvalidSignature:
        raise problem from None
    return clear


def _secrets(file: _File, passphrase: bytes) -> _Secrets:
    """Derive the keys of a file; for one in clear there is but the key of the MAC."""
    if file.version == 3:
        if not file.argon2:
            return _Secrets(b"", b"", b"")
        derived = file.argon2.derive(passphrase, file.salt)
        key, rest = derived[:_KEY_SIZE], derived[_KEY_SIZE:]
        return _Secrets(key, rest[:_IV_SIZE], rest[_IV_SIZE:])
    # SHA-1 is what the format has
    numbered = [_hash(hashes.SHA1(), bytes((0, 0, 0, n)) + passphrase) for n in (0, 1)]  # noqa: S303
    mac_key = _hash(hashes.SHA1(), b"putty-private-key-file-mac-key" + passphrase)  # noqa: S303
    return _Secrets(b"".join(numbered)[:_KEY_SIZE], bytes(_IV_SIZE), mac_key)


def _mac(file: _File, secrets: _Secrets, clear: bytes) -> HMAC:
    covered = bytearray()
    for part in (file.algorithm, file.encryption, file.comment, file.public, clear):
        put_string(covered, part)
    mac = HMAC(secrets.mac_key, hashes.SHA256() if file.version == 3 else hashes.SHA1())  # noqa: S303
    mac.update(bytes(covered))
    return mac


def _hash(algorithm: hashes.HashAlgorithm, data: bytes) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize()


# What PuTTY keeps of a private key is less than OpenSSH does, in another order. Going through OpenSSH's
# layout, `take_private` of the key's module proves that the halves belong together.


def _rsa_to_openssh(public: Reader, private: Reader, out: bytearray) -> None:
    e, n = take_mpint(public), take_mpint(public)
    d, p, q, iqmp = (take_mpint(private) for _ in range(4))
    for number in (n, e, d, iqmp, p, q):
        put_mpint(out, number)


def _ecdsa_to_openssh(public: Reader, private: Reader, out: bytearray) -> None:
    put_string(out, take_string(public))
    put_string(out, take_string(public))
    put_mpint(out, take_mpint(private))


def _ed25519_to_openssh(public: Reader, private: Reader, out: bytearray) -> None:
    point = take_string(public)
    # a little-endian number: PuTTY leaves zeros at its end out
    seed = take_string(private).ljust(32, b"\0")
    put_string(out, point)
    put_string(out, seed + point)


def _rsa_to_putty(fields: Reader, out: bytearray) -> None:
    _, _, d, iqmp, p, q = (take_mpint(fields) for _ in range(6))
    for number in (d, p, q, iqmp):
        put_mpint(out, number)


def _ecdsa_to_putty(fields: Reader, out: bytearray) -> None:
    take_string(fields), take_string(fields)
    put_mpint(out, take_mpint(fields))


def _ed25519_to_putty(fields: Reader, out: bytearray) -> None:
    take_string(fields)
    put_string(out, take_string(fields)[:32])


_Reading = Callable[[Reader, Reader, bytearray], None]
_Writing = Callable[[Reader, bytearray], None]
_LAYOUTS: Final[dict[str, tuple[_Reading, _Writing]]] = {
    "ssh-rsa": (_rsa_to_openssh, _rsa_to_putty),
    "ssh-ed25519": (_ed25519_to_openssh, _ed25519_to_putty),
    **{f"ecdsa-sha2-nistp{bits}": (_ecdsa_to_openssh, _ecdsa_to_putty) for bits in (256, 384, 521)},
}


def _layout(key: PublicKey) -> tuple[_Reading, _Writing]:
    if key.key_type not in _LAYOUTS:
        raise KeyFormatError(f"PuTTY has no keys of type {key.key_type}")
    return _LAYOUTS[key.key_type]


def _take_private(key: PublicKey, clear: bytes, *, padded: bool) -> PrivateKey:
    reading, _ = _layout(key)
    public, private = Reader(key.blob), Reader(clear)
    key_type = take_text(public)
    fields = bytearray()
    reading(public, private, fields)
    if private.remaining >= (_BLOCK_SIZE if padded else 1):
        raise KeyFormatError("the .ppk file is damaged: its private half is too long")
    found = key_module(key_type).take_private(key_type, Reader(fields))
    assert found.key == key, "the public fields came from it"
    return found


def _put_private(key: PrivateKey) -> bytes:
    _, writing = _layout(key.key)
    fields, out = bytearray(), bytearray()
    key.put_private(fields)
    writing(Reader(fields), out)
    return bytes(out)
