"""Installs keys without a shell on the server: by the machine's own sftp program, which pyssh takes there."""

import contextlib
import os
import posixpath
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Final

import pyssh
from pyssh_cli.copy_id.install import Installed
from pyssh_cli.copy_id.keys import Installable
from pyssh_cli.copy_id.request import CopyError, Request
from pyssh_config.errors import escape

__all__ = ["install"]

_MOST: Final = 16 * 1024 * 1024
"""What an authorized_keys file may hold."""


def install(request: Request, keys: Sequence[Installable]) -> Installed:
    """Add keys to the file on the server, those that are not in it. Raises `CopyError`.

    What is there is never written again: new lines are appended, or else the file is a new one.
    """
    program = shutil.which("sftp")
    if program is None:
        raise CopyError("-s needs the program sftp, which is not on this machine (Debian: openssh-client)")
    with _connection(program, request) as there:
        before = there.fetch(request.target)
        new = [key for key in keys if not _holds(before, key.line.split(" ")[1])]
        if new:
            lines = "".join(f"{key.line}\n" for key in new).encode("ascii", "replace")
            missing_newline = b"\n" if before and not before.endswith(b"\n") else b""
            there.append(request.target, before, missing_newline + lines)
        return Installed(len(new), len(keys) - len(new))


def _holds(file: bytes, blob: str) -> bool:
    # a line that is commented out lets nobody in
    return any(blob.encode() in line and not line.lstrip().startswith(b"#") for line in file.splitlines())


@contextlib.contextmanager
def _connection(program: str, request: Request) -> Iterator["_Sftp"]:
    """Run sftp as often as it takes, over one connection, so that a password is asked for once."""
    with tempfile.TemporaryDirectory(prefix="pyssh-copy-id-") as folder:
        us = shlex.join([sys.executable, os.path.dirname(pyssh.__file__)])  # noqa: PTH120  # as below
        stand_in = f"{folder}/pyssh"
        with open(stand_in, "w", encoding="utf-8", opener=_executable) as file:
            file.write(f'#!/bin/sh\nexec {us} connect "$@"\n')
        shared = ["-o", f"ControlPath={folder}/shared"]
        flags = [word for key, value in request.options for word in (f"-{_FLAGS[key]}", value)]
        command = [program, "-q", "-o", "BatchMode=no", "-S", stand_in, *shared]
        command += ["-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o", "ForwardAgent=no"]
        host = request.host
        try:
            yield _Sftp([*command, *flags], host, folder, trace=request.trace)
        finally:
            closing = [stand_in, "-q", *shared, "-O", "exit", *_login_flags(request), host]
            nothing = subprocess.DEVNULL
            subprocess.run(closing, check=False, stdin=nothing, stderr=nothing)  # noqa: S603  # it is us


def _executable(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL, 0o700)


# sftp has another letter for the port
_FLAGS: Final = {"p": "P", "o": "o", "F": "F"}


def _login_flags(request: Request) -> list[str]:
    return [word for key, value in request.options for word in (f"-{key}", value)]


class _Sftp:
    """Runs of sftp with commands from a file."""

    def __init__(self, command: list[str], host: str, folder: str, *, trace: bool) -> None:
        self._command = command
        self._host = host
        self._folder = folder
        self._trace = trace

    def _run(self, *lines: str) -> None:
        """Give sftp commands; a line that begins with a hyphen may fail."""
        if not self._succeeds(*lines):
            raise CopyError("sftp could not do it; is there an SFTP server?")

    def _succeeds(self, *lines: str) -> bool:
        batch = f"{self._folder}/batch"
        with open(batch, "w", encoding="utf-8") as file:  # noqa: PTH123  # paths cost start-up time
            file.write("\n".join([*lines, ""]))
        output = None if self._trace else subprocess.DEVNULL
        command = [*self._command, "-b", batch, self._host]
        # what it says of files that are not there is nothing that went wrong
        done = subprocess.run(command, check=False, stdout=output, stderr=output)  # noqa: S603  # no shell's words
        return done.returncode == 0

    def fetch(self, path: str) -> bytes:
        """Return the content of a file, or nothing if there is none."""
        copy = f"{self._folder}/before"
        self._run(f"-get {_quoted(path)} {_quoted(copy)}")
        try:
            with open(copy, "rb") as file:  # noqa: PTH123  # as above
                content = file.read(_MOST + 1)
        except FileNotFoundError:
            if self._succeeds(f"ls {_quoted(path)}"):
                raise CopyError(f"{escape(path)} is there and cannot be read") from None
            return b""
        if len(content) > _MOST:
            raise CopyError(f"the file is larger than {_MOST} bytes")
        return content

    def append(self, path: str, before: bytes, more: bytes) -> None:
        """Put `more` behind what is there, or make the file; with the modes that sshd wants."""
        after = f"{self._folder}/after"
        with open(after, "wb") as file:  # noqa: PTH123  # as above
            file.write(before + more)
        directory = posixpath.dirname(path)
        made = [f"-mkdir {_quoted(directory)}", f"chmod 700 {_quoted(directory)}"] if directory else []
        # with -a sftp only adds, and refuses to where more is there than we know of
        put = (
            f"put -a {_quoted(after)} {_quoted(path)}" if before else f"put {_quoted(after)} {_quoted(path)}"
        )
        self._run(*made, put, f"chmod 600 {_quoted(path)}")


def _quoted(path: str) -> str:
    """Write a path as sftp reads it."""
    for special in '\\"*?[':
        path = path.replace(special, "\\" + special)
    return f'"{path}"'
