"""Log a fitted model and its history to MLflow, as a pyfunc model."""

import tempfile
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

from sklearn_ple.export import save

CODE = Path(__file__).with_name("mlflow_code.py")


def is_number(column):
    return pd.api.types.is_numeric_dtype(column.dtype)


def plain(X):
    """Turn numbers into floats, and missing values into None, as in JSON."""
    whole = [name for name in X if pd.api.types.is_integer_dtype(X[name])]
    if large := [name for name in whole if X[name].abs().max() > 2**53]:
        raise ValueError(
            f"The columns {large} have numbers that no float can represent: "
            "make them text, before fit."
        )
    kinds = {name: float if is_number(X[name]) else object for name in X}
    X = X.astype(kinds)
    return pd.DataFrame(
        {name: X[name].where(X[name].notna(), None) for name in X}
    )


def signature_of(X, predicted):
    """Describe what the model reads, missing values too, and returns."""
    inputs = []
    for name in X:
        kind = DataType.double if is_number(X[name]) else DataType.string
        inputs.append(ColSpec(kind, name, required=False))
    tasks = ParamSpec("tasks", DataType.string, [], shape=(-1,))
    outputs = infer_signature(model_output=predicted).outputs
    return ModelSignature(Schema(inputs), outputs, ParamSchema([tasks]))


def log_model(model, X, name="model"):
    """Log a fitted model in the active run; return its address."""
    parameters = model.get_params(deep=False).items()
    mlflow.log_params({key: str(value) for key, value in parameters})
    for epoch in model.history_:
        numbers = {k: v for k, v in epoch.items() if isinstance(v, float)}
        numbers.pop("seconds", None)
        mlflow.log_metrics(numbers, step=epoch["epoch"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save(model, path)
        logged = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(CODE),
            artifacts={"model": str(path)},
            signature=signature_of(X, model.predict(X[:5])),
            pip_requirements=["sklearn-ple[export]"],
        )
    return logged.model_uri
