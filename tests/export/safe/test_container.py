"""The file itself: what it must hold, how it fails, that it is written whole or not at all."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from sklearn_ple import PLERegressor, export
from sklearn_ple.export.safe import container
from sklearn_ple.export.safe.plain import FORMAT_VERSION

ARRAYS = {
    "float": np.arange(6.0).reshape(2, 3),
    "none": np.empty((0, 3), np.float32),
    "one": np.array(3),
    "flags": np.array([True, False]),
}
ONE = {"a": np.ones(3)}
HEADER = {"format_version": 1, "text": 'é "🙂\ud800', "number": 0.1}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def model():
    return PLERegressor(n_members=1, max_epochs=1).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 3.0])


def test_what_is_written_is_read(path):
    container.write(path, HEADER, ARRAYS)
    header, arrays = container.read(path)
    assert header == HEADER
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype and arrays[name].shape == array.shape


def test_another_byte_anywhere_is_noticed(path):
    container.write(path, HEADER, ARRAYS)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=r"cannot be loaded: "):
            export.load(path)


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1])
def test_another_format_is_named(version, path):
    container.write(path, HEADER | {"format_version": version}, ARRAYS)
    message = f"version {version} of the format.* reads only version {FORMAT_VERSION}: "
    with pytest.raises(ValueError, match=message):
        container.read(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "export.save did not write it, or it is incomplete"),
        (b"\x80\x04\x95", "export.save did not write it, or it is incomplete"),
        (safetensors.numpy.save(ONE), "is a safetensors file, but export.save did not"),
        (safetensors.numpy.save(ONE, {"sklearn-ple": "[]"}), "contain a version of the format"),
        (safetensors.numpy.save(ONE, {"sklearn-ple": "{}"}), "contain a version of the format"),
        (safetensors.numpy.save(ONE, {"sklearn-ple": '{"format_version": 1}'}), "it is damaged"),
        (safetensors.numpy.save(ONE, {"sklearn-ple": "x"}), "Expecting value"),
    ],
)
def test_files_of_others_are_refused(path, data, message):
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"{path.name}' cannot be loaded: .*{message}"):
        export.load(path)


def test_what_the_system_says_comes_through(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.safetensors"):
        export.load(tmp_path / "none.safetensors")
    with pytest.raises(IsADirectoryError):
        export.load(tmp_path)


def test_a_failed_write_leaves_the_file_as_it_was(path, model, monkeypatch):
    export.save(model, path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="No space left"):
        export.save(model, path)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_others_may_read_it_as_any_new_file(path, model):
    export.save(model, path)
    other = path.with_name("other")
    other.touch()
    assert path.stat().st_mode == other.stat().st_mode


def test_without_safetensors_the_extra_is_named(path, model, monkeypatch):
    export.save(model, path)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for call in (lambda: export.save(model, path), lambda: export.load(path)):
        with pytest.raises(ImportError, match=r"pip install 'sklearn-ple\[export\]'"):
            call()


def test_nothing_in_the_file_is_code(path, model):
    """What other readers of safetensors see: numbers, and JSON of plain words."""
    export.save(model, path)
    with safetensors.safe_open(path, "np") as file:
        header = json.loads(file.metadata()["sklearn-ple"])
    assert header["estimator"] == {"$class": "PLERegressor"}
    assert header["parameters"]["max_epochs"] == 1
    assert header["versions"].keys() == {"sklearn-ple", "scikit-learn", "torch"}
