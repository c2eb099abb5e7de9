"""Questions as ssh-keygen asks them: lines on standard input, passphrases on the terminal.

Input is read byte by byte: what a pipe holds for the next question must stay in it.
"""

import os
import sys

from .report import KeygenError, say, shown, write_text

__all__ = [
    "ask_line",
    "ask_new_passphrase",
    "ask_path",
    "confirm_overwrite",
    "default_path",
    "home",
    "read_passphrase",
]

TERMINAL = "/dev/tty"
_LINE_BYTES = 1024
_DEFAULT_NAME = "id_ed25519"


def home() -> str:
    """Return the user's home directory."""
    # posixpath: what pathlib would load besides is felt in the start-up time of `keygen -l`
    return os.path.expanduser("~")  # noqa: PTH111


def default_path(key_type: str | None) -> str:
    """Return where a key of that type goes if nobody says otherwise."""
    name = (key_type or "").lower()
    for start in ("ecdsa", "rsa", "ssh-rsa", "mldsa44-ed25519", "ssh-mldsa44-ed25519"):
        if name.startswith(start):
            return f"{home()}/.ssh/id_{start.removeprefix('ssh-').replace('-', '_')}"
    return f"{home()}/.ssh/{_DEFAULT_NAME}"


def ask_path(question: str, key_type: str | None = None) -> str:
    """Ask for a file; an empty answer is the default, none at all ends the program."""
    path = default_path(key_type)
    answer = ask_line(f"{question} ({shown(path)}): ")
    if answer is None:
        raise KeygenError("", 1)
    return answer or path


def ask_line(prompt: str) -> str | None:
    """Ask for a line on standard input; None at its end."""
    write_text(prompt)
    line = _read_line(0)
    return None if line is None else os.fsdecode(line)


def confirm_overwrite(path: str) -> None:
    """Ask before a file is replaced; a no, or nobody there to ask, ends the program."""
    if not os.path.exists(path):  # noqa: PTH110  as in `home`
        return
    say(f"{shown(path)} already exists.")
    answer = ask_line("Overwrite (y/n)? ")
    if not answer or answer[0] not in "yY":
        raise KeygenError("", 1)


def ask_new_passphrase(first: str, again: str) -> bytes | None:
    """Ask for a passphrase twice; None if the two differ."""
    passphrase = read_passphrase(first)
    return passphrase if read_passphrase(again) == passphrase else None


def read_passphrase(prompt: str) -> bytes:
    """Ask for a passphrase: of SSH_ASKPASS, or on the terminal without echo, or on standard input."""
    if _wants_askpass():
        return _ask_program(prompt)
    try:
        terminal = os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        if sys.stderr is not None:
            print(prompt, end="", file=sys.stderr, flush=True)
        return _read_line(0) or b""
    try:
        return _read_hidden(terminal, prompt)
    finally:
        os.close(terminal)


def _wants_askpass() -> bool:
    required = os.environ.get("SSH_ASKPASS_REQUIRE", "").lower()
    if required in ("force", "prefer"):
        return True
    has_display = "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    return has_display and required != "never" and "SSH_ASKPASS" in os.environ and not os.isatty(0)


def _ask_program(prompt: str) -> bytes:
    import subprocess  # noqa: PLC0415  # few prompts go this way

    program = os.environ.get("SSH_ASKPASS", "/usr/bin/ssh-askpass")
    try:
        # the user's own choice of program, given as one argument and run without a shell
        answer = subprocess.run([program, prompt], check=False, stdout=subprocess.PIPE)  # noqa: S603
    except OSError:
        return b""
    return b"" if answer.returncode else answer.stdout.partition(b"\n")[0].rstrip(b"\r")


class _SignalledError(BaseException):
    """A signal arrived while the terminal was silent."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _read_hidden(terminal: int, prompt: str) -> bytes:
    """Ask without echo. A signal that ends or stops us finds the terminal as it was before."""
    import signal  # noqa: PLC0415  # only where there is a terminal

    def interrupt(number: int, _frame: object) -> None:
        raise _SignalledError(number)

    while True:
        numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP)
        handlers = {number: signal.signal(number, interrupt) for number in numbers}
        try:
            return _read_silently(terminal, prompt)
        except _SignalledError as signalled:
            signal.signal(signalled.number, signal.SIG_DFL)
            # whoever was only stopped comes back here and is asked again
            os.kill(os.getpid(), signalled.number)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)


def _read_silently(terminal: int, prompt: str) -> bytes:
    import termios  # noqa: PLC0415  # as above

    before = termios.tcgetattr(terminal)
    silent = termios.tcgetattr(terminal)
    silent[3] &= ~(termios.ECHO | termios.ECHONL)
    termios.tcsetattr(terminal, termios.TCSAFLUSH, silent)
    try:
        os.write(terminal, prompt.encode("utf-8", "replace"))
        return _read_line(terminal) or b""
    finally:
        os.write(terminal, b"\n")
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


def _read_line(descriptor: int) -> bytes | None:
    """Read up to the end of a line and leave the rest; what is too long for a line is cut."""
    line = bytearray()
    while byte := os.read(descriptor, 1):
        if byte == b"\n":
            return bytes(line)
        if len(line) < _LINE_BYTES:
            line += byte
    return bytes(line) if line else None
