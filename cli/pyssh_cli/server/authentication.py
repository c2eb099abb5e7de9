"""The decision who gets in: for each attempt of a connection a verdict, and a line in the log that says why.

Users that do not exist, or may not log in, take the same road as others: the same methods are offered, the
same files and hashes are worked on, and only the end differs. What is wrong is told to the log, never to the
peer.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from pyssh.aio import Link
from pyssh.engine import ServerEngine
from pyssh.errors import DisconnectReason
from pyssh.events import (
    Accept,
    AskPrompts,
    Attempt,
    AuthenticationRequested,
    InteractiveAttempt,
    InteractiveResponses,
    NoneAttempt,
    PartialSuccess,
    PasswordAttempt,
    Prompt,
    PublicKeyAttempt,
    Refuse,
    Verdict,
)
from pyssh.keys.certificate import Certificate
from pyssh.keys.public import PublicKey
from pyssh.record import Record
from pyssh_cli.output import Level, Output, escape
from pyssh_cli.server.accounts import Account, Accounts
from pyssh_cli.server.authorized import KeyDecision, check_signature_flags, judge_key
from pyssh_cli.server.certificates import KeyRules
from pyssh_cli.server.login import Login, describe_peer, peer_of, place_of
from pyssh_cli.server.passwords import PasswordSource
from pyssh_config.authorized_keys import KeyOptions
from pyssh_config.match import ServerContext
from pyssh_config.server import ServerConfig

__all__ = ["Authentication", "Policy", "describe_key", "offered_methods"]

T = TypeVar("T")
PASSWORD_METHODS: Final = ("password", "keyboard-interactive")
_NOLOGIN: Final = "/etc/nologin"


class Policy(Record):
    """What decides about logins: accounts, configuration, and where passwords are checked (None: nowhere).

    `banners` are the texts of `Banner`, by path.
    """

    accounts: Accounts
    config: ServerConfig
    passwords: PasswordSource | None
    banners: Mapping[str, str] = {}


class _Candidate(Record):
    """A user name that wants in. `refusal` is why it will not, whatever it proves."""

    user: str
    account: Account
    config: ServerConfig
    exists: bool
    refusal: str | None


def offered_methods(config: ServerConfig, *, with_passwords: bool) -> tuple[str, ...]:
    """Return the methods that are switched on and have something to check with, best first."""
    offered = {
        "publickey": config.pubkey_authentication,
        "password": config.password_authentication and with_passwords,
        "keyboard-interactive": config.kbd_interactive_authentication and with_passwords,
    }
    return tuple(name for name, is_on in offered.items() if is_on)


def describe_key(key: PublicKey) -> str:
    """Return a key as log lines show it."""
    if isinstance(key, Certificate):
        ca = f"CA {key.signature_key.fingerprint()}"
        return f"{key.key_type} {key.plain.fingerprint()} ID {escape(key.key_id)} (serial {key.serial}) {ca}"
    return f"{key.key_type} {key.fingerprint()}"


class Authentication:
    """The attempts of one connection. `login` says who got in, once somebody has."""

    def __init__(self, policy: Policy, link: Link, output: Output) -> None:
        self._policy = policy
        self._link = link
        self._output = output
        self._candidate: _Candidate | None = None
        self._lists: tuple[tuple[str, ...], ...] = ()
        self._decisions: dict[bytes, KeyDecision] = {}
        self._used_keys: set[PublicKey] = set()
        self._options = KeyOptions()
        self.login: Login | None = None
        self.has_failed = False
        """Whether some attempt was refused; asking which methods there are is none."""

    @property
    def names_nobody(self) -> bool:
        """Whether the user that is asked for does not exist."""
        return self._candidate is not None and not self._candidate.exists

    async def decide(self, question: AuthenticationRequested) -> Verdict:
        """Judge one attempt."""
        candidate = self._candidate
        if candidate is None or candidate.user != question.user:
            candidate = await self._begin(question.user)
        attempt = question.attempt
        if attempt.method != "none" and attempt.method not in self._methods():
            return self._refuse(attempt, "this method is not offered to this user now", Level.VERBOSE)
        match attempt:
            case NoneAttempt():
                return Refuse(self._methods())
            case PublicKeyAttempt():
                verdict = await self._judge_key(candidate, attempt)
            case PasswordAttempt(password, new_password):
                right = new_password is None and await self._check_password(candidate, password)
                verdict = self._judge_password(candidate, attempt, right)
            case InteractiveAttempt():
                verdict = AskPrompts("", "", (Prompt("Password: ", False),))
            case InteractiveResponses(responses):
                right = len(responses) == 1 and await self._check_password(candidate, responses[0])
                verdict = self._judge_password(candidate, attempt, right)
            case _:
                verdict = self._refuse(attempt, "this method is not known", Level.VERBOSE)
        return self._limited(question, verdict)

    def _limited(self, question: AuthenticationRequested, verdict: Verdict) -> Verdict:
        """End the connection where a Match block allows fewer attempts than the engine counts."""
        assert self._candidate is not None
        if isinstance(verdict, Refuse) and question.attempts + 1 >= self._candidate.config.max_auth_tries:
            self._output.info(f"Too many authentication failures for {self._who()}")
            reason = DisconnectReason.NO_MORE_AUTH_METHODS_AVAILABLE
            self._link.close(reason, "Too many authentication failures")
        return verdict

    # --- the user

    async def _begin(self, user: str) -> _Candidate:
        """Start afresh for a user name (RFC 4252 section 5: what was proved for another one is void)."""
        candidate = await self._on_thread(lambda: self._find(user))
        offered = offered_methods(candidate.config, with_passwords=self._policy.passwords is not None)
        lists = candidate.config.authentication_methods or tuple((method,) for method in offered)
        self._lists = tuple(
            methods
            for methods in (tuple(map(_plain_name, names)) for names in lists)
            if set(methods) <= set(offered)
        )
        if self._candidate is None:
            self._show_banner(candidate.config.banner)
        self._candidate = candidate
        self._decisions.clear()
        self._used_keys.clear()
        self._options = KeyOptions()
        if not candidate.exists:
            self._output.info(f"Invalid user {escape(user)} from {describe_peer(self._link)}")
        if not self._lists:
            self._output.info(f"{self._who()} cannot log in: no authentication method is left for them")
        else:
            self._output.verbose(f"{self._who()} may log in by: {', '.join(self._methods())}")
        return candidate

    def _show_banner(self, path: str | None) -> None:
        text = "" if path is None else self._policy.banners.get(path, "")
        if text and isinstance(self._link.engine, ServerEngine) and not self._link.ended:
            self._link.engine.send_banner(text)

    def _find(self, user: str) -> _Candidate:
        found = self._policy.accounts.find(user)
        account = found or self._policy.accounts.decoy
        groups = () if found is None else found.group_names
        peer, local = peer_of(self._link), place_of(self._link.local_address)
        context = ServerContext(user, groups, peer[0], peer[0], local[0], local[1], found is not None)
        config = self._policy.config.for_connection(context)
        refusal: str | None
        if found is None:
            refusal = "there is no such user here"
        else:
            refusal = config.login_refusal(context) or _account_refusal(account, config)
        return _Candidate(user, account, config, found is not None, refusal)

    # --- the methods

    def _methods(self) -> tuple[str, ...]:
        """Return those that can continue: the heads of the lists that are not yet done."""
        return tuple(dict.fromkeys(methods[0] for methods in self._lists))

    async def _judge_key(self, candidate: _Candidate, attempt: PublicKeyAttempt) -> Verdict:
        decision = self._decisions.get(attempt.key.blob)
        if decision is None:
            decision = await self._on_thread(lambda: self._look_up(candidate, attempt.key))
            self._decisions[attempt.key.blob] = decision
            # of a user that does not exist the files are a stand-in's
            for note in decision.notes if candidate.exists else ():
                self._output.verbose(f"{self._who()}: {note}")
        refusal = candidate.refusal
        if refusal is None and decision.options is None:
            refusal = "the key is not authorized"
        elif refusal is None and attempt.key.plain in self._used_keys:
            refusal = "the key was used in this login already"
        elif refusal is None and decision.options is not None:
            forced = decision.options.command or candidate.config.force_command
            refusal = _root_refusal(candidate, "publickey", forced) or check_signature_flags(
                attempt, decision.options
            )
        if refusal is not None or decision.options is None:
            return self._refuse(attempt, refusal or "", Level.VERBOSE)
        if not attempt.signed:
            return Accept()
        self._used_keys.add(attempt.key.plain)
        self._options = decision.options
        return self._accept(attempt, f": {describe_key(attempt.key)} ({decision.source})")

    def _look_up(self, candidate: _Candidate, key: PublicKey) -> KeyDecision:
        account = candidate.account
        paths = candidate.config.authorized_keys_paths(user=account.name, home=account.home, uid=account.uid)
        return judge_key(
            key,
            candidate.user,
            account,
            paths,
            strict=candidate.config.strict_modes,
            peer=peer_of(self._link)[0],
            rules=_key_rules(candidate.config, account),
        )

    async def _check_password(self, candidate: _Candidate, password: str) -> bool:
        assert self._policy.passwords is not None  # else the methods would not be offered
        user = candidate.user if candidate.exists else ""
        right = await self._policy.passwords.check(user, password)
        return right and bool(password)

    def _judge_password(self, candidate: _Candidate, attempt: Attempt, right: bool) -> Verdict:
        forced = candidate.config.force_command
        refusal = candidate.refusal or _root_refusal(candidate, attempt.method, forced)
        if not right:
            refusal = refusal or "the password is wrong"
        if refusal is not None:
            return self._refuse(attempt, refusal, Level.INFO)
        return self._accept(attempt, "")

    def _accept(self, attempt: Attempt, detail: str) -> Verdict:
        """Take a method off the lists that begin with it; when one of them is done the user is in."""
        candidate = self._candidate
        assert candidate is not None
        self._lists = tuple(
            methods[1:] if methods[0] == attempt.method else methods for methods in self._lists
        )
        where = f"for {escape(candidate.user)} from {describe_peer(self._link)}{detail}"
        if all(self._lists):
            self._output.info(f"Partial {attempt.method} {where}; wanted next: {', '.join(self._methods())}")
            return PartialSuccess(self._methods())
        forced = candidate.config.force_command or self._options.command
        config = candidate.config
        alive = config.client_alive_interval if config.client_alive_count_max else 0
        self._link.engine.set_keepalive(alive, config.client_alive_count_max)
        self.login = Login(candidate.user, candidate.account, candidate.config, self._options, forced)
        self._output.info(f"Accepted {attempt.method} {where}")
        return Accept()

    def _refuse(self, attempt: Attempt, reason: str, level: Level) -> Verdict:
        self.has_failed = True
        what = f": {describe_key(attempt.key)}" if isinstance(attempt, PublicKeyAttempt) else ""
        self._output.log(level, f"Failed {attempt.method} for {self._who()}{what}: {reason}")
        return Refuse(self._methods())

    def _who(self) -> str:
        candidate = self._candidate
        assert candidate is not None
        known = "" if candidate.exists else "invalid user "
        return f"{known}{escape(candidate.user)} from {describe_peer(self._link)}"

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(None, work)


def _key_rules(config: ServerConfig, account: Account) -> KeyRules:
    return KeyRules(
        config.trusted_user_ca_keys,
        config.authorized_principals_path(user=account.name, home=account.home, uid=account.uid),
        config.ca_algorithms(),
        config.revoked_keys,
    )


def _plain_name(method: str) -> str:
    """Return a method without its device: `keyboard-interactive:bsdauth`."""
    return method.partition(":")[0]


def _account_refusal(account: Account, config: ServerConfig) -> str | None:
    if account.uid == 0 and config.permit_root_login == "no":
        return "PermitRootLogin is no"
    if account.uid != 0 and os.geteuid() == 0 and Path(_NOLOGIN).exists():
        return f"{_NOLOGIN} exists, so only root may log in"
    if not os.access(account.shell, os.X_OK):
        return f"the shell {escape(account.shell)} cannot be executed"
    return None


def _root_refusal(candidate: _Candidate, method: str, forced: str | None) -> str | None:
    permitted = candidate.config.permit_root_login
    if candidate.account.uid != 0 or permitted == "yes":
        return None
    if method in PASSWORD_METHODS:
        return f"PermitRootLogin is {permitted}, which allows no password"
    if permitted == "forced-commands-only" and not forced:
        return "PermitRootLogin is forced-commands-only, and no command is forced"
    return None
