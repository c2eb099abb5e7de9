"""The corpus is replayed, and each target meets some inputs that it has not met. `scripts/fuzz` goes on."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import search, targets
from tests.fuzz.mutation import MAX_SIZE, mutate
from tests.fuzz.sessions import fuzz_sessions
from tests.fuzz.strategies import SCRIPTS
from tests.fuzz.targets import TARGETS, Target

ROOT = Path(__file__).parents[2]
SLOW = {"sessions", "server-before-keys", "client-before-keys", "ssh_config", "sshd_config"}


@pytest.fixture(params=sorted(TARGETS))
def target(request: pytest.FixtureRequest) -> Target:
    return TARGETS[request.param]


def test_what_was_kept(target: Target) -> None:
    corpus = target.corpus()
    assert corpus, "scripts/fuzz --write-seeds"
    for name, data in corpus.items():
        assert isinstance(target.run(data), str), name


def test_seeds_of_this_run(target: Target) -> None:
    """Those in files were made with other keys."""
    for seed in target.seeds():
        target.run(seed)


def test_any_bytes(target: Target) -> None:
    @settings(max_examples=20 if target.name in SLOW else 60)
    @given(st.binary(max_size=200))
    def run(data: bytes) -> None:
        target.run(data)

    run()


def test_what_was_kept_and_is_changed(target: Target) -> None:
    corpus = list(target.corpus().values())

    @settings(
        max_examples=40 if target.name in SLOW else 150,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.sampled_from(corpus), st.integers(0, 2**32))
    def run(data: bytes, seed: int) -> None:
        target.run(mutate(data, corpus, random.Random(seed)))

    run()


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(SCRIPTS)
def test_a_peer_gone_wild(data: bytes) -> None:
    fuzz_sessions(data)


# --- the search itself


def fragile(data: bytes) -> str:
    assert b"bug" not in data
    return "with b" if b"b" in data else "without"


FRAGILE = Target("fragile", fragile, lambda: [b"bu", b"ug"])


def test_the_search_finds_shrinks_and_keeps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(targets, "CORPUS", tmp_path)
    found = search.Search(FRAGILE, random.Random(1))
    crash = None
    while crash is None:
        crash = found.step()
        assert found.runs < 100_000
    assert found.seen == {"with b", "without"}
    assert b"bug" in crash.data
    longer = search.crash_of(FRAGILE, b"x" * 100 + crash.data + b"y" * 100)
    assert longer is not None
    shortest = search.shrink(FRAGILE, longer)
    assert shortest == b"bug"
    FRAGILE.keep("crash", shortest)
    assert list(FRAGILE.corpus().values()) == [b"bug"]


def test_changes_are_small_and_the_same_for_the_same_chance() -> None:
    for seed in range(200):
        changed = mutate(b"0123456789", [b"abc"], random.Random(seed))
        assert changed == mutate(b"0123456789", [b"abc"], random.Random(seed))
        assert len(changed) <= MAX_SIZE
        assert len(mutate(b"", [], random.Random(seed))) < 1000


def test_the_command() -> None:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(ROOT / "scripts" / "fuzz"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    listed = run("--list")
    assert listed.stdout.split() == sorted(TARGETS)
    searched = run("--seconds", "0.1", "--seed", "1", "terminal-modes")
    assert searched.returncode == 0
    assert "nothing found" in searched.stdout
    assert "no such target" in run("unheard-of").stderr
