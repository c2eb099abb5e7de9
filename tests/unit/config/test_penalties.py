"""`PerSourcePenalties` and its like: values, defaults, and what sshd makes of the same words."""

import subprocess
from pathlib import Path

import pytest

from pyssh_config.errors import ConfigError
from pyssh_config.penalties import NetBlockSize, PenaltyRules
from pyssh_config.server import ServerConfig
from tests.support import peers

TEXTS = [
    "",
    "PerSourcePenalties no\n",
    "PerSourcePenalties authfail:1m min:2s max:1h\nPerSourcePenalties authfail:3 crash:4\n",
    "PerSourcePenalties overflow:deny-all max-sources4:5 max-sources6:6\n",
    "PerSourcePenalties overflow6:deny-all grace-exceeded:0 noauth:7 invaliduser:8 refuseconnection:9\n",
    "PerSourceNetBlockSize 24\nPerSourceMaxStartups 3\nPerSourcePenaltyExemptList 192.0.2.0/24,10.*\n",
    "PerSourceNetBlockSize 0:64\nPerSourceMaxStartups none\nPerSourcePenaltyExemptList none\n",
]


@pytest.mark.parametrize("text", TEXTS)
def test_lines_are_those_of_sshd(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sshd_config"
    path.write_text(text)
    program = peers.require(peers.NEWEST).path("sshd")
    done = subprocess.run([program, "-G", "-f", str(path)], capture_output=True, text=True, check=True)
    theirs = {line.lower() for line in done.stdout.splitlines() if line.lower().startswith("persource")}
    ours = {line.lower() for line in ServerConfig.load(str(path)).lines() if line.startswith("PerSource")}
    assert ours == theirs


def test_defaults() -> None:
    config = ServerConfig()
    assert config.per_source_penalties == PenaltyRules.of(()) == PenaltyRules()
    assert config.per_source_net_block_size == NetBlockSize(32, 128)
    assert (config.per_source_max_startups, config.per_source_penalty_exempt_list) == (None, None)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("PerSourcePenalties maybe", "is not a penalty"),
        ("PerSourcePenalties authfail", "is not a penalty"),
        ("PerSourcePenalties authfail:x", "is not a time"),
        ("PerSourcePenalties overflow:never", "is not a penalty"),
        ("PerSourcePenalties max-sources4:0", "is not a penalty"),
        ("PerSourceNetBlockSize 33", "32:128"),
        ("PerSourceNetBlockSize 1:129", "32:128"),
        ("PerSourceNetBlockSize x", "32:128"),
        ("PerSourceMaxStartups 0", "neither a number"),
        ("PerSourcePenaltyExemptList 192.0.2.1/24", "not a network"),
    ],
)
def test_mistakes(tmp_path: Path, line: str, problem: str) -> None:
    (tmp_path / "sshd_config").write_text(f"{line}\n")
    with pytest.raises(ConfigError, match=problem):
        ServerConfig.load(str(tmp_path / "sshd_config"))
