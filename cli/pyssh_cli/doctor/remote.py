"""The other side: its addresses, what it says first, the algorithms, its host key, and whether we get in."""

import socket
import time
from collections.abc import Sequence
from typing import Final

from pyssh.aio.client import ClientLink, connect
from pyssh.aio.credentials import Credentials
from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.kex import KEX
from pyssh.algorithms.macs import MACS
from pyssh.algorithms.preferences import SIGNATURES
from pyssh.errors import AuthenticationError, HostKeyError, SSHError
from pyssh.events import (
    Authenticated,
    Credential,
    CredentialNeeded,
    Event,
    HostKeyQuestion,
    PasswordChange,
    PasswordChangeNeeded,
    PromptsReceived,
    SignatureNeeded,
    VersionReceived,
)
from pyssh.messages.transport import KexInit
from pyssh.wire.message import Message
from pyssh_cli.client.credentials import UserCredentials
from pyssh_cli.client.dial import Dialing, UnreachableError
from pyssh_cli.client.login import LoginFailedError, log_in
from pyssh_cli.client.options import algorithms, client_options
from pyssh_cli.client.peer_address import peer_address
from pyssh_cli.client.prompt import Prompter
from pyssh_cli.client.report import describe
from pyssh_cli.client.trust import HostTrust, key_name
from pyssh_cli.doctor.findings import Findings, Offer
from pyssh_cli.output import Level, Output
from pyssh_cli.settings import Settings
from pyssh_config.client import ClientConfig
from pyssh_config.errors import ConfigError, escape

__all__ = ["Examination"]

_SECONDS: Final = 20
"""How long a host may take to be reached, unless ConnectTimeout says."""

_QUANTUM_SAFE: Final = ("mlkem", "sntrup")
_MARKS: Final = ("ext-info-", "kex-strict-")
_FIELDS: Final = (
    ("key exchange", "kex_algorithms"),
    ("host key", "server_host_key_algorithms"),
    ("cipher to the server", "encryption_algorithms_client_to_server"),
    ("cipher from the server", "encryption_algorithms_server_to_client"),
    ("MAC to the server", "mac_algorithms_client_to_server"),
    ("MAC from the server", "mac_algorithms_server_to_client"),
    ("compression to the server", "compression_algorithms_client_to_server"),
    ("compression from the server", "compression_algorithms_server_to_client"),
)


class Examination:
    """Looks at one host. Nothing is written here, nobody is asked, and nothing runs there."""

    def __init__(self, settings: Settings, findings: Findings, *, may_log_in: bool) -> None:
        self._config = _harmless(settings.config)
        self._settings = settings
        self._findings = findings
        self._may_log_in = may_log_in
        self._inits: dict[str, KexInit] = {}
        self._said: list[str] = []
        self._output = Output("pyssh", level=Level.INFO, sink=lambda _, line: self._said.append(line))
        self._credentials: UserCredentials | None = None
        self._methods: tuple[str, ...] | None = None
        self._trust: HostTrust | None = None

    async def run(self) -> None:
        """Do everything that can be done."""
        hops = [_harmless(hop) for hop in self._settings.route[:-1]]
        sock = None
        if hops or self._config.proxy_command is not None:
            self._findings.note("connection", "the way leads through other hosts or a command")
        else:
            if not self._resolve():
                return
            sock = self._dial()
            if sock is None:
                return
        links: Sequence[ClientLink] = ()
        try:
            if hops:
                login = await log_in(hops, self._dial_first(hops[0]), self._output)
                links = login.links
            await self._speak(sock, links[-1] if links else None)
        except UnreachableError as error:
            self._findings.problem("connection", f"a host on the way cannot be reached: {error}")
        except LoginFailedError:
            self._findings.problem("connection", "a host on the way does not let us through")
            self._tell_said("connection")
        finally:
            for link in reversed(links):
                await link.__aexit__(None, None, None)

    # --- the way there

    def _resolve(self) -> bool:
        config = self._config
        started = time.monotonic()
        try:
            found = socket.getaddrinfo(config.host_name, config.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no host name"
            self._findings.problem(
                "name", f"{escape(config.host_name)} has no address: {reason}; is it spelled right?"
            )
            return False
        spent = _milliseconds(started)
        addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
        self._findings.fine("name", f"{escape(config.host_name)} is {', '.join(addresses)} ({spent})")
        return True

    def _dial(self) -> socket.socket | None:
        config = self._config
        started = time.monotonic()
        dialing = Dialing.start(config, self._output)
        assert dialing is not None
        try:
            sock = dialing.result()
        except (UnreachableError, OSError) as error:
            self._findings.problem("connection", str(error))
            return None
        where = peer_address(sock) or escape(config.host_name)
        self._findings.fine("connection", f"{where} port {config.port} answers ({_milliseconds(started)})")
        return sock

    def _dial_first(self, config: ClientConfig) -> socket.socket | None:
        dialing = Dialing.start(config, self._output)
        return None if dialing is None else dialing.result()

    async def _speak(self, sock: socket.socket | None, via: ClientLink | None) -> None:
        config = self._config
        try:
            self._trust = trust = HostTrust(config, self._prompter(), self._output)
        except ConfigError as error:
            self._findings.problem("host key", str(error))
            return
        trust.address = peer_address(sock)
        offered = algorithms(config, trust.order_algorithms)
        options = client_options(config, offered, self._output).replace(observer=self._hear)
        self._credentials = UserCredentials(
            config, self._prompter(), self._output, trust=trust, user_algorithms=offered.user_key
        )
        started = time.monotonic()
        try:
            link = await connect(
                config.host_name,
                config.port,
                credentials=_Loop(self),
                trust=self._judge,
                options=options,
                sock=sock,
                via=via,
                proxy_command=config.expand("proxy_command") if sock is None else None,
                on_event=self._observe,
            )
        except (SSHError, OSError, TimeoutError) as error:
            self._tell_failure(error)
        else:
            self._findings.fine("login", f"{escape(config.user)} gets in ({_milliseconds(started)})")
            await link.__aexit__(None, None, None)
        finally:
            self._credentials.close()
            self._tell_algorithms()

    def _prompter(self) -> Prompter:
        return Prompter(self._config.context.environ, batch=True)

    # --- what is heard

    def _hear(self, direction: str, message: Message) -> None:
        if isinstance(message, KexInit):
            self._inits.setdefault(direction, message)

    def _observe(self, event: Event) -> None:
        assert self._credentials is not None
        self._credentials.observe(event)
        match event:
            case VersionReceived(identification, preamble):
                self._findings.fine("server", f"it is {escape(identification)}")
                for line in preamble:
                    self._findings.note("server", f"before that it says: {escape(line)}")
            case Authenticated(_, method):
                self._findings.fine("login", f"the method that worked: {escape(method)}")

    async def _judge(self, question: HostKeyQuestion) -> bool:
        assert self._trust is not None
        key = question.key
        shown = f"{key_name(key)} {key.fingerprint(self._config.fingerprint_hash)}"
        self._said.clear()
        try:
            answer = self._trust.judge(key)
        except HostKeyError:
            self._findings.problem("host key", f"{shown} is not trusted")
            self._tell_said("host key")
            raise
        why = f": {self._trust.place}" if self._trust.place else ", though no file has it"
        self._findings.fine("host key", f"{shown} is trusted{why}")
        return answer

    def _tell_said(self, area: str) -> None:
        for line in self._said:
            self._findings.note(area, line)
        self._said.clear()

    async def next_credential(self, question: CredentialNeeded) -> Credential | None:
        """Choose what to log in with, as the client does, but for what somebody would have to type."""
        if self._methods is None:
            self._methods = question.methods
            self._findings.note("login", f"the server takes: {escape(', '.join(question.methods))}")
        assert self._credentials is not None
        if not self._may_log_in:
            raise AuthenticationError("not tried", (), question.methods)
        return await self._credentials.next(question)

    async def sign(self, question: SignatureNeeded) -> bytes | None:
        """Sign with a key that needs no passphrase, or by the agent."""
        assert self._credentials is not None
        return await self._credentials.sign(question)

    # --- what comes of it

    def _tell_failure(self, error: BaseException) -> None:
        if isinstance(error, HostKeyError):
            return
        if isinstance(error, AuthenticationError) and self._methods is not None:
            if self._may_log_in:
                self._tell_attempts()
            return
        self._findings.problem("connection" if self._methods is None else "login", describe(error))
        if self._methods is not None:
            self._tell_attempts()

    def _tell_attempts(self) -> None:
        assert self._credentials is not None
        attempts = self._credentials.attempts
        for attempt in attempts.all:
            self._findings.note("login", str(attempt))
        user = escape(self._config.user)
        if set(self._methods or ()) & {"password", "keyboard-interactive"}:
            text = f"{user} does not get in with what needs no typing; a password or passphrase might"
            self._findings.warn("login", text)
        else:
            self._findings.problem("login", f"{user} does not get in")
        # the last one is to ask the doctor, and that nobody was asked for a password is no wonder here
        for text in attempts.advice()[:-1]:
            if "BatchMode" not in text:
                self._findings.note("login", text)

    def _tell_algorithms(self) -> None:
        ours, theirs = self._inits.get("sent"), self._inits.get("received")
        if ours is None or theirs is None:
            return
        chosen_of: dict[str, str] = {}
        for kind, field in _FIELDS:
            mine, other = _names(ours, field), _names(theirs, field)
            chosen = next((name for name in mine if name in other), "")
            cipher = chosen_of.get(kind.replace("MAC", "cipher"), "")
            if kind.startswith("MAC") and cipher in CIPHERS.names and CIPHERS[cipher].is_aead:
                chosen = "part of the cipher"
            chosen_of[kind] = chosen
            self._findings.offers.append(Offer(kind, chosen, mine, other))
            if not chosen:
                self._findings.problem("algorithms", f"nothing in common: {kind}")
        self._judge_algorithms(chosen_of, theirs)

    def _judge_algorithms(self, chosen: dict[str, str], theirs: KexInit) -> None:
        findings = self._findings
        method = chosen["key exchange"]
        if method and not any(part in method for part in _QUANTUM_SAFE):
            findings.warn(
                "algorithms", f"{escape(method)} can be broken later by a quantum computer, from a recording"
            )
        if not any(name.startswith("kex-strict-s") for name in theirs.kex_algorithms):
            findings.warn("algorithms", "the server has no strict key exchange (Terrapin, CVE-2023-48795)")
        for registry, kinds in (
            (KEX, ("key exchange",)),
            (SIGNATURES, ("host key",)),
            (CIPHERS, ("cipher to the server", "cipher from the server")),
            (MACS, ("MAC to the server", "MAC from the server")),
        ):
            for kind in kinds:
                name = chosen[kind]
                if name in registry.names and name not in registry.default_names:
                    findings.warn("algorithms", f"{escape(name)} ({kind}) is weak or old")
        if all(chosen[kind] for kind, _ in _FIELDS):
            findings.fine("algorithms", f"{escape(method)}, {escape(chosen['cipher to the server'])}")


def _harmless(config: ClientConfig) -> ClientConfig:
    """Return a configuration with which nobody is asked, and unknown keys are told of and not learned."""
    return config.replace(
        batch_mode=True,
        check_host_ip=False,
        update_host_keys="no",
        strict_host_key_checking="yes",
        connect_timeout=config.connect_timeout or _SECONDS,
    )


class _Loop(Credentials):
    """What `connect` asks."""

    def __init__(self, examination: Examination) -> None:
        self._examination = examination

    async def next(self, question: CredentialNeeded) -> Credential | None:
        return await self._examination.next_credential(question)

    async def sign(self, question: SignatureNeeded) -> bytes | None:
        return await self._examination.sign(question)

    async def answer_prompts(self, question: PromptsReceived) -> tuple[str, ...] | None:
        return None

    async def change_password(self, question: PasswordChangeNeeded) -> PasswordChange | None:
        return None


def _names(init: KexInit, field: str) -> tuple[str, ...]:
    names: Sequence[str] = getattr(init, field)
    return tuple(escape(name) for name in names if not name.startswith(_MARKS))


def _milliseconds(started: float) -> str:
    return f"{(time.monotonic() - started) * 1000:.0f} ms"
