"""Saving and loading of fitted estimators."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from .. import estimators
from ..base import MultiTaskEstimator
from ..serialization import CODECS, KNOWN, NOT_SAVED, Reader, Writer, from_plain, named, to_plain
from ..versions import check_versions, versions
from .checks import check_model
from .container import read, write

_KNOWN = KNOWN | {name: getattr(estimators, name) for name in estimators.__all__}
# The other one is another model, which fit alone reads.
_NOT_SAVED = NOT_SAVED | {"warm_start_from"}


def save(model: Any, path: str | os.PathLike[str], *, trusted: Iterable[type] = ()) -> None:
    """Save a fitted estimator as a file of data alone, which runs no code when it is loaded.

    The file is one of safetensors: the network's weights and other arrays, and beside them, as
    JSON, the versions, parameters, categories, scales, classes, history and what ``calibrate``
    learnt. Unlike a pickle it holds no code, and is written whole or not at all.

    Not in it are the state of the optimizer, so that ``partial_fit`` goes on with a new one;
    ``checkpoint_dir``, a folder of this machine; ``warm_start_from``, another model; and what is
    set for other tools: requests for metadata, and scikit-learn's callbacks.

    Parameters
    ----------
    model : estimator of this package
        Fitted. Its parameters must still make the network that was fitted.
    path : str or path-like
        The file to write, as "model.safetensors". An existing file is replaced.
    trusted : iterable of type, default=()
        Classes of your own whose objects the model holds: the estimator's own class, kinds of
        task, balancers, embeddings. Their attributes are saved, and whoever loads the file has to
        have, and to trust, the same classes.

    Raises
    ------
    TypeError
        If the model is no estimator of this package, or holds what a file cannot: functions, or
        objects of classes that are not trusted.
    ValueError
        If parameters of the network were changed since fit.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ImportError
        If safetensors is not installed.

    See Also
    --------
    load : Loads it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_ple import PLEClassifierRegressor, export
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = PLEClassifierRegressor(n_members=1, max_epochs=2, random_state=0).fit(X, y)
    >>> path = Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> export.save(model, path)
    >>> export.load(path).predict(X).equals(model.predict(X))
    True
    """
    classes = named(trusted)
    check_model(model, "saved")
    writer = Writer(CODECS, _KNOWN, classes)
    estimator = writer.write(type(model), "The model")
    plain, arrays = to_plain(model, writer, _NOT_SAVED)
    write(path, {"versions": versions(), "estimator": estimator, **plain}, arrays)


def load(path: str | os.PathLike[str], *, trusted: Iterable[type] = ()) -> Any:
    """Load an estimator that `save` wrote; it predicts the same, to the last bit on one machine.

    Nothing in a file is run or imported: one of unknown origin can at worst fail, or predict
    wrongly. Sizes are compared with the file's before memory is taken for them, a hash shows
    damage, and the model predicts two rows before it is returned.

    A model of a GPU is loaded for the CPU where there is no GPU.

    Parameters
    ----------
    path : str or path-like
        The file.
    trusted : iterable of type, default=()
        Classes of your own that were named when the model was saved; they are found by their
        names. Objects of these are made with whatever attributes the file has for them.

    Returns
    -------
    model : estimator
        Fitted, of the class that was saved.

    Raises
    ------
    ValueError
        If the file is none that `save` wrote, or is damaged, of a newer format, not consistent, or
        holds objects of classes that are not trusted; the message names the file.
    OSError
        If it cannot be opened.
    ImportError
        If safetensors is not installed, or polars for a model of its frames.

    Warns
    -----
    sklearn.exceptions.InconsistentVersionWarning
        If it was saved with another version of this package, scikit-learn or torch.

    See Also
    --------
    save : Writes such a file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_ple import PLERegressor, export
    >>> model = PLERegressor(n_members=1, max_epochs=2).fit([[0.0], [1.0], [2.0]], [0.1, 1.2, 1.9])
    >>> path = Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> export.save(model, path)
    >>> export.load(path)
    PLERegressor(max_epochs=2, n_members=1)
    """
    classes = named(trusted)
    # What keeps it from being opened, the system says best.
    Path(path).open("rb").close()
    try:
        header, arrays = read(path)
        model = _model_of(header, Reader(CODECS, _KNOWN, arrays, classes))
        saved = dict(header["versions"])
        _try(model)
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(f"{os.fspath(path)!r} cannot be loaded: {error}") from error
    check_versions(type(model).__name__, saved)
    return model


def _model_of(header: dict[str, Any], reader: Reader) -> Any:
    cls = reader.read(header["estimator"])
    if not (isinstance(cls, type) and issubclass(cls, MultiTaskEstimator)):
        raise ValueError(f"it holds {cls!r}, which is no estimator of this package")
    return from_plain(cls, header, reader, _NOT_SAVED)


def _try(model: Any) -> None:
    """Predict rows without a value: what does not fit together fails now, not later."""
    names, features = getattr(model, "feature_names_in_", None), model._encoder.features
    X: Any = sparse.csr_matrix((2, model.n_features_in_))
    if features.columns_ or names is not None:
        X = pd.DataFrame(np.full(X.shape, np.nan), columns=names)
        for position in features.categorical_positions_:
            X.isetitem(position, pd.Series([None, None], dtype=object))
    # No threads for two rows.
    n_jobs, model.n_jobs = model.n_jobs, 1
    model.predict(X)
    model.transform(X)
    if model._deviations is not None:
        model.predict(X, return_std=True)
        model.predict_interval(X)
    model.n_jobs = n_jobs
