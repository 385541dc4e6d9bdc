"""Fits on data of all kinds: they work, or the error names the column, task or weights."""

import numpy as np
import pandas as pd
from fuzz_checks import check_model, same
from fuzz_tables import Drawn, arrays, frames, targets, weights
from fuzzing import ESTIMATORS, OF_CLASSES, OF_EVENTS, OF_NUMBERS, fuzz, outcome, tiny
from hypothesis import strategies as st
from scipy import sparse

ANY = [cls for cls in ESTIMATORS if cls not in (OF_CLASSES, OF_NUMBERS, OF_EVENTS)]
N_ROWS = st.one_of(st.integers(1, 24), st.sampled_from([1, 2, 3, 40]))
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "numeric_embedding": st.sampled_from(
            [None, "bins", "piecewise_linear", "piecewise_linear+bins"]
        ),
        "linear_path": st.booleans(),
        "clip_numbers": st.sampled_from([None, 5.0]),
        "early_stopping": st.booleans(),
        "n_members": st.sampled_from([1, 2, 4]),
        "dtype": st.sampled_from(["float32", "float64"]),
        "min_frequency": st.sampled_from([None, 2, 0.3]),
        "target_statistics": st.booleans(),
        "batch_size": st.sampled_from([1, 3, 64]),
    },
)


@st.composite
def fits(draw):
    """Draw an estimator, X, y and weights, and what is wrong in them."""
    n = draw(N_ROWS)
    X = draw(st.one_of(frames(n), arrays(n)))
    family = draw(st.sampled_from([None, None, None, "class", "number"]))
    y = draw(targets(n, family))
    cls = {None: None, "class": OF_CLASSES, "number": OF_NUMBERS}[family] or draw(
        st.sampled_from(ANY)
    )
    n_tasks = (*y.value.shape, 1)[1]
    return n, cls, X, y, draw(weights(n, n_tasks)), draw(OPTIONS)


@fuzz(0.35, drawn=fits())
def test_a_fit_predicts_or_names_what_is_wrong(drawn):
    n, cls, X, y, weight, options = drawn
    parts = [X, y, weight]
    culprits = [culprit for part in parts for culprit in part.culprits]
    # Of a few rows none may be left to validate on.
    culprits += ["validation"] if options.get("early_stopping") else []
    model = cls(**(tiny(cls) | options), task_types=y.task_types or "auto")
    fitted = False
    with outcome(culprits, any(part.must_fail for part in parts)):
        model.fit(X.value, y.value, weight.value)
        # What is wrong in rows without a label is found by predict.
        fitted = True
        check_model(model, X.value, y.value, n)
        score = model.score(X.value, y.value)
        assert isinstance(score, float)
    assert hasattr(model, "net_") == fitted


@st.composite
def events(draw):
    """Draw binary tasks of which each presupposes the one before; some labels are missing."""
    n = draw(st.integers(2, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = draw(frames(n, bad=0.0)).value
    happened = np.cumprod(rng.random((n, draw(st.integers(1, 3)))) < 0.6, axis=1)
    kind = draw(st.sampled_from(["array", "frame", "holes"]))
    if kind == "array":
        return X, Drawn(happened)
    frame = pd.DataFrame(happened, columns=list("abc")[: happened.shape[1]])
    return X, Drawn(frame.mask(rng.random(frame.shape) < 0.3) if kind == "holes" else frame)


@fuzz(0.02, drawn=events())
def test_probabilities_of_events_that_follow_on_each_other_fall(drawn):
    X, y = drawn
    model = OF_EVENTS(**tiny(OF_EVENTS))
    with outcome(["Target '", "task '", "Task '", "'twice'"]) as errors:
        model.fit(X, y.value)
        check_model(model, X, y.value, len(X))
        if isinstance(y.value, np.ndarray) and y.value.shape[1] > 1:
            joint = np.column_stack([own[:, 1] for own in model.predict_proba(X)])
            assert (np.diff(joint, axis=1) <= 1e-6).all()
    if errors:
        assert not hasattr(model, "net_")


@st.composite
def same_numbers(draw):
    """Draw the same numbers in two forms."""
    n = draw(st.integers(2, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.normal(size=(n, 2)).round(2) * draw(st.sampled_from([1.0, 1e-30, 1e30]))
    values[rng.random(values.shape) < 0.2] = np.nan
    frame = pd.DataFrame(values, columns=draw(st.sampled_from([["x0", "x1"], ["x1", "x0"]])))
    forms = {
        "array": values,
        "list": values.tolist(),
        "objects": values.astype(object),
        "masked": np.ma.MaskedArray(np.nan_to_num(values), np.isnan(values)),
        "Float64": frame.astype("Float64"),
        "double[pyarrow]": frame.astype("double[pyarrow]"),
        "Fortran": np.asfortranarray(values),
        "decimal": frame.astype(object),
        "sparse": sparse.csr_matrix(values),
    }
    return frame, forms[draw(st.sampled_from(list(forms)))], rng


@fuzz(0.03, drawn=same_numbers())
def test_the_form_of_the_numbers_does_not_matter(drawn):
    frame, other, rng = drawn
    y = rng.normal(size=(len(frame), 2))
    with outcome():
        model = OF_NUMBERS(**tiny(OF_NUMBERS)).fit(frame, y)
        expected = model.predict(frame)
        same(model.predict(other), expected)
        # Sparse numbers are not centred, and columns of a frame are learnt in the order of names.
        if not sparse.issparse(other) and frame.columns.is_monotonic_increasing:
            same(OF_NUMBERS(**tiny(OF_NUMBERS)).fit(other, y).predict(other), expected)
