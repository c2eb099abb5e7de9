"""The command line that `~C` opens: forwards made and ended while a session runs."""

from typing import Final

from pyssh.aio.client import ClientLink
from pyssh.aio.forward import Forward
from pyssh_cli.client.forwards import Opener, listen_address, remote_listen_address
from pyssh_cli.output import Output, escape
from pyssh_config.client import ClientConfig
from pyssh_config.errors import ConfigError
from pyssh_config.forwards import parse_forward

__all__ = ["PROMPT", "run_line"]

PROMPT: Final = "\r\nssh> "

_HELP: Final = (
    "Commands:",
    "      -L[bind_address:]port:host:hostport    Request local forward",
    "      -R[bind_address:]port:host:hostport    Request remote forward",
    "      -D[bind_address:]port                  Request dynamic forward",
    "      -KL[bind_address:]port                 Cancel local forward",
    "      -KR[bind_address:]port                 Cancel remote forward",
    "      -KD[bind_address:]port                 Cancel dynamic forward",
)
_LOCAL_HELP: Final = "      !args                                  Execute local command"
_KINDS: Final = {"L": "local", "R": "remote", "D": "dynamic"}


async def run_line(line: str, link: ClientLink, config: ClientConfig, output: Output) -> None:
    """Do what a line says, and say what came of it; an empty one does nothing."""
    text = line.strip().removeprefix("-")
    if not text:
        return
    if text[0] in "hH?":
        output.info("\n".join([*_HELP, *([_LOCAL_HELP] if config.permit_local_command else [])]))
        return
    if text[0] == "!" and config.permit_local_command:
        from pyssh_cli.client.local_command import run_local_command  # noqa: PLC0415  # few have one

        run_local_command(text[1:], config.context.environ, output)
        return
    is_cancel = text[0] == "K"
    letter = text[1:2] if is_cancel else text[0]
    if letter not in _KINDS:
        output.info("Invalid command.")
        return
    spec = text[2:] if is_cancel else text[1:]
    try:
        if is_cancel:
            _cancel(_KINDS[letter], spec, link, config, output)
        else:
            await _open(_KINDS[letter], spec, link, config, output)
    except ConfigError as error:
        output.info(f"Bad forwarding specification: {error}")


async def _open(kind: str, spec: str, link: ClientLink, config: ClientConfig, output: Output) -> None:
    forward = parse_forward(
        spec, dynamic=kind == "dynamic", remote=kind == "remote", environ=config.context.environ
    )
    opener = Opener(link, config, output)
    await (opener.remote(forward) if kind == "remote" else opener.local(forward))
    output.info("Port forwarding failed." if opener.has_failed else "Forwarding port.")


def _cancel(kind: str, spec: str, link: ClientLink, config: ClientConfig, output: Output) -> None:
    # a listener alone is written as that of a dynamic forward
    listen = parse_forward(spec, dynamic=True, environ=config.context.environ).listen
    if kind == "remote":
        address = remote_listen_address(listen)
    else:
        address = listen_address(listen, everywhere=config.gateway_ports)
    found = [forward for forward in link.forwards if forward.kind == kind and _listens(forward, address)]
    for forward in found:
        forward.close()
    if not found:
        output.info(f"Unknown port forwarding: {escape(spec.strip())}")
    else:
        output.info("Canceled forwarding.")


def _listens(forward: Forward, address: object) -> bool:
    """Whether a forward was asked for at an address, or has a port there that was left to the server."""
    return address in (forward.asked, forward.address)
