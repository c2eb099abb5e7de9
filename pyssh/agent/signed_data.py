"""What is to be signed, as far as an agent looks into it: a login, and whose."""

from typing import Final

from pyssh.errors import DecodeError, KeyFormatError
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.keys.signing import signature_algorithm
from pyssh.messages.userauth import PublicKeyFields, UserauthRequest
from pyssh.record import Record
from pyssh.wire.types import Reader, take_rest, take_string

__all__ = ["Login", "parse_login"]

_SERVICE: Final = "ssh-connection"
_PLAIN: Final = "publickey"
_HOST_BOUND: Final = "publickey-hostbound-v00@openssh.com"


class Login(Record):
    """A request to log in with a public key (RFC 4252 section 7).

    `host_key` is what publickey-hostbound-v00@openssh.com (OpenSSH's PROTOCOL section 3.1) adds to it.
    """

    session_identifier: bytes
    user_name: str
    host_key: PublicKey | None


def parse_login(data: bytes, key: PublicKey) -> Login | None:
    """Return the login that `key` is to sign, or None for data that is anything else, or another key's."""
    reader = Reader(data)
    try:
        session_identifier = take_string(reader)
        request = UserauthRequest.decode(take_rest(reader))
        fields = PublicKeyFields.decode(request.method_fields)
        host_key = None
        rest = Reader(fields.rest)
        if request.method_name == _HOST_BOUND:
            host_key = decode_public_key(take_string(rest))
        rest.finish()
    except (DecodeError, KeyFormatError):
        return None
    algorithm = signature_algorithm(fields.algorithm_name)
    if (
        not session_identifier
        or request.service_name != _SERVICE
        or request.method_name not in (_PLAIN, _HOST_BOUND)
        or not fields.has_signature
        or fields.public_key != key.blob
        or algorithm is None
        or algorithm.key_type != key.key_type
    ):
        return None
    return Login(session_identifier, request.user_name, host_key)
