"""The table of the house, row by row, over all 256 numbers."""

import pytest

from pyssh.transport import gate
from pyssh.transport.gate import ALLOW, DROP, FORBID, UNKNOWN, Phase

KEX = {20, 21, *range(30, 50)}
GENERAL = {1, 2, 3, 4}
UNASSIGNED = {*range(8, 20), *range(22, 30)}
LOCAL = {*range(128, 256)} - {192, 193}


@pytest.mark.parametrize("is_client", [True, False])
def test_first_key_exchange(is_client: bool) -> None:
    for number, verdict in enumerate(gate.table(Phase.FIRST_EXCHANGE, strict=False, is_client=is_client)):
        if number in KEX | GENERAL:
            assert verdict == ALLOW
        else:
            assert verdict == (UNKNOWN if number in UNASSIGNED else FORBID), number


@pytest.mark.parametrize("is_client", [True, False])
def test_strict_first_key_exchange_lets_nothing_extra_in(is_client: bool) -> None:
    table = gate.table(Phase.FIRST_EXCHANGE, strict=True, is_client=is_client)
    assert {number for number in range(256) if table[number] == ALLOW} == KEX | {1}
    assert {number for number in range(256) if table[number] != ALLOW} == {
        number for number in range(256) if table[number] == FORBID
    }


@pytest.mark.parametrize("is_client", [True, False])
def test_authentication(is_client: bool) -> None:
    table = gate.table(Phase.AUTHENTICATION, strict=False, is_client=is_client)
    service = 6 if is_client else 5
    allowed = {number for number in range(256) if table[number] == ALLOW}
    assert allowed == GENERAL | {7, 20, 192, 193, service} | set(range(50, 80))
    assert all(table[number] == FORBID for number in range(80, 192))
    assert all(table[number] == UNKNOWN for number in UNASSIGNED)
    assert table[0] == table[21] == table[30] == FORBID


def test_open() -> None:
    for is_client in (True, False):
        table = gate.table(Phase.OPEN, strict=False, is_client=is_client)
        allowed = {number for number in range(256) if table[number] == ALLOW}
        assert allowed == GENERAL | {20, 192, 193} | set(range(80, 128))
        assert all(table[number] == (FORBID if is_client else DROP) for number in range(50, 80))
        assert all(table[number] == FORBID for number in (0, 5, 6, 7, 21, *range(30, 50)))
        assert all(table[number] == UNKNOWN for number in UNASSIGNED | LOCAL)


@pytest.mark.parametrize("is_client", [True, False])
def test_rekeying(is_client: bool) -> None:
    table = gate.table(Phase.REKEYING, strict=False, is_client=is_client)
    assert {number for number in range(256) if table[number] == ALLOW} == GENERAL | (KEX - {20})
    assert all(verdict in (ALLOW, FORBID) for verdict in table)
