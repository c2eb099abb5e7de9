"""The loop of an agent: sockets, signals, the clock and questions, around the machine in `pyssh.agent`."""

import contextlib
import os
import resource
import selectors
import signal
import socket
import time
from collections.abc import Callable, Mapping
from typing import Final

from pyssh.agent.machine import Agent, AgentConnection, Moment
from pyssh.errors import DecodeError
from pyssh_cli.agent import signals
from pyssh_cli.agent.confirm import Askpass, question_text
from pyssh_cli.agent.request import reason
from pyssh_cli.agent.sockets import peer_user
from pyssh_cli.output import Output

__all__ = ["Server"]

_READ_SIZE: Final = 16384
_WRITE_SIZE: Final = 65536
_SPARE_DESCRIPTORS: Final = 16
"""Standard streams, the listener, the log, the loop's own, and those of a question."""
_MAX_CLIENTS: Final = 4096
"""Connections at a time, whatever the system would allow; who comes later waits."""
_LONGEST_WAIT: Final = 86400.0
_PARENT_SECONDS: Final = 10.0
"""How often to look for the parent where the system cannot tell, as ssh-agent does."""

_STOPPED: Final = 2
"""What ssh-agent exits with when a signal or the end of its command ends it."""


class _Client:
    """One connection: its socket, its part of the agent, and what was not yet sent."""

    def __init__(self, sock: socket.socket, connection: AgentConnection) -> None:
        self.sock = sock
        self.connection = connection
        self.unsent = b""

    @property
    def events(self) -> int:
        """What to wait for: what a client sends while it waits for the user stays in the kernel."""
        events = selectors.EVENT_WRITE if self.unsent else 0
        if self.connection.wants_data and not self.unsent:
            events |= selectors.EVENT_READ
        return events


class Server:
    """Runs an agent at one listening socket until a signal ends it. `environ` says how to ask the user."""

    def __init__(
        self,
        agent: Agent,
        listener: socket.socket,
        output: Output,
        environ: Mapping[str, str],
        hash_name: str,
    ) -> None:
        self._agent = agent
        self._listener = listener
        self._output = output
        self._environ = environ
        self._hash_name = hash_name
        self._selector = selectors.DefaultSelector()
        self._clients: set[_Client] = set()
        self._questions: list[_Client] = []
        self._askpass: Askpass | None = None
        self._parent: int | None = None
        self._stopping = False
        self._signals: list[int] = []
        open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._limit = max(1, min(open_files, _MAX_CLIENTS) - _SPARE_DESCRIPTORS)
        self._accepting = False

    def run(self, *, ignores_interrupt: bool, parent: int | None) -> int:
        """Serve; return the exit code. With `parent`, whose child we are, serve as long as that runs."""
        self._parent = parent
        wakeup, alarm = socket.socketpair()
        for end in (wakeup, alarm, self._listener):
            end.setblocking(False)
        signal.set_wakeup_fd(alarm.fileno(), warn_on_full_buffer=False)
        for number in signals.HANDLED:
            signal.signal(number, self._note)
        if ignores_interrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signals.release()
        self._watch(wakeup, selectors.EVENT_READ, lambda _: self._drain(wakeup))
        self._watch_parent()
        self._accept_more()
        while True:
            self._obey_signals()
            self._advance()
            self._ask_next()
            if self._stopping:
                break
            for key, mask in self._selector.select(self._timeout()):
                key.data(mask)
        self._close()
        return _STOPPED

    # --- the clock, signals, the parent

    @staticmethod
    def _now() -> Moment:
        # a clock that runs while the machine sleeps: a key's lifetime goes on
        return Moment(time.clock_gettime(time.CLOCK_BOOTTIME), time.time())

    def _timeout(self) -> float | None:
        """Return the seconds until something is to be done that no descriptor announces."""
        due = [client.connection.waits_until for client in self._clients]
        due.append(self._agent.ring.next_expiry)
        now = self._now().steady
        spans = [max(0.0, moment - now) for moment in due if moment is not None]
        if self._parent is not None:
            spans.append(_PARENT_SECONDS)
        # no system call takes more than 24 days
        return min(*spans, _LONGEST_WAIT) if spans else None

    def _advance(self) -> None:
        """Do what is due, and notice a parent that has gone."""
        now = self._now()
        self._agent.advance(now)
        for client in list(self._clients):
            until = client.connection.waits_until
            if until is not None and until <= now.steady:
                self._drive(client, client.connection.advance)
        if self._parent is not None and os.getppid() != self._parent:
            self._stop("the command has ended")

    def _note(self, number: int, _frame: object) -> None:
        self._signals.append(number)

    def _drain(self, wakeup: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            wakeup.recv(_READ_SIZE)

    def _obey_signals(self) -> None:
        while self._signals:
            number = self._signals.pop(0)
            if number == signal.SIGUSR1:
                self._output.info(f"signal {number} received; removing all keys")
                self._agent.forget_all()
            else:
                self._stop(f"exiting on signal {number}")

    def _watch_parent(self) -> None:
        """Have the parent's end wake us, where the system can (Linux 5.3)."""
        if self._parent is None:
            return
        with contextlib.suppress(OSError):
            descriptor = os.pidfd_open(self._parent)
            self._watch(descriptor, selectors.EVENT_READ, lambda _: self._stop("the command has ended"))
            if os.getppid() == self._parent:
                self._parent = None

    def _stop(self, why: str) -> None:
        if not self._stopping:
            self._output.verbose(why)
        self._stopping = True

    def _close(self) -> None:
        self._agent.ring.clear()
        if self._askpass is not None:
            self._askpass.close()
        for client in self._clients:
            client.sock.close()
        self._listener.close()

    # --- connections

    def _watch(self, descriptor: int | socket.socket, events: int, call: Callable[[int], None]) -> None:
        self._selector.register(descriptor, events, call)

    def _accept_more(self) -> None:
        """Listen, or stop to as long as there are no descriptors left."""
        wanted = len(self._clients) < self._limit
        if wanted and not self._accepting:
            self._watch(self._listener, selectors.EVENT_READ, lambda _: self._accept())
        elif self._accepting and not wanted:
            self._selector.unregister(self._listener)
        self._accepting = wanted

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            self._output.error(f"cannot accept a connection: {reason(error)}")
            return
        try:
            user = peer_user(sock)
        except OSError as error:
            self._output.error(f"whose a connection is cannot be told: {reason(error)}")
            sock.close()
            return
        if user not in (0, os.getuid()):
            self._output.error(f"a connection refused: it is of user {user}, and this agent of {os.getuid()}")
            sock.close()
            return
        sock.setblocking(False)
        client = _Client(sock, self._agent.connect())
        self._clients.add(client)
        self._watch(sock, selectors.EVENT_READ, lambda mask: self._on_client(client, mask))
        self._accept_more()

    def _on_client(self, client: _Client, mask: int) -> None:
        if client not in self._clients:
            return
        if mask & selectors.EVENT_WRITE:
            self._drive(client, lambda _: self._send(client))
        else:
            self._drive(client, lambda now: self._receive(client, now))

    def _receive(self, client: _Client, now: Moment) -> None:
        try:
            data = client.sock.recv(_READ_SIZE)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionResetError("the client has closed it")
        client.connection.receive_data(data, now)

    def _send(self, client: _Client) -> None:
        with contextlib.suppress(BlockingIOError):
            sent = client.sock.send(client.unsent[:_WRITE_SIZE])
            client.unsent = client.unsent[sent:]

    def _drive(self, client: _Client, step: Callable[[Moment], None]) -> None:
        """Do something with a client, and what follows from it, until there is something to wait for."""
        try:
            step(self._now())
            while client.unsent or self._take_output(client):
                self._send(client)
                if client.unsent:
                    break
                client.connection.advance(self._now())
        except (OSError, DecodeError) as error:
            self._output.debug(f"a connection ends: {error}")
            self._drop(client)
            return
        if client.connection.question is not None and client not in self._questions:
            self._questions.append(client)
        self._rewatch(client)

    @staticmethod
    def _take_output(client: _Client) -> bool:
        client.unsent = client.connection.data_to_send()
        return bool(client.unsent)

    def _rewatch(self, client: _Client) -> None:
        events = client.events
        registered = client.sock in self._selector.get_map()
        if not events:
            if registered:
                self._selector.unregister(client.sock)
        elif registered:
            self._selector.modify(client.sock, events, self._selector.get_key(client.sock).data)
        else:
            self._watch(client.sock, events, lambda mask: self._on_client(client, mask))

    def _drop(self, client: _Client) -> None:
        if client not in self._clients:
            return
        self._clients.remove(client)
        if client in self._questions[1:]:
            self._questions.remove(client)
        if client.sock in self._selector.get_map():
            self._selector.unregister(client.sock)
        client.sock.close()
        self._accept_more()

    # --- questions: one at a time, as they grab the keyboard

    def _ask_next(self) -> None:
        while self._questions and self._askpass is None:
            question = self._questions[0].connection.question
            assert question is not None
            text = question_text(question, self._hash_name)
            self._askpass = Askpass.start(text, self._environ, self._output.error)
            if self._askpass is None:
                self._settle(confirmed=False)
            else:
                self._watch(self._askpass.descriptor, selectors.EVENT_READ, lambda _: self._on_askpass())

    def _on_askpass(self) -> None:
        askpass = self._askpass
        if askpass is None:
            return
        descriptor = askpass.descriptor
        self._selector.unregister(descriptor)
        confirmed = askpass.read()
        if confirmed is None:
            self._watch(descriptor, selectors.EVENT_READ, lambda _: self._on_askpass())
            return
        self._askpass = None
        self._settle(confirmed=confirmed)

    def _settle(self, *, confirmed: bool) -> None:
        client = self._questions.pop(0)
        if client in self._clients:
            self._drive(client, lambda now: client.connection.answer(confirmed, now))
