"""How OpenSSH encrypts private key files: bcrypt_pbkdf, and the packet ciphers without their packets.

Loaded for encrypted files only (`modules`).
"""

from collections.abc import Callable
from typing import Final

from bcrypt import kdf
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES, ChaCha20
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR
from cryptography.hazmat.primitives.poly1305 import Poly1305

from pyssh.errors import KeyFormatError, PassphraseError
from pyssh.record import Record

__all__ = ["CIPHERS", "MAX_KDF_ROUNDS", "KeyFileCipher", "derive", "key_file_cipher", "new_salt"]

MAX_KDF_ROUNDS: Final = 4096
"""A minute's work or two. ssh-keygen makes 24, those who ask it for many some hundreds."""
_MAX_SALT_SIZE: Final = 1024
"""ssh-keygen's salts have 16 bytes."""

_Work = Callable[[bytes, bytes, bytes], bytes]


class KeyFileCipher(Record):
    """A cipher for key files. `seal` and `open` take key, IV and text; the tag, if any, is at the end.

    `open` raises `PassphraseError` where the tag tells that the key is wrong.
    """

    name: str
    key_size: int
    iv_size: int
    block_size: int
    tag_size: int
    seal: _Work
    open: _Work


def _plain_cipher(
    name: str,
    algorithm: Callable[[bytes], CipherAlgorithm],
    mode: Callable[[bytes], CBC | CTR],
    sizes: tuple[int, int],
) -> KeyFileCipher:
    key_size, block_size = sizes

    def seal(key: bytes, iv: bytes, text: bytes) -> bytes:
        encryptor = Cipher(algorithm(key), mode(iv)).encryptor()
        return encryptor.update(text) + encryptor.finalize()

    def open_(key: bytes, iv: bytes, text: bytes) -> bytes:
        decryptor = Cipher(algorithm(key), mode(iv)).decryptor()
        return decryptor.update(text) + decryptor.finalize()

    return KeyFileCipher(name, key_size, block_size, block_size, 0, seal, open_)


def _gcm_seal(key: bytes, iv: bytes, text: bytes) -> bytes:
    return AESGCM(key).encrypt(iv, text, None)


def _gcm_open(key: bytes, iv: bytes, text: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(iv, text, None)
    except InvalidTag:
        raise PassphraseError("wrong passphrase") from None


def _chacha_keys(key: bytes) -> tuple[bytes, bytes]:
    """Return the text's key stream seed and the one-time Poly1305 key, for sequence number 0.

    The second half of the key would encrypt a packet's length, which a file has not.
    """
    main = key[:32]
    return main, Cipher(ChaCha20(main, bytes(16)), None).encryptor().update(bytes(32))


def _chacha_stream(main: bytes, text: bytes) -> bytes:
    # the 16 bytes are a little-endian block counter, from 1, and the sequence number
    return Cipher(ChaCha20(main, b"\1" + bytes(15)), None).encryptor().update(text)


def _chacha_seal(key: bytes, iv: bytes, text: bytes) -> bytes:
    main, one_time = _chacha_keys(key)
    encrypted = _chacha_stream(main, text)
    return encrypted + Poly1305.generate_tag(one_time, encrypted)


def _chacha_open(key: bytes, iv: bytes, text: bytes) -> bytes:
    main, one_time = _chacha_keys(key)
    try:
        Poly1305.verify_tag(one_time, text[:-16], text[-16:])
    except InvalidSignature:
        raise PassphraseError("wrong passphrase") from None
    return _chacha_stream(main, text[:-16])


CIPHERS: Final = {
    cipher.name: cipher
    for cipher in (
        _plain_cipher("aes256-ctr", AES, CTR, (32, 16)),
        _plain_cipher("aes192-ctr", AES, CTR, (24, 16)),
        _plain_cipher("aes128-ctr", AES, CTR, (16, 16)),
        KeyFileCipher("aes256-gcm@openssh.com", 32, 12, 16, 16, _gcm_seal, _gcm_open),
        KeyFileCipher("aes128-gcm@openssh.com", 16, 12, 16, 16, _gcm_seal, _gcm_open),
        KeyFileCipher("chacha20-poly1305@openssh.com", 64, 0, 8, 16, _chacha_seal, _chacha_open),
        _plain_cipher("aes256-cbc", AES, CBC, (32, 16)),
        _plain_cipher("aes192-cbc", AES, CBC, (24, 16)),
        _plain_cipher("aes128-cbc", AES, CBC, (16, 16)),
        _plain_cipher("3des-cbc", TripleDES, CBC, (24, 8)),
    )
}
"""By name; ssh-keygen's choice first."""


def key_file_cipher(name: str) -> KeyFileCipher:
    """Return the cipher of that name; `KeyFormatError` if there is none."""
    cipher = CIPHERS.get(name)
    if cipher is None:
        raise KeyFormatError(f"key files cannot be encrypted with {name[:64]!r}")
    return cipher


def new_salt() -> bytes:
    """Return 16 random bytes, as many as ssh-keygen takes."""
    # a key is as random as a salt wants to be, and the library draws it: no `os` in these layers
    return AESGCM.generate_key(128)


def derive(cipher: KeyFileCipher, passphrase: bytes, salt: bytes, rounds: int) -> tuple[bytes, bytes]:
    """Return key and IV. Takes some milliseconds for each round."""
    if not 1 <= rounds <= MAX_KDF_ROUNDS:
        raise KeyFormatError(f"{rounds} rounds of key derivation; 1 to {MAX_KDF_ROUNDS} are allowed")
    if not 1 <= len(salt) <= _MAX_SALT_SIZE:
        raise KeyFormatError(f"a salt of {len(salt)} bytes; 1 to {_MAX_SALT_SIZE} are allowed")
    size = cipher.key_size + cipher.iv_size
    material = kdf(passphrase, salt, size, rounds, ignore_few_rounds=True)
    return material[: cipher.key_size], material[cipher.key_size :]
