"""The exact bytes that a public-key request signs (RFC 4252 section 7, OpenSSH's PROTOCOL section 3.1).

The request is made once, for the wire and for the signature, so both roles sign and verify what is sent.
"""

from typing import Final

from pyssh.keys.public import PublicKey
from pyssh.messages.userauth import PublicKeyFields, UserauthRequest
from pyssh.wire.types import put_string

__all__ = ["HOSTBOUND_METHOD", "PUBLICKEY_METHOD", "SERVICE", "signature_request", "signed_data"]

SERVICE: Final = "ssh-connection"
"""The one service that a user can be authenticated for."""

PUBLICKEY_METHOD: Final = "publickey"
HOSTBOUND_METHOD: Final = "publickey-hostbound-v00@openssh.com"


def signature_request(user: str, key: PublicKey, algorithm: str, host_key: PublicKey | None) -> bytes:
    """Return the payload of a signed request up to its signature, which follows as a string.

    With a `host_key` the method is publickey-hostbound-v00@openssh.com: the signature is then good only for
    the server that has this key, whatever the session identifier.
    """
    bound = bytearray()
    if host_key is not None:
        put_string(bound, host_key.blob)
    method = PUBLICKEY_METHOD if host_key is None else HOSTBOUND_METHOD
    fields = PublicKeyFields(True, algorithm, key.blob, bytes(bound))
    return UserauthRequest(user, SERVICE, method, fields.encode()).encode()


def signed_data(session_identifier: bytes, request: bytes) -> bytes:
    """Return what the signature of this `signature_request` is made over."""
    out = bytearray()
    put_string(out, session_identifier)
    out += request
    return bytes(out)
