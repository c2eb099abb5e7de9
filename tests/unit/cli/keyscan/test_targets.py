"""Hosts as words and lines of files give them."""

import io
import itertools
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pyssh_cli.keyscan import targets
from pyssh_cli.keyscan.request import ScanError
from pyssh_cli.keyscan.targets import Target, read_targets


def test_names_addresses_and_what_they_are_known_by() -> None:
    assert list(read_targets([], ["host", "10.0.0.1,::1 a,b", " \t", ","])) == [
        Target(("host",), "host"),
        Target(("10.0.0.1", "::1"), "a,b"),
    ]


def test_a_range_is_taken_apart_from_the_address_that_is_written() -> None:
    found = list(read_targets([], ["192.0.2.254/30", "2001:db8::ffff/127"]))
    assert [target.names for target in found] == [
        "192.0.2.254",
        "192.0.2.255",
        "2001:db8::ffff",
    ]
    assert all(target.from_range for target in found)


def test_a_huge_range_costs_nothing_before_it_is_asked() -> None:
    found = read_targets([], ["2001:db8::/32"])
    assert [target.names for target in itertools.islice(found, 2)] == ["2001:db8::", "2001:db8::1"]


def test_what_is_no_range_is_a_name() -> None:
    assert list(read_targets([], ["10.0.0.1/33"])) == [Target(("10.0.0.1/33",), "10.0.0.1/33")]


def test_files_come_first_and_may_have_remarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hosts"
    path.write_bytes(b"one # the first\n\n# none\ntwo 2\xff\n")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"three")))
    found = [target.names for target in read_targets([str(path), None], ["four"])]
    assert found == ["one", "2\udcff", "three", "four"]


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ScanError, match="nothing: No such file or directory"):
        read_targets([str(tmp_path / "nothing")], [])
    path = tmp_path / "hosts"
    path.write_text("host\n" * 3)
    monkeypatch.setattr(targets, "_FILE_BYTES", 10)
    with pytest.raises(ScanError, match="longer than any list of hosts"):
        read_targets([str(path)], [])
