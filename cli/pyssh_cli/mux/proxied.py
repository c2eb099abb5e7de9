"""-O proxy: a client that speaks the connection protocol itself, through a master that passes it on."""

import asyncio
import os
import socket

from pyssh.aio.client import ClientLink
from pyssh.aio.credentials import Credentials
from pyssh.aio.streams import Stream
from pyssh.aio.timeouts import Timeouts
from pyssh.errors import SSHError
from pyssh.events import HostKeyQuestion
from pyssh.mux.proxy import ProxyEngine
from pyssh.options import ClientOptions
from pyssh_cli import exit_codes
from pyssh_cli.client.forwards import ForwardFailedError, open_forwards
from pyssh_cli.client.login import Login
from pyssh_cli.client.plan import plan_session
from pyssh_cli.client.report import report
from pyssh_cli.client.session import Descriptors, Session, SessionFailedError
from pyssh_cli.output import Output
from pyssh_cli.settings import Settings
from pyssh_config.client import ClientConfig

__all__ = ["run_proxied"]


def run_proxied(settings: Settings, sock: socket.socket, received: bytes, output: Output) -> int:
    """Run what the command line asks for over a control connection in proxy mode; return ssh's exit code.

    `received` is what came behind the master's grant.
    """
    try:
        return asyncio.run(_run(settings, sock, received, output))
    except (SessionFailedError, ForwardFailedError):
        return exit_codes.SSH_FAILED
    except (SSHError, OSError) as error:
        report(error, settings.config, output)
        return exit_codes.SSH_FAILED


class _NoLogin(Login):
    """What stands for a login: it is the master's."""

    def __init__(self, link: ClientLink) -> None:
        self.links = (link,)
        self.forwarding_allowed = True


async def _distrust(_question: HostKeyQuestion) -> bool:
    return False


async def _forward(link: ClientLink, config: ClientConfig, output: Output) -> None:
    try:
        await open_forwards(link, config, output)
    except ForwardFailedError as error:
        link.fail(error)


async def _run(settings: Settings, sock: socket.socket, received: bytes, output: Output) -> int:
    config = settings.config
    options = ClientOptions(user=config.user)
    engine = ProxyEngine(options, is_client=True, user=config.user)
    link = ClientLink(
        options,
        Stream.from_socket(sock),
        # whom to trust and who logs in is the master's
        trust=_distrust,
        credentials=Credentials(),
        # ssh as the master answers no request for a remote forward, but does what it says
        timeouts=Timeouts(request=0.0),
        engine=engine,  # type: ignore[arg-type]  # nothing is called that only a login needs
    )
    link.adopt([*engine.first_events(), *engine.receive_data(received)], {})
    login = _NoLogin(link)
    try:
        if settings.has_forwards:
            link.spawn(_forward(link, config, output), "forwards")
        if not settings.has_session:
            await link.wait_closed()
            return exit_codes.SSH_FAILED
        session = Session(login, settings, output)
        try:
            descriptors = Descriptors(os.open(os.devnull, os.O_RDONLY) if config.stdin_null else 0)
            await session.start(plan_session(settings, output), descriptors)
            return await session.finish()
        finally:
            session.stop()
    finally:
        await link.__aexit__(None, None, None)
