"""A server's proof of its host keys: what is no proof."""

import asyncio

import pytest

from pyssh.aio.host_keys import prove_host_keys
from pyssh.connection.requests import HOSTKEYS_PROVE, HostKeyProofData, HostKeyProofs, HostKeysProve
from pyssh.errors import HostKeyError
from pyssh.keys.private import PrivateKey, generate_private_key
from pyssh.wire.message import Struct

ONE, TWO = (generate_private_key("ed25519") for _ in range(2))
RSA = generate_private_key("rsa", 2048)
ALGORITHMS = ("ssh-ed25519", "rsa-sha2-512")


class Link:
    """Answers a request for proofs."""

    session_identifier = b"this session"

    def __init__(self, *signatures: bytes, reply: bytes | None = None) -> None:
        self.asked: list[Struct] = []
        self._reply = HostKeyProofs(signatures).encode() if reply is None else reply

    async def global_request(self, request: Struct) -> bytes:
        self.asked.append(request)
        return self._reply


def proof(
    signer: PrivateKey,
    key: PrivateKey | None = None,
    *,
    session: bytes = Link.session_identifier,
    purpose: str = HOSTKEYS_PROVE,
    algorithm: str = "",
) -> bytes:
    data = HostKeyProofData(purpose, session, (key or signer).key.blob).encode()
    return signer.sign(algorithm or signer.key.signature_algorithms[0], data)


def check(link: Link, *keys: PrivateKey) -> None:
    asyncio.run(prove_host_keys(link, [key.key for key in keys], ALGORITHMS))


def test_each_key_signs() -> None:
    link = Link(proof(ONE), proof(RSA))
    check(link, ONE, RSA)
    assert link.asked == [HostKeysProve((ONE.key.blob, RSA.key.blob))]


@pytest.mark.parametrize(
    "link",
    [
        Link(),
        Link(proof(ONE)),
        Link(proof(ONE), proof(TWO), proof(TWO)),
        Link(proof(TWO), proof(ONE)),
        Link(proof(ONE), proof(ONE, TWO)),
        Link(proof(ONE), proof(TWO, session=b"another session")),
        Link(proof(ONE), proof(TWO, purpose="something else")),
        Link(proof(ONE), b""),
        Link(reply=b"\x00\x00"),
    ],
    ids=["none", "too-few", "too-many", "swapped", "other-key", "session", "purpose", "empty", "malformed"],
)
def test_what_is_no_proof(link: Link) -> None:
    with pytest.raises(HostKeyError):
        check(link, ONE, TWO)


def test_algorithms_that_are_not_asked_for() -> None:
    for algorithm in ("rsa-sha2-256", "ssh-rsa"):
        with pytest.raises(HostKeyError, match="does not prove its host key ssh-rsa"):
            check(Link(proof(RSA, algorithm=algorithm)), RSA)
