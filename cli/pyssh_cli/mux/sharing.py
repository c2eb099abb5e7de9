"""How a connection comes to be shared: a master for it, if configuration and file system agree."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from typing import Final

from pyssh.aio.client import ClientLink
from pyssh.aio.forward import Forward
from pyssh_cli.mux.forwarding import configured_forwards
from pyssh_cli.mux.listener import AlreadyExistsError
from pyssh_cli.mux.master import Master
from pyssh_cli.output import Level, Output, escape
from pyssh_config import forwards as config_forwards
from pyssh_config.client import ClientConfig

__all__ = ["share"]

_ASKPASS: Final = "ssh-askpass"
# what a program for a yes or no may print and mean yes
_YES: Final = (b"", b"yes")
_ANSWER_SIZE: Final = 1024


def share(
    link: ClientLink,
    config: ClientConfig,
    opened: Mapping[config_forwards.Forward, Forward],
    output: Output,
    on_terminate: Callable[[], None],
) -> Master | None:
    """Make the control socket and serve it; None, and a line, if the path is taken. Raises OSError."""
    path = config.expand("control_path")
    assert path is not None
    output.debug("setting up multiplex master socket")
    asks = config.control_master in ("ask", "autoask")
    master = Master(
        link,
        config,
        output,
        forwards={key: opened[forward] for key, forward in configured_forwards(config) if forward in opened},
        on_terminate=on_terminate,
        ask=_Asker(config, output).ask if asks else None,
    )
    try:
        master.listen(path)
    except AlreadyExistsError:
        output.log(Level.ERROR, f"ControlSocket {escape(path)} already exists, disabling multiplexing")
        return None
    except OSError as error:
        raise OSError(error.errno, f"control socket {path}: {error.strerror or error}") from error
    return master


class _Asker:
    """Asks the user through SSH_ASKPASS, as the terminal is somebody's session. One question at a time."""

    def __init__(self, config: ClientConfig, output: Output) -> None:
        self._environ = config.context.environ
        self._output = output
        self._turn = asyncio.Lock()

    async def ask(self, question: str) -> bool:
        """Return whether the program said yes; without one nobody does."""
        require = self._environ.get("SSH_ASKPASS_REQUIRE", "")
        has_display = bool(self._environ.get("DISPLAY") or self._environ.get("WAYLAND_DISPLAY"))
        if require == "never" or not (has_display or require == "force"):
            self._output.error("a client is refused: there is no display to ask on (see SSH_ASKPASS)")
            return False
        program = self._environ.get("SSH_ASKPASS") or _ASKPASS
        async with self._turn:
            try:
                process = await asyncio.create_subprocess_exec(
                    program,
                    escape(question),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    env=os.environ | {"SSH_ASKPASS_PROMPT": "confirm"},
                )
            except OSError as error:
                self._output.error(f"a client is refused: {escape(program)}: {error.strerror}")
                return False
            assert process.stdout is not None
            try:
                answer = await process.stdout.read(_ANSWER_SIZE)
                code = await process.wait()
            except BaseException:
                # who asked has gone, or we are ending
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
                raise
        return code == 0 and answer.strip().lower() in _YES
