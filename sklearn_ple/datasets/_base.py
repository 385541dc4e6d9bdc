"""Functions that the loaders share: folders, files, the choice of tasks, the form of results."""

import json
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

_ENVIRONMENT = "SKLEARN_PLE_DATA"


def list_homes(data_home: str | os.PathLike[str] | None) -> Iterator[Path]:
    """Yield the folders in which files are searched for, in this order."""
    if data_home is not None:
        yield Path(data_home).expanduser()
    if os.environ.get(_ENVIRONMENT):
        yield Path(os.environ[_ENVIRONMENT]).expanduser()
    # The folder of scikit-learn's get_data_home, which would make it, and fail if it may not.
    # Where there is no home folder, os.path.expanduser leaves "~" as it is, but Path's fails.
    yield Path(os.path.expanduser(os.environ.get("SCIKIT_LEARN_DATA", "~/scikit_learn_data")))


def select(selected: Any, existing: Sequence[str]) -> list[str]:
    """Return the names of the selected tasks, after a check that they exist."""
    if selected is None:
        return list(existing)
    # Rows of an array are compared with names entry by entry, lists as a whole.
    selected = selected.tolist() if isinstance(selected, np.ndarray) else selected
    is_one = isinstance(selected, str) or not isinstance(selected, Iterable)
    names = [selected] if is_one else list(selected)
    unknown = [name for name in names if name not in existing]
    if unknown:
        raise ValueError(f"Unknown tasks: {unknown}; existing tasks are {list(existing)}.")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"tasks must be one or more different names, got {names}.")
    return names


def read_text(name: str) -> str:
    """Read a file of the package, such as the description of a data set."""
    return files(__package__).joinpath("data", name).read_text(encoding="utf-8")


def read_codebook(name: str) -> dict[str, Any]:
    """Read what the columns and codes of a data set mean."""
    return json.loads(read_text(f"{name}.json"))


@contextmanager
def naming_damage(path: Path, remedy: str) -> Iterator[None]:
    """Context manager to read a file; errors about its content name it and the remedy."""
    try:
        yield
    except (ValueError, OSError, EOFError, zlib.error) as error:
        # Unlike errors of the system, those about the content of a file have no number.
        if getattr(error, "errno", None) is not None:
            raise
        raise ValueError(f"{path} is damaged: {error}. {remedy}") from error


def present(
    data: pd.DataFrame, target: pd.DataFrame, as_frame: bool, return_X_y: bool, **others: Any
) -> Any:
    """Return a data set in the same form as the loaders of scikit-learn."""
    X, y = (data, target) if as_frame else map(_to_array, (data, target))
    if return_X_y:
        return X, y
    return Bunch(
        data=X,
        target=y,
        frame=pd.concat([data, target], axis=1) if as_frame else None,
        feature_names=list(data),
        target_names=list(target),
        categories=_categories(data),
        target_classes=_categories(target),
        **others,
    )


def _to_array(frame: pd.DataFrame) -> np.ndarray:
    """Convert a frame to an array, with categories as codes and missing values as NaN."""
    codes = {name: frame[name].cat.codes for name in _categories(frame)}
    return frame.assign(**codes).where(frame.notna()).to_numpy(dtype=float)


def _categories(frame: pd.DataFrame) -> dict[str, list[str]]:
    """List the categories of each categorical column."""
    coded = frame.select_dtypes("category")
    return {str(name): list(column.cat.categories) for name, column in coded.items()}
