"""Every parameter of every estimator with right and wrong values: it works, or is named."""

from decimal import Decimal
from fractions import Fraction
from functools import cache

import numpy as np
import pandas as pd
import torch
from fuzz_checks import check_model
from fuzzing import ESTIMATORS, OF_CLASSES, OF_EVENTS, OF_NUMBERS, fuzz, outcome, tiny
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, KFold, PredefinedSplit
from sklearn.utils._param_validation import make_constraint
from skorch.callbacks import EpochTimer

from sklearn_ple.balancing import Balancer
from sklearn_ple.encoding.numeric import EmbeddingMaker
from sklearn_ple.tasks import Count, Regression, Task

N = 30
#: What may be passed for a parameter by mistake, or is right for some.
NUMBERS = (0, 1, 2, 3, -1, -2, 0.5, 0.0, 1.0, 1.5, -0.5, 1e-300, 1e300, np.nan, np.inf)
NUMPYS = (np.int8(2), np.uint64(1), np.float32(0.25), np.bool_(True), np.array(2), np.str_("auto"))
TEXT = ("auto", "", "x", b"x", "none", "None", "balanced")
OTHERS = (None, True, False, 1j, object(), int, len, Ellipsis, Decimal(1), Fraction(1, 2))
STRANGE = (torch.tensor(1.0), pd.NA, np.datetime64("2026-01-01"))
VALUES = st.sampled_from([*NUMBERS, *NUMPYS, *TEXT, *OTHERS, *STRANGE])
ENTRIES = st.one_of(VALUES, st.sampled_from(["tall", "area", "sort", "h", "w", "code"]))
NESTED = st.one_of(
    st.lists(ENTRIES, max_size=3),
    st.lists(ENTRIES, max_size=3).map(tuple),
    st.lists(st.lists(VALUES, max_size=2), max_size=3),
    st.lists(st.sampled_from([0, 1, 2, 0.5]), max_size=3).map(np.array),
    st.dictionaries(st.sampled_from(["tall", "area", "sort", 0, None, ""]), VALUES, max_size=2),
    st.dictionaries(
        st.sampled_from(["tall", "area", "sort"]),
        st.dictionaries(st.sampled_from([0, 1, True, "p", "q"]), VALUES, max_size=2),
        max_size=2,
    ),
    st.sampled_from([{1}, range(2), pd.Series([1.0, 2.0, 3.0]), iter([1]), "ab", {}]),
)
#: Values of parameters that take more than numbers and text, right and wrong ones.
OWN_VALUES = {
    "task_types": st.one_of(
        st.sampled_from(
            ["binary", "count", "quantile", "ordinal", "regression", Count, Regression]
        )
        | st.sampled_from([Regression(), Task, ("quantile", [0.1, 0.9]), ("quantile", [2.0])]),
        st.dictionaries(
            st.sampled_from(["tall", "area", "sort", "click"]),
            st.sampled_from(["auto", "binary", "multiclass", "ordinal", "count", "x", None, Count])
            | st.sampled_from([("quantile", 0.5), ("quantile", [0.5]), ("binary", 1), 3, []]),
            max_size=2,
        ),
    ),
    "depends_on": st.dictionaries(
        st.sampled_from(["tall", "area", "sort", "purchase"]), ENTRIES, max_size=2
    ),
    "callbacks": st.lists(
        st.sampled_from(
            [EpochTimer(), ("timer", EpochTimer()), EpochTimer, 42, None, ("a",), len]
        ),
        max_size=3,
    ),
    "net_params": st.dictionaries(
        st.sampled_from(["lr", "batch_size", "max_epochs", "verbose", "device", "optimizer", "x"])
        | st.sampled_from(
            ["optimizer__betas", "iterator_train__num_workers", "module__x", "dtype"]
        ),
        VALUES,
        max_size=2,
    ),
    "optimizer": st.sampled_from(
        [torch.optim.SGD, torch.optim.RMSprop, torch.optim.Adagrad, int, Task, torch.nn.Linear]
    ),
    "numeric_embedding": st.sampled_from([EmbeddingMaker, Task, "bins", "piecewise_linear"]),
    "validation_split": st.sampled_from(
        [KFold(3), KFold(99), KFold, GroupKFold(2), PredefinedSplit([0, -1]), "last"]
    ),
    "balancing": st.sampled_from([Balancer, Task, "equal"]),
    "device": st.sampled_from(["cpu", "cuda", "cpu:0", "cuda:x", "mps", "meta", "xla", "cpu:7"]),
    "random_state": st.sampled_from([np.random.RandomState(0), np.random.default_rng(0), 2**32]),
    "reads": st.dictionaries(
        st.sampled_from(["tall", "area", "sort"]), st.lists(ENTRIES, max_size=2), max_size=2
    ),
}
#: Whole numbers that take no memory for being large.
LARGE = {"min_frequency", "batch_size", "n_iter_no_change", "n_bins", "n_jobs"}
#: How long the steps of training are.
STEPS = {"learning_rate", "net_params", "optimizer"}
#: What a message may call the culprit if not by the name of the parameter.
ALIASES = {
    "early_stopping": ["validation"],
    "validation_fraction": ["validation"],
    # A kind that does not suit a column is named with the column.
    "task_types": ["is of kind"],
}


@cache
def table(cls):
    """Return rows that every estimator takes, with a number of tasks that it learns."""
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.randn(N, 2), columns=["h", "w"]).assign(code=list("uvw") * (N // 3))
    X.loc[::7, "w"] = np.nan
    tall = X["h"] > 0
    if cls is OF_EVENTS:
        return X, pd.DataFrame({"click": tall, "purchase": tall & (rng.rand(N) < 0.5)})
    y = pd.DataFrame({"tall": tall, "area": X["h"] * 3, "sort": list("ppqqr") * (N // 5)})
    if cls is OF_CLASSES:
        return X, y[["tall", "sort"]]
    return X, y[["area"]].assign(width=X["w"]) if cls is OF_NUMBERS else y


def values(name):
    """Draw a value for a parameter, right or wrong."""
    options = [VALUES, NESTED, *[OWN_VALUES.get(name, VALUES)] * 2]
    if name in LARGE:
        options.append(st.sampled_from([100_000, np.int64(64)]))
    for cls in ESTIMATORS:
        for row in cls._parameter_constraints.get(name, ()):
            if hasattr(row, "options"):
                options.append(st.sampled_from(sorted(row.options)))
                break
    return st.one_of(options)


@st.composite
def changes(draw):
    """Draw an estimator, and one or two of its parameters with values."""
    cls = draw(st.sampled_from(ESTIMATORS))
    own = sorted(cls().get_params())
    chosen = draw(st.lists(st.sampled_from(own), min_size=1, max_size=2, unique=True))
    return cls, {name: draw(values(name)) for name in chosen}


@fuzz(0.35, drawn=changes())
def test_a_parameter_works_or_is_named(drawn):
    cls, params = drawn
    X, y = table(cls)
    culprits = [alias for name in params for alias in (name, *ALIASES.get(name, ()))]
    constraints = cls._parameter_constraints
    fits = [
        any(make_constraint(row).is_satisfied_by(value) for row in constraints[name])
        for name, value in params.items()
    ]
    model = cls(**(tiny(cls) | params))
    with outcome(culprits, must_fail=not all(fits)) as errors:
        model.fit(X, y)
        check_model(model, X, y, N, tame=not STEPS & set(params))
    if errors:
        assert not hasattr(model, "net_")
