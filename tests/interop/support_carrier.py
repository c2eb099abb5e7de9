"""Connections of the server that move to another process, which is this very file.

python -m tests.interop.support_carrier KEY - FD         the socket comes and goes over FD, a Unix socket
python -m tests.interop.support_carrier KEY SOCKET FD    SOCKET is inherited, the state comes and goes over FD
"""

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyssh.engine import EngineState, ServerEngine
from pyssh.events import SignatureNeeded
from pyssh.options import ServerOptions
from pyssh.transport.state import TransportState
from tests.interop.support_keys import load_signers
from tests.interop.support_serving import Program, ServerDrive
from tests.support.drive import Answers, signed_by

HOP = 700_001
"""Bytes that one process carries before it hands over."""
READ_SIZE = 10_007
"""No multiple of a packet, so that what was read ends in the middle of one nearly always."""


def drive_for(sock: socket.socket, key: Path, state: bytes | None = None) -> ServerDrive:
    """A connection, new or as another process left it."""
    signers = load_signers(key)[-1:]
    options = ServerOptions(host_keys=(signers[0].key,))
    answers: Answers = {SignatureNeeded: signed_by(signers)}
    if state is None:
        drive = ServerDrive(ServerEngine(options), sock, answers)
    else:
        packed = json.loads(state)
        engine, events = ServerEngine.restore(options, bytes.fromhex(packed["engine"]))
        drive = ServerDrive(engine, sock, answers)
        drive.unsent += bytes.fromhex(packed["unsent"])
        drive.programs |= {
            program["channel"]: Program.restored(drive, program) for program in packed["programs"]
        }
        drive.take(events)
    drive.read_size = READ_SIZE
    return drive


def moved(drive: ServerDrive) -> int:
    """Bytes of all programs so far."""
    return sum(program.sent + program.received for program in drive.programs.values())


def carry(drive: ServerDrive) -> bytes:
    """Serve for one hop, and return the state, or nothing when the connection has ended."""
    enough = moved(drive) + HOP
    while not drive.ended and (not drive.programs or moved(drive) < enough or rekeying(drive)):
        drive.step()
    if drive.ended:
        drive.close()
        return b""
    # leaves from the next process, and its reply may come to the one after that
    drive.engine.connection.send_keepalive()
    programs = [program.export_state() for program in drive.programs.values()]
    state = {
        "unsent": drive.unsent.hex(),
        "programs": programs,
        "engine": drive.engine.export_state().hex(),
    }
    return json.dumps(state).encode()


def rekeying(drive: ServerDrive) -> bool:
    """Whether the state must wait for the end of a key exchange."""
    return not drive.engine.transport.can_send()


class Hops:
    """What was seen on the way."""

    def __init__(self) -> None:
        self.count = 0
        self.inside_packet = 0
        self.unsent = 0

    def note(self, state: bytes) -> None:
        """Look into a state that travels."""
        engine = EngineState.decode(bytes.fromhex(json.loads(state)["engine"]))
        transport = TransportState.decode(engine.transport)
        self.count += 1
        self.inside_packet += bool(transport.unread)
        self.unsent += bool(transport.unsent)


def send_state(link: socket.socket, state: bytes, *descriptors: int) -> None:
    """Hand over."""
    socket.send_fds(link, [struct.pack(">I", len(state))], descriptors)
    if state:
        link.sendall(state)


def receive_state(link: socket.socket) -> tuple[bytes, int | None]:
    """Take what the other one handed over, and the socket if it came along; ConnectionError at its end."""
    header, descriptors, _, _ = socket.recv_fds(link, 4, 1)
    if len(header) < 4:
        raise ConnectionError("the other process is gone")
    state = bytearray()
    (size,) = struct.unpack(">I", header)
    while len(state) < size:
        piece = link.recv(size - len(state))
        if not piece:
            raise ConnectionError("the other process is gone")
        state += piece
    return bytes(state), descriptors[0] if descriptors else None


@contextmanager
def other_process(*words: str, inherited: tuple[int, ...] = ()) -> Iterator[socket.socket]:
    """Start this file in a process of its own, and give the Unix socket to it."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "tests.interop.support_carrier", *words, str(theirs.fileno())]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, pass_fds=(theirs.fileno(), *inherited), cwd=root) as process:
        theirs.close()
        with ours:
            yield ours
    assert process.returncode == 0


def relay_to_one(drive: ServerDrive, key: Path) -> Hops:
    """Serve in turns with one other process: the socket goes to and fro as SCM_RIGHTS."""
    hops = Hops()
    with other_process(str(key), "-") as link:
        while state := carry(drive):
            hops.note(state)
            send_state(link, state, drive.sock.fileno())
            drive.sock.close()
            state, descriptor = receive_state(link)
            if descriptor is None:
                break
            hops.note(state)
            drive = drive_for(socket.socket(fileno=descriptor), key, state)
    return hops


def relay_to_many(drive: ServerDrive, key: Path) -> Hops:
    """Each hop in a new process, which inherits the socket."""
    hops = Hops()
    state = carry(drive)
    while state:
        hops.note(state)
        descriptor = drive.sock.fileno()
        with other_process(str(key), str(descriptor), inherited=(descriptor,)) as link:
            send_state(link, state)
            state, _ = receive_state(link)
    drive.sock.close()
    return hops


def main(arguments: list[str]) -> None:
    """Be the other process."""
    key, inherited, number = arguments
    with socket.socket(fileno=int(number)) as link:
        while True:
            try:
                state, descriptor = receive_state(link)
            except ConnectionError:
                return
            descriptor = int(inherited) if descriptor is None else descriptor
            drive = drive_for(socket.socket(fileno=descriptor), Path(key), state)
            state = carry(drive)
            with drive.sock:
                passed: Any = [drive.sock.fileno()] if state and inherited == "-" else []
                send_state(link, state, *passed)
                # a process that inherited the socket has had its hop
                if inherited != "-":
                    return


if __name__ == "__main__":
    main(sys.argv[1:])
    # the interpreter's own end takes longer than a hop
    sys.stdout.flush()
    os._exit(0)
