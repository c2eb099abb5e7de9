"""ssh-mldsa44-ed25519 keys: ML-DSA-44 and Ed25519 at once, both of which must be right.

draft-miller-sshm-composite-sigs: the construction of draft-ietf-lamps-pq-composite-sigs, its context empty.
OpenSSH 10.4 and 10.5 call the type ssh-mldsa44-ed25519@openssh.com, 10.6 knows only the bare name. All else
is the same, but a key is of one type or the other: the name is in its blob and in its signatures.
"""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from pyssh.errors import KeyFormatError
from pyssh.keys.ed25519 import PUBLIC_SIZE as ED25519_PUBLIC_SIZE
from pyssh.keys.ed25519 import SIGNATURE_SIZE as ED25519_SIGNATURE_SIZE
from pyssh.keys.ed25519 import verify_ed25519
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import PublicKey
from pyssh.wire.types import Reader, put_string, put_text, take_string

__all__ = ["CompositePrivate", "CompositePublic", "generate", "take_private", "take_public"]

# with the size that `ssh-keygen -l` of those releases prints
_BITS: Final = {"ssh-mldsa44-ed25519": 512, "ssh-mldsa44-ed25519@openssh.com": 256}
_PREFIX: Final = b"CompositeAlgorithmSignatures2025"
_LABEL: Final = b"COMPSIG-MLDSA44-Ed25519-SHA512"
_CONTEXT_SIZE: Final = b"\0"

# FIPS 204, table 2
_MLDSA_PUBLIC_SIZE: Final = 1312
_MLDSA_SIGNATURE_SIZE: Final = 2420
_SEED_SIZE: Final = 32


class CompositePublic(PublicKey):
    """The public halves of both."""

    mldsa: MLDSA44PublicKey
    ed25519: Ed25519PublicKey

    @classmethod
    def from_raw(cls, key_type: str, raw: bytes) -> "CompositePublic":
        """Make a key from its 1344 bytes, those of ML-DSA first."""
        if len(raw) != _MLDSA_PUBLIC_SIZE + ED25519_PUBLIC_SIZE:
            raise KeyFormatError(f"an ML-DSA-44 and Ed25519 key has 1344 bytes, not {len(raw)}")
        blob = bytearray()
        put_text(blob, key_type)
        put_string(blob, raw)
        return cls(
            key_type,
            bytes(blob),
            _BITS[key_type],
            (key_type,),
            MLDSA44PublicKey.from_public_bytes(raw[:_MLDSA_PUBLIC_SIZE]),
            Ed25519PublicKey.from_public_bytes(raw[_MLDSA_PUBLIC_SIZE:]),
        )

    def verify_value(self, algorithm: str, value: bytes, trailer: bytes, data: bytes) -> bool:
        """Verify both signatures."""
        if len(value) != _MLDSA_SIGNATURE_SIZE + ED25519_SIGNATURE_SIZE:
            return False
        representative = _representative(data)
        try:
            self.mldsa.verify(value[:_MLDSA_SIGNATURE_SIZE], representative, _LABEL)
        except InvalidSignature:
            return False
        return verify_ed25519(self.ed25519, value[_MLDSA_SIGNATURE_SIZE:], representative)


class CompositePrivate(PrivateKey):
    """The private halves of both, made from a seed of 32 bytes each."""

    __slots__ = ("_ed25519", "_mldsa")

    def __init__(self, key_type: str, mldsa: MLDSA44PrivateKey, ed25519: Ed25519PrivateKey) -> None:
        public = mldsa.public_key().public_bytes_raw() + ed25519.public_key().public_bytes_raw()
        super().__init__(CompositePublic.from_raw(key_type, public))
        self._mldsa = mldsa
        self._ed25519 = ed25519

    def sign_value(self, algorithm: str, data: bytes) -> bytes:
        """Return both signatures, that of ML-DSA first."""
        representative = _representative(data)
        return self._mldsa.sign(representative, _LABEL) + self._ed25519.sign(representative)

    def put_private(self, out: bytearray) -> None:
        """Append the public keys as one string and the seeds as another."""
        put_string(
            out,
            self._mldsa.public_key().public_bytes_raw() + self._ed25519.public_key().public_bytes_raw(),
        )
        put_string(out, self._mldsa.private_bytes_raw() + self._ed25519.private_bytes_raw())


def _representative(data: bytes) -> bytes:
    """Return the message that both sign (M' in draft-ietf-lamps-pq-composite-sigs)."""
    digest = hashes.Hash(hashes.SHA512())
    digest.update(data)
    return _PREFIX + _LABEL + _CONTEXT_SIZE + digest.finalize()


def take_public(key_type: str, reader: Reader) -> CompositePublic:
    """Take a public key."""
    return CompositePublic.from_raw(key_type, take_string(reader))


def take_private(key_type: str, reader: Reader) -> CompositePrivate:
    """Take a private key; the public key in it must be the seeds'."""
    public = CompositePublic.from_raw(key_type, take_string(reader))
    seeds = take_string(reader)
    if len(seeds) != 2 * _SEED_SIZE:
        raise KeyFormatError("an ML-DSA-44 and Ed25519 key has 64 bytes of seeds")
    private = CompositePrivate(
        key_type,
        MLDSA44PrivateKey.from_seed_bytes(seeds[:_SEED_SIZE]),
        Ed25519PrivateKey.from_private_bytes(seeds[_SEED_SIZE:]),
    )
    if private.key != public:
        raise KeyFormatError("the halves of the ML-DSA-44 and Ed25519 key do not belong together")
    return private


def generate(key_type: str, bits: int | None) -> CompositePrivate:
    """Make a new key, which has one size."""
    if bits not in {None, _BITS[key_type]}:
        raise KeyFormatError(f"an {key_type} key has {_BITS[key_type]} bits, not {bits}")
    return CompositePrivate(key_type, MLDSA44PrivateKey.generate(), Ed25519PrivateKey.generate())
