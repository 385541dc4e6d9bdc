"""Safe files of fitted estimators: saving and loading."""

import os
from collections.abc import Collection, Set
from pathlib import Path
from typing import Any

from ...parameters.shared import Parameters
from ...utils.checks import is_ours
from ...utils.constraints import LISTED, PATH, check_arguments
from ...utils.versions import check_versions, versions
from ..estimator import check_model
from .container import read, write
from .plain import NOT_SAVED, from_plain, to_plain
from .serialization import Reader, Writer, name_classes

# warm_start_from is another model, which only fit reads.
_NOT_SAVED = NOT_SAVED | {"warm_start_from"}


@check_arguments(path=[PATH], trusted=[LISTED, Set])
def save(model: Any, path: str | os.PathLike[str], *, trusted: Collection[type] = ()) -> None:
    """Save a fitted estimator to a safe file, which holds only data.

    The file is a safetensors file. It holds the weights of the network and other arrays and, as
    JSON, the versions, parameters, categories, scales, classes, history and calibration. Unlike a
    pickle it holds no code, so that none can run when it is loaded. It is written completely or
    not at all.

    The file does not contain

    - the state of the optimizer: ``partial_fit`` continues with a new one;
    - ``checkpoint_dir``, which is a folder of this machine, and ``warm_start_from``, which is
      another model;
    - requests for metadata.

    Parameters
    ----------
    model : estimator of this package
        The fitted estimator. Its network parameters must not have been changed since fit.
    path : str or path-like
        The file to write, such as "model.safetensors". An existing file is replaced.
    trusted : list, tuple or set of type, default=()
        Your own classes of which the model holds instances: the class of the estimator, kinds of
        task, balancers, embeddings. The file holds the attributes of the instances, not the
        classes. Whoever loads it needs the same classes, and must trust them.

    Raises
    ------
    TypeError
        If the model is not a network of this package, or if it holds what a file cannot:
        functions, or instances of classes that are not in ``trusted``.
    ValueError
        If parameters of the network were changed since fit.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    ImportError
        If safetensors is not installed.

    See Also
    --------
    load : Load the estimator.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_ple import PLEClassifierRegressor, export
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = PLEClassifierRegressor(n_members=1, max_epochs=1)
    >>> model = model.fit(X[:200], y[:200])
    >>> path = Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> export.save(model, path)
    >>> export.load(path).predict(X).equals(model.predict(X))
    True
    """
    classes = name_classes(trusted, _own_estimators())
    check_model(model, "saved, without a pipeline, search or blend around them")
    writer = Writer(classes)
    estimator = writer.write(type(model), "The model")
    plain = to_plain(model, writer, _NOT_SAVED)
    write(path, {"versions": versions(), "estimator": estimator, **plain}, writer.arrays)


@check_arguments(path=[PATH], trusted=[LISTED, Set])
def load(path: str | os.PathLike[str], *, trusted: Collection[type] = ()) -> Any:
    """Load an estimator from a file that `save` wrote.

    It predicts the same as the saved estimator, to the last bit on the same machine with the same
    versions.

    Nothing in the file is run or imported: at worst, a file of unknown origin fails to load, or
    predicts wrongly. Sizes are checked before memory is allocated, a hash reveals damage, and the
    model predicts two rows before it is returned.

    A model that was trained on a GPU is loaded for the CPU if there is no GPU.

    Parameters
    ----------
    path : str or path-like
        The file.
    trusted : list, tuple or set of type, default=()
        Your own classes, the same as when the model was saved; they are identified by their names.
        The attributes of their instances are taken from the file.

    Returns
    -------
    model : estimator
        The fitted estimator, of the class that was saved.

    Raises
    ------
    ValueError
        If `save` did not write the file; if the file is damaged, inconsistent or of another
        format; if it holds instances of classes that are not in ``trusted``. The message names the
        file.
    OSError
        If the file cannot be opened.
    ImportError
        If safetensors is not installed, or polars for a model that was fitted to its data frames.

    Warns
    -----
    sklearn.exceptions.InconsistentVersionWarning
        If the model was saved with another version of this package, scikit-learn or torch.

    See Also
    --------
    save : Save a fitted estimator.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_ple import PLERegressor, export
    >>> X, y = [[0.0], [1.0], [2.0]], [0.1, 1.2, 1.9]
    >>> model = PLERegressor(n_members=1, max_epochs=2).fit(X, y)
    >>> path = Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> export.save(model, path)
    >>> export.load(path)
    PLERegressor(max_epochs=2, n_members=1)
    """
    classes = name_classes(trusted, _own_estimators())
    # If the file cannot be opened, the system's own error is the clearest.
    Path(path).open("rb").close()
    try:
        header, arrays = read(path)
        saved = {name: str(version) for name, version in header.pop("versions").items()}
        estimator = header.pop("estimator")
        model = _make_model(estimator, header, Reader(arrays, classes))
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(f"{os.fspath(path)!r} cannot be loaded: {error}") from error
    check_versions(type(model).__name__, saved)
    return model


def _own_estimators() -> dict[str, type]:
    """Return the estimators of this package, by name."""
    classes = [Parameters]
    for cls in classes:
        classes += cls.__subclasses__()
    return {cls.__name__: cls for cls in classes if is_ours(cls)}


def _make_model(estimator: object, plain: dict[str, Any], reader: Reader) -> Any:
    cls = reader.read(estimator)
    if not (isinstance(cls, type) and issubclass(cls, Parameters)):
        raise ValueError(f"it holds {cls!r}, which is not an estimator of this package")
    if "state" not in plain:
        raise ValueError("it holds an estimator that is not fitted")
    return from_plain(cls, plain, reader, _NOT_SAVED)
