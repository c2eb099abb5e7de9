"""The authentication methods: one entry each, with its client step and its server step.

The machines in `client` and `server` know the order of messages; what is inside a method's own fields and
messages is known here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Final

from pyssh.errors import KeyFormatError, ProtocolError
from pyssh.events import (
    Attempt,
    Credential,
    InteractiveAttempt,
    KeyboardInteractiveCredential,
    NoneAttempt,
    PasswordAttempt,
    PasswordChange,
    PasswordCredential,
    Prompt,
    PublicKeyAttempt,
    PublicKeyCredential,
)
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.keys.signing import signature_algorithm
from pyssh.messages.numbers import SSH_MSG_USERAUTH_PK_OK
from pyssh.messages.userauth import (
    KeyboardInteractiveFields,
    PasswordFields,
    PromptFields,
    PublicKeyFields,
    UserauthInfoRequest,
    UserauthInfoResponse,
    UserauthPasswdChangereq,
    UserauthPkOk,
    UserauthRequest,
)
from pyssh.options import Limits, Options
from pyssh.record import Record
from pyssh.userauth.signed_data import HOSTBOUND_METHOD, PUBLICKEY_METHOD, signature_request, signed_data
from pyssh.wire.types import Reader, put_string, take_string

__all__ = [
    "METHODS",
    "REPLY_NUMBER",
    "AttemptRejectedError",
    "Method",
    "Reply",
    "Session",
    "choose_algorithm",
    "decode_prompts",
    "decode_responses",
    "encode_prompts",
    "encode_responses",
    "password_change_fields",
]


Reply = UserauthPkOk | UserauthPasswdChangereq | UserauthInfoRequest

REPLY_NUMBER: Final = SSH_MSG_USERAUTH_PK_OK
"""The number that all the replies share (RFC 4252 section 6)."""


class Session(Record):
    """What a method may need to know of the connection that it runs on."""

    options: Options
    session_identifier: bytes
    host_key: PublicKey


class AttemptRejectedError(Exception):
    """An attempt that is refused without asking the owner. The text is for logs, never for the peer."""


class Method(ABC):
    """One method. `reply` is what message number 60 is to a client that runs it."""

    name: ClassVar[str]
    reply: ClassVar[type[Reply]] = UserauthPkOk

    @abstractmethod
    def fields(self, credential: Credential | None) -> bytes:
        """Client: return the method fields of the first request."""

    @abstractmethod
    def attempt(self, request: UserauthRequest, session: Session) -> Attempt:
        """Server: return what the request offers; `AttemptRejectedError` if that cannot be enough."""


class NoneMethod(Method):
    """No proof at all (RFC 4252 section 5.2)."""

    name = "none"

    def fields(self, credential: Credential | None) -> bytes:
        """Return nothing: the method has no fields."""
        return b""

    def attempt(self, request: UserauthRequest, session: Session) -> NoneAttempt:
        """Take a request that has no fields of its own."""
        Reader(request.method_fields).finish()
        return NoneAttempt()


class PublicKeyMethod(Method):
    """A key, shown or proved (RFC 4252 section 7), and the form that is bound to a host key."""

    name = PUBLICKEY_METHOD

    def fields(self, credential: Credential | None) -> bytes:
        """Return the fields of a probe."""
        assert isinstance(credential, PublicKeyCredential)
        assert credential.algorithm is not None
        return PublicKeyFields(False, credential.algorithm, credential.key.blob, b"").encode()

    def attempt(self, request: UserauthRequest, session: Session) -> PublicKeyAttempt:
        """Take a key; a signature that comes with it is verified here, before anybody is asked."""
        fields = PublicKeyFields.decode(request.method_fields)
        reader = Reader(fields.rest)
        host_key = take_string(reader) if request.method_name == HOSTBOUND_METHOD else None
        signature = take_string(reader) if fields.has_signature else None
        reader.finish()
        if host_key is not None and host_key != session.host_key.blob:
            raise AttemptRejectedError("bound to another host key")
        key = _acceptable_key(fields, session.options)
        algorithm = fields.algorithm_name
        if signature is None:
            return PublicKeyAttempt(key, algorithm, signed=False)
        bound = None if host_key is None else session.host_key
        signed = signature_request(request.user_name, key, algorithm, bound)
        if not key.verify(algorithm, signature, signed_data(session.session_identifier, signed)):
            raise AttemptRejectedError("the signature is wrong")
        flags, counter = _device_claims(key, signature)
        return PublicKeyAttempt(key, algorithm, True, flags, counter)


class PasswordMethod(Method):
    """A password, or a change of it (RFC 4252 section 8)."""

    name = "password"
    reply = UserauthPasswdChangereq

    def fields(self, credential: Credential | None) -> bytes:
        """Return the fields with a password."""
        assert isinstance(credential, PasswordCredential)
        return PasswordFields(False, credential.password.encode(), b"").encode()

    def attempt(self, request: UserauthRequest, session: Session) -> PasswordAttempt:
        """Take a password, and the new one of a change."""
        fields = PasswordFields.decode(request.method_fields)
        limits = session.options.limits
        reader = Reader(fields.rest)
        new = take_string(reader) if fields.change else None
        reader.finish()
        return PasswordAttempt(
            _secret(fields.password, limits), None if new is None else _secret(new, limits)
        )


class KeyboardInteractiveMethod(Method):
    """Questions and answers (RFC 4256)."""

    name = "keyboard-interactive"
    reply = UserauthInfoRequest

    def fields(self, credential: Credential | None) -> bytes:
        """Return the fields that ask the server to begin."""
        assert isinstance(credential, KeyboardInteractiveCredential)
        return KeyboardInteractiveFields("", credential.submethods).encode()

    def attempt(self, request: UserauthRequest, session: Session) -> InteractiveAttempt:
        """Take the wish to be asked."""
        return InteractiveAttempt(KeyboardInteractiveFields.decode(request.method_fields).submethods)


_PUBLICKEY: Final = PublicKeyMethod()

METHODS: Final[Mapping[str, Method]] = {
    "none": NoneMethod(),
    PUBLICKEY_METHOD: _PUBLICKEY,
    HOSTBOUND_METHOD: _PUBLICKEY,
    "password": PasswordMethod(),
    "keyboard-interactive": KeyboardInteractiveMethod(),
}
"""By the name in a request. The hostbound form is offered and counted as publickey, as OpenSSH does."""


# --- publickey


def choose_algorithm(credential: PublicKeyCredential, options: Options, server_sig_algs: bytes) -> str | None:
    """Return the algorithm to sign with, or None if there is none that both sides take.

    `server_sig_algs` is the value of that extension (RFC 8308 section 3.1), empty when unknown. It decides
    for keys with several algorithms only: what it leaves out for others may still work, and OpenSSH tries.
    """
    offered = credential.key.signature_algorithms
    wanted = offered if credential.algorithm is None else (credential.algorithm,)
    usable = [name for name in options.algorithms.user_key if name in wanted and name in offered]
    if server_sig_algs and len(offered) > 1:
        known = server_sig_algs.decode("ascii", "replace").split(",")
        usable = [name for name in usable if _format_of(name) in known or name in known]
    return usable[0] if usable else None


def _format_of(algorithm: str) -> str:
    """Return the signature format: servers list that of a certificate's algorithm, not the algorithm."""
    known = signature_algorithm(algorithm)
    assert known is not None  # the options hold known names only
    return known.signature_format


def _acceptable_key(fields: PublicKeyFields, options: Options) -> PublicKey:
    """Decode the key and hold it, and the algorithm named with it, to the allow-lists."""
    if len(fields.public_key) > options.limits.key_blob_size:
        raise AttemptRejectedError("the key is too long")
    if fields.algorithm_name not in options.algorithms.user_key:
        raise AttemptRejectedError(f"signature algorithm {fields.algorithm_name[:64]!r} is not allowed")
    try:
        key = decode_public_key(fields.public_key)
    except KeyFormatError as error:
        raise AttemptRejectedError(str(error)) from None
    if fields.algorithm_name not in key.signature_algorithms:
        raise AttemptRejectedError(f"{fields.algorithm_name} is not for a key of type {key.key_type}")
    if key.plain.key_type == "ssh-rsa" and key.plain.bits < options.limits.rsa_bits:
        raise AttemptRejectedError(f"an RSA key of {key.plain.bits} bits is too short")
    return key


def _device_claims(key: PublicKey, signature: bytes) -> tuple[int, int]:
    """Return flags and counter, the last five bytes of a signature that was verified; zeros without a device.

    OpenSSH's PROTOCOL.u2f.
    """
    if not key.plain.is_security_key:
        return 0, 0
    return signature[-5], int.from_bytes(signature[-4:], "big")


# --- password


def password_change_fields(change: PasswordChange) -> bytes:
    """Return the method fields of a change request (RFC 4252 section 8)."""
    new = bytearray()
    put_string(new, change.new_password.encode())
    return PasswordFields(True, change.old_password.encode(), bytes(new)).encode()


def _secret(value: bytes, limits: Limits) -> str:
    """Decode what a user typed. What cannot be right is refused like what is wrong, without an error."""
    if len(value) > limits.password_size:
        raise AttemptRejectedError(f"longer than {limits.password_size} bytes")
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise AttemptRejectedError("not UTF-8") from None


# --- keyboard-interactive


def encode_prompts(name: str, instruction: str, prompts: tuple[Prompt, ...]) -> UserauthInfoRequest:
    """Make the message that asks (RFC 4256 section 3.2)."""
    out = bytearray()
    for prompt in prompts:
        PromptFields(prompt.text, prompt.echo).put(out)
    return UserauthInfoRequest(name, instruction, "", len(prompts), bytes(out))


def decode_prompts(message: UserauthInfoRequest, limits: Limits) -> tuple[Prompt, ...]:
    """Return the questions; more than the limits allow are a `ProtocolError`."""
    size = len(message.name) + len(message.instruction) + len(message.prompts)
    if message.num_prompts > limits.prompts or size > limits.prompt_size:
        raise ProtocolError("too many questions, or too long ones")
    reader = Reader(message.prompts)
    fields = [PromptFields.take(reader) for _ in range(message.num_prompts)]
    reader.finish()
    return tuple(Prompt(field.prompt, field.echo) for field in fields)


def encode_responses(responses: tuple[str, ...]) -> UserauthInfoResponse:
    """Make the message that answers (RFC 4256 section 3.4)."""
    out = bytearray()
    for response in responses:
        put_string(out, response.encode())
    return UserauthInfoResponse(len(responses), bytes(out))


def decode_responses(message: UserauthInfoResponse, wanted: int, limits: Limits) -> tuple[str, ...]:
    """Return the answers to `wanted` questions; another number of them fails (RFC 4256 section 3.4)."""
    if message.num_responses != wanted:
        raise AttemptRejectedError(f"{message.num_responses} answers to {wanted} questions")
    reader = Reader(message.responses)
    answers = [take_string(reader) for _ in range(wanted)]
    reader.finish()
    return tuple(_secret(answer, limits) for answer in answers)
