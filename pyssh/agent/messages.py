"""The messages between an agent and those who ask it (RFC 9987 section 5).

The keys in them are encoded by `identities`, limits to their use by `constraints`.
"""

from typing import Final

from pyssh.wire.message import Message, Struct, message
from pyssh.wire.types import Boolean, Rest, Secret, String, Text, UInt32

SSH_AGENTC_REMOVE_ALL_RSA_IDENTITIES: Final = 9
"""Of version 1 of SSH; ssh-add sent it behind the other one until OpenSSH 7.6, and it is answered still."""

RSA_SHA2_256: Final = 2
RSA_SHA2_512: Final = 4
"""The `flags` of a `SignRequest` (RFC 9987 section 5.6.1); without one an RSA key signs with SHA-1."""

QUERY: Final = "query"
SESSION_BIND: Final = "session-bind@openssh.com"
"""The `extension_type` of an `Extension`."""


@message(5)
class Failure(Message):
    """It is not done."""


@message(6)
class Success(Message):
    """It is done."""


@message(11)
class RequestIdentities(Message):
    """Asks which keys there are."""


@message(12)
class IdentitiesAnswer(Message):
    """The keys; `keys` holds `number_of_keys` of `Identity`."""

    number_of_keys: UInt32
    keys: Rest


class Identity(Struct):
    """One key. `comment` is said to be UTF-8; a bad one is no reason to do without the other keys."""

    key_blob: String
    comment: String


@message(13)
class SignRequest(Message):
    """Asks for a signature."""

    key_blob: String
    data: String
    flags: UInt32


@message(14)
class SignResponse(Message):
    """The signature."""

    signature: String


@message(17)
class AddIdentity(Message):
    """Gives the agent a key: `identity` is what `identities.encode_identity` makes."""

    identity: Rest


AddIdentity.redacted_fields = frozenset({"identity"})


@message(18)
class RemoveIdentity(Message):
    """Has one key forgotten."""

    key_blob: String


@message(19)
class RemoveAllIdentities(Message):
    """Has all keys forgotten."""


@message(20)
class AddSmartcardKey(Message):
    """Gives the agent the keys in a token. For PKCS#11, `reader_id` is the path of the provider."""

    reader_id: Text
    pin: Secret


@message(21)
class RemoveSmartcardKey(Message):
    """Has the keys in a token forgotten."""

    reader_id: Text
    pin: Secret


@message(22)
class Lock(Message):
    """Has the agent refuse everything until `Unlock`."""

    passphrase: Secret


@message(23)
class Unlock(Message):
    """Ends what `Lock` began, with the same passphrase."""

    passphrase: Secret


@message(25)
class AddIdConstrained(Message):
    """Gives the agent a key and limits to its use.

    `identity` is as in `AddIdentity`, and what `constraints.encode_constraints` makes follows it.
    """

    identity: Rest


AddIdConstrained.redacted_fields = frozenset({"identity"})


@message(26)
class AddSmartcardKeyConstrained(Message):
    """Gives the agent the keys in a token and limits to their use, encoded as in `AddIdConstrained`."""

    reader_id: Text
    pin: Secret
    constraints: Rest


@message(27)
class Extension(Message):
    """A request that only some agents know; the answer is one of the two below, `Success` or `Failure`."""

    extension_type: Text
    contents: Rest


@message(28)
class ExtensionFailure(Message):
    """The agent knows this extension and does not do it; `Failure` says that it does not know it."""


@message(29)
class ExtensionResponse(Message):
    """The answer to an extension that has more to say than `Success`."""

    extension_type: Text
    contents: Rest


class SessionBind(Struct):
    """The contents of session-bind@openssh.com: the connection for which the agent is going to sign.

    `signature` is the server's over `session_identifier`, as its first key exchange had it.
    """

    host_key: String
    session_identifier: String
    signature: String
    is_forwarding: Boolean


REQUESTS: Final = {
    declared.number: declared
    for declared in (
        RequestIdentities,
        SignRequest,
        AddIdentity,
        RemoveIdentity,
        RemoveAllIdentities,
        AddSmartcardKey,
        RemoveSmartcardKey,
        Lock,
        Unlock,
        AddIdConstrained,
        AddSmartcardKeyConstrained,
        Extension,
    )
}
"""What an agent is asked, by number."""
