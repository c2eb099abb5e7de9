"""Ansible with pyssh in ssh's place, over shared connections, as it likes them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.peers import Server, openssh_server
from tests.support.processes import LOOPBACK
from tests.support.pyssh_client import PYSSH, replacement
from tests.support.pyssh_server import pyssh_server

ANSIBLE = Path(sys.executable).with_name("ansible")
TEMPLATE = "{% for i in range(3) %}line {{ i }} of {{ owner }}\n{% endfor %}"


@contextmanager
def _own_server(folder: Path) -> Iterator[Server]:
    with pyssh_server(folder) as own:
        yield own.as_peer


@contextmanager
def _inventory(kind: str, folder: Path) -> Iterator[Path]:
    """A server of a kind, and an inventory that reaches it through pyssh."""
    with openssh_server() if kind == "sshd" else _own_server(folder) as server:
        inventory = folder / "inventory.json"
        variables = {
            "ansible_host": LOOPBACK,
            "ansible_port": server.port,
            "ansible_user": server.user,
            "ansible_ssh_executable": str(replacement(folder, server)),
            # sftp would start the machine's ssh
            "ansible_ssh_transfer_method": "piped",
            "ansible_python_interpreter": sys.executable,
        }
        inventory.write_text(json.dumps({"all": {"hosts": {"there": variables}}}))
        yield inventory


@pytest.mark.skipif(
    not ANSIBLE.exists() and os.environ.get("CI") != "true", reason="no ansible beside this Python"
)
@pytest.mark.parametrize("kind", ["sshd", "pyssh-server"])
def test_modules_run_through_pyssh(kind: str, tmp_path: Path) -> None:
    source, template = tmp_path / "source", tmp_path / "template.j2"
    copied, rendered = tmp_path / "copied", tmp_path / "rendered"
    source.write_bytes(os.urandom(100_000))
    template.write_text(TEMPLATE)
    # a path for the control socket has to be short
    control = Path("/tmp") / f"pyssh-ansible-{os.getpid()}"
    control.mkdir(mode=0o700)
    environ = os.environ | {
        "ANSIBLE_HOME": str(tmp_path / "home"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(control),
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=20s",
        "ANSIBLE_PIPELINING": "false",
    }
    try:
        with _inventory(kind, tmp_path) as inventory:
            for module, arguments in (
                ("ping", ""),
                ("copy", f"src={source} dest={copied} mode=0600"),
                ("template", f"src={template} dest={rendered}"),
            ):
                done = subprocess.run(
                    [ANSIBLE, "-i", inventory, "there", "-m", module, "-a", arguments, "-e", "owner=ada"],
                    env=environ,
                    capture_output=True,
                    check=False,
                    text=True,
                    timeout=120,
                )
                assert done.returncode == 0, done.stdout + done.stderr
                assert ("pong" if module == "ping" else '"changed": true') in done.stdout
    finally:
        for shared in control.iterdir():
            # the master would stay for the rest of its time
            subprocess.run([*PYSSH, "-F", "none", "-S", shared, "-O", "exit", LOOPBACK], check=False)
        shutil.rmtree(control)
    assert copied.read_bytes() == source.read_bytes()
    assert copied.stat().st_mode & 0o777 == 0o600
    assert rendered.read_text() == "".join(f"line {i} of ada\n" for i in range(3))
