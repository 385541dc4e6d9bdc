"""The fingerprint of a fit: short texts of all that determines its result, to compare fits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from skorch.callbacks import Callback
from torch import Tensor, nn

from ..encoding import EmbeddingMaker, Labels, Table, digest
from ..tasks import Task
from ..versions import versions
from .split import Split

# Parameters without an effect on the result. The weights that a warm start continues from are
# described themselves.
_WITHOUT_EFFECT = {"checkpoint_dir", "device", "n_jobs", "verbose", "warm_start"}
_WITHOUT_EFFECT |= {"warm_start_from"}
# Longer texts are replaced by their digests.
_LONGEST = 80
_SIMPLE = (type(None), bool, int, float, str)


def fingerprint(
    estimator: Any, table: Any, module: nn.Module | None, split: Split
) -> dict[str, str]:
    """Describe a fit by all that determines its result.

    Parameters
    ----------
    estimator : estimator of this package
        The estimator. Its type of device and the parameters that affect the result are described.
    table : Table or StreamedTable
        The rows to train on.
    module : Module or None
        The network from whose weights a warm start continues.
    split : Split
        The choice of validation rows.

    Returns
    -------
    dict of str to str
        The values, or the digests of long ones, by names that a user knows.
    """
    described = {
        "the class of the estimator": type(estimator),
        "the type of device": torch.device(estimator.device_).type,
        "the weights of warm_start_from": _weights_of(estimator.warm_start_from),
        "the fitted model to go on from": None if module is None else module.state_dict(),
        **{f"the version of {name}": version for name, version in versions().items()},
        **estimator.get_params(deep=False),
    }
    texts = {
        name: _short(repr(_plain(value)))
        for name, value in described.items()
        if name not in _WITHOUT_EFFECT
    }
    return _of_table(table) | texts | _of_split(split)


def _weights_of(model: Any) -> Any:
    """Return the weights of a fitted estimator, which may be wrapped in a FrozenEstimator."""
    return None if model is None else getattr(model, "estimator", model).module_.state_dict()


def _of_table(table: Any, ending: str = "") -> dict[str, str]:
    """Describe rows, by the names of the arguments of fit."""
    if not isinstance(table, Table):
        return table.described()
    return {
        f"X{ending}": _of_features(table.features),
        f"y{ending}": digest(part for column in table.labels for part in _of_labels(column)),
        f"sample_weight{ending}": digest(
            weights[column.mask]
            for column, weights in zip(table.labels, table.weights.T, strict=True)
        ),
    }


def _of_split(split: Split) -> dict[str, str]:
    """Describe the choice of validation rows, as far as parameters do not determine it."""
    texts = {} if split.table is None else _of_table(split.table, "_val")
    if split.groups is not None:
        texts["groups"] = digest([split.groups])
    # A splitter may draw at random, and its repr may be incomplete.
    if split.chosen is not None:
        texts["validation_split"] = digest(split.chosen)
    return texts


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else digest([text])


def _of_features(features: Any) -> str:
    """Describe X, a data frame or a CSR matrix."""
    if sparse.issparse(features):
        return digest([features.indptr, features.indices, features.data])
    names = repr((features.columns.tolist(), [str(dtype) for dtype in features.dtypes]))
    return digest([names, pd.util.hash_pandas_object(features, index=False).to_numpy()])


def _of_labels(column: Labels) -> list[str | np.ndarray]:
    """Describe a column of y."""
    declared = None if column.declared is None else column.declared.tolist()
    names = repr((column.name, declared, column.ordered, str(column.observed.dtype)))
    return [names, column.mask, pd.util.hash_array(column.observed)]


def _plain(value: Any) -> Any:
    """Describe a value by lists, numbers and text, in the same way in every process."""
    if isinstance(value, np.generic) and isinstance(value.item(), _SIMPLE):
        return value.item()
    if isinstance(value, _SIMPLE):
        return value
    if isinstance(value, np.random.RandomState):
        return _plain(value.get_state())
    if isinstance(value, Tensor):
        bits = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        return [str(value.dtype), list(value.shape), digest([bits])]
    if isinstance(value, (type, FunctionType)):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, Callback):
        # Its other attributes, such as a log, may change from fit to fit.
        own = {n: v for n, v in vars(value).items() if isinstance(v, (*_SIMPLE, FunctionType))}
        return [_plain(type(value)), _plain(own)]
    if isinstance(value, (Task, EmbeddingMaker, nn.Module)):
        return [_plain(type(value)), _plain(vars(value))]
    if isinstance(value, Mapping):
        return sorted(([_plain(name), _plain(own)] for name, own in value.items()), key=repr)
    if isinstance(value, Set):
        return sorted(map(_plain, value), key=repr)
    if isinstance(value, Iterable) and getattr(value, "ndim", None) != 0:
        return [_plain(entry) for entry in value]
    # Addresses differ between processes.
    return re.sub(" at 0x[0-9a-fA-F]+", "", repr(value))
