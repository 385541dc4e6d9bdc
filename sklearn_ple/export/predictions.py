"""Predictions of a dataset, written to a file block by block."""

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd

from ..tables.files.source import Source
from ..tables.frames import is_dataset, to_pandas
from ..utils._sklearn import StrOptions
from ..utils.constraints import PATH, check_arguments
from ..utils.files import check_folder, replacing
from .checks import check_model


@check_arguments(path=[PATH], method=[StrOptions({"predict", "predict_proba"})])
def predict_to_parquet(
    model: Any,
    X: Any,
    path: str | os.PathLike[str],
    *,
    method: str = "predict",
    known: str | Sequence[str] | None = None,
) -> None:
    """Predict the rows of a dataset, and write the predictions to a Parquet file.

    Rows are read, predicted and written in blocks, in their order, so that the memory needed does
    not grow with their number. The file is written completely or not at all.

    Parameters
    ----------
    model : estimator of this package
        An estimator that was fitted to a data frame or a dataset with names of columns.
    X : pyarrow.dataset.Dataset, str, path-like or list of these
        A dataset or paths, as in `fit`. Only the columns that the model was fitted to are read.
    path : str or path-like
        The file to write, such as "predictions.parquet". An existing file is replaced. It may
        neither be a file of X nor lie in the folder that is read.
    method : {"predict", "predict_proba"}, default="predict"
        "predict" writes a column for each task, as ``predict`` returns it. "predict_proba" writes
        a column for each class of each task, with names such as "click=1".
    known : str or list of str, default=None
        Names of columns of X with known labels, as in ``predict``: the file then holds these
        labels, and predictions in their gaps.

    Raises
    ------
    TypeError
        If the model is not an estimator of this package, or if X is not a dataset.
    ValueError
        If ``method`` is unknown; if it is "predict_proba" and no task has classes; if the dataset
        lacks columns, has no rows or cannot be read; if the file is part of X; if the names of the
        columns to write are not unique.
    FileNotFoundError
        If the folder of the file does not exist.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    ImportError
        If pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from sklearn_ple import PLEClassifierRegressor, export
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = PLEClassifierRegressor(n_members=1, max_epochs=1)
    >>> model = model.fit(X[:200], y[:200])
    >>> folder = Path(tempfile.mkdtemp())
    >>> new, predicted = folder / "new.parquet", folder / "predicted.parquet"
    >>> X.to_parquet(new)
    >>> export.predict_to_parquet(model, new, predicted)
    >>> list(pd.read_parquet(predicted))
    ['death', 'wt82_71']
    """
    check_model(model, "applied to files, without a pipeline, search or blend around them")
    if not hasattr(model, method):
        raise ValueError(
            f"method is {method!r}, but no task of the model has classes: pass method='predict'."
        )
    if not is_dataset(X):
        raise TypeError(
            f"X is of type {type(X).__name__}: it must be a dataset or the path of one. For rows "
            f"in memory, call {method} of the model."
        )
    check_folder(path)
    blocks = _predict_frames(model, X, method, known)
    _check_apart(X, path)
    import pyarrow as pa
    from pyarrow import parquet

    first = next(blocks)
    if not first.columns.is_unique:
        raise ValueError(f"The columns to write are not unique, {list(first)}: rename the tasks.")
    schema = pa.Schema.from_pandas(first, preserve_index=False)
    with replacing(path) as file, parquet.ParquetWriter(file, schema) as writer:
        for frame in chain([first], blocks):
            writer.write_table(pa.Table.from_pandas(frame, schema, preserve_index=False))


def _check_apart(X: Any, path: str | os.PathLike[str]) -> None:
    """Raise a ValueError if predictions would replace the rows of X, or be among them."""
    final = Path(os.path.realpath(path))
    folder = unquote(X.removeprefix("file://")) if isinstance(X, str) else X
    if isinstance(X, (str, os.PathLike)) and os.path.isdir(folder):
        if final.is_relative_to(os.path.realpath(folder)):
            raise ValueError(
                f"{path} lies in {X}, the folder that is read, so predictions would be among its "
                "rows: write them to another folder."
            )
        return
    if final in [Path(os.path.realpath(file.path)) for file in Source.of(X).files]:
        raise ValueError(
            f"{path} is a file of X, whose rows would be lost: write predictions to another file."
        )


def _predict_frames(model: Any, X: Any, method: str, known: Any) -> Iterator[pd.DataFrame]:
    """Predict blocks of rows, with a column for each task or each class of each task."""
    if method == "predict":
        labels = model.predict(X, known=known)
        frames = (pd.DataFrame(to_pandas(block)) for block in labels)
        return (frame.set_axis(model.task_names_, axis=1) for frame in frames)
    proba = model.predict_proba_frame(X, known=known)
    return (frame.set_axis([f"{task}={c}" for task, c in frame], axis=1) for frame in proba)
