"""OpenSSH's private key container (PROTOCOL.key): bytes to `PrivateKey` and back."""

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Final, Protocol, cast

from pyssh.errors import DecodeError, KeyFormatError, PassphraseError
from pyssh.keys.modules import key_module, load
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.wire.message import Struct
from pyssh.wire.types import (
    Reader,
    Rest,
    String,
    Text,
    UInt32,
    put_text,
    take_rest,
    take_string,
    take_text,
)

if TYPE_CHECKING:
    from pyssh.keys.encryption import KeyFileCipher

__all__ = [
    "BEGIN",
    "DEFAULT_CIPHER",
    "DEFAULT_ROUNDS",
    "MAX_FILE_SIZE",
    "decode_private_key",
    "encode_private_key",
    "kdf_rounds",
    "public_of_private",
]

BEGIN: Final = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_END: Final = b"-----END OPENSSH PRIVATE KEY-----"
_LINE_SIZE: Final = 70
_MAGIC: Final = b"openssh-key-v1\0"

MAX_FILE_SIZE: Final = 1 << 20
"""OpenSSH's MAX_KEY_FILE_SIZE."""
DEFAULT_CIPHER: Final = "aes256-ctr"
DEFAULT_ROUNDS: Final = 24
"""ssh-keygen's since OpenSSH 9.5."""

_CLEAR_BLOCK_SIZE: Final = 8
_PADDING: Final = bytes(range(1, 256))


class _Container(Struct):
    """What stands behind the magic; a tag, if the cipher has one, is outside of the encrypted string."""

    cipher: Text
    kdf: Text
    kdf_options: String
    key_count: UInt32
    public: String
    private: String
    tag: Rest


class _KdfOptions(Struct):
    salt: String
    rounds: UInt32


class _Encryption(Protocol):
    """`pyssh.keys.encryption`."""

    def key_file_cipher(self, name: str) -> "KeyFileCipher": ...

    def new_salt(self) -> bytes: ...

    def derive(
        self, cipher: "KeyFileCipher", passphrase: bytes, salt: bytes, rounds: int
    ) -> tuple[bytes, bytes]: ...


def decode_private_key(data: bytes, passphrase: bytes | None) -> tuple[PrivateKey, str]:
    """Decode a private key file; return the key and its comment.

    `PassphraseError` if it is encrypted and `passphrase` is None, empty or wrong; a passphrase for a file in
    clear is ignored. `KeyFormatError` for anything else that is wrong.
    """
    container = _decode_container(data)
    try:
        clear = _decrypt(container, passphrase)
        return _decode_private(clear, decode_public_key(container.public))
    except DecodeError as error:
        raise KeyFormatError(f"the private key file is damaged: {error.problem}") from None


def public_of_private(data: bytes) -> PublicKey:
    """Return the public half of a private key file, which is in clear even if the file is encrypted."""
    return decode_public_key(_decode_container(data).public)


def kdf_rounds(data: bytes) -> int:
    """Return how many rounds of bcrypt protect a file; 0 for one in clear."""
    container = _decode_container(data)
    if container.cipher == "none":
        return 0
    try:
        return _KdfOptions.decode(container.kdf_options).rounds
    except DecodeError as error:
        raise KeyFormatError(f"the private key file is damaged: {error.problem}") from None


def encode_private_key(
    key: PrivateKey,
    comment: str,
    passphrase: bytes | None,
    rounds: int = DEFAULT_ROUNDS,
    cipher: str = DEFAULT_CIPHER,
) -> bytes:
    """Return a private key file as ssh-keygen writes it; without a passphrase (None or empty) in clear."""
    container = bytearray(_MAGIC)
    if passphrase:
        encryption = cast(_Encryption, load("pyssh.keys.encryption"))
        spec = encryption.key_file_cipher(cipher)
        salt = encryption.new_salt()
        secret, iv = encryption.derive(spec, passphrase, salt, rounds)
        sealed = spec.seal(secret, iv, _encode_private(key, comment, spec.block_size))
        end = len(sealed) - spec.tag_size
        options = _KdfOptions(salt, rounds).encode()
        _Container(spec.name, "bcrypt", options, 1, key.key.blob, sealed[:end], sealed[end:]).put(container)
    else:
        clear = _encode_private(key, comment, _CLEAR_BLOCK_SIZE)
        _Container("none", "none", b"", 1, key.key.blob, clear, b"").put(container)
    encoded = b64encode(container)
    lines = (encoded[at : at + _LINE_SIZE] for at in range(0, len(encoded), _LINE_SIZE))
    return b"\n".join((BEGIN, *lines, _END, b""))


def _decode_container(data: bytes) -> _Container:
    if len(data) > MAX_FILE_SIZE:
        raise KeyFormatError(f"a private key file of more than {MAX_FILE_SIZE} bytes")
    text = data.strip()
    if not text.startswith(BEGIN) or not text.endswith(_END):
        raise KeyFormatError("not an OpenSSH private key file")
    try:
        raw = b64decode(b"".join(text[len(BEGIN) : -len(_END)].split()), validate=True)
    except ValueError:
        raise KeyFormatError("the private key file is damaged: not base64") from None
    if not raw.startswith(_MAGIC):
        raise KeyFormatError("the private key file is of an unknown version")
    try:
        container = _Container.decode(raw[len(_MAGIC) :])
    except DecodeError as error:
        raise KeyFormatError(f"the private key file is damaged: {error.problem}") from None
    if container.key_count != 1:
        raise KeyFormatError(f"a private key file with {container.key_count} keys")
    return container


def _decrypt(container: _Container, passphrase: bytes | None) -> bytes:
    """Return the private section in clear; `PassphraseError` if that shows whether it is."""
    if container.cipher == "none":
        if container.kdf != "none" or container.kdf_options or container.tag:
            raise KeyFormatError("a private key file half encrypted")
        _check_section(
            container.private, _CLEAR_BLOCK_SIZE, KeyFormatError("the private key file is damaged")
        )
        return container.private
    if container.kdf != "bcrypt":
        raise KeyFormatError(f"an unknown way to derive keys, {container.kdf[:64]!r}")
    if not passphrase:
        raise PassphraseError("the private key needs a passphrase")
    encryption = cast(_Encryption, load("pyssh.keys.encryption"))
    spec = encryption.key_file_cipher(container.cipher)
    if len(container.tag) != spec.tag_size or len(container.private) % spec.block_size:
        raise KeyFormatError("the private key file is damaged: wrong length")
    options = _KdfOptions.decode(container.kdf_options)
    secret, iv = encryption.derive(spec, passphrase, options.salt, options.rounds)
    clear = spec.open(secret, iv, container.private + container.tag)
    _check_section(clear, spec.block_size, PassphraseError("wrong passphrase"))
    return clear


def _check_section(clear: bytes, block_size: int, problem: KeyFormatError) -> None:
    """Raise `problem` unless the section begins with twice the same number, as one in clear does."""
    if len(clear) < 8 or len(clear) % block_size or clear[:4] != clear[4:8]:
        raise problem


def _decode_private(clear: bytes, public: PublicKey) -> tuple[PrivateKey, str]:
    reader = Reader(clear, 8)
    key_type = take_text(reader)
    if key_type != public.key_type:
        raise KeyFormatError("the private key file holds two different keys")
    private = key_module(key_type).take_private(key_type, reader)
    comment = take_string(reader)
    padding = take_rest(reader)
    if private.key != public:
        raise KeyFormatError("the private key file holds two different keys")
    if padding != _PADDING[: len(padding)]:
        raise KeyFormatError("the private key file is damaged: wrong padding")
    return private, comment.decode(errors="replace")


def _encode_private(key: PrivateKey, comment: str, block_size: int) -> bytes:
    # ssh-keygen draws this number at random. What follows it is known from the public half anyway.
    out = bytearray(key.key.blob[-4:] * 2)
    put_text(out, key.key.key_type)
    key.put_private(out)
    put_text(out, comment)
    out += _PADDING[: -len(out) % block_size]
    return bytes(out)
