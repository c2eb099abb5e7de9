"""Messages 1-29 of the transport layer (RFC 4253), EXT_INFO (RFC 8308), ping@openssh.com."""

from typing import Final

from pyssh.errors import DecodeError
from pyssh.messages.numbers import (
    SSH2_MSG_PING,
    SSH2_MSG_PONG,
    SSH_MSG_DEBUG,
    SSH_MSG_DISCONNECT,
    SSH_MSG_EXT_INFO,
    SSH_MSG_IGNORE,
    SSH_MSG_KEXINIT,
    SSH_MSG_NEWKEYS,
    SSH_MSG_SERVICE_ACCEPT,
    SSH_MSG_SERVICE_REQUEST,
    SSH_MSG_UNIMPLEMENTED,
)
from pyssh.wire.message import Message, Struct, message
from pyssh.wire.types import (
    Boolean,
    Cookie,
    NameList,
    Reader,
    Rest,
    String,
    Text,
    UInt32,
)


@message(SSH_MSG_DISCONNECT)
class Disconnect(Message):
    """The end of the connection (RFC 4253 section 11.1).

    `language_tag` is all that follows: Dev Tunnels SSH 3.12 leaves the field out.
    """

    reason_code: UInt32
    description: Text
    language_tag: Rest = b"\0\0\0\0"


@message(SSH_MSG_IGNORE)
class Ignore(Message):
    """Data to be ignored (RFC 4253 section 11.2). PuTTY sends it empty and short, so it is not decoded."""

    data: Rest


@message(SSH_MSG_UNIMPLEMENTED)
class Unimplemented(Message):
    """The peer does not know a message (RFC 4253 section 11.4)."""

    packet_sequence_number: UInt32


@message(SSH_MSG_DEBUG)
class Debug(Message):
    """Text for people (RFC 4253 section 11.3)."""

    always_display: Boolean
    message: Text
    language_tag: Text


@message(SSH_MSG_SERVICE_REQUEST)
class ServiceRequest(Message):
    """The client asks for a service (RFC 4253 section 10)."""

    service_name: Text


@message(SSH_MSG_SERVICE_ACCEPT)
class ServiceAccept(Message):
    """The server grants it (RFC 4253 section 10)."""

    service_name: Text


@message(SSH_MSG_KEXINIT)
class KexInit(Message):
    """What a side can do, in order of preference (RFC 4253 section 7.1)."""

    cookie: Cookie
    kex_algorithms: NameList
    server_host_key_algorithms: NameList
    encryption_algorithms_client_to_server: NameList
    encryption_algorithms_server_to_client: NameList
    mac_algorithms_client_to_server: NameList
    mac_algorithms_server_to_client: NameList
    compression_algorithms_client_to_server: NameList
    compression_algorithms_server_to_client: NameList
    languages_client_to_server: NameList
    languages_server_to_client: NameList
    first_kex_packet_follows: Boolean
    reserved: UInt32 = 0


@message(SSH_MSG_NEWKEYS)
class NewKeys(Message):
    """From here on the new keys are in use (RFC 4253 section 7.3)."""


MAX_EXTENSIONS: Final = 64  # OpenSSH stops at 1024; nobody is known to send more than a handful


class _Extension(Struct):
    name: Text
    value: String


@message(SSH_MSG_EXT_INFO)
class ExtInfo(Message):
    """Extensions of a side (RFC 8308 section 2.3). `entries` holds them encoded; see `extensions`."""

    count: UInt32
    entries: Rest

    @classmethod
    def of(cls, extensions: dict[str, bytes]) -> "ExtInfo":
        """Make the message for these names and values, kept in order."""
        out = bytearray()
        for name, value in extensions.items():
            _Extension(name, value).put(out)
        return cls(len(extensions), bytes(out))

    def extensions(self) -> dict[str, bytes]:
        """Return names and values; `DecodeError` if the entries are not what the count says."""
        if self.count > MAX_EXTENSIONS:
            raise DecodeError(f"{self.count} extensions", message="ExtInfo", field="count")
        reader = Reader(self.entries)
        found = {}
        for _ in range(self.count):
            extension = _Extension.take(reader)
            found[extension.name] = extension.value
        reader.finish()
        return found


@message(SSH2_MSG_PING)
class Ping(Message):
    """A request to send `data` back (OpenSSH's PROTOCOL section 1.9)."""

    data: String


@message(SSH2_MSG_PONG)
class Pong(Message):
    """The answer to a ping, with its data."""

    data: String
