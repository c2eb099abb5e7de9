"""What the flags of ssh(1) say in the terms of ssh_config, in the order in which they count.

Most flags assign: the last one wins, whatever -o says. -o, -p, -l and their like only fill what nobody has
said before them, and so does the user in front of the host's name, at the place where it stands.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from pyssh.errors import SSHError
from pyssh_cli.getopt import Given, HostCommand
from pyssh_cli.output import Output
from pyssh_config.client_values import parse_devices
from pyssh_config.errors import ConfigError, escape
from pyssh_config.forwards import Destination, check_user, parse_forward
from pyssh_config.values import parse_port

__all__ = ["Override", "SettingsError", "overrides"]

Override = str | tuple[str, Any]
T = TypeVar("T")


class SettingsError(SSHError):
    """Flags and configuration that contradict one another."""


def overrides(
    command: HostCommand, destination: Destination, environ: Mapping[str, str], output: Output
) -> list[Override]:
    """Return what counts before the configuration files. Raises ConfigError, with the flag."""
    _check_together(command.flags)
    where: list[Override] = []
    if destination.user is not None:
        where.append(("user", destination.user))
    if destination.port is not None:
        where.append(("port", destination.port))
    before, behind = command.flags[: command.before], command.flags[command.before :]
    return [
        *_assigned(command.flags),
        *_filled(before, environ, output),
        *where,
        *_filled(behind, environ, output),
    ]


def _check_together(flags: Sequence[Given]) -> None:
    keys = [key for key, _ in flags]
    if "N" in keys and "s" in keys:
        raise SettingsError("Cannot specify -N with -s/SessionType")
    if keys.count("W") > 1:
        raise SettingsError("stdio forward already specified")
    if keys.count("J") > 1:
        raise SettingsError("Only a single -J option is permitted; put commas between the hosts")


# --- flags that assign

_SIMPLE: Final[Mapping[str, tuple[tuple[str, Any], ...]]] = {
    "4": (("address_family", "inet"),),
    "6": (("address_family", "inet6"),),
    "A": (("forward_agent", True),),
    "a": (("forward_agent", False),),
    "C": (("compression", True),),
    "f": (("fork_after_authentication", True), ("stdin_null", True)),
    "g": (("gateway_ports", True),),
    "N": (("session_type", "none"), ("request_tty", "no")),
    "n": (("stdin_null", True),),
    "s": (("session_type", "subsystem"),),
    "T": (("request_tty", "no"),),
    "W": (("session_type", "none"), ("request_tty", "no")),
    "X": (("forward_x11", True),),
    "x": (("forward_x11", False),),
    "Y": (("forward_x11", True), ("forward_x11_trusted", True)),
}

_TYPED: Final[Mapping[str, Callable[[str], tuple[str, Any]]]] = {
    "B": lambda value: ("bind_interface", value),
    "b": lambda value: ("bind_address", value),
    "S": lambda value: ("control_path", None if value.lower() == "none" else value),
    "w": lambda value: ("tunnel_device", parse_devices(value)),
}

_SPELLED: Final = {"c": "Ciphers", "e": "EscapeChar", "m": "MACs"}
_AGAIN: Final = {"yes": "force", "force": "force"}
_LOUDER: Final = {"DEBUG1": "DEBUG2", "DEBUG2": "DEBUG3", "DEBUG3": "DEBUG3"}


def _assigned(flags: Sequence[Given]) -> list[Override]:
    found: dict[str, Any] = {}
    spelled: list[str] = []
    for key, value in flags:
        if key in _SIMPLE:
            found |= _SIMPLE[key]
        elif key in _TYPED:
            field, typed = _parsed(_TYPED[key], key, value)
            found[field] = typed
        elif key in _SPELLED:
            spelled.insert(0, f"{_SPELLED[key]}={value}")
        elif key == "t":
            found["request_tty"] = _AGAIN.get(found.get("request_tty", ""), "yes")
        elif key == "v":
            found["log_level"] = _LOUDER.get(found.get("log_level", ""), "DEBUG1")
        elif key == "q":
            found["log_level"] = "QUIET"
        elif key == "M":
            found["control_master"] = "ask" if "control_master" in found else "yes"
    return [*found.items(), *spelled]


def _parsed(parse: Callable[[str], T], key: str, value: str) -> T:
    try:
        return parse(value)
    except ConfigError as error:
        raise error.at(f"-{key}", 0) from None


# --- flags that fill what is not set

_FILLING: Final[Mapping[str, Callable[[str], Override]]] = {
    "i": lambda value: ("identity_file", (value,)),
    "J": lambda value: f"ProxyJump={value}",
    "l": lambda value: ("user", _user(value)),
    "o": lambda value: value,
    "P": lambda value: ("tag", value),
    "p": lambda value: ("port", parse_port(value)),
    "w": lambda _: ("tunnel", "point-to-point"),
}

_FORWARDS: Final[Mapping[str, Callable[[Mapping[str, str]], Callable[[str], Override]]]] = {
    "D": lambda environ: (
        lambda text: (
            "dynamic_forward",
            (parse_forward(text, dynamic=True, environ=environ),),
        )
    ),
    "L": lambda environ: lambda text: ("local_forward", (parse_forward(text, environ=environ),)),
    "R": lambda environ: (
        lambda text: (
            "remote_forward",
            (parse_forward(text, remote=True, environ=environ),),
        )
    ),
}


def _filled(flags: Sequence[Given], environ: Mapping[str, str], output: Output) -> list[Override]:
    found: list[Override] = []
    for key, value in flags:
        if key == "i" and not _is_there(value, output):
            continue
        if key in _FILLING:
            found.append(_parsed(_FILLING[key], key, value))
        elif key in _FORWARDS:
            found.append(_parsed(_FORWARDS[key](environ), key, value))
    return found


def _user(text: str) -> str:
    check_user(text)
    return text


def _is_there(path: str, output: Output) -> bool:
    """Whether a file of -i can be looked at; ssh goes on without it, after a warning."""
    try:
        os.stat(os.path.expanduser(path))  # noqa: PTH111, PTH116  # pathlib raises for unknown users
    except OSError as error:
        output.info(f"Warning: Identity file {escape(path)} not accessible: {error.strerror}.")
        return False
    return True
