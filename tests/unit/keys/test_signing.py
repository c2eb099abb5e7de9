from pyssh.keys.modules import KEY_MODULES, certificate_name
from pyssh.keys.private import generate_private_key
from pyssh.keys.signing import SIGNATURE_ALGORITHMS, Signer, signature_algorithm

NAMES = [algorithm.name for algorithm in SIGNATURE_ALGORITHMS]


def test_the_order_of_preference() -> None:
    plain = [
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "ssh-mldsa44-ed25519",
        "ssh-mldsa44-ed25519@openssh.com",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ]
    certified = [certificate_name(name) for name in plain]
    assert [*certified, *plain, "ssh-rsa-cert-v01@openssh.com", "ssh-rsa"] == NAMES


def test_certificates_are_named_as_openssh_names_them() -> None:
    assert certificate_name("ssh-ed25519") == "ssh-ed25519-cert-v01@openssh.com"
    assert certificate_name("sk-ssh-ed25519@openssh.com") == "sk-ssh-ed25519-cert-v01@openssh.com"
    assert certificate_name("ssh-mldsa44-ed25519") == "ssh-mldsa44-ed25519-cert"
    assert certificate_name("ssh-mldsa44-ed25519@openssh.com") == "ssh-mldsa44-ed25519-cert-v01@openssh.com"


def test_what_the_table_says() -> None:
    assert {algorithm.key_type for algorithm in SIGNATURE_ALGORITHMS} == set(KEY_MODULES)
    for algorithm in SIGNATURE_ALGORITHMS:
        assert signature_algorithm(algorithm.name) is algorithm
        assert algorithm.is_certificate == ("-cert" in algorithm.name) == ("-cert" in algorithm.key_type)
        assert "-cert" not in algorithm.signature_format
        assert algorithm.legacy == algorithm.name.startswith("ssh-rsa")
        assert algorithm.verify_only == algorithm.name.startswith("sk-")
        assert algorithm.rfc
    assert signature_algorithm("ssh-dss") is None


def test_rsa_has_one_key_type_and_several_algorithms() -> None:
    certified = signature_algorithm("rsa-sha2-512-cert-v01@openssh.com")
    assert certified is not None
    assert certified.key_type == "ssh-rsa-cert-v01@openssh.com"
    assert certified.signature_format == "rsa-sha2-512"


def test_a_private_key_is_a_signer() -> None:
    signer: Signer = generate_private_key("ed25519")
    assert signer.key.verify("ssh-ed25519", signer.sign("ssh-ed25519", b"data"), b"data")
