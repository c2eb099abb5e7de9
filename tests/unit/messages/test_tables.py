import pytest

from pyssh.messages import connection, kex, numbers, tables, transport, userauth
from pyssh.messages.tables import MessageTable
from pyssh.wire.message import Message

TABLES: dict[str, MessageTable] = {name: table for name, table in vars(tables).items() if name.isupper()}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_maps_each_number_to_its_class(name: str) -> None:
    for number, declared in TABLES[name].items():
        assert declared.number == number


@pytest.mark.parametrize("module", [transport, kex, userauth, connection])
def test_every_message_is_in_a_table(module: object) -> None:
    listed = {declared for table in TABLES.values() for declared in table.values()}
    declared = {
        found
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Message) and found is not Message
    }
    # 60-79 belong to the authentication method that runs, and so do their tables
    assert {found for found in declared if not 60 <= found.number <= 79} <= listed


def test_numbers_lie_in_the_ranges_of_rfc_4250() -> None:
    assert all(number <= 29 or number >= 192 for number in tables.TRANSPORT)
    for name, table in TABLES.items():
        if name.startswith("KEX"):
            assert all(30 <= number <= 49 for number in table)
    assert all(50 <= number <= 59 for number in tables.USERAUTH)
    assert all(80 <= number <= 127 for number in tables.CONNECTION)


def test_numbers_of_rfc_4250_section_4_1_2() -> None:
    assert (numbers.SSH_MSG_DISCONNECT, numbers.SSH_MSG_NEWKEYS) == (1, 21)
    assert (numbers.SSH_MSG_GLOBAL_REQUEST, numbers.SSH_MSG_REQUEST_FAILURE) == (80, 82)
    assert (numbers.SSH_MSG_CHANNEL_OPEN, numbers.SSH_MSG_CHANNEL_FAILURE) == (90, 100)
    assert sorted(tables.CONNECTION) == [80, 81, 82, *range(90, 101)]
