"""Frames that differ from that of fit: the right prediction, or an error that names the column."""

from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from fuzz_checks import alike, columns_of, same
from fuzz_tables import indexes
from fuzzing import ESTIMATORS, OF_CLASSES, OF_EVENTS, OF_NUMBERS, fuzz, outcome, tiny
from hypothesis import strategies as st

N = 32
NAMES = ["number", "whole", "word", "category", "flag"]


@cache
def fitted(cls, holes):
    """Return a model, its X without y, and its predictions."""
    rng = np.random.RandomState(0)
    X = pd.DataFrame(
        {
            "number": rng.randn(N),
            "whole": rng.randint(-5, 5, N),
            "word": rng.choice(["u", "v", "1"], N),
            "category": pd.Categorical(rng.choice(["p", "q"], N), ["p", "q", "r"]),
            "flag": rng.rand(N) < 0.5,
        }
    )
    if holes:
        X = X.mask(rng.rand(*X.shape) < 0.2)
    tall, area = X["flag"].fillna(0).astype(bool), X["number"].fillna(0.0)
    y = {
        OF_EVENTS: {"a": tall, "b": tall & (area > 0)},
        OF_CLASSES: {"a": tall, "b": X["word"].fillna("u")},
        OF_NUMBERS: {"a": area, "b": area**2},
    }.get(cls, {"a": tall, "b": area})
    model = cls(**tiny(cls)).fit(X, pd.DataFrame(y))
    return model, X, model.predict(X)


def column(frame, name, values):
    return frame.assign(**{name: values})


#: What changes nothing.
EQUAL = {
    "as it is": lambda X: X,
    "whole as float": lambda X: column(X, "whole", X["whole"].astype(float)),
    "whole as Int64": lambda X: column(X, "whole", X["whole"].astype(float).astype("Int64")),
    "whole as objects": lambda X: column(X, "whole", X["whole"].astype(object)),
    "number as Arrow's": lambda X: column(X, "number", X["number"].astype("double[pyarrow]")),
    "flag as boolean": lambda X: column(X, "flag", X["flag"].astype("boolean")),
    "flag as float": lambda X: column(X, "flag", X["flag"].astype(float)),
    "word as category": lambda X: column(X, "word", X["word"].astype("category")),
    "word as objects": lambda X: column(X, "word", X["word"].astype(object)),
    "word as Arrow's": lambda X: column(X, "word", X["word"].astype("string[pyarrow]")),
    "more categories": lambda X: column(X, "category", X["category"].cat.add_categories(["s"])),
    "categories in another order": lambda X: column(
        X, "category", X["category"].cat.set_categories(["r", "q", "p"])
    ),
    "category as text": lambda X: column(X, "category", X["category"].astype(object)),
    "category as Arrow's": lambda X: column(
        X,
        "category",
        X["category"].astype(pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))),
    ),
    "polars": lambda X: pl.DataFrame({name: X[name].tolist() for name in X}, strict=False),
    # A dictionary of Arrow's stays: pandas cannot convert it.
    "Arrow": lambda X: pa.Table.from_pandas(
        X.apply(lambda c: c if isinstance(c.dtype, pd.ArrowDtype) else c.convert_dtypes())
    ),
    "Fortran": lambda X: X.copy(),
}
#: What must be refused, and how the message names it.
WRONG = {
    "a column dropped": lambda X, name: (X.drop(columns=name), name),
    "one more column": lambda X, name: (X.assign(more=1.0), "more"),
    "another order": lambda X, name: (X[NAMES[::-1]], "same order"),
    "renamed": lambda X, name: (X.rename(columns={name: "other"}), "other"),
    "infinity": lambda X, name: (column(X, "number", [np.inf] * len(X)), "'number'"),
    "text for numbers": lambda X, name: (column(X, "whole", ["a"] * len(X)), "'whole'"),
    "numbers for text": lambda X, name: (column(X, "word", [1.5] * len(X)), "'word'"),
    "dates": lambda X, name: (column(X, name, pd.Timestamp("2026-01-01")), repr(name)),
    "lists": lambda X, name: (column(X, name, [[1, 2]] * len(X)), repr(name)),
    "complex": lambda X, name: (column(X, "number", [1j] * len(X)), "'number'"),
    "categories for numbers": lambda X, name: (
        column(X, "number", pd.Categorical(["a"] * len(X))),
        "'number'",
    ),
    "no rows": lambda X, name: (X.iloc[:0], "0 rows"),
    "one column": lambda X, name: (X[["number"]], "feature names"),
    "an array of another width": lambda X, name: (np.zeros((len(X), 3)), "3 features"),
    "a series": lambda X, name: (X["number"], ("2D array", "2-dimensional")),
    "a number": lambda X, name: (1.0, ("2D array", "2-dimensional")),
    "None": lambda X, name: (None, "None"),
    "a vector": lambda X, name: (np.zeros(5), ("2D array", "2-dimensional")),
}
MODELS = st.builds(fitted, st.sampled_from(ESTIMATORS), st.booleans())
METHODS = st.sampled_from(["predict", "predict", "transform", "predict_proba"])


def answer(model, method, X):
    return getattr(model, method if hasattr(model, method) else "predict")(X)


@st.composite
def rows(draw):
    """Draw some rows, in any order, some twice."""
    return draw(st.lists(st.integers(0, N - 1), min_size=1, max_size=40))


@fuzz(0.1, model=MODELS, kinds=st.lists(st.sampled_from(list(EQUAL)), max_size=3), rows=rows())
def test_what_is_the_same_is_predicted_the_same(model, kinds, rows):
    model, X, predicted = model
    frame = X.iloc[rows]
    for kind in kinds:
        if not isinstance(frame, pd.DataFrame) or kind not in EQUAL:
            break
        try:
            frame = EQUAL[kind](frame)
        except (AttributeError, TypeError, ValueError):  # Not after what came before.
            continue
    with outcome():
        found = model.predict(frame)
    parts = zip(model.tasks_, columns_of(model, found), columns_of(model, predicted), strict=True)
    for task, own, expected in parts:
        alike(task, own, expected[rows])


@fuzz(0.02, model=MODELS, data=st.data(), rows=rows())
def test_rows_keep_their_index(model, data, rows):
    model, X, _ = model
    index = data.draw(indexes(len(rows)))
    with outcome():
        found = model.predict(X.iloc[rows].set_axis(index, axis=0))
    assert found.index.equals(index)
    same(found.reset_index(drop=True), model.predict(X.iloc[rows].reset_index(drop=True)))


@fuzz(
    0.1,
    model=MODELS,
    kind=st.sampled_from(list(WRONG)),
    name=st.sampled_from(NAMES),
    rows=rows(),
    method=METHODS,
)
def test_what_is_wrong_is_named(model, kind, name, rows, method):
    model, X, _ = model
    frame, culprit = WRONG[kind](X.iloc[rows], name)
    culprits = [culprit] if isinstance(culprit, str) else culprit
    with outcome(culprits, must_fail=True):
        answer(model, method, frame)


@st.composite
def unknown(draw):
    """Draw values of categories, known, missing and unknown ones."""
    values = st.sampled_from(["u", "v", "1", None, np.nan, "U", "", "unknown", "p", "q"])
    return draw(st.lists(values, min_size=1, max_size=20))


@fuzz(0.04, model=MODELS, values=unknown(), name=st.sampled_from(["word", "category"]))
def test_unknown_categories_are_all_alike(model, values, name):
    model, X, _ = model
    known = set(X[name].dropna())
    n = len(values)
    rows = np.arange(n) % N
    frame = column(X.iloc[rows], name, pd.Series(values, dtype=object).to_numpy())
    others = [v if v in known or v is None or v is np.nan else "another" for v in values]
    with outcome():
        found = model.predict(frame)
        same(found, model.predict(column(frame, name, np.array(others, dtype=object))))
