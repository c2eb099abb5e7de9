"""`ClientOptions`, `ServerOptions` and `Limits`: frozen, checked at construction."""

import os
from collections.abc import Callable, Mapping
from typing import ClassVar

from pyssh.about import SOFTWARE_VERSION
from pyssh.algorithms.preferences import Algorithms
from pyssh.errors import UsageError
from pyssh.keys.public import PublicKey
from pyssh.record import Record
from pyssh.wire.message import Message

Observer = Callable[[str, Message], None]


class Limits(Record):
    """The cap of everything that a peer could make large. Sizes in bytes, times in seconds."""

    # RFC 4253 section 4.2 asks for lines of 255 at most; servers print a notice of some lines before theirs
    version_line_size: int = 255
    preamble_lines: int = 1024
    preamble_size: int = 64 * 1024
    # packet_length; OpenSSH's own cap is 256 KiB. The 1 KiB above it is room for a message's other fields
    packet_size: int = 257 * 1024
    # before authentication nothing legitimate is larger (an RSA-16384 certificate and its signature: 20 KiB)
    packet_size_before_authentication: int = 64 * 1024
    # OpenSSH 10's KEXINIT has 1.5 KiB
    kexinit_size: int = 16 * 1024
    name_list_names: int = 256
    # control messages that wait for a key exchange to end, and their size
    deferred_messages: int = 4096
    deferred_size: int = 1024 * 1024
    # nobody is known to need a second one; each costs us a signature
    exchanges_before_authentication: int = 8
    # unknown message numbers answered with UNIMPLEMENTED, before we take it for an attack
    unimplemented_messages: int = 1024
    channels: int = 1024
    # open questions and unanswered requests, per channel and for the connection
    pending_requests: int = 1024
    window_size: int = 2 * 1024 * 1024
    # by how much the windows of all channels together may grow, for long fat pipes: 32 MiB is what 300 MB/s
    # need over 100 ms
    window_growth: int = 30 * 1024 * 1024
    maximum_packet_size: int = 124 * 1024
    user_name_size: int = 1024
    password_size: int = 4096
    banner_size: int = 64 * 1024
    prompts: int = 64
    prompt_size: int = 16 * 1024
    keyboard_interactive_rounds: int = 64
    key_blob_size: int = 32 * 1024
    rsa_bits: int = 2048
    # the decompressed size of one packet; a bomb is a protocol error
    decompressed_size: int = 257 * 1024


class Options(Record):
    """What both roles have in common.

    `random(n)` returns n unpredictable bytes. `rekey_bytes` is data each way under one set of keys (0: what
    is safe for the cipher); `rekey_seconds` its age (0: never). After `keepalive_seconds` of silence
    keepalive@openssh.com is sent (0: never); `keepalive_count` of them may go unanswered.
    `extensions` is added to our EXT_INFO. `observer(direction, message)` sees every message but channel data.
    """

    redacted_fields: ClassVar[frozenset[str]] = frozenset()
    algorithms: Algorithms = Algorithms()
    limits: Limits = Limits()
    software_version: str = SOFTWARE_VERSION
    rekey_bytes: int = 0
    rekey_seconds: float = 0.0
    keepalive_seconds: float = 0.0
    keepalive_count: int = 3
    extensions: Mapping[str, bytes] = {}
    random: Callable[[int], bytes] = os.urandom
    observer: Observer | None = None

    def check(self) -> None:
        """Refuse what no connection could be made with."""
        version = self.software_version
        if not version.isascii() or not version.isprintable() or not version or version[0] in " -":
            raise UsageError("software_version wants printable ASCII that starts with neither a space nor -")
        if min(self.rekey_bytes, self.rekey_seconds, self.keepalive_seconds, self.keepalive_count) < 0:
            raise UsageError("rekey and keepalive values cannot be negative")


class ClientOptions(Options):
    """A client's options. `user` is who to be on the server."""

    user: str = ""
    # KEXINIT's first_kex_packet_follows: send our first exchange message on a guess (saves a round trip
    # with a server that prefers what we prefer)
    guess_kex: bool = False


class ServerOptions(Options):
    """A server's options.

    `host_keys` are public: the private halves answer `SignatureNeeded`. `methods` are the authentication
    methods offered; with none of them nobody gets in. `authentication_attempts` refusals end the connection.
    """

    host_keys: tuple[PublicKey, ...] = ()
    methods: tuple[str, ...] = ("publickey", "password", "keyboard-interactive")
    authentication_attempts: int = 6
    login_grace_seconds: float = 120.0
    banner: str = ""

    def check(self) -> None:
        """Refuse a server that could never prove who it is."""
        super().check()
        if not self.host_keys:
            raise UsageError("a server needs at least one host key")
