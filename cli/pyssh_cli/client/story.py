"""What `-v` tells of a connection: the engine's events in the words that people know from ssh."""

from collections.abc import Callable, Mapping

from pyssh.events import (
    AgreedAlgorithms,
    Authenticated,
    BannerReceived,
    CredentialRefused,
    DebugReceived,
    Event,
    ExtensionsReceived,
    KeyAccepted,
    KeysExchanged,
    PublicKeyCredential,
    VersionReceived,
)
from pyssh.messages.kex import KexDhGexGroup, KexDhGexInit, KexDhGexRequest
from pyssh.messages.transport import NewKeys
from pyssh.wire.message import Message
from pyssh_cli.output import Level, Output, escape_lines
from pyssh_config.client import ClientConfig
from pyssh_config.errors import escape

__all__ = ["Story", "message_observer"]

_POST_QUANTUM = ("mlkem", "sntrup")
_WARNING = (
    "WARNING: connection is not using a post-quantum key exchange algorithm.",
    'This session may be vulnerable to "store now, decrypt later" attacks.',
    "The server may need to be upgraded; WarnWeakCrypto no says nothing of it.",
)


class Story:
    """Tells what happens on one connection; `observe` is for `connect(on_event=...)`."""

    def __init__(self, config: ClientConfig, output: Output) -> None:
        self._config = config
        self._output = output
        self._is_warned = False

    def observe(self, event: Event) -> None:
        """Take an event."""
        output = self._output
        if isinstance(event, KeysExchanged) and not self._is_warned:
            self._is_warned = True
            self._warn(event.algorithms)
        match event:
            case BannerReceived(message):
                output.banner(escape_lines(message))
            case DebugReceived(_, message):
                # ssh shows them only when asked, whatever the server says; sshd explains itself in them
                output.debug(f"Remote: {escape_lines(message)}")
            case _ if output.is_shown(Level.DEBUG):
                self._tell(event)

    def _warn(self, algorithms: AgreedAlgorithms) -> None:
        """Say, as ssh does, that somebody who keeps what is sent may be able to read it one day."""
        is_safe = algorithms.kex.startswith(_POST_QUANTUM)
        if not is_safe and self._config.warn_weak_crypto != "no":
            for line in _WARNING:
                self._output.info(f"** {line}")

    def _tell(self, event: Event) -> None:
        debug = self._output.debug
        match event:
            case VersionReceived(identification, preamble):
                for line in preamble:
                    debug(f"Before its version the server says: {escape(line)}")
                debug(f"Remote protocol version: {escape(identification)}")
            case KeysExchanged(algorithms):
                for line in _chosen(algorithms):
                    debug(line)
            case ExtensionsReceived(extensions):
                self._tell_extensions(extensions)
            case KeyAccepted(key, algorithm):
                debug(f"Server accepts key: {escape(key.key_type)} {key.fingerprint()} ({algorithm})")
            case CredentialRefused():
                debug(_refusal(event))
            case Authenticated(_, method):
                config = self._config
                self._output.verbose(
                    f'Authenticated to {escape(config.host_name)} port {config.port} using "{method}".'
                )

    def _tell_extensions(self, extensions: Mapping[str, bytes]) -> None:
        for name, value in extensions.items():
            shown = escape(value.decode("ascii", "backslashreplace"))
            self._output.debug(f"Extension of the server: {escape(name)}={shown}")


def message_observer(output: Output) -> Callable[[str, Message], None] | None:
    """Return an `options.observer` for what is shown: key exchanges with -v, all messages with -vvv."""
    if not output.is_shown(Level.DEBUG):
        return None

    def observe(direction: str, message: Message) -> None:
        output.trace(direction, message)
        text = _of_key_exchange(message)
        if text:
            output.debug(f"SSH2_MSG_{text} {direction}")
        if isinstance(message, KexDhGexGroup):
            output.debug(f"bits set: {message.p.bit_count()}/{message.p.bit_length()}")

    return observe


def _of_key_exchange(message: Message) -> str:
    """Return the name that ssh has for a message, where programs look for it."""
    match message:
        case NewKeys():
            return "NEWKEYS"
        case KexDhGexRequest(minimum, preferred, maximum):
            return f"KEX_DH_GEX_REQUEST({minimum}<{preferred}<{maximum})"
        case KexDhGexGroup():
            return "KEX_DH_GEX_GROUP"
        case KexDhGexInit():
            return "KEX_DH_GEX_INIT"
    return ""


def _refusal(event: CredentialRefused) -> str:
    credential = event.credential
    what = credential.method
    if isinstance(credential, PublicKeyCredential):
        what = f"{escape(credential.key.key_type)} {credential.key.fingerprint()}"
    reason = f" ({escape(event.reason)})" if event.reason else ""
    return f"Refused: {what}{reason}"


def _chosen(algorithms: AgreedAlgorithms) -> list[str]:
    """Return what a key exchange agreed on."""
    lines = [f"kex: algorithm: {algorithms.kex}", f"kex: host key algorithm: {algorithms.host_key}"]
    for way, cipher, mac, compression in (
        (
            "server->client",
            algorithms.cipher_server_to_client,
            algorithms.mac_server_to_client,
            algorithms.compression_server_to_client,
        ),
        (
            "client->server",
            algorithms.cipher_client_to_server,
            algorithms.mac_client_to_server,
            algorithms.compression_client_to_server,
        ),
    ):
        lines.append(f"kex: {way} cipher: {cipher} MAC: {mac or '<implicit>'} compression: {compression}")
    lines.append(f"kex: strict: {'yes' if algorithms.strict else 'no'}")
    return lines
