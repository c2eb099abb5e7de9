"""Runs a command where `unshare` made namespaces: `regress_enter.py FOLDER COMMAND...`.

Brings the loopback interface up, makes /run empty but for what sshd wants there, and gives root the home
/run/home and the password of `FOLDER/shadow`. Only this process and those it starts see any of it.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        _, flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def change_files(folder: Path) -> None:
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    Path("/run/sshd").mkdir(mode=0o755)
    home = Path("/run/home")
    home.mkdir(mode=0o700)
    lines = Path("/etc/passwd").read_text().splitlines()
    fields = next(line for line in lines if line.startswith("root:")).split(":")
    fields[5], fields[6] = str(home), "/bin/sh"
    others = [line for line in lines if not line.startswith("root:")]
    copy = folder / "passwd"
    copy.write_text("\n".join([":".join(fields), *others, ""]))
    mount("--bind", str(copy), "/etc/passwd")
    mount("--bind", str(folder / "shadow"), "/etc/shadow")


def main() -> None:
    bring_loopback_up()
    change_files(Path(sys.argv[1]))
    # not exec: the first process of a namespace is the one that must wait for the orphans
    command = subprocess.Popen(sys.argv[2:])
    while True:
        ended, status = os.wait()
        if ended == command.pid:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 255)


if __name__ == "__main__":
    main()
