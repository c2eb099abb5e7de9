"""A FIDO device made of software."""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from pyssh.keys.ecdsa import EcdsaPrivate
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.wire.types import put_mpint
from tests.unit.keys.building import strings

ED25519 = "sk-ssh-ed25519@openssh.com"
ECDSA = "sk-ecdsa-sha2-nistp256@openssh.com"


class Device:
    """A security key of either type, made of software."""

    def __init__(self, key_type: str, application: str = "ssh:") -> None:
        self.key_type = key_type
        self.application = application
        self.ed25519 = Ed25519PrivateKey.generate()
        self.ecdsa = ec.generate_private_key(ec.SECP256R1())

    @property
    def key(self) -> PublicKey:
        if self.key_type == ED25519:
            return decode_public_key(
                strings(ED25519, self.ed25519.public_key().public_bytes_raw(), self.application)
            )
        point = EcdsaPrivate(self.ecdsa).key.blob[-65:]
        return decode_public_key(strings(ECDSA, "nistp256", point, self.application))

    def sign(self, data: bytes, flags: int = 1, counter: int = 7) -> bytes:
        trailer = bytes((flags,)) + counter.to_bytes(4, "big")
        signed = hashlib.sha256(self.application.encode()).digest() + trailer + hashlib.sha256(data).digest()
        if self.key_type == ED25519:
            return strings(self.key_type, self.ed25519.sign(signed)) + trailer
        value = bytearray()
        for number in decode_dss_signature(self.ecdsa.sign(signed, ec.ECDSA(hashes.SHA256()))):
            put_mpint(value, number)
        return strings(self.key_type, bytes(value)) + trailer
