"""Private keys and certificates as a request to add them carries them (RFC 9987 section 5.2).

A plain key has the fields of OpenSSH's private key container. A certificate comes whole, and behind it those
fields of its key that are not in the certificate already, or all of them: the types differ.
"""

from typing import Final

from pyssh.errors import KeyFormatError
from pyssh.keys.certificate import Certificate, CertifiedSigner
from pyssh.keys.modules import CERTIFIED_TYPES, key_module
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import decode_public_key
from pyssh.record import Record
from pyssh.wire.types import Reader, put_string, put_text, take_string, take_text

__all__ = ["HeldKey", "encode_identity", "take_identity"]

_LEFT_OUT: Final = {
    "ssh-rsa": (2, 1),
    "ecdsa-sha2-nistp256": (1, 2),
    "ecdsa-sha2-nistp384": (1, 2),
    "ecdsa-sha2-nistp521": (1, 2),
    "sk-ecdsa-sha2-nistp256@openssh.com": (1, 2),
    "ssh-mldsa44-ed25519": (1,),
    "ssh-mldsa44-ed25519@openssh.com": (1,),
}
"""Which fields of the public key the private one begins with and a certificate makes superfluous."""


class HeldKey(Record):
    """A private key, and the certificate that it is to be shown as, if any."""

    private: PrivateKey
    certificate: Certificate | None
    comment: bytes

    @property
    def signer(self) -> PrivateKey | CertifiedSigner:
        """What signs, and has the certificate or the key itself as its `key`."""
        if self.certificate is None:
            return self.private
        return CertifiedSigner(self.private, self.certificate)

    def check(self) -> None:
        """Raise `KeyFormatError` if the certificate is another key's."""
        if self.certificate is not None and self.certificate.certified != self.private.key:
            raise KeyFormatError("the certificate is for another key")


HeldKey.redacted_fields = frozenset({"comment"})


def encode_identity(
    private: PrivateKey, comment: str | bytes, certificate: Certificate | None = None
) -> bytes:
    """Return a key, or a certificate and its key, and a comment, as requests to add them have it."""
    HeldKey(private, certificate, b"")
    out = bytearray()
    fields = bytearray()
    private.put_private(fields)
    if certificate is None:
        put_text(out, private.key.key_type)
        out += fields
    else:
        put_text(out, certificate.key_type)
        put_string(out, certificate.blob)
        reader = Reader(fields)
        for _ in _LEFT_OUT.get(private.key.key_type, ()):
            take_string(reader)
        out += fields[reader.offset :]
    put_string(out, comment.encode(errors="replace") if isinstance(comment, str) else comment)
    return bytes(out)


def take_identity(reader: Reader) -> HeldKey:
    """Take what `encode_identity` makes; constraints may follow it.

    `KeyFormatError` or `DecodeError` for keys of unknown types, damaged ones, and certificates of other keys.
    """
    key_type = take_text(reader)
    certificate = None
    if key_type in CERTIFIED_TYPES:
        public = decode_public_key(take_string(reader))
        if not isinstance(public, Certificate) or public.key_type != key_type:
            raise KeyFormatError(f"a {key_type} with something else inside")
        certificate = public
        key_type = public.certified.key_type
        private, reader.offset = _take_rest_of(public, reader)
    else:
        private = key_module(key_type).take_private(key_type, reader)
    return HeldKey(private, certificate, take_string(reader))


def _take_rest_of(certificate: Certificate, reader: Reader) -> tuple[PrivateKey, int]:
    """Take a certificate's private key; return it and the offset behind it."""
    public = certificate.certified
    blob = Reader(public.blob)
    fields = []
    while blob.remaining:
        fields.append(take_string(blob))
    known = bytearray()
    for index in _LEFT_OUT.get(public.key_type, ()):
        put_string(known, fields[index])
    behind = reader.offset
    whole = Reader(bytes(known) + reader.take(reader.remaining))
    private = key_module(public.key_type).take_private(public.key_type, whole)
    return private, behind + whole.offset - len(known)
