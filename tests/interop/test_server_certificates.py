"""Certificates that stock ssh shows to pyssh-server: TrustedUserCAKeys, principals, revocation."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import peers
from tests.support.pyssh_server import PysshServer, pyssh_server

SECONDS = 60.0


class Site(NamedTuple):
    """A server that trusts a CA; its lists are files that tests write."""

    server: PysshServer
    folder: Path

    def sign(self, name: str, *options: str, ca: str = "ca") -> Path:
        """Make a key with a certificate of the CA; return the private key."""
        key = self.folder / name
        if not key.exists():
            peers.make_key(key)
        keygen = str(peers.NEWEST.path("ssh-keygen"))
        words = [keygen, "-q", "-s", str(self.folder / ca), "-I", f"id of {name}", *options]
        subprocess.run([*words, f"{key}.pub"], check=True, capture_output=True)
        return key

    def log_in(self, key: Path) -> int:
        options = ["-o", f"CertificateFile={key}-cert.pub", "-o", "LogLevel=ERROR"]
        words = peers.ssh_command(self.server.port, key, "true", user=self.server.user, options=options)
        return subprocess.run(words, check=False, capture_output=True, timeout=SECONDS).returncode

    def revoke(self, *specifications: str | Path) -> None:
        """Make the server's revocation list with ssh-keygen."""
        keygen = str(peers.NEWEST.path("ssh-keygen"))
        source = self.folder / "specifications"
        source.write_text("".join(f"{line}\n" for line in specifications))
        ca = str(self.folder / "ca.pub")
        subprocess.run([keygen, "-q", "-k", "-f", self.folder / "revoked", "-s", ca, source], check=True)


@pytest.fixture(scope="module", params=["TrustedUserCAKeys", "AuthorizedPrincipalsFile"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    peers.require(peers.NEWEST)
    folder = tmp_path_factory.mktemp("site")
    for name in ("ca", "other_ca"):
        peers.make_key(folder / name)
    (folder / "revoked").write_text("# nobody yet\n")
    options = ["-v", "-o", f"TrustedUserCAKeys={folder}/ca.pub", "-o", f"RevokedKeys={folder}/revoked"]
    if request.param == "AuthorizedPrincipalsFile":
        options += ["-o", f"AuthorizedPrincipalsFile={folder}/names_%u"]
    with pyssh_server(folder, *options) as server:
        names = folder / f"names_{server.user}"
        names.write_text(f"# comment\nbogus-option {server.user}\nno-pty {server.user} # all of it\n")
        yield Site(server, folder)


@pytest.fixture(autouse=True)
def _no_revocation(site: Site) -> None:
    (site.folder / "revoked").write_text("# nobody\n")


def test_a_certificate_of_the_authority_logs_in(site: Site) -> None:
    key = site.sign("good", "-n", f"somebody,{site.server.user}", "-V", "-1h:+1h")
    assert site.log_in(key) == 0
    assert "id of good" in site.server.log


@pytest.mark.parametrize(
    ("options", "ca", "reason"),
    [
        (["-n", "USER"], "other_ca", "the certificate's CA is not in"),
        (["-n", "USER", "-V", "20200101:20200102"], "ca", "has expired"),
        (["-n", "USER", "-V", "+1h:+2h"], "ca", "is not yet valid"),
        (["-n", "USER", "-O", "critical:frobnicate"], "ca", "unknown critical option 'frobnicate'"),
        (
            ["-n", "USER", "-O", "source-address=192.0.2.0/24"],
            "ca",
            "not good for connections from 127.0.0.1",
        ),
        (["-n", "somebody"], "ca", "is not for|lets one of the certificate's names in"),
        ([], "ca", "names nobody|lets one of the certificate's names in"),
    ],
    ids=["ca", "expired", "early", "critical", "source", "principal", "nobody"],
)
def test_refused_and_the_log_says_why(site: Site, options: list[str], ca: str, reason: str) -> None:
    words = [site.server.user if word == "USER" else word for word in options]
    assert site.log_in(site.sign("bad", *words, ca=ca)) == 255
    site.server.running.wait_for(reason)


def test_revocation(site: Site) -> None:
    key = site.sign("revocable", "-n", site.server.user, "-z", "77")
    assert site.log_in(key) == 0
    public = key.with_suffix(".pub").read_text()
    for specification in ("serial: 70-80", "id: id of revocable", f"key: {public}", f"sha256: {public}"):
        site.revoke(specification.strip())
        assert site.log_in(key) == 255, specification
        site.revoke("serial: 1-76")
        assert site.log_in(key) == 0, specification
    for text in (public, (site.folder / "ca.pub").read_text(), "what is this?"):
        (site.folder / "revoked").write_text(text)
        assert site.log_in(key) == 255, text
    (site.folder / "revoked").unlink()
    # without the list nobody can know
    assert site.log_in(key) == 255
    site.server.running.wait_for("RevokedKeys cannot be used, so no key is accepted")
