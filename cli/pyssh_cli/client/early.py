"""Logs in before there is an event loop, by driving the engine over a blocking socket.

Importing asyncio takes longer than a login. So the server is brought to the point where it starts the
command, which takes it longer still; meanwhile the loop is imported, and takes over. Only a connection made
from here by TCP can be had this way; everything else logs in on the loop (`login`).
"""

import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from pyssh.algorithms.kex import KEX
from pyssh.connection.kinds import Session
from pyssh.engine import ClientEngine
from pyssh.errors import ChannelOpenError, ConnectionLost, UsageError
from pyssh.events import (
    AnyEvent,
    ChannelOpened,
    ChannelOpenFailed,
    CredentialNeeded,
    Ended,
    Event,
    HostKeyQuestion,
    PasswordChangeNeeded,
    PromptsReceived,
    Question,
    SignatureNeeded,
)
from pyssh.wire.message import Struct
from pyssh_cli.client.credentials import UserCredentials
from pyssh_cli.client.options import algorithms, client_options
from pyssh_cli.client.peer_address import peer_address
from pyssh_cli.client.plan import SessionPlan, plan_session
from pyssh_cli.client.prompt import Prompter
from pyssh_cli.client.story import Story
from pyssh_cli.client.trust import HostTrust
from pyssh_cli.output import Output
from pyssh_cli.settings import Settings
from pyssh_config.client import ClientConfig

__all__ = ["EarlyLogin", "can_log_in_early", "log_in_early"]

T = TypeVar("T")

_READ_SIZE: Final = 64 * 1024
# as pyssh.aio.timeouts.Timeouts.login_step, which cannot be had without asyncio
_STEP_SECONDS: Final = 120.0


def can_log_in_early(settings: Settings) -> bool:
    """Say whether nothing on the way needs a loop: other hosts do, and proxy commands."""
    config = settings.config
    return len(settings.route) == 1 and (config.proxy_command is None or config.proxy_use_fdpass)


def log_in_early(
    settings: Settings, sock: socket.socket, output: Output, *, with_session: bool
) -> "EarlyLogin":
    """Log in, and if asked to, open a session channel and send its requests.

    Raises what `pyssh.aio.connect` would; the socket is closed then.
    """
    login = EarlyLogin(settings.config, sock, output)
    try:
        login.begin()
        login.log_in()
        if with_session:
            login.open_session(plan_session(settings, output, may_forward=not login.trust.changed))
    except BaseException:
        login.abandon()
        raise
    return login


class EarlyLogin:
    """An engine on which the user is logged in, with all that a loop needs to take over."""

    def __init__(self, config: ClientConfig, sock: socket.socket, output: Output) -> None:
        prompter = Prompter(config.context.environ, batch=config.batch_mode)
        self.trust = HostTrust(config, prompter, output)
        self.trust.address = peer_address(sock)
        offered = algorithms(config, self.trust.order_algorithms)
        self.options = client_options(config, offered, output)
        self.engine = ClientEngine(self.options)
        self.socket = sock
        self.events: list[AnyEvent] = []
        self.opening: dict[int, Struct] = {}
        self.plan: SessionPlan | None = None
        self._credentials = UserCredentials(
            config, prompter, output, trust=self.trust, user_algorithms=offered.user_key
        )
        self._observers = (Story(config, output).observe, self._credentials.observe)
        self._patience = float(config.connect_timeout or _STEP_SECONDS)
        self._handle(self.engine.tick(time.monotonic()))

    def begin(self) -> None:
        """Send what comes first, and while it is on its way import what the answer will need."""
        self._flush()
        KEX[self.options.algorithms.kex[0]].client(self.options.random)

    def log_in(self) -> None:
        """Go on until the user is logged in; an error then knows what was tried."""
        try:
            self.run(lambda: self.engine.authenticated)
        except Exception as error:
            self._credentials.explain(error)
            raise

    def open_session(self, plan: SessionPlan) -> None:
        """Open a session channel and send a plan's requests; their answers are left to the loop."""
        self.plan = plan
        kind = Session()
        number = self.engine.connection.open_channel(kind)
        self.opening[number] = kind
        self.run(lambda: any(isinstance(event, ChannelOpened) for event in self.events))
        connection = self.engine.connection
        for request in plan.silent:
            connection.request(number, request, want_reply=False)
        for _, request in plan.asked:
            connection.request(number, request)
        self._flush()

    def run(self, is_done: Callable[[], bool]) -> None:
        """Move bytes until something has happened."""
        self._flush()
        self.socket.settimeout(self._patience)
        while not is_done():
            try:
                data = self.socket.recv(_READ_SIZE)
            except TimeoutError:
                raise TimeoutError(
                    f"the server took more than {self._patience:g} seconds for one step"
                ) from None
            except OSError as error:
                self._lose(error)
            self._handle(self.engine.receive_data(data) if data else self.engine.receive_eof())
            self._flush()

    def abandon(self) -> None:
        """Say goodbye and close."""
        self.engine.disconnect()
        try:
            self._flush()
        except (OSError, ConnectionLost):
            pass  # the server has gone first
        finally:
            self.socket.close()

    def _flush(self) -> None:
        data = b"".join(self.engine.data_to_send())
        if data:
            try:
                self.socket.sendall(data)
            except OSError as error:
                self._lose(error)

    def _lose(self, error: OSError) -> None:
        for event in self.engine.receive_eof():
            if isinstance(event, Ended) and event.error is not None:
                raise event.error from error
        raise ConnectionLost("the connection broke") from error

    def _handle(self, events: list[AnyEvent]) -> None:
        for event in events:
            if isinstance(event, Question) and event.blocking:
                # such a question is the last of its batch
                answer = _complete(self._decide(event))
                self._handle(self.engine.answer(event, answer))
                continue
            if isinstance(event, Event):
                for observe in self._observers:
                    observe(event)
            self._check(event)
            self.events.append(event)

    @staticmethod
    def _check(event: AnyEvent) -> None:
        match event:
            case Ended(error):
                raise error or ConnectionLost("the connection is closed")
            case ChannelOpenFailed(_, reason, description):
                raise ChannelOpenError(reason, description)

    def _decide(self, question: Question[Any]) -> Coroutine[Any, Any, Any]:
        match question:
            case HostKeyQuestion():
                return self.trust.decide(question)
            case CredentialNeeded():
                return self._credentials.next(question)
            case SignatureNeeded():
                return self._credentials.sign(question)
            case PromptsReceived():
                return self._credentials.answer_prompts(question)
            case PasswordChangeNeeded():
                return self._credentials.change_password(question)
        raise UsageError(f"{type(question).__name__} is not a client's to answer")


def _complete(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing but the user."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise UsageError("this login needs a loop")
