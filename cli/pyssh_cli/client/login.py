"""From a route to a connection on which the user is logged in, through other hosts where it has some."""

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from pyssh.aio.channel import Channel
from pyssh.aio.client import ClientLink, connect
from pyssh.aio.credentials import Credentials
from pyssh.aio.streams import Stream
from pyssh.aio.timeouts import Timeouts
from pyssh.events import (
    Credential,
    CredentialNeeded,
    Event,
    PasswordChange,
    PasswordChangeNeeded,
    PromptsReceived,
    SignatureNeeded,
)
from pyssh_cli.client.credentials import UserCredentials
from pyssh_cli.client.early import EarlyLogin
from pyssh_cli.client.host_key_update import HostKeyUpdate
from pyssh_cli.client.options import algorithms, client_options
from pyssh_cli.client.peer_address import peer_address
from pyssh_cli.client.prompt import Prompter
from pyssh_cli.client.report import report
from pyssh_cli.client.story import Story
from pyssh_cli.client.trust import HostTrust
from pyssh_cli.output import Output
from pyssh_config.client import ClientConfig

__all__ = ["Login", "LoginFailedError", "log_in", "take_over"]


_STANDARD_STREAMS = "-"


class LoginFailedError(Exception):
    """Nobody got in, and why has been said."""


class Login:
    """A connection to the destination, and those it goes through."""

    def __init__(
        self, links: Sequence[ClientLink], updates: Sequence[HostKeyUpdate], *, forwarding_allowed: bool
    ) -> None:
        self.links = tuple(links)
        self.forwarding_allowed = forwarding_allowed
        self._updates = tuple(updates)

    @property
    def link(self) -> ClientLink:
        """The connection to the destination."""
        return self.links[-1]

    async def close(self) -> None:
        """Close all connections, the destination's first."""
        for update in self._updates:
            await update.settle()
        for link in reversed(self.links):
            await link.__aexit__(None, None, None)


async def take_over(early: EarlyLogin, config: ClientConfig, output: Output) -> tuple[Login, Channel | None]:
    """Go on with a login that was made without a loop; return it, and its session channel if it has one."""
    link = ClientLink(
        early.options,
        Stream.from_socket(early.socket),
        # what they would be asked is answered
        trust=early.trust.decide,
        credentials=Credentials(),
        timeouts=_timeouts(config),
        on_event=Story(config, output).observe,
        engine=early.engine,
    )
    link.adopt(early.events, early.opening)
    update = HostKeyUpdate(config, early.trust, link, output)
    update.start()
    channel = next((link.channels[number] for number in early.opening), None)
    return Login([link], [update], forwarding_allowed=not early.trust.changed), channel


class _LoopCredentials(Credentials):
    """The user's credentials in the form that `connect` wants."""

    def __init__(self, credentials: UserCredentials) -> None:
        self._credentials = credentials

    async def next(self, question: CredentialNeeded) -> Credential | None:
        return await self._credentials.next(question)

    async def sign(self, question: SignatureNeeded) -> bytes | None:
        return await self._credentials.sign(question)

    async def answer_prompts(self, question: PromptsReceived) -> tuple[str, ...] | None:
        return await self._credentials.answer_prompts(question)

    async def change_password(self, question: PasswordChangeNeeded) -> PasswordChange | None:
        return await self._credentials.change_password(question)


async def log_in(route: Sequence[ClientConfig], sock: socket.socket | None, output: Output) -> Login:
    """Log in to each host of a route. Raises `LoginFailedError`; the reason has been printed."""
    links: list[ClientLink] = []
    updates: list[HostKeyUpdate] = []
    trust: HostTrust | None = None
    for config in route:
        try:
            trust = HostTrust(config, _prompter(config), output)
            via = links[-1] if links else None
            trust.address = None if via else peer_address(sock)
            link = await _connect(config, trust, output, sock=None if via else sock, via=via)
        except BaseException as error:
            for opened in reversed(links):
                await opened.__aexit__(None, None, None)
            if not isinstance(error, Exception):
                raise
            report(error, config, output)
            raise LoginFailedError from error
        links.append(link)
        updates.append(HostKeyUpdate(config, trust, link, output))
        updates[-1].start()
    assert trust is not None
    return Login(links, updates, forwarding_allowed=not trust.changed)


def _prompter(config: ClientConfig) -> Prompter:
    return Prompter(config.context.environ, batch=config.batch_mode)


async def _connect(
    config: ClientConfig,
    trust: HostTrust,
    output: Output,
    *,
    sock: socket.socket | None,
    via: ClientLink | None,
) -> ClientLink:
    offered = algorithms(config, trust.order_algorithms)
    credentials = UserCredentials(
        config, _prompter(config), output, trust=trust, user_algorithms=offered.user_key, off_loop=_on_thread
    )
    story = Story(config, output)

    def observe(event: Event) -> None:
        story.observe(event)
        credentials.observe(event)

    try:
        return await connect(
            config.host_name,
            config.port,
            credentials=_LoopCredentials(credentials),
            trust=trust.decide,
            options=client_options(config, offered, output),
            timeouts=_timeouts(config),
            sock=_standard_streams() if config.proxy_command == _STANDARD_STREAMS and via is None else sock,
            via=via,
            proxy_command=config.expand("proxy_command") if sock is None else None,
            on_event=observe,
        )
    except Exception as error:
        credentials.explain(error)
        raise
    finally:
        credentials.close()


def _standard_streams() -> Stream:
    """Return the connection that somebody made for us (`ProxyCommand -`); the session goes without them."""
    stream = Stream.from_fds(os.dup(0), os.dup(1))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return stream


async def _on_thread(work: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, work)


def _timeouts(config: ClientConfig) -> Timeouts:
    if not config.connect_timeout:
        return Timeouts()
    # ConnectTimeout covers the way to the server's version line as well
    seconds = float(config.connect_timeout)
    return Timeouts(connect=seconds, login_step=seconds)
