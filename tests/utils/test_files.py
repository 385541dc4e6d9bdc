"""Writing of files: whole, or not at all."""

import os
import stat
import subprocess
import sys
import time

import pytest

from sklearn_ple.utils import files
from sklearn_ple.utils.files import replacing

# Loads the module alone, which takes no time, and is killed while it writes.
KILLED = """
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("files", sys.argv[1])
files = importlib.util.module_from_spec(spec)
spec.loader.exec_module(files)
with files.replacing(sys.argv[2]) as partial:
    partial.write_text("half")
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("earlier")
    return path


def test_a_file_is_written(path):
    with replacing(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "earlier"
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == [path.name]


def test_a_file_may_be_new_and_its_path_text(tmp_path):
    with replacing(str(tmp_path / "page.html")) as partial:
        assert partial.suffix == ".html"
        partial.write_text("new")
    assert os.listdir(tmp_path) == ["page.html"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "none" / "page.html"
    with pytest.raises(FileNotFoundError, match="There is no folder '.*none' for .*page.html: "):
        replacing(path).__enter__()


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_leaves_the_earlier_file(path, error):
    def write_half():
        with replacing(path) as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_text() == "earlier"
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_process_leaves_the_earlier_file(path):
    command = [sys.executable, "-c", KILLED, files.__file__, str(path)]
    assert subprocess.run(command, check=False).returncode == -9
    assert path.read_text() == "earlier"
    (left,) = [other for other in path.parent.iterdir() if other != path]
    with replacing(path) as partial:
        partial.write_text("new")
    # Another process may be writing it still.
    assert left.read_text() == "half"
    a_day_ago = time.time() - 86_401
    os.utime(left, (a_day_ago, a_day_ago))
    with replacing(path) as partial:
        partial.write_text("newer")
    assert os.listdir(path.parent) == [path.name]


def test_a_file_is_on_disk_before_it_takes_its_place(path, monkeypatch):
    done, fsync, replace = [], os.fsync, os.replace

    def recorded_fsync(descriptor):
        done.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def recorded_replace(*paths):
        done.append("replace")
        replace(*paths)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    with replacing(path) as partial:
        partial.write_text("new")
    assert done[:2] == [path.stat().st_ino, "replace"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs the modes and links of POSIX")
def test_modes_and_links_stay(path):
    path.chmod(0o640)
    link = path.with_name("link.html")
    link.symlink_to(path)
    with replacing(link) as partial:
        partial.write_text("new")
    assert link.is_symlink() and path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(sys.platform == "win32", reason="needs a device of POSIX")
def test_a_device_is_written_to():
    with replacing("/dev/null") as partial:
        partial.write_text("new")
    assert not os.path.isfile("/dev/null")


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "no" / "page.html") as partial:
        partial.write_text("new")
