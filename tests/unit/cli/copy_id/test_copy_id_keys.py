"""Which keys are installed."""

import os
from pathlib import Path

import pytest

from pyssh.keys.private import generate_private_key
from pyssh.keys.public import format_public_line
from pyssh_cli.copy_id.keys import find_keys
from pyssh_cli.copy_id.request import CopyError, Request
from pyssh_cli.output import Output

OUTPUT = Output("pyssh copy-id", sink=lambda _, __: None)


def write_key(path: Path, *, age: int = 0) -> str:
    line = format_public_line(generate_private_key("ed25519").key, f"from {path.name}")
    path.touch()
    public = path.with_name(f"{path.name}.pub")
    public.write_text(f"# remark\n\n{line}\n")
    os.utime(public, (1_000_000 - age, 1_000_000 - age))
    return line


@pytest.mark.parametrize("suffix", ["", ".pub"])
def test_a_file_by_either_name(tmp_path: Path, suffix: str) -> None:
    line = write_key(tmp_path / "key")
    (found,) = find_keys(Request("host", identity=f"{tmp_path}/key{suffix}"), {}, OUTPUT)
    assert (found.line, found.path) == (line, str(tmp_path / "key"))


def test_the_newest_of_the_home_but_no_certificate(tmp_path: Path) -> None:
    folder = tmp_path / ".ssh"
    folder.mkdir()
    newest = write_key(folder / "id_new", age=10)
    write_key(folder / "id_old", age=20)
    write_key(folder / "id_new-cert", age=0)
    write_key(folder / "other", age=0)
    (found,) = find_keys(Request("host"), {"HOME": str(tmp_path)}, OUTPUT)
    assert found.line == newest


def test_the_private_key_may_only_be_missing_by_force(tmp_path: Path) -> None:
    write_key(tmp_path / "key")
    (tmp_path / "key").unlink()
    request = Request("host", identity=f"{tmp_path}/key")
    with pytest.raises(CopyError, match="-f installs the public one anyway"):
        find_keys(request, {}, OUTPUT)
    assert len(find_keys(request.replace(is_forced=True), {}, OUTPUT)) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "there is no public key"), ("what is this\n", "key"), (None, "No such file")],
)
def test_files_without_a_key(tmp_path: Path, text: str | None, problem: str) -> None:
    if text is not None:
        (tmp_path / "key.pub").write_text(text)
    with pytest.raises(CopyError, match=problem):
        find_keys(Request("host", identity=f"{tmp_path}/key"), {}, OUTPUT)


def test_nothing_to_install(tmp_path: Path) -> None:
    with pytest.raises(CopyError, match="no key to install"):
        find_keys(Request("host"), {"HOME": str(tmp_path), "SSH_AUTH_SOCK": f"{tmp_path}/none"}, OUTPUT)
