"""Values as plain data, and back."""

import datetime
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from dateutil.tz import gettz
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from sklearn_ple.export.safe.serialization import Reader, Writer
from sklearn_ple.tasks import Quantile


def written(value):
    writer = Writer({})
    plain = writer.write(value, "It")
    return json.dumps(plain, allow_nan=False), writer.arrays


def twin(value):
    text, arrays = written(value)
    return Reader(arrays, {}).read(json.loads(text))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    # No text says which of two equal hours it is.
    | st.times().map(lambda time: time.replace(fold=0))
    | st.timedeltas()
    | st.datetimes().map(lambda time: time.replace(fold=0))
    | st.decimals(allow_nan=False)
    | of_numpy.integer_dtypes(endianness="<").flatmap(of_numpy.from_dtype)
    | of_numpy.floating_dtypes(endianness="<", sizes=(16, 32, 64)).flatmap(of_numpy.from_dtype)
    | of_numpy.from_dtype(np.dtype("U5"))
    | of_numpy.from_dtype(np.dtype(bool))
)
KEYS = st.text() | st.integers() | st.tuples(st.integers(), st.text()) | st.just("$tuple")
TREES = st.recursive(
    SCALARS,
    lambda some: st.lists(some) | st.tuples(some, some) | st.dictionaries(KEYS, some),
    max_leaves=12,
)


@given(TREES)
def test_trees_of_values_are_read_as_written(value):
    # Equal in representation: types, order of keys, NaN and -0.0 included.
    assert repr(twin(value)) == repr(value)


def test_arrays_of_objects_are_read_as_written():
    array = np.empty((2, 2), dtype=object)
    array[:] = [[(1, 2), "a"], [None, datetime.date(2020, 1, 1)]]
    np.testing.assert_array_equal(twin(array), array)


@pytest.mark.parametrize(
    "dtype",
    [
        *(np.dtype("f4"), np.dtype("O"), pd.Int8Dtype(), pd.BooleanDtype(), pd.Float32Dtype()),
        *(pd.StringDtype("python"), pd.StringDtype("pyarrow"), pd.Series(["a"]).dtype),
        pd.CategoricalDtype(["b", "a"], ordered=True),
        pd.CategoricalDtype(),
        pd.DatetimeTZDtype("us", "Europe/Berlin"),
        pd.PeriodDtype("M"),
        pd.IntervalDtype("float64", "left"),
        *(pd.ArrowDtype(pa.string()), pd.ArrowDtype(pa.large_string())),
        *(pd.ArrowDtype(pa.decimal128(10, -2)), pd.ArrowDtype(pa.decimal256(50, 3))),
        pl.Decimal(12, 3),
    ],
    ids=repr,
)
def test_dtypes_are_read_as_written(dtype):
    assert twin(dtype) == dtype
    assert repr(twin(dtype)) == repr(dtype)


def test_objects_of_the_package_and_random_states():
    task = Quantile([0.3])
    task.name, task.mean = "y", np.float64(0.1)
    found = twin({"one": task, "other": Quantile, "optimizer": torch.optim.SGD})
    assert vars(found["one"]) == vars(task)
    assert found["other"] is Quantile and found["optimizer"] is torch.optim.SGD
    state = np.random.RandomState(3)
    state.normal()
    np.testing.assert_array_equal(twin(state).normal(size=5), state.normal(size=5))


@pytest.mark.parametrize(
    "value",
    [
        *(
            {1, 2},
            b"bytes",
            1j,
            object(),
            len,
            Decimal,
            np.longdouble(0.1),
            np.ma.masked_array([1]),
        ),
        *(np.array([1j]), np.array([b"a"]), torch.ones(1, dtype=torch.bfloat16), slice(1)),
        pd.MultiIndex.from_tuples([(1, 2)]),
        pd.Series([1]),
        pd.DatetimeTZDtype("ns", gettz("Europe/Berlin")),
        np.dtype([("a", "i4")]),
    ],
    # The processes of a run must know a test by the same name.
    ids=lambda value: type(value).__name__,
)
def test_what_no_file_can_hold_is_named(value):
    with pytest.raises(TypeError, match=r"It\['a'\]\[1\]"):
        written({"a": [0, value]})


@pytest.mark.parametrize(
    "plain",
    [
        {"$class": "os.system"},
        {"$class": ["Binary"]},
        {"$trusted": "Binary"},
        {"$object": [{"$class": "builtins.eval"}, {}]},
        {"$array": "none"},
        {"$entries": ["V8", [1], ["a"]]},
        {"$entries": ["U1", [1], ["a"]]},
        {"$entries": ["O", [2], ["a"]]},
        {"$dtype": ["numpy", "O,O"]},
        {"$dtype": ["pandas", "os.system"]},
        {"$dtype": ["pandas", "decimal_(1, 1)[pyarrow]"]},
        {"$dtype": ["pandas", "decimal128(99, 1)[pyarrow]"]},
        {"$dtype": ["pandas", "dictionary<values=x, indices=int8, ordered=0>[pyarrow]"]},
        {"$dtype": ["pandas", "datetime64[ns, dateutil//dev/zero]"]},
        {"$timestamp": [0, "dateutil//dev/zero"]},
        {"$import": "os"},
    ],
    ids=json.dumps,
)
def test_nothing_else_is_read(plain):
    with pytest.raises(ValueError, match="it names|it lacks|it contains|an array's shape"):
        Reader({}, {}).read(plain)
