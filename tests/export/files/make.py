"""Write the files of the current format, and what they predict: ``python make.py``.

Files of a format that has been released stay as they are for ever: run this for a new one only.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_ple import ESMMClassifier, MMoEClassifierRegressor, PLEClassifierRegressor, export
from sklearn_ple.serialization import FORMAT_VERSION
from sklearn_ple.tasks import Quantile

FOLDER = Path(__file__).parent
SMALL = {"tower_hidden_units": (4,), "n_members": 2, "max_epochs": 2, "random_state": 0}


def rows(n=48):
    """Make rows of every kind; the last ones have categories that are unknown, or missing."""
    i = np.arange(n)
    X = pd.DataFrame(
        {
            "number": np.sin(i),
            "gappy": np.where(i % 5 == 0, np.nan, np.cos(3 * i)),
            "text": np.array(["a", "b", None], dtype=object)[i % 3],
            "date": pd.Categorical(
                pd.to_datetime(np.array(["2020-01-01", "2021-01-01"])[i // 3 % 2])
            ),
        }
    )
    X.loc[n - 4 :, "text"] = "new"
    return X


def labels(X):
    """Make a task of each kind."""
    i = np.arange(len(X))
    return pd.DataFrame(
        {
            "binary": pd.Categorical(np.array(["no", "yes"])[(X["number"] > 0).astype(int)]),
            "multiclass": i % 3 * 10,
            "ordinal": pd.Categorical(np.array(["low", "mid", "high"])[i % 3], ordered=True),
            "regression": np.where(i % 7 == 0, np.nan, X["number"] * 5 + 100),
            "quantile": X["number"] ** 2,
            "count": i % 4,
        }
    )


def models():
    """Fit the models of the files, by name."""
    X = rows()[:40]
    y = labels(X)
    kinds = {"quantile": Quantile([0.1, 0.9]), "count": "count"}
    yield (
        "mixed",
        PLEClassifierRegressor(
            task_types=kinds,
            expert_hidden_units=(4,),
            early_stopping=True,
            validation_fraction=0.25,
            n_bins=4,
            **SMALL,
        )
        .fit(X, y)
        .calibrate(X, y),
    )
    yield (
        "isotonic",
        MMoEClassifierRegressor(
            numeric_embedding="periodic",
            embedding_dim=2,
            target_statistics=["text"],
            expert_hidden_units=(4,),
            **SMALL,
        )
        .fit(X[["number", "text"]], y[["multiclass", "regression"]])
        .calibrate(X[["number", "text"]], y[["multiclass", "regression"]], method="isotonic"),
    )
    clicks = np.column_stack([X["number"] > 0, X["number"] > 0.5])
    yield (
        "events",
        ESMMClassifier(numeric_embedding="quantile", **SMALL).fit(
            X[["number"]].to_numpy(), clicks
        ),
    )


def predictions(name, model):
    """Predict numbers that depend on all of a file."""
    X = rows()
    X = {"isotonic": X[["number", "text"]], "events": X[["number"]].to_numpy()}.get(name, X)
    found = {"representations": model.transform(X)[:, :8]}
    for task, part in zip(model.task_names_, model.predict_proba(X), strict=True):
        if part is not None:
            found[f"{task}: probabilities"] = part
    if name != "events":
        predicted = model.predict(X)
        for task in set(model.task_names_) & {"regression", "count", "quantile"}:
            found[task] = predicted[task].to_numpy()
    if name == "mixed":
        deviations = model.predict(X, return_std=True)[1]
        found["deviations"] = deviations[["regression", "count"]].to_numpy()
        low, high = model.predict_interval(X, tasks=["regression"])
        found["interval"] = np.column_stack([low, high])
        found["quantiles"] = model.predict_quantiles(X)[4].to_numpy()
    return {what: np.asarray(numbers, dtype=float) for what, numbers in found.items()}


if __name__ == "__main__":
    for name, model in models():
        path = FOLDER / f"v{FORMAT_VERSION}-{name}.safetensors"
        export.save(model, path)
        found = predictions(name, model)
        # The last rows hold all that there is: unknown and missing values, both dates.
        plain = {what: np.round(numbers[-12:], 7).tolist() for what, numbers in found.items()}
        path.with_suffix(".json").write_text(json.dumps(plain) + "\n")
        print(path.name, path.stat().st_size)
