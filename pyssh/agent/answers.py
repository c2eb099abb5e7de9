"""What those who ask an agent make of its answers; the same whether they wait for them or not."""

from typing import Final, TypeVar

from pyssh.agent.messages import (
    QUERY,
    RSA_SHA2_256,
    RSA_SHA2_512,
    ExtensionFailure,
    ExtensionResponse,
    Failure,
    IdentitiesAnswer,
    Identity,
)
from pyssh.errors import DecodeError, KeyFormatError, SSHError
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.keys.signing import signature_algorithm
from pyssh.wire.message import Message
from pyssh.wire.types import Reader, take_text

__all__ = [
    "MAX_KEYS",
    "AgentError",
    "AgentRefusedError",
    "decode_answer",
    "decode_extensions",
    "decode_identities",
    "signature_flags",
]

MAX_KEYS: Final = 2048
"""OpenSSH's own limit."""

_FLAGS: Final = {"rsa-sha2-256": RSA_SHA2_256, "rsa-sha2-512": RSA_SHA2_512}
_REFUSALS: Final = (Failure.number, ExtensionFailure.number)
_M = TypeVar("_M", bound=Message)


class AgentError(SSHError):
    """The agent does not answer as agents do, or refuses."""


class AgentRefusedError(AgentError):
    """The agent says no, or that it does not know the request."""


def signature_flags(algorithm: str) -> int:
    """Return the flags of a `SignRequest` that ask for this signature algorithm, a certificate's too."""
    known = signature_algorithm(algorithm)
    return 0 if known is None else _FLAGS.get(known.signature_format, 0)


def decode_answer(payload: bytes, wanted: type[_M]) -> _M:
    """Return an answer of the wanted kind; every other one is an `AgentError`."""
    number = payload[0] if payload else None
    if number in _REFUSALS:
        raise AgentRefusedError("the agent refused the request")
    if number != wanted.number:
        raise AgentError("the agent answered another question")
    try:
        return wanted.decode(payload)
    except DecodeError as error:
        raise AgentError(f"the agent's answer: {error}") from None


def decode_identities(answer: IdentitiesAnswer) -> list[tuple[PublicKey, str]]:
    """Return keys and comments in the agent's order, without those of types that are not known here."""
    if answer.number_of_keys > MAX_KEYS:
        raise AgentError(f"an agent with {answer.number_of_keys} keys")
    reader = Reader(answer.keys)
    found: list[tuple[PublicKey, str]] = []
    for _ in range(answer.number_of_keys):
        try:
            identity = Identity.take(reader)
            key = decode_public_key(identity.key_blob)
        except DecodeError as error:
            raise AgentError(f"the agent's answer: {error}") from None
        except KeyFormatError:
            continue
        found.append((key, identity.comment.decode(errors="replace")))
    return found


def decode_extensions(answer: ExtensionResponse) -> list[str]:
    """Return the names of the extensions that the agent knows (RFC 9987 section 5.8.1)."""
    if answer.extension_type != QUERY:
        raise AgentError("the agent answered another question")
    reader = Reader(answer.contents)
    names = []
    try:
        while reader.remaining:
            names.append(take_text(reader))
    except DecodeError as error:
        raise AgentError(f"the agent's answer: {error}") from None
    return names
