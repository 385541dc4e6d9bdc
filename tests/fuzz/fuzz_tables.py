"""Tables to fuzz with: X of all dtypes, y of all kinds, weights; what is wrong is known."""

from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import strategies as st
from scipy import sparse

NAMES = ["a", "b", "", " ", "a b", "Größe", "<b>", "it's", "%s", "{0}", "x0", "y1", "two\nlines"]
WORDS = ["u", "v", "", " ", "nan", "None", "ü", "<script>", "1", "1.0", "True", "w" * 50]
SCALES = [1.0, 1e-300, 1e-30, 1e-6, 1e6, 1e30, 1e150, 1e300]


@dataclass
class Drawn:
    """Something drawn, and how a message may name what is wrong in it.

    Attributes
    ----------
    value : object
        What is passed.
    culprits : list of str
        Names of what is wrong or may be refused.
    must_fail : bool
        Whether there is no right answer.
    """

    value: object
    culprits: list = field(default_factory=list)
    must_fail: bool = False


def numbers(rng, n, scale=1.0):
    """Draw numbers of some size: spread, constant, few distinct ones, far from zero."""
    shape = rng.choice(["normal", "constant", "few", "shifted", "outlier"])
    values = rng.normal(size=n)
    if shape == "constant":
        values[:] = rng.choice([0.0, 1.0, -0.1])
    elif shape == "few":
        values = rng.choice([-1.5, 0.25, 2.0], size=n)
    elif shape == "shifted":
        values = 1000 + values
    elif shape == "outlier":
        values[rng.integers(n)] = 1e6
    return values * scale


def with_holes(rng, values, missing=None, share=None):
    """Put what stands for missing into a list of values."""
    share = rng.choice([0.0, 0.0, 0.3, 0.9]) if share is None else share
    holes = rng.random(len(values)) < share
    return [missing if hole else value for value, hole in zip(values, holes, strict=True)]


def _floats(rng, n, scale):
    return pd.Series(with_holes(rng, numbers(rng, n, scale), np.nan), dtype=float)


def _words(rng, n, dtype=object):
    return pd.Series(with_holes(rng, rng.choice(WORDS[: rng.integers(1, 13)], n)), dtype=dtype)


def _integers(rng, n, dtype):
    numpy_dtype = np.dtype(dtype.lower())
    info = np.iinfo(numpy_dtype)
    low, high = (info.min, info.max) if rng.random() < 0.3 else (max(info.min, -5), 5)
    values = rng.integers(low, high, n, dtype=numpy_dtype, endpoint=True)
    return pd.Series(with_holes(rng, values.tolist()) if dtype[0] in "IU" else values, dtype=dtype)


def _arrow(values, type_=None):
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.array(values, type_)))


def _categories(rng, n, labels, ordered=False):
    return pd.Series(pd.Categorical(with_holes(rng, rng.choice(labels, n)), labels, ordered))


#: Columns that every estimator takes.
GOOD_COLUMNS = {
    "float": lambda rng, n: _floats(rng, n, rng.choice(SCALES)),
    "float16": lambda rng, n: _floats(rng, n, 1e-3).astype(np.float16),
    "float32": lambda rng, n: _floats(rng, n, rng.choice([1e-30, 1.0, 1e30])).astype(np.float32),
    "Float64": lambda rng, n: _floats(rng, n, rng.choice(SCALES)).astype("Float64"),
    "int8": lambda rng, n: _integers(rng, n, "int8"),
    "int64": lambda rng, n: _integers(rng, n, "int64"),
    "uint64": lambda rng, n: _integers(rng, n, "uint64"),
    "Int64": lambda rng, n: _integers(rng, n, "Int64"),
    "UInt8": lambda rng, n: _integers(rng, n, "UInt8"),
    "bool": lambda rng, n: pd.Series(rng.random(n) < 0.5),
    "boolean": lambda rng, n: pd.Series(with_holes(rng, rng.random(n) < 0.5), dtype="boolean"),
    "objects": lambda rng, n: pd.Series(with_holes(rng, numbers(rng, n).tolist()), dtype=object),
    "object bools": lambda rng, n: pd.Series(
        with_holes(rng, (rng.random(n) < 0.5).tolist()), dtype=object
    ),
    "decimals": lambda rng, n: pd.Series(
        with_holes(rng, [Decimal(str(x)) for x in numbers(rng, n)]), dtype=object
    ),
    "empty": lambda rng, n: pd.Series([rng.choice([None, np.nan])] * n, dtype=object),
    "NaN": lambda rng, n: pd.Series(np.full(n, np.nan)),
    "words": _words,
    "str": lambda rng, n: _words(rng, n, "str"),
    "category": lambda rng, n: _categories(rng, n, WORDS),
    "category of ints": lambda rng, n: _categories(rng, n, [3, 1, 2], ordered=True),
    "category of floats": lambda rng, n: _categories(rng, n, [0.5, 1.5, 1e300]),
    "intervals": lambda rng, n: pd.Series(pd.cut(rng.normal(size=n), [-9, 0, 1, 9])),
    "sparse": lambda rng, n: pd.Series(pd.arrays.SparseArray(rng.binomial(3, 0.2, n))),
    "arrow float": lambda rng, n: _arrow(with_holes(rng, numbers(rng, n).tolist()), pa.float64()),
    "arrow int": lambda rng, n: _arrow(
        with_holes(rng, rng.integers(-5, 5, n).tolist()), pa.int32()
    ),
    "arrow bool": lambda rng, n: _arrow(
        with_holes(rng, (rng.random(n) < 0.5).tolist()), pa.bool_()
    ),
    "arrow text": lambda rng, n: _arrow(with_holes(rng, rng.choice(WORDS, n)), pa.string()),
    "arrow dictionary": lambda rng, n: _arrow(
        with_holes(rng, rng.choice(WORDS, n)), pa.dictionary(pa.int8(), pa.string())
    ),
    "dates": lambda rng, n: pd.Series(
        with_holes(rng, pd.to_datetime(rng.integers(0, 9**10, n), unit="s"))
    ),
    "dates of a zone": lambda rng, n: pd.Series(
        pd.date_range("2026-01-01", periods=n, freq="h", tz="Europe/Berlin")
    ),
}


def _spoilt(rng, n, value, dtype=float):
    column = pd.Series(rng.normal(size=n), dtype=dtype)
    column[rng.integers(n)] = value
    return column


#: Columns that must be refused, by name.
BAD_COLUMNS = {
    "inf": lambda rng, n: _spoilt(rng, n, rng.choice([np.inf, -np.inf])),
    "infinite object": lambda rng, n: _spoilt(rng, n, np.inf, object),
    "long int": lambda rng, n: _spoilt(rng, n, 10**400, object),
    "complex": lambda rng, n: pd.Series(rng.normal(size=n) + 1j),
    "timedelta": lambda rng, n: pd.Series(pd.to_timedelta(np.arange(n), unit="h")),
    "period": lambda rng, n: pd.Series(pd.period_range("2026-01", periods=n, freq="M")),
    "lists": lambda rng, n: pd.Series([[1, 2]] * n, dtype=object),
    "dicts": lambda rng, n: pd.Series([{"a": 1}] * n, dtype=object),
    "bytes": lambda rng, n: pd.Series([b"a"] * n, dtype=object),
    "arrow list": lambda rng, n: _arrow([[1, 2]] * n),
}

BINARY = {
    "bools": lambda rng, n: pd.Series(
        with_holes(rng, (rng.random(n) < 0.5).tolist()), dtype=object
    ),
    "boolean": lambda rng, n: pd.Series(with_holes(rng, rng.random(n) < 0.5), dtype="boolean"),
    "int": lambda rng, n: pd.Series(rng.integers(0, 2, n)),
    "float": lambda rng, n: pd.Series(
        with_holes(rng, rng.integers(0, 2, n).tolist(), np.nan), dtype=float
    ),
}
CLASSES = BINARY | {
    "ints": lambda rng, n: pd.Series(rng.integers(-2, 4, n)),
    "Int64": lambda rng, n: pd.Series(with_holes(rng, rng.integers(0, 4, n)), dtype="Int64"),
    "uint64": lambda rng, n: pd.Series(
        rng.choice(np.array([1, 2**63 + 1, 2**64 - 1], "uint64"), n)
    ),
    "words": _words,
    "str": lambda rng, n: _words(rng, n, "str"),
    "category": lambda rng, n: _categories(rng, n, WORDS[:4]),
    "ordered": lambda rng, n: _categories(rng, n, WORDS[:4], ordered=True),
    "category of fractions": lambda rng, n: _categories(rng, n, [0.5, 1.5, 2.25]),
    "arrow text": lambda rng, n: _arrow(with_holes(rng, rng.choice(WORDS[:3], n)), pa.string()),
    "arrow dictionary": lambda rng, n: _arrow(
        with_holes(rng, rng.choice(WORDS[:3], n)), pa.dictionary(pa.int8(), pa.string())
    ),
}
QUANTITIES = {
    "float": lambda rng, n: _floats(rng, n, rng.choice(SCALES)),
    "float32": lambda rng, n: _floats(rng, n, rng.choice([1e-30, 1.0, 1e30])).astype(np.float32),
    "float16": lambda rng, n: _floats(rng, n, 1e-3).astype(np.float16),
    "Float64": lambda rng, n: _floats(rng, n, rng.choice(SCALES)).astype("Float64"),
    "int": lambda rng, n: pd.Series(rng.integers(-1000, 1000, n)),
    "Int64": lambda rng, n: pd.Series(with_holes(rng, rng.integers(0, 9, n)), dtype="Int64"),
    "uint8": lambda rng, n: pd.Series(rng.integers(0, 255, n, dtype=np.uint8)),
    "decimals": GOOD_COLUMNS["decimals"],
    "arrow float": GOOD_COLUMNS["arrow float"],
}
COUNTS = {
    "int": lambda rng, n: pd.Series(rng.poisson(rng.choice([0.1, 3, 1e6]), n)),
    "float": lambda rng, n: pd.Series(with_holes(rng, rng.poisson(2, n), np.nan), dtype=float),
}
#: Labels that must be refused, by the name of the task.
BAD_LABELS = {
    name: BAD_COLUMNS[name]
    for name in ("inf", "infinite object", "long int", "complex", "timedelta", "dicts")
} | {
    "datetime": lambda rng, n: pd.Series(pd.date_range("2026-01-01", periods=n)),
    "none": lambda rng, n: pd.Series([None] * n, dtype=object),
    "mixed": lambda rng, n: pd.Series((["a", 1] * n)[: max(n, 2)][:n] if n > 1 else [(1,)]),
    "bytes": BAD_COLUMNS["bytes"],
}
KINDS = {"regression": QUANTITIES, "quantile": QUANTITIES, "count": COUNTS}


@st.composite
def names(draw, n):
    """Draw the names of columns: text, numbers, and now and then some twice."""
    style = draw(st.sampled_from(["text", "text", "text", "range", "twice"]))
    if style == "range":
        return list(range(n))
    if style == "twice" and n > 1:
        return ["twice"] * n
    return draw(st.permutations(NAMES))[:n]


@st.composite
def frames(draw, n, bad=0.1):
    """Draw a data frame of n rows, with the names of columns that must be refused."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_columns = draw(st.integers(1, 5))
    kinds = draw(st.lists(st.sampled_from(list(GOOD_COLUMNS)), min_size=n_columns, max_size=5))
    columns = [GOOD_COLUMNS[kind](rng, n) for kind in kinds]
    labels = draw(names(len(columns)))
    # scikit-learn may refuse names that are not unique.
    culprits, must_fail = ["'twice'"] if "twice" in labels else [], False
    if rng.random() < bad:
        place = int(rng.integers(len(columns)))
        columns[place] = BAD_COLUMNS[draw(st.sampled_from(list(BAD_COLUMNS)))](rng, n)
        culprits, must_fail = [*culprits, repr(labels[place])], True
    frame = pd.concat([c.reset_index(drop=True) for c in columns], axis=1).set_axis(labels, axis=1)
    frame.index = draw(indexes(n))
    return Drawn(frame, culprits, must_fail)


@st.composite
def indexes(draw, n):
    """Draw an index of n rows."""
    kind = draw(st.sampled_from(["range", "shuffled", "equal", "text", "dates", "pairs"]))
    if kind == "shuffled":
        return pd.Index(np.random.RandomState(n).permutation(n) * 7 - 3)
    if kind == "equal":
        return pd.Index([0] * n)
    if kind == "text":
        return pd.Index([f"row {row}" for row in range(n)])
    if kind == "dates":
        return pd.date_range("2026-01-01", periods=n)
    if kind == "pairs":
        return pd.MultiIndex.from_arrays([range(n), ["a"] * n])
    return pd.RangeIndex(n)


@st.composite
def arrays(draw, n):
    """Draw what is no data frame: arrays, lists, sparse matrices, frames of polars and Arrow."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_columns = draw(st.integers(1, 4))
    scale = draw(st.sampled_from(SCALES))
    values = np.column_stack([numbers(rng, n, scale) for _ in range(n_columns)])
    values[rng.random(values.shape) < draw(st.sampled_from([0.0, 0.2]))] = np.nan
    kind = draw(
        st.sampled_from(
            [
                "float",
                "float32",
                "list",
                "masked",
                "csr",
                "csc",
                "coo",
                "objects",
                "polars",
                "arrow",
            ]
        )
    )
    culprits = []
    if rng.random() < 0.1:
        row, column = rng.integers(n), rng.integers(n_columns)
        values[row, column] = np.inf
        culprits = [f"'x{column}'"]
    frame = pd.DataFrame(values, columns=[f"x{c}" for c in range(n_columns)])
    if kind == "float32":
        with np.errstate(over="ignore"):
            values = values.astype(np.float32)
        culprits = [f"'x{column}'" for column in np.flatnonzero(np.isinf(values).any(axis=0))]
    made = {
        "float": lambda: values,
        "float32": lambda: values,
        "list": lambda: values.tolist(),
        "masked": lambda: np.ma.MaskedArray(
            np.nan_to_num(values, posinf=np.inf), np.isnan(values)
        ),
        "csr": lambda: sparse.csr_matrix(values),
        "csc": lambda: sparse.csc_array(values),
        "coo": lambda: sparse.coo_matrix(values),
        "objects": lambda: values.astype(object),
        "polars": lambda: pl.from_pandas(frame),
        "arrow": lambda: pa.Table.from_pandas(frame),
    }[kind]()
    return Drawn(made, culprits, bool(culprits))


@dataclass
class Labelled(Drawn):
    """Labels, with the parameter ``task_types`` that says what they are.

    Attributes
    ----------
    task_types : dict
        Kinds by name of the task; "auto" for one that is not named.
    """

    task_types: dict = field(default_factory=dict)


@st.composite
def targets(draw, n, family=None, bad=0.1):
    """Draw labels of n rows for one or several tasks of a family, as a frame or another form."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_tasks = draw(st.integers(1, 3))
    columns, kinds, wrong = [], [], []
    for _ in range(n_tasks):
        is_class = family == "class" or (family is None and rng.random() < 0.5)
        kind, is_bad = "auto", rng.random() < bad
        if is_bad:
            column = BAD_LABELS[draw(st.sampled_from(list(BAD_LABELS)))](rng, n)
        elif is_class:
            column = CLASSES[draw(st.sampled_from(list(CLASSES)))](rng, n)
            is_bad = not _has_classes(column)
        else:
            kind = draw(st.sampled_from(list(KINDS)))
            column = KINDS[kind][draw(st.sampled_from(list(KINDS[kind])))](rng, n)
            is_bad = column.isna().all()
        columns.append(column.reset_index(drop=True))
        kinds.append(kind)
        wrong.append(bool(is_bad))
    labels = draw(names(n_tasks))
    frame = pd.concat(columns, axis=1)
    form = "frame" if _needs_pandas(frame) else draw(st.sampled_from(["frame", "array", "polars"]))
    y, labels = _in_form(frame, labels, form)
    task_types = {name: kind for name, kind in zip(labels, kinds, strict=True) if kind != "auto"}
    culprits = [repr(name) for name, is_bad in zip(labels, wrong, strict=True) if is_bad]
    culprits += ["several columns of each name"] if len(set(labels)) < n_tasks else []
    return Labelled(y, culprits, bool(culprits), task_types)


def _has_classes(column):
    """Whether there are two classes at least, declared ones too, and a label."""
    declared = isinstance(column.dtype, pd.CategoricalDtype)
    classes = column.cat.categories if declared else column.dropna().unique()
    return len(classes) > 1 and column.notna().any()


def _needs_pandas(frame):
    """Whether only a category of pandas can say which classes there are."""
    declared = [frame[c] for c in frame if isinstance(frame[c].dtype, pd.CategoricalDtype)]
    return any(
        column.cat.categories.dtype.kind == "f" or column.nunique() < 2 for column in declared
    )


def _in_form(frame, labels, form):
    """Return labels as a frame, an array of objects or a frame of polars, and the tasks' names."""
    if form == "array":
        array = frame.astype(object).where(frame.notna(), None).to_numpy(dtype=object)
        if array.shape[1] == 1:
            return array[:, 0], ["y"]
        return array, [f"y{place}" for place in range(array.shape[1])]
    if form == "polars":
        try:
            y = pl.from_pandas(frame.set_axis(range(frame.shape[1]), axis=1))
            y.columns = [str(label) for label in labels]
            return y, y.columns
        except Exception:  # What polars cannot hold is passed by pandas.
            pass
    names = [f"y{label}" if isinstance(label, int) else label for label in labels]
    return frame.set_axis(labels, axis=1), names


@st.composite
def weights(draw, n, n_tasks):
    """Draw sample weights, or None."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.sampled_from([(n,), (n, n_tasks)]))
    good = {
        "ones": np.ones(shape),
        "random": rng.random(shape) + 0.01,
        "tiny": (rng.random(shape) + 0.01) * 1e-300,
        "huge": (rng.random(shape) + 0.01) * 1e300,
    }
    bad = {
        "negative": -np.ones(shape),
        "NaN": np.full(shape, np.nan),
        "text": np.full(shape, "heavy").tolist(),
        "zero": np.zeros(shape),
        "short": np.ones(n + 1),
    }
    kind = draw(st.sampled_from([None] * 8 + [*good] * 2 + [*bad]))
    if kind is None:
        return Drawn(None)
    return Drawn(good[kind]) if kind in good else Drawn(bad[kind], ["sample_weight"], True)
