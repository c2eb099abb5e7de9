"""How an agent begins: the socket first, then what a shell is to know, then the agent itself in a child."""

import contextlib
import os
import resource
import signal
import sys
from typing import Final, NoReturn

from pyssh_cli import exit_codes
from pyssh_cli.agent import signals
from pyssh_cli.agent.request import CommandError, Request, reason
from pyssh_cli.agent.sockets import Place, activated, clean_up, listen_at, listen_in
from pyssh_cli.output import Level, Output, syslog_sink
from pyssh_config.errors import escape

__all__ = ["end_agent", "start"]

_SOCKET: Final = "SSH_AUTH_SOCK"
_PROCESS: Final = "SSH_AGENT_PID"
_PROGRAM: Final = "pyssh agent"
_SET_DUMPABLE: Final = 4
"""PR_SET_DUMPABLE of prctl(2)."""


def end_agent(request: Request, environ: dict[str, str]) -> int:
    """-k: end the agent of the environment, and print what makes a shell forget it."""
    text = environ.get(_PROCESS)
    if text is None:
        raise CommandError(f"{_PROCESS} not set, cannot kill agent")
    # never init, and never 0 or less, which are all sorts of groups
    if not text.isascii() or not text.isdigit() or not 1 < int(text[:12]) < 2**31:
        raise CommandError(f'{_PROCESS}="{escape(text)}", which is not a good PID')
    process = int(text)
    try:
        os.kill(process, signal.SIGTERM)
    except OSError as error:
        raise CommandError(f"kill: {reason(error)}") from None
    word = "unsetenv" if request.c_shell else "unset"
    _say(f"{word} {_SOCKET};\n{word} {_PROCESS};\necho Agent pid {process} killed;\n")
    return exit_codes.OK


def start(request: Request, environ: dict[str, str]) -> int:
    """Be an agent, or have a child be one and be the command."""
    signals.hold()
    try:
        return _start(request, environ)
    finally:
        signals.release()


def _start(request: Request, environ: dict[str, str]) -> int:
    output = Output(_PROGRAM, level=Level.DEBUG3 if request.debug else Level.INFO)
    place = activated(environ) if request.takes_activation else None
    if place is None:
        if request.bind_path is not None:
            place = listen_at(request.bind_path)
        else:
            if request.clean_up:
                clean_up(request.directory, all_hosts=request.clean_up > 1, tell=output.debug)
            place = listen_in(request.directory)
        if request.foreground:
            try:
                _announce(request, place, None)
            except OSError:
                place.remove()
                raise
    if request.foreground:
        return _serve(request, place, output, environ, parent=None)
    parent = os.getpid()
    try:
        child = os.fork()
    except OSError as error:
        place.remove()
        raise CommandError(f"fork: {reason(error)}") from None
    if child == 0:
        _be_background(request, place, environ, parent if request.command else None)
    place.listener.close()
    if request.command:
        signals.release()
        return _become(request.command, environ | {_SOCKET: place.path, _PROCESS: str(child)})
    _announce_child(request, place, child)
    return exit_codes.OK


def _announce_child(request: Request, place: Place, child: int) -> None:
    try:
        _announce(request, place, child)
    except OSError:
        # an agent that nobody knows of would stay for ever
        os.kill(child, signal.SIGTERM)
        raise


def _announce(request: Request, place: Place, process: int | None) -> None:
    """Print what a shell is to evaluate."""
    values = {_SOCKET: place.path}
    if process is not None:
        values[_PROCESS] = str(process)
    form = "setenv {0} {1};\n" if request.c_shell else "{0}={1}; export {0};\n"
    lines = [form.format(name, _quoted(value)) for name, value in values.items()]
    _say("".join(lines) + f"echo Agent pid {process or os.getpid()};\n")


def _quoted(path: str) -> str:
    """Return a path as both kinds of shell read it: bare if that will do, as ssh-agent prints it."""
    if path.replace("/", "").replace(".", "").replace("-", "").replace("_", "").isalnum() and path.isascii():
        return path
    return "'" + path.replace("'", "'\\''") + "'"


def _say(text: str) -> None:
    if sys.stdout is not None:  # closed by who started us, and so nobody reads it
        sys.stdout.write(text)
        sys.stdout.flush()


def _become(command: tuple[str, ...], environ: dict[str, str]) -> int:
    try:
        os.execvpe(command[0], command, environ)  # noqa: S606  # it is the command that the user gave
    except OSError as error:
        raise CommandError(f"{escape(command[0])}: {reason(error)}") from None


def _be_background(request: Request, place: Place, environ: dict[str, str], parent: int | None) -> NoReturn:
    """Be the child: alone in a session, without the terminal. Nothing of the parent's is to run after it."""
    code = exit_codes.FAILED
    try:
        os.setsid()
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        if null > 2:
            os.close(null)
        output = Output(_PROGRAM, level=Level.INFO, sink=syslog_sink("pyssh-agent"))
        try:
            code = _serve(request, place, output, environ, parent=parent)
        except Exception as error:  # the outermost edge of the process
            output.error(f"unforeseen {type(error).__name__}: {escape(str(error))}")
    finally:
        os._exit(code)


def _serve(
    request: Request,
    place: Place,
    output: Output,
    environ: dict[str, str],
    *,
    parent: int | None,
) -> int:
    try:
        _shut_off(output, keeps_core=request.foreground)
        # here, so that who only waits for the environment does not wait for this
        from pyssh.agent.machine import Agent, LogLevel  # noqa: PLC0415
        from pyssh_cli.agent.server import Server  # noqa: PLC0415

        tell = {
            LogLevel.ERROR: output.error,
            LogLevel.VERBOSE: output.verbose,
            LogLevel.DEBUG: output.debug,
        }

        agent = Agent(
            random=os.urandom,
            log=lambda level, text: tell[level](text),
            lifetime=request.lifetime,
            allows_provider=lambda provider: _allows(provider, request.providers),
        )
        server = Server(agent, place.listener, output, environ, request.hash_name)
        return server.run(ignores_interrupt=not request.foreground, parent=parent)
    finally:
        place.remove()


def _allows(provider: str, patterns: str) -> bool:
    """Tell whether a security key's library is one of those that -P lists, or OpenSSH's own."""
    from pathlib import Path  # noqa: PLC0415  # for security keys only

    from pyssh_config.patterns import matches_list  # noqa: PLC0415

    if provider.lower() == "internal":
        return True
    try:
        return matches_list(str(Path(provider).resolve(strict=True)), patterns)
    except (OSError, ValueError):
        return False


def _shut_off(output: Output, *, keeps_core: bool) -> None:
    """Keep our memory, which holds the keys, from other processes of the user and from core files."""
    if not keeps_core:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes  # noqa: PLC0415  # only the agent itself needs it

        if ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0) == 0:
            return
    output.debug("the memory of this process cannot be protected")
