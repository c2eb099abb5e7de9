"""Lists of algorithms: checked where they are read, applied to our defaults later.

A list may name algorithms that OpenSSH has and we have not: a file that serves both programs is no mistake.
They are passed over, as long as something is left.
"""

from collections.abc import Sequence
from typing import Final

from pyssh.errors import UsageError
from pyssh.record import Record

from .errors import ConfigError, escape
from .patterns import matches_pattern
from .values import Arguments, Parser, one_word


class AlgorithmNames(Record):
    """Names of one kind, all of them and those that count unless told otherwise."""

    names: tuple[str, ...]
    default_names: tuple[str, ...]


CA_SIGNATURES: AlgorithmNames
"""What CAs sign with: bare keys only, for a certificate cannot sign one. Made when first used."""


def __getattr__(name: str) -> AlgorithmNames:
    """Make `CA_SIGNATURES` (PEP 562): who has a connection already reads files without any algorithm."""
    if name != "CA_SIGNATURES":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pyssh.keys.signing import SIGNATURE_ALGORITHMS  # noqa: PLC0415  # 20 ms, as in `_known`

    bare = [algorithm for algorithm in SIGNATURE_ALGORITHMS if not algorithm.is_certificate]
    made = AlgorithmNames(
        tuple(algorithm.name for algorithm in bare),
        tuple(algorithm.name for algorithm in bare if not algorithm.legacy),
    )
    globals()[name] = made
    return made


def _known(kind: str) -> tuple[str, ...]:
    from pyssh.algorithms.ciphers import CIPHERS  # noqa: PLC0415  # 20 ms, for who names algorithms
    from pyssh.algorithms.kex import KEX  # noqa: PLC0415
    from pyssh.algorithms.macs import MACS  # noqa: PLC0415
    from pyssh.algorithms.preferences import SIGNATURES  # noqa: PLC0415

    return {
        "cipher": CIPHERS.names,
        "MAC": MACS.names,
        "key exchange method": KEX.names,
        "signature algorithm": SIGNATURES.names,
    }[kind]


_PATTERNS_FOR: Final = "signature algorithm"  # elsewhere OpenSSH takes patterns after "-" only

_OPENSSH_ONLY: Final = (
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "diffie-hellman-group1-sha1",
    "diffie-hellman-group-exchange-sha1",
    "umac-64@openssh.com",
    "umac-128@openssh.com",
    "umac-64-etm@openssh.com",
    "umac-128-etm@openssh.com",
    "hmac-sha1-96",
    "hmac-sha1-96-etm@openssh.com",
    "hmac-md5",
    "hmac-md5-96",
    "hmac-md5-etm@openssh.com",
    "hmac-md5-96-etm@openssh.com",
    "rijndael-cbc@lysator.liu.se",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
)


def algorithms(kind: str) -> Parser[str]:
    """Make a parser of a list, perhaps with `+`, `-` or `^` before it; it returns the text as it stands."""

    def parse(arguments: Arguments) -> str:
        word = one_word(arguments)
        known = _known(kind)
        names = _names(word)
        if not all(names):
            raise ConfigError(f'"{escape(word)}" is not a list of names with commas between them')
        for name in () if word.startswith("-") else names:
            is_pattern = "*" in name or "?" in name
            if not _stands_for(name, (*known, *_OPENSSH_ONLY)) or (is_pattern and kind != _PATTERNS_FOR):
                raise ConfigError(f'"{escape(name)}" is not a {kind}; known are {", ".join(known)}')
        return word

    return parse


def _names(text: str) -> list[str]:
    return (text[1:] if text[0] in "+-^" else text).split(",")


def _stands_for(pattern: str, names: Sequence[str]) -> bool:
    return any(matches_pattern(name, pattern) for name in names)


def apply_list(text: str | None, default: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return the algorithms that a value of a configuration means; None means the default.

    Names that only OpenSSH knows are left out (`passed_over` says which); ConfigError if nothing is left.
    """
    if text is None:
        return tuple(default)
    from pyssh.algorithms.preferences import edit_list  # noqa: PLC0415  # as in `_known`

    edit = text[0] if text[0] in "+-^" else ""
    names = [name for name in _names(text) if edit == "-" or _stands_for(name, known)]
    try:
        result = edit_list(edit + ",".join(names), default, known) if names or not edit else tuple(default)
    except UsageError:
        result = ()
    if not result:
        raise ConfigError(f'"{escape(text)}" leaves no algorithm; known are {", ".join(known)}')
    return result


def passed_over(text: str | None, known: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a value that are OpenSSH's and not ours, for a warning."""
    if text is None or text.startswith("-"):
        return ()
    return tuple(name for name in _names(text) if not _stands_for(name, known))
