import os
from pathlib import Path

import pytest

from pyssh_config.errors import ConfigError
from pyssh_config.permissions import read_strictly

UID = os.getuid()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    (path / ".ssh").mkdir(parents=True)
    path.chmod(0o755)
    (path / ".ssh").chmod(0o700)
    (path / ".ssh" / "keys").write_text("x")
    (path / ".ssh" / "keys").chmod(0o600)
    return path


def read(home: Path, name: str = ".ssh/keys", *, strict: bool = True, uid: int = UID) -> bytes:
    return read_strictly(str(home / name), uid=uid, home=str(home), strict=strict)


def test_own_files_are_read(home: Path) -> None:
    assert read(home) == b"x"


@pytest.mark.parametrize("name", [".ssh/keys", ".ssh", "."])
@pytest.mark.parametrize("bits", [0o770, 0o707])
def test_what_others_can_write_is_refused(home: Path, name: str, bits: int) -> None:
    (home / name).chmod(bits)
    with pytest.raises(ConfigError, match="bad modes") as caught:
        read(home)
    assert caught.value.path == os.path.realpath(home / name)
    assert read(home, strict=False) == b"x"


def test_directories_above_the_home_do_not_count(home: Path) -> None:
    home.parent.chmod(0o777)
    assert read(home) == b"x"


def test_files_outside_the_home_count_up_to_the_root(home: Path) -> None:
    outside = home.parent / "open"
    outside.mkdir()
    outside.chmod(0o777)
    (outside / "keys").write_text("x")
    (home / "link").symlink_to(outside / "keys")
    with pytest.raises(ConfigError, match="bad modes"):
        read(home, "link")


def test_a_directory_like_tmp_does_not_spoil_what_is_ours_below_it(home: Path) -> None:
    outside = home.parent / "shared"
    (outside / "ours").mkdir(parents=True, mode=0o755)
    outside.chmod(0o1777)
    keys = outside / "ours" / "keys"
    keys.write_text("x")
    (home / "link").symlink_to(keys)
    assert read(home, "link") == b"x"
    keys.chmod(0o666)
    with pytest.raises(ConfigError, match="bad modes"):
        read(home, "link")


def test_files_of_others_are_refused(home: Path) -> None:
    if UID == 0:
        os.chown(home / ".ssh" / "keys", 12345, 12345)
    with pytest.raises(ConfigError, match="bad ownership"):
        read(home, uid=UID if UID == 0 else UID + 1)


def test_only_regular_files_of_bounded_size(home: Path) -> None:
    os.mkfifo(home / "fifo")
    with pytest.raises(ConfigError, match="not a regular file"):
        read(home, "fifo")
    with pytest.raises(ConfigError, match="not a regular file"):
        read(home, ".ssh")
    with pytest.raises(ConfigError, match="larger"):
        read_strictly(str(home / ".ssh/keys"), uid=UID, home=str(home), limit=0)
    with pytest.raises(FileNotFoundError):
        read(home, "absent")
