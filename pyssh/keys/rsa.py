"""RSA keys: blobs of type ssh-rsa (RFC 4253 section 6.6), signatures rsa-sha2-512, -256 (RFC 8332), ssh-rsa.

Keys under 2048 bits, and SHA-1, are for the caller to refuse: `bits` and the algorithm's name tell.
"""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from pyssh.errors import KeyFormatError
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import PublicKey
from pyssh.wire.types import Reader, put_mpint, put_text, take_mpint

__all__ = [
    "MAX_MODULUS_BITS",
    "MIN_MODULUS_BITS",
    "RsaPrivate",
    "RsaPublic",
    "generate",
    "take_private",
    "take_public",
]

_NAME: Final = "ssh-rsa"
# SHA-1 stands in the list for peers that know nothing newer; nothing asks for it unless told to
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "rsa-sha2-512": hashes.SHA512(),
    "rsa-sha2-256": hashes.SHA256(),
    "ssh-rsa": hashes.SHA1(),  # noqa: S303 - see above
}

MIN_MODULUS_BITS: Final = 1024
"""Less is no key at all: OpenSSH's SSH_RSA_MINIMUM_MODULUS_SIZE."""
MAX_MODULUS_BITS: Final = 16384
"""More costs the verifier too much: OpenSSL's OPENSSL_RSA_MAX_MODULUS_BITS."""
_MIN_NEW_BITS: Final = 2048
_DEFAULT_BITS: Final = 3072
_EXPONENT: Final = 65537


class RsaPublic(PublicKey):
    """An RSA public key."""

    public: rsa.RSAPublicKey

    @classmethod
    def from_numbers(cls, e: int, n: int) -> "RsaPublic":
        """Make a key from exponent and modulus; `KeyFormatError` if they cannot be that."""
        bits = n.bit_length()
        if n < 0 or not MIN_MODULUS_BITS <= bits <= MAX_MODULUS_BITS:
            raise KeyFormatError(f"an RSA modulus has {MIN_MODULUS_BITS} to {MAX_MODULUS_BITS} bits")
        if n % 2 == 0 or e % 2 == 0 or not 1 < e < n:
            raise KeyFormatError("not an RSA modulus and exponent")
        blob = bytearray()
        put_text(blob, _NAME)
        put_mpint(blob, e)
        put_mpint(blob, n)
        return cls(_NAME, bytes(blob), bits, tuple(_HASHES), rsa.RSAPublicNumbers(e, n).public_key())

    def verify_value(self, algorithm: str, value: bytes, trailer: bytes, data: bytes) -> bool:
        """Verify an RSASSA-PKCS1-v1_5 signature, which has the size of the modulus (RFC 8332 section 3)."""
        if len(value) != (self.bits + 7) // 8:
            return False
        try:
            self.public.verify(value, data, padding.PKCS1v15(), _HASHES[algorithm])
        except InvalidSignature:
            return False
        return True


class RsaPrivate(PrivateKey):
    """An RSA private key."""

    __slots__ = ("_private",)

    def __init__(self, private: rsa.RSAPrivateKey) -> None:
        numbers = private.public_key().public_numbers()
        super().__init__(RsaPublic.from_numbers(numbers.e, numbers.n))
        self._private = private

    @classmethod
    def from_numbers(cls, e: int, n: int, d: int, p: int, q: int) -> "RsaPrivate":
        """Make a key from its numbers; `KeyFormatError` if they do not belong together."""
        RsaPublic.from_numbers(e, n)
        if min(p, q) <= 2 or p * q != n or not 1 < d < n:
            raise KeyFormatError("the parts of the RSA key do not belong together")
        if any(e * d % (prime - 1) != 1 for prime in (p, q)):
            raise KeyFormatError("the halves of the RSA key do not belong together")
        numbers = rsa.RSAPrivateNumbers(
            p,
            q,
            d,
            rsa.rsa_crt_dmp1(d, p),
            rsa.rsa_crt_dmq1(d, q),
            rsa.rsa_crt_iqmp(p, q),
            rsa.RSAPublicNumbers(e, n),
        )
        # OpenSSL's own check tests p and q for primality, 0.2 to 0.5 s at each start; ssh does not do it
        # either. What is left of it is above.
        return cls(numbers.private_key(unsafe_skip_rsa_key_validation=True))

    def sign_value(self, algorithm: str, data: bytes) -> bytes:
        """Return an RSASSA-PKCS1-v1_5 signature."""
        return self._private.sign(data, padding.PKCS1v15(), _HASHES[algorithm])

    def library_key(self) -> rsa.RSAPrivateKey:
        """Return the key inside."""
        return self._private

    def put_private(self, out: bytearray) -> None:
        """Append n, e, d, q^-1 mod p, p, q."""
        numbers = self._private.private_numbers()
        public = numbers.public_numbers
        for number in (public.n, public.e, numbers.d, numbers.iqmp, numbers.p, numbers.q):
            put_mpint(out, number)


def take_public(key_type: str, reader: Reader) -> RsaPublic:
    """Take a public key (RFC 4253 section 6.6)."""
    e, n = take_mpint(reader), take_mpint(reader)
    return RsaPublic.from_numbers(e, n)


def take_private(key_type: str, reader: Reader) -> RsaPrivate:
    """Take a private key; numbers that do not belong together are refused."""
    n, e, d, iqmp, p, q = (take_mpint(reader) for _ in range(6))
    private = RsaPrivate.from_numbers(e, n, d, p, q)
    if iqmp * q % p != 1:
        raise KeyFormatError("the parts of the RSA key do not belong together")
    return private


def generate(key_type: str, bits: int | None) -> RsaPrivate:
    """Make a new key, of 3072 bits unless `bits` says otherwise."""
    size = _DEFAULT_BITS if bits is None else bits
    if not _MIN_NEW_BITS <= size <= MAX_MODULUS_BITS:
        raise KeyFormatError(f"an rsa key has {_MIN_NEW_BITS} to {MAX_MODULUS_BITS} bits, not {size}")
    return RsaPrivate(rsa.generate_private_key(_EXPONENT, size))
