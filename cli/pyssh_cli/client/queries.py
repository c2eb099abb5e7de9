"""-Q: which algorithms and keys this client knows, one to a line; scripts ask before they choose."""

from collections.abc import Iterable
from typing import Final

from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.compression import COMPRESSION
from pyssh.algorithms.kex import KEX
from pyssh.algorithms.macs import MACS
from pyssh.errors import SSHError
from pyssh.keys.modules import CERTIFIED_TYPES, KEY_MODULES
from pyssh.keys.signing import SIGNATURE_ALGORITHMS
from pyssh_config.errors import escape

__all__ = ["UnknownQueryError", "answer"]

_OLD_SUFFIXES: Final = ("@openssh.com", "-v01@openssh.com")

_SAME: Final = {
    "ciphers": "cipher",
    "macs": "mac",
    "kexalgorithms": "kex",
    "hostkeyalgorithms": "key-sig",
    "hostbasedacceptedalgorithms": "key-sig",
    "hostbasedkeytypes": "key-sig",
    "pubkeyacceptedalgorithms": "key-sig",
    "pubkeyacceptedkeytypes": "key-sig",
    "casignaturealgorithms": "sig",
    "key-ca-sign": "sig",
}
"""The keyword whose list a query shows may be used as its name, in any case."""


class UnknownQueryError(SSHError):
    """Nothing goes by that name; the text says what does."""


def answer(query: str) -> tuple[str, ...]:
    """Return the names that a query asks for; `UnknownQueryError` for one that nobody knows."""
    answers = {
        "cipher": CIPHERS.names,
        "cipher-auth": tuple(cipher.name for cipher in CIPHERS if cipher.is_aead),
        "compression": COMPRESSION.names,
        "kex": KEX.names,
        "key": _settled(KEY_MODULES),
        "key-cert": _settled(CERTIFIED_TYPES),
        "key-plain": _settled(name for name in KEY_MODULES if name not in CERTIFIED_TYPES),
        "key-sig": _settled(one.name for one in SIGNATURE_ALGORITHMS),
        "mac": MACS.names,
        "protocol-version": ("2",),
        "sig": _settled(one.name for one in SIGNATURE_ALGORITHMS if not one.is_certificate),
    }
    if query == "help":
        return tuple(answers)
    name = _SAME.get(query.lower(), query)
    if name not in answers:
        raise UnknownQueryError(f"-Q {escape(query)}: not one of {', '.join(answers)}")
    return answers[name]


def _settled(names: Iterable[str]) -> tuple[str, ...]:
    """Leave out the names that a type had before it got its own: scripts would make a key for each."""
    known = tuple(names)
    return tuple(name for name in known if not _is_old(name, known))


def _is_old(name: str, known: tuple[str, ...]) -> bool:
    return any(name.endswith(suffix) and name.removesuffix(suffix) in known for suffix in _OLD_SUFFIXES)
