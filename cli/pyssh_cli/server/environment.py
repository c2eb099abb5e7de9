"""The environment that a session starts with: made from nothing, the client's wishes by allow-list only."""

import os
from collections.abc import Iterable, Mapping
from typing import Final

from pyssh_cli.server.accounts import Account
from pyssh_config.patterns import matches_pattern

__all__ = ["MAX_SIZE", "MAX_VARIABLES", "accepts", "is_dangerous", "session_environment"]

MAX_VARIABLES: Final = 128
"""How many variables a client may set for one session; ssh sends a handful."""

MAX_SIZE: Final = 32 * 1024
"""How many bytes they may have together."""

_ROOT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_USER_PATH: Final = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"

# what makes a program that the user did not choose run other code, or what the session itself says
_DANGEROUS_PREFIXES: Final = (
    "LD_",
    "DYLD_",
    "_RLD",
    "PYTHON",
    "BASH_",
    "PERL",
    "RUBY",
    "NODE_",
    "JAVA_",
    "MALLOC_",
    "SSH_",
    "GLIBC_",
    "GCONV_",
)
_DANGEROUS: Final = frozenset(
    (
        "ENV",
        "IFS",
        "PS4",
        "SHELLOPTS",
        "BASHOPTS",
        "PROMPT_COMMAND",
        "FPATH",
        "ZDOTDIR",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "PATH",
        "LOCPATH",
        "NLSPATH",
        "HOSTALIASES",
        "RES_OPTIONS",
        "TZDIR",
        "_JAVA_OPTIONS",
        "JDK_JAVA_OPTIONS",
    )
)


def is_dangerous(name: str) -> bool:
    """Tell whether a variable may never come from outside, whatever a list of patterns says."""
    return name in _DANGEROUS or name.startswith(_DANGEROUS_PREFIXES)


def accepts(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether a client may set a variable: by name it is harmless and on the list."""
    plain = name.isascii() and name.isprintable() and "=" not in name and bool(name)
    return plain and not is_dangerous(name) and any(matches_pattern(name, pattern) for pattern in patterns)


def session_environment(
    account: Account,
    *,
    peer: tuple[str, int],
    local: tuple[str, int],
    wished: Mapping[str, str],
    granted: Mapping[str, str],
) -> dict[str, str]:
    """Return the environment of a session, but for what its terminal adds.

    `wished` passed `accepts` already; `granted` comes from the administrator or the key and wins.
    """
    environment = dict(wished)
    environment |= {
        "USER": account.name,
        "LOGNAME": account.name,
        "HOME": account.home,
        "SHELL": account.shell,
        "PATH": _path(account),
        "SSH_CLIENT": f"{peer[0]} {peer[1]} {local[1]}",
        "SSH_CONNECTION": f"{peer[0]} {peer[1]} {local[0]} {local[1]}",
    }
    if "TZ" in os.environ:
        environment["TZ"] = os.environ["TZ"]
    return environment | dict(granted)


def _path(account: Account) -> str:
    if account.uid == 0:
        return _ROOT_PATH
    if account.is_own and os.environ.get("PATH"):
        # who started the server without privileges did so for themselves, and finds the same programs
        return os.environ["PATH"]
    return _USER_PATH
