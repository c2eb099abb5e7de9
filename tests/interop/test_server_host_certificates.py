"""pyssh-server shows certificates of its host keys, to stock ssh and to pyssh."""

import subprocess
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.peers import make_key
from tests.support.processes import LOOPBACK
from tests.support.pyssh_client import PYSSH
from tests.support.pyssh_server import pyssh_server

SECONDS = 60.0


def certify(folder: Path, key: Path, *options: str) -> Path:
    keygen = peers.require(peers.NEWEST).path("ssh-keygen")
    words = [
        str(keygen),
        "-q",
        "-s",
        str(folder / "ca"),
        "-I",
        "host",
        "-n",
        LOOPBACK,
        *options,
        f"{key}.pub",
    ]
    subprocess.run(words, check=True, capture_output=True)
    return key.with_name(f"{key.name}-cert.pub")


@pytest.mark.parametrize("client", ["ssh", "pyssh"])
def test_a_host_with_a_certificate(tmp_path: Path, client: str) -> None:
    make_key(tmp_path / "ca")
    host = make_key(tmp_path / "certified", "ecdsa")
    options = ["--host-key", str(host), "-o", f"HostCertificate={certify(tmp_path, host, '-h')}"]
    known = tmp_path / "known"
    known.write_text(f"@cert-authority * {(tmp_path / 'ca.pub').read_text()}")
    with pyssh_server(tmp_path, *options) as server:
        program = [str(peers.NEWEST.path("ssh"))] if client == "ssh" else PYSSH
        words = server.ssh("echo", "in", options=["-o", "StrictHostKeyChecking=yes"])[1:]
        given = ["-o", f"UserKnownHostsFile={known}", "-o", "UpdateHostKeys=no", *words]
        done = subprocess.run([*program, *given], capture_output=True, timeout=SECONDS, check=False)
        assert (done.returncode, done.stdout) == (0, b"in\n"), done.stderr
        # without the authority the bare key is shown, and counts
        known.write_text(f"* {(tmp_path / 'certified.pub').read_text()}")
        done = subprocess.run([*program, *given], capture_output=True, timeout=SECONDS, check=False)
        assert done.stdout == b"in\n", done.stderr


def test_certificates_of_no_use_are_told(tmp_path: Path) -> None:
    make_key(tmp_path / "ca")
    other = make_key(tmp_path / "other")
    users = certify(tmp_path, make_key(tmp_path / "users"))
    paths = [certify(tmp_path, other, "-h"), users, tmp_path / "ca.pub", tmp_path / "gone"]
    options = [word for path in paths for word in ("-o", f"HostCertificate={path}")]
    with pyssh_server(tmp_path, *options) as server:
        log = server.log
    assert f"{paths[0]}: none of the host keys is the one that it certifies" in log
    assert f"{users}: it is no certificate of a host" in log
    assert f"{tmp_path}/ca.pub: it is no certificate of a host" in log
    assert f"{tmp_path}/gone: cannot read it" in log
