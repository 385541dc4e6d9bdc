"""Predictions of a dataset, written to a file block by block."""

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..tables.files.paths import find_filesystem
from ..tables.files.source import Source
from ..tables.frames import is_dataset, to_pandas
from ..utils._sklearn import StrOptions
from ..utils.constraints import PATH, check_arguments
from ..utils.credentials import masking
from ..utils.files import replacing, replacing_in
from .estimator import FittedEstimator, check_model

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem


@masking()
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
    not grow with their number. The file is written under a temporary name in its folder, and gets
    its own name once it is complete. After an error, the temporary file is removed.

    Parameters
    ----------
    model : estimator of this package
        An estimator that was fitted to a data frame or a dataset with names of columns.
    X : pyarrow.dataset.Dataset, str, path-like or list of these
        A dataset or paths, as in `fit`. Only the columns that the model was fitted to are read.
    path : str or path-like
        The file to write, such as "predictions.parquet", or its URL, such as
        "s3://bucket/predictions.parquet". An existing file is replaced. It may neither be a file
        of X nor lie in the folder that is read.
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
    OSError
        If the file cannot be written, for example because its folder does not exist.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    ImportError
        If pyarrow is not installed, or what fsspec needs for the URL.

    Notes
    -----
    On this machine, other processes see the old file or the complete new one. For a URL, this
    depends on how the store moves files. S3 copies the new file, of at most 5 GB, and others see
    the old one until the copy is complete. If the process is killed, the temporary file stays; its
    name starts with ".sklearn_ple-". On this machine, a later call removes it after a day.

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
    blocks = _predict_frames(model, X, method, known)
    filesystem, place = find_filesystem(os.fspath(path))
    _check_apart(X, path, filesystem, place)
    import pyarrow as pa
    from pyarrow import fs, parquet

    first = next(blocks)
    if not first.columns.is_unique:
        raise ValueError(f"The columns to write are not unique, {list(first)}: rename the tasks.")
    schema = pa.Schema.from_pandas(first, preserve_index=False)
    is_local = isinstance(filesystem, fs.LocalFileSystem)
    with (
        replacing(place) if is_local else replacing_in(filesystem, place) as file,
        parquet.ParquetWriter(str(file), schema, filesystem=filesystem) as writer,
    ):
        for frame in chain([first], blocks):
            writer.write_table(pa.Table.from_pandas(frame, schema, preserve_index=False))


def _check_apart(
    X: Any, path: str | os.PathLike[str], filesystem: "FileSystem", place: str
) -> None:
    """Raise a ValueError if predictions would replace the rows of X, or be among them."""
    from pyarrow.fs import FileType

    final = _resolve(filesystem, place)
    if isinstance(X, (str, os.PathLike)):
        of_rows, folder = find_filesystem(os.fspath(X))
        if of_rows.get_file_info(folder).type == FileType.Directory:
            if of_rows.equals(filesystem) and final.is_relative_to(_resolve(of_rows, folder)):
                raise ValueError(
                    f"{path} lies in {X}, the folder that is read, so predictions would be among "
                    "its rows: write them to another folder."
                )
            return
    for file in Source.of(X).files:
        of_rows = file.fragment.filesystem
        if of_rows.equals(filesystem) and final == _resolve(of_rows, file.path):
            raise ValueError(
                f"{path} is a file of X, whose rows would be lost: write predictions to another "
                "file."
            )


def _resolve(filesystem: "FileSystem", place: str) -> PurePath:
    """Return the path of a file, without links if it is on this machine."""
    from pyarrow.fs import LocalFileSystem

    is_local = isinstance(filesystem, LocalFileSystem)
    return Path(os.path.realpath(place)) if is_local else PurePosixPath(place)


def _predict_frames(
    model: FittedEstimator, X: Any, method: str, known: str | Sequence[str] | None
) -> Iterator[pd.DataFrame]:
    """Predict blocks of rows, with a column for each task or each class of each task."""
    if method == "predict":
        labels = model.predict(X, known=known)
        frames = (pd.DataFrame(to_pandas(block)) for block in labels)
        return (frame.set_axis(model.task_names_, axis=1) for frame in frames)
    proba = model.predict_proba_frame(X, known=known)
    return (frame.set_axis([f"{task}={c}" for task, c in frame], axis=1) for frame in proba)
