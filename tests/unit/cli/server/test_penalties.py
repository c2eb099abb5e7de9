"""Penalties by source address: when they begin to count, how they grow, expire, and how many there may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh_cli.server.penalties import OFFENCES, Penalties, source_of
from pyssh_config.penalties import NetBlockSize, PenaltyRules

HOST = "192.0.2.7"
ONE = NetBlockSize()


def penalties(*words: str, sizes: NetBlockSize = ONE, exempt: str | None = None) -> Penalties:
    return Penalties(PenaltyRules.of(words), sizes, exempt)


def test_small_ones_add_up_until_they_count() -> None:
    table = penalties()
    for _ in range(3):
        assert table.punish(HOST, "authfail", 100.0) is None
        assert table.refusal(HOST, 100.0) is None
    said = table.punish(HOST, "authfail", 100.0)
    assert said == "192.0.2.7/32: new penalty of 20.000 seconds: failed authentication"
    assert table.refusal(HOST, 100.0) == "penalty: failed authentication"
    # once it counts, it does so to its end
    assert table.refusal(HOST, 119.9) == "penalty: failed authentication"
    assert table.refusal(HOST, 120.1) is None
    assert table.refusal("192.0.2.8", 100.0) is None


def test_it_grows_to_a_maximum() -> None:
    table = penalties("max:60")
    for _ in range(50):
        table.punish(HOST, "grace_exceeded", 0.0)
    assert table.refusal(HOST, 59.9)
    assert table.refusal(HOST, 60.1) is None


def test_it_shrinks_with_time() -> None:
    table = penalties()
    for now in range(0, 1000, 6):
        assert table.punish(HOST, "authfail", float(now)) is None


@pytest.mark.parametrize("offence", OFFENCES)
def test_each_offence_has_its_price(offence: str) -> None:
    word = offence.replace("_", "-")
    table = penalties(f"{word}:100")
    table.punish(HOST, offence, 0.0)
    assert table.refusal(HOST, 99.0) == f"penalty: {OFFENCES[offence]}"
    free = penalties(f"{word}:0")
    free.punish(HOST, offence, 0.0)
    assert free.refusal(HOST, 0.0) is None


def test_blocks_of_addresses_are_one_source() -> None:
    table = penalties("authfail:100", sizes=NetBlockSize(24, 64))
    table.punish(HOST, "authfail", 0.0)
    table.punish("2001:db8::1", "authfail", 0.0)
    assert table.refusal("192.0.2.200", 1.0)
    assert table.refusal("192.0.3.7", 1.0) is None
    assert table.refusal("2001:db8::ffff", 1.0)
    assert table.refusal("2001:db8:0:1::1", 1.0) is None


def test_an_address_has_one_name() -> None:
    table = penalties("authfail:100")
    table.punish(f"::ffff:{HOST}", "authfail", 0.0)
    assert table.refusal(HOST, 1.0)
    table.punish("fe80::1%eth0", "authfail", 0.0)
    assert table.refusal("fe80::1%eth1", 1.0)


@pytest.mark.parametrize("table", [penalties("no"), penalties("crash:100", exempt="10.0.0.0/8,192.0.2.*")])
def test_nobody_is_punished_who_is_exempt(table: Penalties) -> None:
    assert table.punish(HOST, "crash", 0.0) is None
    assert table.refusal(HOST, 0.0) is None


def test_what_is_no_address_is_not_punished() -> None:
    table = penalties("crash:100")
    assert table.punish("UNKNOWN", "crash", 0.0) is None
    assert source_of("UNKNOWN", NetBlockSize()) is None


def test_a_full_table_forgets_the_shortest_penalties() -> None:
    table = penalties("authfail:100", "grace-exceeded:200", "max-sources4:2")
    table.punish("192.0.2.1", "authfail", 0.0)
    table.punish("192.0.2.2", "grace_exceeded", 0.0)
    table.punish("192.0.2.3", "grace_exceeded", 1.0)
    assert table.refusal("192.0.2.1", 2.0) is None
    assert table.refusal("192.0.2.2", 2.0)
    assert table.refusal("192.0.2.3", 2.0)


def test_a_full_table_may_refuse_everybody() -> None:
    table = penalties("authfail:100", "max-sources4:1", "overflow:deny-all", "overflow6:permissive")
    table.punish("192.0.2.1", "authfail", 0.0)
    assert table.refusal("192.0.2.9", 1.0) == "too many penalised addresses"
    assert table.refusal("2001:db8::1", 1.0) is None
    assert table.refusal("192.0.2.9", 101.0) is None


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=80))
def test_there_are_never_more_than_the_table_holds(events: list[tuple[int, int]]) -> None:
    table = penalties("authfail:20", "max-sources4:3")
    now = 0.0
    for pause, host in events:
        now += pause
        table.punish(f"192.0.2.{host}", "authfail", now)
        refused = [table.refusal(f"192.0.2.{number}", now) for number in range(6)]
        assert 1 <= sum(reason is not None for reason in refused) <= 3
        assert refused[host]
