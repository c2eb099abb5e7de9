import pickle

import pytest

from pyssh.errors import DecodeError
from pyssh.wire.message import Message, Struct, message
from pyssh.wire.types import Boolean, Reader, Secret, String, Text, UInt32


class Inner(Struct):
    name: Text
    value: UInt32 = 7


class Longer(Inner):
    flag: Boolean = False


@message(200)
class Login(Message):
    user: Text
    password: Secret


@message(201)
class Empty(Message):
    pass


def test_fields_are_encoded_in_the_order_of_declaration() -> None:
    assert Inner("a", 1).encode() == b"\0\0\0\x01a\0\0\0\x01"
    assert Longer("a", 1, True).encode() == b"\0\0\0\x01a\0\0\0\x01\x01"
    assert Inner.decode(b"\0\0\0\x01a\0\0\0\x01") == Inner("a", 1)
    assert Login("me", b"pw").encode() == b"\xc8\0\0\0\x02me\0\0\0\x02pw"
    assert Login.decode(memoryview(b"\xc8\0\0\0\x02me\0\0\0\x02pw")) == Login("me", b"pw")
    assert Empty.decode(Empty().encode()) == Empty()


def test_a_struct_may_be_taken_from_the_middle() -> None:
    reader = Reader(b"x\0\0\0\x01a\0\0\0\x01rest", 1)
    assert Inner.take(reader) == Inner("a", 1)
    assert reader.take(4) == b"rest"


def test_defaults_and_names() -> None:
    assert Inner("a") == Inner(name="a", value=7) == Inner("b").replace(name="a")
    assert Inner("a") != Login("a", b"")
    assert hash(Inner("a")) == hash(Inner("a", 7))
    assert pickle.loads(pickle.dumps(Inner("a"))) == Inner("a")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((), {}), (("a", 1, 2), {}), (("a",), {"other": 1}), (("a", 1), {"value": 2})],
)
def test_wrong_fields_are_a_type_error(arguments: tuple[object, ...], named: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        Inner(*arguments, **named)  # type: ignore[arg-type]  # the point of the test


def test_structs_are_frozen() -> None:
    inner = Inner("a")
    with pytest.raises(AttributeError, match="frozen"):
        inner.value = 1  # type: ignore[misc]  # the point of the test
    with pytest.raises(AttributeError, match="frozen"):
        del inner.value


def test_secrets_are_not_shown() -> None:
    assert repr(Login("me", b"hunter2")) == "Login(user='me', password=...)"


@pytest.mark.parametrize("data", [b"", b"\xc9", b"\xc7\0\0\0\0\0\0\0\0"])
def test_the_message_number_is_checked(data: bytes) -> None:
    with pytest.raises(DecodeError, match="message number 200 wanted"):
        Login.decode(data)


def test_errors_name_message_field_and_offset() -> None:
    with pytest.raises(DecodeError, match=r"Login\.password: 5 bytes wanted, 1 left at byte 11") as caught:
        Login.decode(b"\xc8\0\0\0\x02me\0\0\0\x05x")
    assert (caught.value.message, caught.value.field, caught.value.offset) == ("Login", "password", 11)
    with pytest.raises(DecodeError, match="2 bytes too many at byte 9"):
        Inner.decode(b"\0\0\0\x01a\0\0\0\x01xx")


def test_a_struct_of_strings_round_trips() -> None:
    class Pair(Struct):
        left: String
        right: String

    assert Pair.decode(Pair(b"", b"\0").encode()) == Pair(b"", b"\0")
