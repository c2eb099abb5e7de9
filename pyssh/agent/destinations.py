"""Where a key may be used: the hops of a connection to the agent, and whether constraints permit them.

OpenSSH's PROTOCOL.agent. Each ssh on the way to the agent binds the connection to its own session before it
hands it on, so that the agent knows the path of what it is asked: the host keys of the hops, and for the last
one whether it is going to log in there or to forward further.
"""

from hmac import compare_digest
from typing import Final

from pyssh.agent.constraints import Destination, Hop
from pyssh.agent.messages import SessionBind
from pyssh.agent.signed_data import Login
from pyssh.errors import DecodeError, SSHError
from pyssh.keys.certificate import Certificate
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.keys.signing import signature_algorithm
from pyssh.keys.verdict import judge_certificate
from pyssh.record import Record
from pyssh.wire.types import Reader, take_text

__all__ = ["MAX_BINDINGS", "Binding", "Bindings", "DestinationError", "check_listed", "check_login"]

MAX_BINDINGS: Final = 16
"""OpenSSH's AGENT_MAX_SESSION_IDS."""
_MAX_SESSION_IDENTIFIER_SIZE: Final = 128
"""OpenSSH's AGENT_MAX_SID_LEN."""


class DestinationError(SSHError):
    """The constraints of a key do not permit this; or a connection cannot be bound so."""


class Binding(Record):
    """One hop: the server's host key, the session with it, and whether that forwards the agent."""

    host_key: PublicKey
    session_identifier: bytes
    is_forwarding: bool


class Bindings:
    """The hops of one connection to the agent, the first one first."""

    __slots__ = ("_failed", "hops")

    def __init__(self) -> None:
        self.hops: list[Binding] = []
        self._failed = False

    @property
    def failed(self) -> bool:
        """Whether somebody tried to bind the connection and could not: its path is not known then."""
        return self._failed

    @property
    def is_remote(self) -> bool:
        """Whether who asks sits behind a forwarding."""
        return any(hop.is_forwarding for hop in self.hops)

    def bind(self, contents: bytes) -> Binding:
        """Add the hop of a session-bind@openssh.com; `SSHError` says why it is not to be believed."""
        try:
            binding = _decode_binding(contents)
            if not self._is_recorded(binding):
                self.hops.append(binding)
        except SSHError:
            self._failed = True
            raise
        return binding

    def _is_recorded(self, binding: Binding) -> bool:
        """Tell whether it is a repetition; `DestinationError` for what contradicts earlier hops."""
        for hop in self.hops:
            if not hop.is_forwarding:
                raise DestinationError("the connection is bound to a login already")
            if compare_digest(hop.session_identifier, binding.session_identifier):
                if hop.host_key != binding.host_key:
                    raise DestinationError("the session is bound to another host key already")
                return True
        if len(self.hops) == MAX_BINDINGS:
            raise DestinationError(f"more than {MAX_BINDINGS} hops")
        return False


def _decode_binding(contents: bytes) -> Binding:
    bind = SessionBind.decode(contents)
    host_key = decode_public_key(bind.host_key)
    if not 0 < len(bind.session_identifier) <= _MAX_SESSION_IDENTIFIER_SIZE:
        raise DestinationError(f"a session identifier of {len(bind.session_identifier)} bytes")
    try:
        name = take_text(Reader(bind.signature))
    except DecodeError:
        raise DestinationError("a malformed signature") from None
    algorithm = signature_algorithm(name)
    if algorithm is None or algorithm.legacy:
        raise DestinationError(f"a signature with {name[:64]!r}")
    if not host_key.plain.verify(name, bind.signature, bind.session_identifier):
        raise DestinationError(f"the host key {host_key.fingerprint()} did not sign this session")
    return Binding(host_key, bind.session_identifier, bind.is_forwarding)


def check_listed(destinations: tuple[Destination, ...], bindings: Bindings, wall_clock: float) -> None:
    """Raise `DestinationError` unless who asks may see the key, delete it or replace it.

    Beyond a forwarding, that is whoever may use the key for some hop from there on.
    """
    if not destinations:
        return
    _check_path(destinations, bindings, None, wall_clock)
    if bindings.hops and bindings.hops[-1].is_forwarding:
        last = bindings.hops[-1].host_key
        if not any(_is_hop(one.origin, last, wall_clock) for one in destinations):
            raise DestinationError("the key may be used to get there, but not from there")


def check_login(
    destinations: tuple[Destination, ...], bindings: Bindings, login: Login | None, wall_clock: float
) -> None:
    """Raise `DestinationError` unless the key may sign the login; None is data that is none."""
    if not destinations:
        return
    if not bindings.hops:
        raise DestinationError("the connection is not bound to a session")
    if login is None:
        raise DestinationError("the data is no login")
    _check_path(destinations, bindings, login.user_name, wall_clock)
    last = bindings.hops[-1]
    # ssh binds right before it logs in, so it can be no other session
    if not compare_digest(login.session_identifier, last.session_identifier):
        raise DestinationError("the login is not to the session that the connection was bound to last")
    if login.host_key is None:
        # from here, the binding says enough; a host in between could have relayed the one of another session
        if len(bindings.hops) > 1:
            raise DestinationError("the login, which is not from this host, names no host key")
    elif login.host_key != last.host_key:
        raise DestinationError("the login names another host key than that of the last hop")


def _check_path(
    destinations: tuple[Destination, ...], bindings: Bindings, user: str | None, wall_clock: float
) -> None:
    """Raise unless each hop is permitted; `user` is given for logins only, and is the last hop's."""
    if bindings.failed:
        raise DestinationError("the connection could not be bound to a session")
    origin: PublicKey | None = None
    for hop in bindings.hops:
        is_last = hop is bindings.hops[-1]
        if is_last and hop.is_forwarding and user is not None:
            raise DestinationError("the last hop is for forwarding, not for a login")
        if not is_last and not hop.is_forwarding:
            raise DestinationError("a hop goes on from a login")
        wanted = user if is_last else None
        if not any(_permits(one, origin, hop.host_key, wanted, wall_clock) for one in destinations):
            raise DestinationError(f"no constraint permits the host key {hop.host_key.fingerprint()}")
        origin = hop.host_key


def _permits(
    destination: Destination, origin: PublicKey | None, target: PublicKey, user: str | None, wall_clock: float
) -> bool:
    if origin is None:
        starts_here = not destination.origin.hostname and not destination.origin.keys
    else:
        starts_here = _is_hop(destination.origin, origin, wall_clock)
    if not starts_here or not _is_hop(destination.target, target, wall_clock):
        return False
    return not destination.target.user or user is None or _matches(user, destination.target.user)


def _is_hop(hop: Hop, host_key: PublicKey, wall_clock: float) -> bool:
    """Tell whether a host key is one of the hop's, or a certificate for its name from one of its CAs."""
    if not isinstance(host_key, Certificate):
        return any(not known.is_ca and known.key == host_key for known in hop.keys)
    if not any(known.is_ca and known.key == host_key.signature_key for known in hop.keys):
        return False
    return judge_certificate(host_key, "host", wall_clock, names=(hop.hostname,)).holds


def _matches(text: str, pattern: str) -> bool:
    """Match `*` and `?`; takes at most the product of both lengths."""
    reached = {0}
    for letter in pattern:
        if letter == "*":
            reached = set(range(min(reached, default=len(text) + 1), len(text) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(text) and letter in ("?", text[at])}
    return len(text) in reached
