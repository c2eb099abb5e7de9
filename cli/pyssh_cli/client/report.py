"""Errors as one line: what failed, where, and what to try."""

from pyssh.errors import (
    AuthenticationError,
    ChannelOpenError,
    ConnectionLost,
    Disconnected,
    HostKeyError,
    IntegrityError,
    NegotiationError,
    ProtocolError,
    SSHError,
    VersionError,
)
from pyssh_cli.client.dial import UnreachableError
from pyssh_cli.output import Level, Output
from pyssh_config.client import ClientConfig
from pyssh_config.errors import ConfigError, escape

__all__ = ["describe", "report"]

_BAD_LENGTH = "bad packet length"
_SILENT = "the peer no longer answers"


def report(error: BaseException, config: ClientConfig, output: Output) -> None:
    """Print the line for an error that ended the connection."""
    if isinstance(error, (AuthenticationError, HostKeyError)):
        # these stand alone, as with ssh: programs look for them
        output.log(Level.ERROR, str(error))
    elif isinstance(error, (UnreachableError, ConfigError)):
        output.error(str(error))
    else:
        if isinstance(error, ProtocolError) and str(error).startswith(_BAD_LENGTH):
            # ssh has a line for it, which programs look for
            output.log(Level.ERROR, f"{_escaped(error).capitalize()}.")
        output.error(f"{escape(config.host_name)} port {config.port}: {describe(error)}")
    # programs want the one line, people want to know why
    if output.reaches_terminal:
        for line in getattr(error, "__notes__", ()):
            output.info(line)


def describe(error: BaseException) -> str:
    """Say what happened; the text of the peer in it is harmless."""
    match error:
        case ProtocolError():
            return _describe_protocol(error)
        case Disconnected():
            text = f": {escape(error.description)}" if error.description else ""
            return f"the server disconnected{text} (reason {error.reason})"
        case ConnectionLost():
            return _lost(error)
        case ChannelOpenError():
            return f"the server opens no channel: {escape(error.description)} (reason {error.reason})"
        case TimeoutError():
            return f"timed out: {_escaped(error) or 'the server does not answer'}"
        case SSHError():
            return _escaped(error)
        case OSError():
            return escape(error.strerror or str(error))
    return f"{type(error).__name__}: {_escaped(error)}"


def _describe_protocol(error: ProtocolError) -> str:
    match error:
        case VersionError(line=""):
            return (
                f"{_escaped(error)}; is it the port of an SSH server (-p), and does it let this machine in?"
            )
        case VersionError():
            return f"it is not an SSH server: {_escaped(error)}; is the port (-p) right?"
        case NegotiationError():
            flag = _FLAGS.get(error.kind, "an option")
            return f"{_escaped(error)}; if you must, allow one of theirs with {flag}"
        case IntegrityError():
            # ssh's words, which programs look for
            return f"message authentication code incorrect: {_escaped(error)}"
    return f"the server broke the protocol: {_escaped(error)}"


_FLAGS = {
    "key exchange method": "-o KexAlgorithms=+NAME",
    "host key algorithm": "-o HostKeyAlgorithms=+NAME",
    "cipher": "-c +NAME",
    "MAC": "-m +NAME",
}


def _lost(error: ConnectionLost) -> str:
    if str(error) == _SILENT:
        return f"Timeout, server not responding ({_SILENT})"
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.strerror:
        return f"the connection broke: {escape(cause.strerror)}"
    return f"Connection closed by remote host ({_escaped(error)})"


def _escaped(error: BaseException) -> str:
    # the engine's texts hold lists of algorithms, which are longer than what escape() lets through
    return "".join(c if c.isprintable() else escape(c) for c in str(error))
