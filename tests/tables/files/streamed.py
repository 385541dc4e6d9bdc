"""Tables in files of a few small units, and estimators that are fitted fast."""

import os

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import feather, parquet

TASKS = ["click", "amount"]
OPTIONS = {
    "n_members": 1,
    "max_epochs": 2,
    "batch_size": 256,
    "expert_hidden_units": (8,),
    "tower_hidden_units": (4,),
    "numeric_embedding": None,
    "random_state": 0,
    "device": "cpu",
}


def make_table(n=900, seed=0):
    """Numbers, gaps, strings, categories and weights; a fifth of the clicks is missing."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    click = pd.array(a + rng.normal(size=n) > 0, dtype="Int64")
    click[rng.random(n) < 0.2] = pd.NA
    return pd.DataFrame(
        {
            "a": a,
            "gaps": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "town": [f"town {number}" for number in rng.geometric(0.2, n)],
            "kind": pd.Categorical(rng.integers(0, 4, n).astype(str)),
            "click": click,
            "amount": 2 * a + rng.normal(size=n),
            "w": rng.random(n) + 0.1,
        }
    )


def arrow(frame):
    return pa.Table.from_pandas(frame, preserve_index=False)


def write(folder, frame, n_files=2, n_each=100, kind="parquet"):
    """Write a table to some files of units of as many rows; return the folder."""
    folder.mkdir(exist_ok=True)
    bounds = np.linspace(0, len(frame), n_files + 1).astype(int)
    for number in range(n_files):
        part = arrow(frame.iloc[bounds[number] : bounds[number + 1]])
        if kind == "parquet":
            file = folder / f"part{number}.parquet"
            parquet.write_table(part, file, row_group_size=n_each, write_page_checksum=True)
        else:
            feather.write_feather(part, folder / f"part{number}.arrow", chunksize=n_each)
    return folder


def state(model):
    """The weights of a model's network."""
    return {name: part.numpy() for name, part in model.module_.state_dict().items()}


def assert_same(one, other):
    """Two models are the same, bit for bit."""
    one, other = state(one), state(other)
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def flip(path):
    """Flip bits in the middle of a file, which keeps its size and its time."""
    times = path.stat()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(255 - byte for byte in content[middle : middle + 200])
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
