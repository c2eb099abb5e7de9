"""`Handler`: answers every question of every connection, from what is configured and who is logged in."""

import random
import socket
import time
from functools import partial
from typing import Final
from weakref import WeakKeyDictionary

from pyssh.aio import Address, Channel, ChannelRunner, Link, Server, ServerSession, SessionHandler, Terminal
from pyssh.aio.idle import IdleWatch
from pyssh.connection import kinds, requests
from pyssh.errors import ConnectionLost, LoginGraceError, OpenFailureReason, SSHError
from pyssh.events import (
    AttemptRefused,
    AuthenticationRequested,
    ChannelOpenRequested,
    ChannelRequestReceived,
    Event,
    GlobalRequestReceived,
    KeysExchanged,
    OpenRefused,
    Refuse,
    Verdict,
    VersionReceived,
)
from pyssh_cli.idle import Limits, channel_name, session_name
from pyssh_cli.output import Output, escape
from pyssh_cli.server.authentication import Authentication
from pyssh_cli.server.background import Background
from pyssh_cli.server.forwarding import Forwarding
from pyssh_cli.server.login import Login, describe_peer, peer_of, place_of
from pyssh_cli.server.penalties import Penalties, source_of
from pyssh_cli.server.session import UserSession
from pyssh_cli.server.settings import Settings
from pyssh_config.penalties import PenaltyRules
from pyssh_config.server import ServerConfig

__all__ = ["Handler"]

GRACE_JITTER: Final = 0.1
"""The part of LoginGraceTime that chance adds, so that timeouts tell little and do not come all at once."""


class _Connection:
    """What we keep of one connection: the settings it began with, and what became of it."""

    def __init__(self, link: Link, settings: Settings, output: Output) -> None:
        self.settings = settings
        self.authentication = Authentication(settings.policy, link, output)
        self.sessions = 0
        self.forwarding: Forwarding | None = None
        self.names: WeakKeyDictionary[Channel, str] = WeakKeyDictionary()

    @property
    def login(self) -> Login:
        """Who is in; asked for only when somebody is."""
        login = self.authentication.login
        assert login is not None
        return login


class Handler(SessionHandler):
    """Serves logins. `settings` may be replaced: new connections get the new ones.

    `server` is the one that listens, if any: its unauthenticated connections are counted.
    """

    def __init__(self, settings: Settings, output: Output, background: Background) -> None:
        self.settings = settings
        self.server: Server | None = None
        self._output = output
        self._background = background
        self._penalties = Penalties(PenaltyRules(), settings.config.per_source_net_block_size, None)
        self._penalties_of: ServerConfig | None = None
        self._connections: dict[Link, _Connection] = {}
        self._sessions: WeakKeyDictionary[ServerSession, UserSession] = WeakKeyDictionary()

    # --- connections

    def accept(self, peer_address: Address | None) -> bool:
        """Take a connection unless too many wait to log in (MaxStartups)."""
        if self.server is None:
            return True
        refusal = self._refusal(self.server, place_of(peer_address)[0])
        if refusal is not None:
            host, port = place_of(peer_address)
            self._output.info(f"Connection from {host} port {port} dropped: {refusal}")
            return False
        grace = self.settings.options.login_grace_seconds
        jitter = grace * GRACE_JITTER * random.random()  # noqa: S311  # spreads, hides nothing
        self.server.options = self.settings.options.replace(login_grace_seconds=grace + jitter)
        return True

    def _refusal(self, server: Server, host: str) -> str | None:
        """Return why a connection from an address is not worth an answer; None if it is."""
        config = self.settings.config
        waiting = [link for link in server.links if not link.engine.authenticated]
        if _is_dropped(len(waiting), self.settings):
            return f"MaxStartups ({len(waiting)} not logged in)"
        if config.per_source_max_startups is not None:
            sizes = config.per_source_net_block_size
            source = source_of(host, sizes)
            same = sum(source_of(peer_of(link)[0], sizes) == source for link in waiting)
            if source is not None and same >= config.per_source_max_startups:
                return f"PerSourceMaxStartups ({same} from {source} not logged in)"
        return self._current_penalties().refusal(host, time.monotonic())

    def _current_penalties(self) -> Penalties:
        config = self.settings.config
        if self._penalties_of is not config:
            self._penalties_of = config
            self._penalties.rules = config.per_source_penalties
            self._penalties.sizes = config.per_source_net_block_size
            self._penalties.exempt = config.per_source_penalty_exempt_list
        return self._penalties

    def _punish(self, link: Link, connection: _Connection | None, error: Exception | None) -> None:
        """Impose what somebody pays who has gone without a login."""
        if error is not None and not isinstance(error, SSHError | OSError):
            offence = "crash"
        elif isinstance(error, LoginGraceError):
            offence = "grace_exceeded"
        elif connection is None or not connection.authentication.has_failed:
            offence = "noauth"
        else:
            offence = "invaliduser" if connection.authentication.names_nobody else "authfail"
        said = self._current_penalties().punish(peer_of(link)[0], offence, time.monotonic())
        if said is not None:
            self._output.info(said)

    async def connected(self, link: Link) -> None:
        """Note it in the log."""
        sock = link.stream.socket
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, self.settings.config.tcp_keep_alive)
        host, port = place_of(link.local_address)
        self._output.verbose(f"Connection from {describe_peer(link)} on {host} port {port}")

    async def disconnected(self, link: Link, error: Exception | None) -> None:
        """Forget the connection, and say why it ended."""
        connection = self._connections.pop(link, None)
        login = None if connection is None else connection.authentication.login
        if self.server is not None and not link.engine.authenticated:
            self._punish(link, connection, error)
        who = describe_peer(link) if login is None else f"{escape(login.user)} {describe_peer(link)}"
        reason = "" if error is None else f": {escape(str(error))}"
        if login is None and isinstance(error, SSHError) and not isinstance(error, ConnectionLost):
            self._output.info(f"Connection from {who} failed before login{reason}")
        else:
            self._output.verbose(f"Connection from {who} closed{reason}")

    def observe(self, link: Link, event: Event) -> None:
        """Log what the engine decided or agreed on by itself."""
        match event:
            case VersionReceived(identification):
                self._output.debug(f"{describe_peer(link)}: remote version {escape(identification)}")
            case KeysExchanged(algorithms):
                agreed = f"{algorithms.kex}, {algorithms.host_key}, {algorithms.cipher_client_to_server}"
                self._output.debug(f"{describe_peer(link)}: keys exchanged: {agreed}")
            case AttemptRefused(user, method, reason):
                who = f"{escape(user)} from {describe_peer(link)}"
                self._output.verbose(f"Failed {escape(method)} for {who}: {escape(reason)}")

    def _of(self, link: Link) -> _Connection:
        connection = self._connections.get(link)
        if connection is None:
            connection = self._connections[link] = _Connection(link, self.settings, self._output)
        return connection

    # --- login

    async def authenticate(self, link: Link, question: AuthenticationRequested) -> Verdict:
        """Judge an attempt to log in."""
        if link.ended:
            return Refuse()
        return await self._of(link).authentication.decide(question)

    async def authenticated(self, link: Link) -> None:
        """Tell the client all our host keys, so that it knows them before they change."""
        connection = self._of(link)
        connection.forwarding = Forwarding(connection.login, self._output, self._background)
        keys = tuple(signer.key.blob for signer in connection.settings.signers)
        link.send_global_request(requests.HostKeys(keys))
        self._watch(link, connection)

    def _watch(self, link: Link, connection: _Connection) -> None:
        """Close what is idle, where ChannelTimeout and UnusedConnectionTimeout say so."""
        config = connection.login.config
        limits = Limits(config.channel_timeout)
        who = f"{escape(connection.login.user)} {describe_peer(link)}"

        def name_of(channel: Channel) -> str:
            return connection.names.get(channel) or channel_name(channel)

        IdleWatch(
            link,
            limit_of=lambda channel: limits.of(name_of(channel)),
            shortest=limits.shortest,
            overall=limits.overall,
            unused=config.unused_connection_timeout,
            on_idle=lambda channel: self._output.info(f"Idle {escape(name_of(channel))} of {who} closed"),
            on_unused=lambda: self._output.info(f"terminating inactive connection from {who}"),
        ).start()

    # --- channels and requests

    async def open_channel(self, link: Link, question: ChannelOpenRequested) -> ChannelRunner | OpenRefused:
        """Open sessions and connections that are allowed."""
        connection = self._of(link)
        if isinstance(question.kind, kinds.Session):
            if connection.sessions >= connection.login.config.max_sessions:
                self._output.info(f"Session refused to {describe_peer(link)}: MaxSessions")
                return OpenRefused(OpenFailureReason.ADMINISTRATIVELY_PROHIBITED, "too many sessions")
            connection.sessions += 1
            return partial(self._run_session, connection)
        if connection.forwarding is not None:
            return await connection.forwarding.open_channel(link, question)
        return await super().open_channel(link, question)

    async def _run_session(self, connection: _Connection, channel: Channel) -> None:
        try:
            await self.run_session(channel)
        finally:
            connection.sessions -= 1

    async def global_request(self, link: Link, question: GlobalRequestReceived) -> bytes | None:
        """Prove host keys, and listen where that is allowed."""
        connection = self._of(link)
        if isinstance(question.request, requests.HostKeysProve):
            return _prove(question.request, connection.settings, link)
        if connection.forwarding is not None:
            return await connection.forwarding.global_request(link, question)
        return None

    # --- sessions

    def _session(self, session: ServerSession) -> UserSession:
        found = self._sessions.get(session)
        if found is None:
            login = self._of(session.link).login
            found = self._sessions[session] = UserSession(session, login, self._output, self._background)
        return found

    async def pty_requested(self, session: ServerSession, terminal: Terminal) -> bool:
        """Give a terminal if that is allowed."""
        return self._session(session).may_have_terminal()

    async def env_requested(self, session: ServerSession, name: str, value: str) -> bool:
        """Take variables on the list."""
        return self._session(session).may_set(name)

    async def start_requested(self, session: ServerSession) -> bool:
        """Start what there is."""
        kind = "shell" if session.command is None else "command"
        name = session_name(kind if session.subsystem is None else "subsystem", session.subsystem or "")
        self._of(session.link).names[session.channel] = name
        return self._session(session).may_start()

    async def other_request(self, session: ServerSession, question: ChannelRequestReceived) -> bool:
        """Decide the rest."""
        return await self._session(session).receive_other(question.request)

    async def session(self, session: ServerSession) -> int | None:
        """Run the program of a session."""
        await self._session(session).run()
        return None


def _is_dropped(waiting: int, settings: Settings) -> bool:
    """Random early drop: of those who log in now some get through, whoever floods us."""
    limits = settings.config.max_startups
    if waiting < limits.begin:
        return False
    if waiting >= limits.full:
        return True
    # from `rate` percent at `begin` it grows to all at `full`
    chance = limits.rate + (100 - limits.rate) * (waiting - limits.begin) / (limits.full - limits.begin)
    return random.random() * 100 < chance  # noqa: S311  # a die, no secret


def _prove(request: requests.HostKeysProve, settings: Settings, link: Link) -> bytes | None:
    """Sign for each host key that a client asks about (OpenSSH's PROTOCOL section 2.5)."""
    by_blob = {signer.key.blob: signer for signer in settings.signers}
    signatures = []
    for blob in request.host_keys:
        signer = by_blob.get(blob)
        if signer is None:
            return None
        data = requests.HostKeyProofData(requests.HOSTKEYS_PROVE, link.session_identifier, blob)
        signatures.append(signer.sign(signer.key.signature_algorithms[0], data.encode()))
    return requests.HostKeyProofs(tuple(signatures)).encode()
