"""Clients of an agent that is only a machine, and sessions to bind it to."""

from pyssh.agent.constraints import Constraints, Destination, Hop, HopKey, encode_constraints
from pyssh.agent.framing import FrameReader, encode_frame
from pyssh.agent.identities import encode_identity
from pyssh.agent.machine import Agent, AgentConnection, LogLevel, Moment
from pyssh.agent.messages import (
    SESSION_BIND,
    AddIdConstrained,
    Extension,
    IdentitiesAnswer,
    RequestIdentities,
    SessionBind,
)
from pyssh.keys.certificate import Certificate
from pyssh.keys.private import PrivateKey, generate_private_key
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.wire.message import Message
from tests.unit.keys.building import certificate_blob, strings

CA = generate_private_key("ed25519")
HOSTS = {name: generate_private_key("ed25519") for name in "abcdex"}
CERTIFICATES = {
    name: decode_public_key(
        certificate_blob(HOSTS[name].key, CA, kind=2, principals=(name,), extensions=(), valid=(0, 10_000))
    )
    for name in "de"
}
NOW = 5000.0
USER = generate_private_key("ed25519")
HERE = Hop("", "", ())


def hop(name: str, user: str = "") -> Hop:
    keys = [HopKey(HOSTS[name].key)] if name not in CERTIFICATES else [HopKey(CA.key, is_ca=True)]
    return Hop(user, name, tuple(keys))


def destinations(*steps: str) -> tuple[Destination, ...]:
    """`a>b` and `user@a`, as ssh-add -h has them, for hosts of one letter."""
    found = []
    for step in steps:
        origin, _, target = step.rpartition(">")
        user, _, name = target.rpartition("@")
        found.append(Destination(hop(origin) if origin else HERE, hop(name, user)))
    return tuple(found)


def session_bind(name: str, session: bytes, *, forwarding: bool) -> bytes:
    """What ssh sends when it has connected to a host."""
    shown = CERTIFICATES.get(name, HOSTS[name].key)
    signature = HOSTS[name].sign("ssh-ed25519", session)
    return SessionBind(shown.blob, session, signature, forwarding).encode()


def login_data(
    session: bytes, key: PublicKey = USER.key, user: str = "me", host_key: PublicKey | None = None
) -> bytes:
    """What a client signs to log in."""
    method = "publickey" if host_key is None else "publickey-hostbound-v00@openssh.com"
    data = strings(session) + b"\x32" + strings(user, "ssh-connection", method) + b"\1"
    data += strings(key.signature_algorithms[0], key.blob)
    return data + (b"" if host_key is None else strings(host_key.blob))


class Asked:
    """One connection to an agent."""

    def __init__(self, holder: "Holder") -> None:
        self.holder = holder
        self.connection: AgentConnection = holder.agent.connect()
        self._reader = FrameReader()

    def send(self, request: Message) -> Message | int | None:
        """Ask; return the answer's number, its message if it has fields, or None if there is none yet."""
        self.connection.receive_data(encode_frame(request), self.holder.now)
        return self.answer()

    def answer(self) -> Message | int | None:
        self._reader.receive(self.connection.data_to_send())
        payload = self._reader.take()
        if payload is None:
            return None
        if payload[0] == IdentitiesAnswer.number:
            return IdentitiesAnswer.decode(payload)
        return payload[0]

    def bind(
        self, name: str, session: bytes = b"session", *, forwarding: bool = False
    ) -> Message | int | None:
        return self.send(Extension(SESSION_BIND, session_bind(name, session, forwarding=forwarding)))

    def add(
        self,
        private: PrivateKey = USER,
        constraints: Constraints | None = None,
        certificate: Certificate | None = None,
    ) -> Message | int | None:
        encoded = b"" if constraints is None else encode_constraints(constraints)
        return self.send(AddIdConstrained(encode_identity(private, "comment", certificate) + encoded))

    def count(self) -> int:
        """How many keys it lists."""
        answer = self.send(RequestIdentities())
        assert isinstance(answer, IdentitiesAnswer)
        return answer.number_of_keys


class Holder:
    """An agent, its clock and its log."""

    def __init__(self, lifetime: float | None = None) -> None:
        self.log: list[str] = []
        self.levels: list[LogLevel] = []
        self.now = Moment(100.0, NOW)
        self.agent = Agent(
            random=bytes, log=self._note, lifetime=lifetime, allows_provider=lambda name: name == "internal"
        )

    def _note(self, level: LogLevel, text: str) -> None:
        self.levels.append(level)
        self.log.append(text)

    def later(self, seconds: float) -> None:
        self.now = Moment(self.now.steady + seconds, self.now.wall + seconds)

    def connect(self) -> Asked:
        return Asked(self)
