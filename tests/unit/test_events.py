"""What events say of themselves, and when two are the same."""

from pyssh.errors import AuthenticationError
from pyssh.events import CredentialNeeded, DataReceived, PasswordAttempt, PasswordCredential


def test_questions_are_themselves_alone() -> None:
    one, other = CredentialNeeded((), False), CredentialNeeded((), False)
    assert one != other
    assert {one: 1, other: 2}[one] == 1


def test_data_is_compared_by_content_and_shown_by_size() -> None:
    assert DataReceived(0, b"data") == DataReceived(0, memoryview(b"data"))
    assert DataReceived(0, b"data") != DataReceived(0, b"data", 1)
    assert DataReceived(0, b"data") != (0, b"data")
    assert repr(DataReceived(0, b"data", 1)) == "DataReceived(channel=0, 4 bytes, 1)"


def test_secrets_do_not_show() -> None:
    for event in (PasswordCredential("secret"), PasswordAttempt("secret", "secret")):
        assert "secret" not in repr(event)


def test_an_authentication_error_knows_what_was_tried() -> None:
    error = AuthenticationError("permission denied", ["none"], ["password"])
    assert (str(error), error.tried, error.remaining) == ("permission denied", ("none",), ("password",))
