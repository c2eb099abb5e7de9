"""A connection that a command makes and hands over (ProxyUseFdpass), as a descriptor over a Unix socket."""

import os
import socket

from pyssh.errors import SSHError

__all__ = ["PassError", "passed_socket"]


class PassError(SSHError):
    """The command handed nothing over; the text says what happened."""


def passed_socket(command: str, shell: str) -> socket.socket:
    """Run a command that writes one byte with a descriptor to its standard output, and return that."""
    import subprocess  # noqa: PLC0415  # few configurations have this

    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            end = theirs.fileno()
            # the user's own command, from the user's own configuration
            process = subprocess.Popen([shell, "-c", f"exec {command}"], stdin=end, stdout=end)  # noqa: S603
        try:
            _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        except OSError as error:
            raise PassError(f"ProxyCommand: {error.strerror}") from None
    # it is done when it has passed the connection on, and nobody else waits for it
    process.wait()
    if not descriptors:
        raise PassError(
            "ProxyCommand: it ended without passing a connection; does it do what ProxyUseFdpass asks of it?"
        )
    os.set_inheritable(descriptors[0], False)
    return socket.socket(fileno=descriptors[0])
