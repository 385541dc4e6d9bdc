"""Files that nobody wrote: an error that names the file, or a model; never more memory than that.

``SKLEARN_PLE_FUZZ=5000 pytest tests/export/safe/test_fuzz.py`` runs so many examples of each test,
and others every time.
"""

import copy
import json
import os
import pickle
import random
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
import safetensors
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from sklearn_ple import PLEClassifierRegressor, PLERegressor, export
from sklearn_ple.export.safe import container

N_EXAMPLES = int(os.environ.get("SKLEARN_PLE_FUZZ", "0"))
EXAMPLES = settings(
    max_examples=N_EXAMPLES or 15,
    derandomize=not N_EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
# Much more than loading these files takes, and much less than what is in the sizes below.
MOST_MEMORY = 128 * 2**20
# The name of an array of numbers in the file.
ARRAY = "state['_encoder.features'].scaler_.mean_"
# Values in place of others: of every type, absurd sizes, and what means something to the reader.
ODD = [
    *(None, True, False, 0, 1, -1, 2, 3, 7, 10**9, 2**31, 2**63, 10**30, 0.5, -1.5, 1e308),
    *("", "a", "x" * 50, "state['_encoder.targets']", ARRAY, "numpy", "pandas", "cuda:0"),
    *([], [0], [[]], [1, 2], ["a"], [10**9] * 3, {}, {"a": 1}, {"": {}}, {"$": 0}),
    *({"$tuple": [10**12]}, {"$tuple": 3}, {"$array": ARRAY}, {"$array": "none"}),
    *({"$entries": ["O", [10**12], []]}, {"$entries": ["U4", [2], {"$array": ARRAY}]}),
    *({"$entries": ["O", [10**6] * 3, []]}, {"$float": ["nan"]}, {"$tuple": [1, 2]}),
    *({"$dtype": ["numpy", "O"]}, {"$dtype": ["numpy", "V9"]}, {"$dtype": ["pandas", "Int64"]}),
    *({"$scalar": [ARRAY]}, {"$scalar": [{"$array": ARRAY}]}, {"$unknown": 1}),
    *({"$class": "Binary"}, {"$class": "os.system"}, {"$class": "Root"}, {"$class": "State"}),
    *({"$object": [{"$class": "Quantile"}, {}]}, {"$object": [{"$class": "PLERegressor"}, {}]}),
    *({"$index": [{"$dtype": ["numpy", "i8"]}, [1, 2]]}, {"$dict": [[1, 2]]}, {"$dict": 1}),
    *({"$timestamp": [0, "Europe"]}, {"$timestamp": [0, "dateutil//dev/zero"]}),
    *({"$dict": [["b", 0.0]]}, {"$decimal": ["1e999999"]}),
    *({"$random_state": ["MT19937", [], 0, 0, 0.0]}),
]


@cache
def written():
    """Return the bytes of a file with most of what files hold."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"n": rng.normal(size=40), "c": rng.choice(["a", "b"], 40)})
    X["d"] = pd.Categorical(pd.to_datetime(rng.choice(["2020-01-01", "2021-01-01"], 40)))
    y = pd.DataFrame({"b": rng.random(40) < 0.5, "m": rng.choice(["p", "q", "r"], 40)})
    y["q"], y["k"] = rng.normal(size=40), rng.poisson(2, 40)
    small = {"expert_hidden_units": (3,), "tower_hidden_units": (2,), "n_bins": 2, "n_members": 2}
    model = PLEClassifierRegressor(
        **small,
        task_types={"q": "quantile", "k": "count"},
        max_epochs=1,
        random_state=0,
        early_stopping=True,
        validation_fraction=0.3,
    )
    model.fit(X, y).calibrate(X, y)
    with TemporaryDirectory() as folder:
        export.save(model, Path(folder) / "model")
        return (Path(folder) / "model").read_bytes()


@cache
def parts():
    """Return the header and the arrays of that file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        path.write_bytes(written())
        return container.read(path)


@contextmanager
def bounded_memory():
    """Let the process have so much more memory than it has, where the system knows how."""
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[5])
    before = resource.getrlimit(resource.RLIMIT_DATA)
    most = pages * resource.getpagesize() + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def causes(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def loads_or_says_why(data):
    """Load a file of some bytes; return whether that gave a model."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fuzzed.safetensors"
        path.write_bytes(data)
        error = None
        try:
            with bounded_memory():
                model = export.load(path)
        except ValueError as raised:
            error = raised
        if error is not None:
            assert "fuzzed.safetensors' cannot be loaded: " in str(error)
            for cause in causes(error):
                assert not isinstance(cause, MemoryError), "memory beyond the file's"
                assert "memory" not in str(cause), "memory beyond the file's"
            return False
        names = getattr(model, "feature_names_in_", None)
        X = pd.DataFrame(np.zeros((1, model.n_features_in_)), columns=names)
        for position in model._encoder.features.categorical_positions_:
            X.isetitem(position, pd.Series([np.nan], dtype=object))
        work_on(model, X)
        return True


def work_on(model, X):
    """Do with a loaded model what may be done with any."""
    y = model.predict(X)
    if hasattr(model, "predict_proba"):
        model.predict_proba(X)
    clone(model)
    pickle.loads(pickle.dumps(model)).predict(X)
    if np.isfinite(pd.DataFrame(y).select_dtypes("number")).all(axis=None):
        copy.deepcopy(model).partial_fit(X, y)


def signed(header, arrays):
    """Return the bytes of a file whose hash is right, whatever it holds."""
    text = json.dumps(header)
    metadata = {"sklearn-ple": text, "sha256": container._hash(text, arrays)}
    return safetensors.numpy.save(arrays, metadata)


def test_the_file_itself_loads():
    assert loads_or_says_why(written())
    assert loads_or_says_why(signed(*parts()))


def test_no_file_says_where_to_write():
    header, arrays = parts()
    header = header | {"parameters": header["parameters"] | {"checkpoint_dir": "/etc"}}
    assert not loads_or_says_why(signed(header, arrays))


@EXAMPLES
@given(st.data())
def test_damaged_files_do_not_load(data):
    damaged = bytearray(written())
    # In the first bytes are the sizes.
    ends = st.sampled_from([16, 4096, len(damaged) - 1])
    place = data.draw(ends.flatmap(lambda end: st.integers(0, end)))
    how = data.draw(st.sampled_from(["flip", "cut", "insert", "drop", "append", "repeat"]))
    few = st.binary(min_size=1, max_size=16)
    if how == "flip":
        damaged[place] ^= data.draw(st.integers(1, 255))
    elif how == "cut":
        del damaged[place:]
    elif how == "drop":
        del damaged[place : place + data.draw(st.integers(1, 4096))]
    elif how == "repeat":
        damaged[place:place] = damaged[place : place + data.draw(st.integers(1, 4096))]
    else:
        at = len(damaged) if how == "append" else place
        damaged[at:at] = data.draw(few)
    assert damaged == written() or not loads_or_says_why(bytes(damaged))


@EXAMPLES
@given(
    st.binary(max_size=100)
    | st.builds(
        lambda size, text: size.to_bytes(8, "little") + text,
        st.integers(0, 2**64 - 1) | st.integers(0, 200),
        st.binary(max_size=100) | st.from_regex(rb'\{("a":\{"dtype":"F32"[^\n]{0,30})?\}'),
    )
)
def test_bytes_of_others_do_not_load(data):
    assert not loads_or_says_why(data)


@EXAMPLES
@given(st.data())
def test_absurd_sizes_load_or_say_why(data):
    """Those of arrays, in the header of safetensors."""
    size = int.from_bytes(written()[:8], "little")
    header = json.loads(written()[8 : 8 + size])
    name = data.draw(st.sampled_from([name for name in header if name != "__metadata__"]))
    sizes = st.sampled_from([0, 1, 2, 2**20, 2**31, 2**40, 2**62, 2**64 - 1, -1])
    if data.draw(st.booleans()):
        header[name]["shape"] = data.draw(st.lists(sizes, max_size=3))
    else:
        header[name]["data_offsets"] = data.draw(st.lists(sizes, min_size=1, max_size=3))
    text = json.dumps(header).encode()
    loads_or_says_why(len(text).to_bytes(8, "little") + text + written()[8 + size :])


def places(node, path=()):
    """List the paths of all nodes of a tree of JSON."""
    found = [path] if path else []
    entries = node.items() if isinstance(node, dict) else ()
    entries = enumerate(node) if isinstance(node, list) else entries
    for key, entry in entries:
        found += places(entry, (*path, key))
    return found


def edit(header, path, how, value):
    """Change a node of the tree."""
    parent = header
    for key in path[:-1]:
        parent = parent[key]
    key = path[-1]
    if how == "replace":
        parent[key] = copy.deepcopy(value)
    elif how == "remove":
        del parent[key]
    elif isinstance(parent, list):
        parent.insert(key, copy.deepcopy(value if how == "add" else parent[key]))
    else:
        parent["other" if how == "add" else f"{key}2"] = copy.deepcopy(value)


@EXAMPLES
@given(st.data())
def test_edited_headers_load_or_say_why(data):
    header, arrays = parts()
    header = copy.deepcopy(header)
    for _ in range(data.draw(st.sampled_from([1, 1, 1, 2, 3]))):
        every = places(header)
        # Every depth alike, not every leaf: sizes and classes stand high up.
        depth = data.draw(st.sampled_from(sorted({len(path) for path in every})))
        path = data.draw(st.sampled_from([path for path in every if len(path) == depth]))
        how = data.draw(st.sampled_from(["replace", "replace", "remove", "add", "repeat"]))
        # Nodes from elsewhere in the header are of the right form, but for another place.
        other = data.draw(st.sampled_from(every))
        value = header
        for key in other:
            value = value[key]
        edit(header, path, how, data.draw(st.sampled_from(ODD) | st.just(value)))
    loads_or_says_why(signed(header, arrays))


@EXAMPLES
@given(st.data())
def test_edited_arrays_load_or_say_why(data):
    header, arrays = parts()
    arrays = dict(arrays)
    name = data.draw(st.sampled_from(sorted(arrays)))
    array, how = (
        arrays[name],
        data.draw(st.sampled_from(["type", "values", "shape", "drop", "swap"])),
    )
    if how == "type":
        types = ["bool", "i1", "u2", "i4", "i8", "f2", "f4", "f8"]
        with np.errstate(all="ignore"):
            arrays[name] = array.astype(data.draw(st.sampled_from(types)))
    elif how == "values":
        values = [0, 1, -1, 127, 2**30, 2**62, float("inf"), float("nan"), 1e38]
        value = data.draw(st.sampled_from(values))
        with np.errstate(all="ignore"):
            arrays[name] = np.full_like(array, np.asarray(value).astype(array.dtype))
    elif how == "shape":
        shape = data.draw(st.sampled_from([(-1,), (1, -1), (-1, 1), (-1, 1, 1)]))
        arrays[name] = array.reshape(shape)[data.draw(st.sampled_from([0, 1])) :]
    elif how == "drop":
        del arrays[name]
    else:
        arrays[name] = arrays[data.draw(st.sampled_from(sorted(arrays)))]
    loads_or_says_why(signed(header, arrays))


def test_sizes_that_multiply_do_not_load(tmp_path):
    """No size of a small file makes much of it, one beside the others."""
    model = PLERegressor(n_members=1, max_epochs=1).fit(np.eye(3), np.arange(3.0))
    export.save(model, tmp_path / "model")
    header, arrays = container.read(tmp_path / "model")
    for name, value in [
        ("n_levels", 10**9),
        ("n_members", 10**9),
        ("expert_hidden_units", [10**12]),
        ("expert_hidden_units", [1] * 10_000),
        ("embedding_dim", 10**12),
        ("n_shared_experts", 10**12),
    ]:
        edited = copy.deepcopy(header)
        edited["parameters"][name] = value
        assert not loads_or_says_why(signed(edited, arrays))


def test_deeply_nested_headers_do_not_load():
    deep = b'{"sklearn-ple":"' + b"[" * 100_000 + b"]" * 100_000 + b'"}'
    text = b'{"__metadata__":' + deep + b"}"
    assert not loads_or_says_why(len(text).to_bytes(8, "little") + text)
    header, arrays = parts()
    nested = {}
    for _ in range(200):
        nested = {"$tuple": [nested]}
    edited = copy.deepcopy(header)
    edited["parameters"]["net_params"] = nested
    assert not loads_or_says_why(signed(edited, arrays))


@pytest.mark.skipif(not N_EXAMPLES, reason="part of a long run: SKLEARN_PLE_FUZZ")
def test_any_edited_node_loads_or_says_why():
    """Each node of the header in turn, replaced by values of every type."""
    header, arrays = parts()
    rng = random.Random(0)
    for path in places(header):
        for value in rng.sample(ODD, 4):
            edited = copy.deepcopy(header)
            edit(edited, path, "replace", value)
            loads_or_says_why(signed(edited, arrays))
