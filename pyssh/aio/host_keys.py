"""A server proves that it has host keys (OpenSSH's PROTOCOL section 2.5), for UpdateHostKeys."""

from collections.abc import Collection, Sequence
from typing import Protocol

from pyssh.connection.requests import (
    HOSTKEYS_PROVE,
    HostKeyProofData,
    HostKeyProofs,
    HostKeysProve,
)
from pyssh.errors import DecodeError, HostKeyError
from pyssh.keys.public import PublicKey
from pyssh.wire.message import Struct
from pyssh.wire.types import Reader, take_text

__all__ = ["prove_host_keys"]


class _Link(Protocol):
    session_identifier: bytes

    async def global_request(self, request: Struct) -> bytes:
        """Send a request and return the data of its reply."""


async def prove_host_keys(link: _Link, keys: Sequence[PublicKey], algorithms: Collection[str]) -> None:
    """Have the server sign with each of the keys, with one of the algorithms.

    Raises `HostKeyError` if one of its signatures is not right, and `RequestError` if it gives none.
    """
    reply = await link.global_request(HostKeysProve(tuple(key.blob for key in keys)))
    try:
        signatures = HostKeyProofs.decode(reply).signatures
    except DecodeError as error:
        raise HostKeyError(f"the server's proof of its host keys is malformed: {error}") from None
    if len(signatures) != len(keys):
        raise HostKeyError(f"the server proves {len(signatures)} host keys instead of {len(keys)}")
    for key, signature in zip(keys, signatures, strict=True):
        data = HostKeyProofData(HOSTKEYS_PROVE, link.session_identifier, key.blob).encode()
        name = _algorithm(signature)
        if name not in algorithms or not key.verify(name, signature, data):
            raise HostKeyError(f"the server does not prove its host key {key.key_type} {key.fingerprint()}")


def _algorithm(signature: bytes) -> str:
    try:
        return take_text(Reader(signature))
    except DecodeError:
        return ""
