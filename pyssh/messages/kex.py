"""Messages 30-49: one group of classes per family of key exchange methods."""

from pyssh.messages.numbers import (
    SSH_MSG_KEX_DH_GEX_GROUP,
    SSH_MSG_KEX_DH_GEX_INIT,
    SSH_MSG_KEX_DH_GEX_REPLY,
    SSH_MSG_KEX_DH_GEX_REQUEST,
    SSH_MSG_KEX_ECDH_INIT,
    SSH_MSG_KEX_ECDH_REPLY,
    SSH_MSG_KEXDH_INIT,
    SSH_MSG_KEXDH_REPLY,
)
from pyssh.wire.message import Message, message
from pyssh.wire.types import MPInt, String, UInt32


@message(SSH_MSG_KEXDH_INIT)
class KexDhInit(Message):
    """The client's `e` (RFC 4253 section 8)."""

    e: MPInt


@message(SSH_MSG_KEXDH_REPLY)
class KexDhReply(Message):
    """The server's host key, `f` and signature (RFC 4253 section 8)."""

    server_public_host_key: String
    f: MPInt
    signature: String


@message(SSH_MSG_KEX_ECDH_INIT)
class KexEcdhInit(Message):
    """The client's public key `Q_C` (RFC 5656 section 4), or `C_INIT` of a hybrid method."""

    client_public: String


@message(SSH_MSG_KEX_ECDH_REPLY)
class KexEcdhReply(Message):
    """The server's host key, `Q_S` (or `S_REPLY`) and signature (RFC 5656 section 4)."""

    server_public_host_key: String
    server_public: String
    signature: String


@message(SSH_MSG_KEX_DH_GEX_REQUEST)
class KexDhGexRequest(Message):
    """The sizes the client wants of the group, in bits (RFC 4419 section 3)."""

    min: UInt32
    n: UInt32
    max: UInt32


@message(SSH_MSG_KEX_DH_GEX_GROUP)
class KexDhGexGroup(Message):
    """The server's group (RFC 4419 section 3)."""

    p: MPInt
    g: MPInt


@message(SSH_MSG_KEX_DH_GEX_INIT)
class KexDhGexInit(Message):
    """The client's `e` in that group (RFC 4419 section 3)."""

    e: MPInt


@message(SSH_MSG_KEX_DH_GEX_REPLY)
class KexDhGexReply(Message):
    """The server's host key, `f` and signature (RFC 4419 section 3)."""

    server_public_host_key: String
    f: MPInt
    signature: String
