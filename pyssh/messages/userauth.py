"""Messages 50-79 of the authentication protocol, one group per method (RFC 4252, RFC 4256)."""

from pyssh.messages.numbers import (
    SSH_MSG_USERAUTH_BANNER,
    SSH_MSG_USERAUTH_FAILURE,
    SSH_MSG_USERAUTH_INFO_REQUEST,
    SSH_MSG_USERAUTH_INFO_RESPONSE,
    SSH_MSG_USERAUTH_PASSWD_CHANGEREQ,
    SSH_MSG_USERAUTH_PK_OK,
    SSH_MSG_USERAUTH_REQUEST,
    SSH_MSG_USERAUTH_SUCCESS,
)
from pyssh.wire.message import Message, Struct, message
from pyssh.wire.types import Boolean, NameList, Rest, Secret, String, Text, UInt32


@message(SSH_MSG_USERAUTH_REQUEST)
class UserauthRequest(Message):
    """The client asks to be `user_name` (RFC 4252 section 5). `method_fields` is decoded by the method."""

    user_name: Text
    service_name: Text
    method_name: Text
    method_fields: Rest


UserauthRequest.redacted_fields = frozenset({"method_fields"})  # a password may be among them


class PublicKeyFields(Struct):
    """The method fields of publickey (RFC 4252 section 7).

    `rest` is empty when `has_signature` is false and the signature as a string when it is true; before it
    publickey-hostbound-v00@openssh.com puts the server's host key as a string.
    """

    has_signature: Boolean
    algorithm_name: Text
    public_key: String
    rest: Rest


class PasswordFields(Struct):
    """The method fields of password (RFC 4252 section 8). `rest` is the new one if `change` is true."""

    change: Boolean
    password: Secret
    rest: Rest


PasswordFields.redacted_fields = frozenset({"password", "rest"})


class KeyboardInteractiveFields(Struct):
    """The method fields of keyboard-interactive (RFC 4256 section 3.1)."""

    language_tag: Text
    submethods: Text


@message(SSH_MSG_USERAUTH_FAILURE)
class UserauthFailure(Message):
    """Not yet (RFC 4252 section 5.1)."""

    authentications_that_can_continue: NameList
    partial_success: Boolean


@message(SSH_MSG_USERAUTH_SUCCESS)
class UserauthSuccess(Message):
    """The user is in (RFC 4252 section 5.1)."""


@message(SSH_MSG_USERAUTH_BANNER)
class UserauthBanner(Message):
    """Text for the user (RFC 4252 section 5.4).

    Said to be UTF-8; servers send what their file holds, and a bad banner is no reason to end a connection.
    """

    message: String
    language_tag: Text


@message(SSH_MSG_USERAUTH_PK_OK)
class UserauthPkOk(Message):
    """The key would do (RFC 4252 section 7)."""

    algorithm_name: Text
    public_key: String


@message(SSH_MSG_USERAUTH_PASSWD_CHANGEREQ)
class UserauthPasswdChangereq(Message):
    """The password has expired (RFC 4252 section 8)."""

    prompt: Text
    language_tag: Text


@message(SSH_MSG_USERAUTH_INFO_REQUEST)
class UserauthInfoRequest(Message):
    """Questions for the user (RFC 4256 section 3.2). `prompts` holds `num_prompts` of `PromptFields`."""

    name: Text
    instruction: Text
    language_tag: Text
    num_prompts: UInt32
    prompts: Rest


class PromptFields(Struct):
    """One question and whether the answer may be shown (RFC 4256 section 3.2)."""

    prompt: Text
    echo: Boolean


@message(SSH_MSG_USERAUTH_INFO_RESPONSE)
class UserauthInfoResponse(Message):
    """The answers (RFC 4256 section 3.4). `responses` holds `num_responses` strings."""

    num_responses: UInt32
    responses: Rest


UserauthInfoResponse.redacted_fields = frozenset({"responses"})
