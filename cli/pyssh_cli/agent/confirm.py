"""Asking whether a key may be used, through SSH_ASKPASS as ssh-agent does, while the agent goes on."""

import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from typing import Final

from pyssh.agent.machine import Confirm
from pyssh_cli.agent.request import reason
from pyssh_config.errors import escape

__all__ = ["Askpass", "question_text"]

_PROGRAM: Final = "/usr/bin/ssh-askpass"
_ANSWER_SIZE: Final = 1024
_SHOWN_COMMENT: Final = 256


def question_text(question: Confirm, hash_name: str) -> str:
    """Return what the user is asked; texts from outside show no control characters."""
    comment = escape(question.entry.held.comment[:_SHOWN_COMMENT].decode(errors="replace"))
    fingerprint = question.entry.key.fingerprint(hash_name)
    text = f"Allow use of key {comment}?\nKey fingerprint {fingerprint}."
    if question.entry.constraints.destinations and question.login is not None:
        user = escape(question.login.user_name[:_SHOWN_COMMENT])
        text += f'\npublic key authentication request for user "{user}" to listed host'
    return text


class Askpass:
    """A program that shows one question; `descriptor` can be read when it has answered or ended."""

    def __init__(self, process: int, descriptor: int) -> None:
        self._process = process
        self.descriptor = descriptor
        self._answer = b""

    @classmethod
    def start(cls, text: str, environ: Mapping[str, str], tell: Callable[[str], None]) -> "Askpass | None":
        """Ask; None if there is no way to, and so no permission."""
        required = environ.get("SSH_ASKPASS_REQUIRE", "")
        has_display = bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))
        if required == "never" or (required != "force" and not has_display):
            tell("a key is to be confirmed and there is no display to ask on: SSH_ASKPASS_REQUIRE=force asks")
            return None
        program = environ.get("SSH_ASKPASS") or _PROGRAM
        from_program, to_us = os.pipe()
        try:
            process = os.posix_spawnp(
                program,
                [program, text],
                {**environ, "SSH_ASKPASS_PROMPT": "confirm"},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, to_us, 1),
                ],
                setsigdef=[signal.SIGPIPE, signal.SIGINT],
            )
        except OSError as error:
            os.close(from_program)
            tell(f"{escape(program)} cannot be started: {reason(error)}")
            return None
        finally:
            os.close(to_us)
        return cls(process, from_program)

    def read(self) -> bool | None:
        """Read what there is; None until the program has ended, then whether it was a yes."""
        piece = os.read(self.descriptor, _ANSWER_SIZE)
        self._answer += piece
        if piece and len(self._answer) <= _ANSWER_SIZE:
            return None
        os.close(self.descriptor)
        if piece:
            # whatever it is that talks so much, it is no yes
            self._end()
            return False
        _, status = os.waitpid(self._process, 0)
        line = self._answer.split(b"\n", 1)[0].strip().lower()
        return os.waitstatus_to_exitcode(status) == 0 and line in (b"", b"yes")

    def close(self) -> None:
        """End the program; nobody waits for its answer any more."""
        os.close(self.descriptor)
        self._end()

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
