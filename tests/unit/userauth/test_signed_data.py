from pyssh.keys.public import PublicKey
from pyssh.messages.userauth import PublicKeyFields, UserauthRequest
from pyssh.userauth.signed_data import signature_request, signed_data
from tests.unit.keys.building import strings

KEY = PublicKey("ssh-test", b"key blob", 1, ("ssh-test",))
HOST_KEY = PublicKey("ssh-test", b"host key blob", 1, ("ssh-test",))


def test_the_bytes_of_rfc_4252_section_7() -> None:
    request = signature_request("użytkownik", KEY, "ssh-test", None)
    assert signed_data(b"session", request) == (
        strings("session")
        + b"\x32"
        + strings("użytkownik", "ssh-connection", "publickey")
        + b"\x01"
        + strings("ssh-test", b"key blob")
    )


def test_the_bytes_that_are_bound_to_a_host_key() -> None:
    request = signature_request("alice", KEY, "ssh-test", HOST_KEY)
    assert signed_data(b"session", request) == (
        strings("session")
        + b"\x32"
        + strings("alice", "ssh-connection", "publickey-hostbound-v00@openssh.com")
        + b"\x01"
        + strings("ssh-test", b"key blob", b"host key blob")
    )


def test_the_request_is_what_goes_over_the_wire() -> None:
    request = UserauthRequest.decode(signature_request("alice", KEY, "ssh-test", None) + strings("sig"))
    assert PublicKeyFields.decode(request.method_fields) == PublicKeyFields(
        True, "ssh-test", b"key blob", strings("sig")
    )
