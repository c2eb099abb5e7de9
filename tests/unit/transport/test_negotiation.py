from typing import Any

import pytest

from pyssh.errors import DisconnectReason, NegotiationError
from pyssh.messages.transport import KexInit
from pyssh.transport.negotiation import negotiate, server_sig_algs

GCM, CTR = "aes256-gcm@openssh.com", "aes256-ctr"


def kexinit(**changes: Any) -> KexInit:
    names: dict[str, Any] = {
        "cookie": bytes(16),
        "kex_algorithms": ("curve25519-sha256", "ecdh-sha2-nistp256"),
        "server_host_key_algorithms": ("ssh-ed25519", "rsa-sha2-512"),
        "encryption_algorithms_client_to_server": (GCM, CTR),
        "encryption_algorithms_server_to_client": (GCM, CTR),
        "mac_algorithms_client_to_server": ("hmac-sha2-256",),
        "mac_algorithms_server_to_client": ("hmac-sha2-256",),
        "compression_algorithms_client_to_server": ("none",),
        "compression_algorithms_server_to_client": ("none",),
        "languages_client_to_server": (),
        "languages_server_to_client": (),
        "first_kex_packet_follows": False,
    }
    return KexInit(**(names | changes))


def test_the_clients_order_decides() -> None:
    client = kexinit(
        kex_algorithms=("b", "a", "ext-info-c"), encryption_algorithms_client_to_server=(CTR, GCM)
    )
    server = kexinit(kex_algorithms=("a", "b", "ext-info-s"), server_host_key_algorithms=("rsa-sha2-512",))
    agreed = negotiate(client, server, is_client=True).algorithms
    assert (agreed.kex, agreed.host_key) == ("b", "rsa-sha2-512")
    assert (agreed.cipher_client_to_server, agreed.mac_client_to_server) == (CTR, "hmac-sha2-256")
    assert (agreed.cipher_server_to_client, agreed.mac_server_to_client) == (GCM, "")


def test_marks_are_never_chosen() -> None:
    marks = ("ext-info-c", "ext-info-s", "kex-strict-c-v00@openssh.com", "kex-strict-s-v00@openssh.com")
    with pytest.raises(NegotiationError):
        negotiate(kexinit(kex_algorithms=marks), kexinit(kex_algorithms=marks), is_client=False)


@pytest.mark.parametrize(
    ("client_mark", "server_mark", "strict"),
    [
        ("kex-strict-c-v00@openssh.com", "kex-strict-s-v00@openssh.com", True),
        ("kex-strict-s-v00@openssh.com", "kex-strict-c-v00@openssh.com", False),
        ("x", "kex-strict-s-v00@openssh.com", False),
        ("kex-strict-c-v00@openssh.com", "x", False),
    ],
)
def test_strict_takes_both(client_mark: str, server_mark: str, strict: bool) -> None:
    client = kexinit(kex_algorithms=("curve25519-sha256", client_mark))
    server = kexinit(kex_algorithms=("curve25519-sha256", server_mark))
    assert negotiate(client, server, is_client=True).algorithms.strict is strict


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("kex_algorithms", "key exchange method"),
        ("server_host_key_algorithms", "host key algorithm"),
        ("encryption_algorithms_client_to_server", "cipher"),
        ("encryption_algorithms_server_to_client", "cipher"),
        ("compression_algorithms_client_to_server", "compression method"),
        ("compression_algorithms_server_to_client", "compression method"),
    ],
)
@pytest.mark.parametrize("is_client", [True, False])
def test_nothing_in_common_names_both_lists(field: str, kind: str, is_client: bool) -> None:
    theirs = kexinit(**{field: ("theirs", "ext-info-s")})
    ours = kexinit()
    client, server = (ours, theirs) if is_client else (theirs, ours)
    with pytest.raises(NegotiationError) as caught:
        negotiate(client, server, is_client=is_client)
    assert caught.value.kind == kind
    assert caught.value.theirs[0] == "theirs"
    assert caught.value.ours == tuple(getattr(ours, field))
    assert caught.value.reason is DisconnectReason.KEY_EXCHANGE_FAILED


def test_a_mac_is_only_wanted_where_it_is_used() -> None:
    without = kexinit(mac_algorithms_client_to_server=("other",), mac_algorithms_server_to_client=("other",))
    assert negotiate(without, kexinit(), is_client=True).algorithms.mac_client_to_server == ""
    with pytest.raises(NegotiationError, match="no MAC in common"):
        negotiate(without.replace(encryption_algorithms_server_to_client=(CTR,)), kexinit(), is_client=True)


@pytest.mark.parametrize("follows", [True, False])
def test_a_guess_is_right_when_both_first_names_agree(follows: bool) -> None:
    client = kexinit(first_kex_packet_follows=follows)
    assert negotiate(client, kexinit(), is_client=False).client_guess_wrong is False
    other = kexinit(kex_algorithms=("ecdh-sha2-nistp256",))
    assert negotiate(client, other, is_client=False).client_guess_wrong is follows
    other = kexinit(server_host_key_algorithms=("rsa-sha2-512",))
    assert negotiate(client, other, is_client=False).client_guess_wrong is follows
    assert negotiate(client, other, is_client=False).server_guess_wrong is False


def test_clients_find_the_signature_format_of_a_certificate() -> None:
    assert server_sig_algs(("ssh-ed25519", "rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-512")) == (
        b"ssh-ed25519,rsa-sha2-512,rsa-sha2-512-cert-v01@openssh.com"
    )
