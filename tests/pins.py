"""Predictions pinned while the package is rearranged: bit by bit the same after every commit.

``python tests/pins.py --write FILE`` writes them down, ``python tests/pins.py FILE`` compares.
"""

import sys
import warnings

import numpy as np
import pandas as pd
import torch
from scipy import sparse

import sklearn_ple as sp
from sklearn_ple.datasets import load_nhefs

torch.set_num_threads(1)
warnings.simplefilter("ignore")

X, Y = load_nhefs(return_X_y=True)
X, Y = X.iloc[:620], Y.iloc[:620]
NEW = X.iloc[:45]
KINDS = {"sbp": ("quantile", [0.1, 0.9]), "dbp": "regression", "cholesterol": "count"}
ALL = Y.assign(
    exercise=Y["exercise"].astype(
        pd.CategoricalDtype(["little", "moderate", "much"], ordered=True)
    )
    if Y["exercise"].dtype != "category"
    else Y["exercise"]
)
rng = np.random.RandomState(0)
N = rng.randn(150, 4)
N[::7, 2] = np.nan
CLICK = (N[:, 0] + rng.randn(150) > 0).astype(int)
CHAIN = np.column_stack([CLICK, CLICK * (N[:, 1] + rng.randn(150) > 0)])
NUMBERS = np.column_stack([N[:, 0] + N[:, 1] ** 2, N[:, 1] * 3 + 7])
NUMBERS[::5, 0] = np.nan
W = rng.rand(len(X))


def any_tasks(cls, **params):
    return cls(task_types=KINDS, random_state=0, **({"max_epochs": 3, "n_members": 4} | params))


def cases():
    base = sp.PLEClassifierRegressor
    for name in sp.__all__:
        if name.endswith("ClassifierRegressor"):
            yield name, any_tasks(getattr(sp, name)), (X, ALL), NEW
    yield (
        "PLE 2 levels",
        any_tasks(base, n_levels=2, residual=True, gate_hidden_units=(8,)),
        (X, ALL),
        NEW,
    )
    yield (
        "PLE plain",
        any_tasks(
            base,
            n_members=1,
            numeric_embedding=None,
            linear_path=False,
            dropout=0.0,
            feature_dropout=0.0,
            weight_averaging=0.0,
            lr_schedule="constant",
            optimizer="adam",
            early_stopping=False,
            dtype="float64",
        ),
        (X, ALL),
        NEW,
    )
    for kind in ("bins", "piecewise_linear", "periodic", "quantile"):
        yield kind, any_tasks(base, numeric_embedding=kind, max_epochs=2), (X, ALL), NEW
    yield (
        "weights",
        any_tasks(
            base,
            class_weight={"death": "balanced"},
            task_weights={"sbp": 0.5, "dbp": 0.0},
            task_weight_decay=0.9,
            lr_schedule="cosine",
            n_iter_no_change=1,
            refit=False,
            categorical_features=None
            if not len(X.select_dtypes("category").columns)
            else "from_dtype",
            max_categories=3,
        ),
        (X, ALL, W),
        NEW,
    )
    yield "MMoE levels", any_tasks(sp.MMoEClassifierRegressor, n_levels=2), (X, ALL), NEW
    yield (
        "OMoE",
        any_tasks(sp.MMoEClassifierRegressor, shared_gate=True, max_epochs=2),
        (X, ALL),
        NEW,
    )
    yield (
        "by channel",
        any_tasks(sp.CrossStitchClassifierRegressor, by_channel=True),
        (X, ALL),
        NEW,
    )
    yield (
        "reads",
        any_tasks(sp.AsymmetricSharingClassifierRegressor, reads={"death": ["sbp", "wt82_71"]}),
        (X, ALL),
        NEW,
    )
    yield "ESMM", sp.ESMMClassifier(max_epochs=4, random_state=0), (N, CHAIN), N[:33]
    yield "classifier", sp.PLEClassifier(max_epochs=4, random_state=0), (N, CLICK), N[:33]
    yield "regressor", sp.PLERegressor(max_epochs=4, random_state=0), (N, NUMBERS), N[:33]
    yield (
        "regressor 1d stop",
        sp.PLERegressor(max_epochs=4, random_state=0, early_stopping=True, n_members=1),
        (N, NUMBERS[:, 1]),
        N[:33],
    )
    yield (
        "sparse",
        sp.PLERegressor(max_epochs=3, random_state=0),
        (sparse.csr_matrix(np.nan_to_num(N)), NUMBERS),
        sparse.csr_matrix(np.nan_to_num(N))[:9],
    )


def pin(model, data, new):
    found = {"predict": model.predict(new)}
    for method in (
        "predict_proba",
        "decision_function",
        "predict_conditional_proba",
        "predict_quantiles",
        "transform",
    ):
        if hasattr(model, method):
            found[method] = getattr(model, method)(new)
    if hasattr(model, "gate_weights"):
        try:
            found["gate_weights"] = model.gate_weights(new)
        except TypeError:
            pass
    try:
        found["std"] = model.predict(new, return_std=True)[1]
    except ValueError as error:
        found["std"] = str(error)
    found["score"] = model.score(*data)
    found["history"] = [
        {k: v for k, v in epoch.items() if k != "seconds"} for epoch in model.history_
    ]
    found["state"] = {
        k: v
        for k, v in model.module_.state_dict().items()
        if "member_weights" not in k and "mean." not in k
    }
    if hasattr(model, "calibrate"):
        try:
            model.calibrate(*data[:2])
            found["temperature"] = model.predict(new)
            model.calibrate(*data[:2], method="isotonic")
            found["isotonic"] = model.predict_proba(new)
        except ValueError as error:
            found["temperature"] = str(error)
    return found


def flat(prefix, value):
    if isinstance(value, dict):
        for key, part in value.items():
            yield from flat(f"{prefix}/{key}", part)
    elif isinstance(value, (list, tuple)) and not all(isinstance(v, (int, float)) for v in value):
        for place, part in enumerate(value):
            yield from flat(f"{prefix}/{place}", part)
    elif isinstance(value, torch.Tensor):
        yield prefix, value.numpy()
    elif isinstance(value, (pd.DataFrame, pd.Series)):
        array = value.to_numpy()
        yield prefix, np.array(array.tolist(), dtype=object if array.dtype == object else None)
    elif value is not None:
        yield prefix, np.asarray(value)


def collect():
    found = {}
    for name, model, data, new in cases():
        model.fit(*data)
        found |= dict(flat(name, pin(model, data, new)))
    warm = any_tasks(sp.PLEClassifierRegressor, warm_start=True, max_epochs=2).fit(X, ALL)
    warm.fit(X, ALL)
    found |= dict(flat("warm", pin(warm, (X, ALL), NEW)))
    partial = any_tasks(sp.SluiceClassifierRegressor)
    for _ in range(2):
        partial.partial_fit(X, ALL)
    found |= dict(flat("partial", pin(partial, (X, ALL), NEW)))
    return found


if __name__ == "__main__":
    found, path = collect(), sys.argv[-1]
    if "--write" in sys.argv:
        np.savez(path, **{k.replace("/", "|"): v for k, v in found.items()})
        print(len(found), "written")
    else:
        with np.load(path, allow_pickle=True) as file:
            wanted = {k.replace("|", "/"): file[k] for k in file.files}
        wrong = sorted(set(found) ^ set(wanted))
        for key in sorted(set(found) & set(wanted)):
            a, b = found[key], wanted[key]
            same = (
                a.shape == b.shape
                and a.dtype == b.dtype
                and (
                    np.array_equal(a, b, equal_nan=True)
                    if a.dtype.kind in "fc"
                    else a.tolist() == b.tolist() or repr(a.tolist()) == repr(b.tolist())
                )
            )
            if not same:
                d = (
                    np.nanmax(np.abs(a.astype(float) - b.astype(float)))
                    if a.shape == b.shape and a.dtype.kind == "f"
                    else ""
                )
                wrong.append(f"{key} {d}")
        print(len(found), "pins;", len(wrong), "differ")
        print("\n".join(wrong[:40]))
        sys.exit(bool(wrong))
