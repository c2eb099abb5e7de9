"""An agent that says what a test wants it to."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from pyssh.agent.framing import FrameReader

Answer = Callable[[bytes], bytes]
"""Takes a request, returns the bytes to send."""


@contextlib.contextmanager
def fake_agent(path: Path, answer: Answer, *, ends: bool = False) -> Iterator[str]:
    """Serve one connection at a path, or none; with `ends` its first answer is the last."""

    def serve(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        # a client may go before it has its answer
        with sock, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            reader = FrameReader()
            while data := sock.recv(65536):
                reader.receive(data)
                while (request := reader.take()) is not None:
                    sock.sendall(answer(request))
                    if ends:
                        return

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        serving = threading.Thread(target=serve, args=(listener,))
        serving.start()
        try:
            yield str(path)
        finally:
            # whoever did not come lets it go on
            with socket.socket(socket.AF_UNIX) as late:
                late.connect(str(path))
            serving.join()
