"""The fingerprint of a fit: short texts of all that determines its result, to compare fits."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Mapping, Set
from functools import partial
from operator import itemgetter
from types import CodeType, FunctionType, MethodType
from typing import Any

import joblib
import numpy as np
import pandas as pd
import torch
from scipy import sparse
from skorch.callbacks import Callback
from torch import Tensor, nn

from ..encoding.numeric import EmbeddingMaker
from ..parameters.settings import Settings
from ..tables.table import Table
from ..tasks import Task
from ..utils.versions import versions
from .split import Split

# Parameters without an effect on the result. The weights that a warm start continues from are
# describe themselves.
_WITHOUT_EFFECT = {"checkpoint_dir", "device", "n_jobs", "verbose", "warm_start"}
_WITHOUT_EFFECT |= {"warm_start_from"}
_SIMPLE = (type(None), bool, int, float, str)
# Attributes of these types are not what a callback records in a fit.
_NO_RECORDS = (*_SIMPLE, type, FunctionType)


def fingerprint(
    settings: Settings, device: str, table: Any, split: Split, module: nn.Module | None
) -> dict[str, str]:
    """Describe a fit by all that determines its result, in the same way in every process.

    Parameters
    ----------
    settings : Settings
        The settings. The parameters that affect the result are describe.
    device : str
        The device, of which the type is describe.
    table : Table or StreamedTable
        The rows to train on.
    split : Split
        The choice of validation rows.
    module : Module or None
        The network from whose weights a warm start continues.

    Returns
    -------
    dict of str to str
        Numbers, texts and lists of these, and the hashes of other values, by names that a user
        knows.

    Raises
    ------
    ValueError
        If a parameter holds an object that cannot be pickled, and so cannot be compared.
    """
    describe = {
        "the class of the estimator": settings.owner,
        "the type of device": torch.device(device).type,
        "the weights of warm_start_from": _weights_of(settings.warm_start_from),
        "the fitted model to go on from": None if module is None else module.state_dict(),
        **{f"the version of {name}": version for name, version in versions().items()},
        **settings.parameters,
    }
    texts = {
        name: _text(name, own) for name, own in describe.items() if name not in _WITHOUT_EFFECT
    }
    return _of_table(table) | texts | _of_split(split)


def _weights_of(model: Any) -> Any:
    """Return the weights of a fitted estimator, which may be wrapped in a FrozenEstimator."""
    return None if model is None else getattr(model, "estimator", model).module_.state_dict()


def _of_table(table: Any, ending: str = "") -> dict[str, str]:
    """Describe rows, by the names of the arguments of fit."""
    if not isinstance(table, Table):
        return table.describe()
    y = [
        (own.name, own.declared, own.ordered, own.mask, pd.util.hash_array(own.observed))
        for own in table.labels
    ]
    return {
        f"X{ending}": joblib.hash(_features(table.features)),
        f"y{ending}": joblib.hash(y),
        f"sample_weight{ending}": joblib.hash(table.weights),
    }


def _features(X: Any) -> list[Any]:
    """Describe X, a data frame or a CSR matrix, without its index and its layout in memory."""
    if sparse.issparse(X):
        return [X.shape, X.indptr, X.indices, X.data]
    rows = pd.util.hash_pandas_object(X, index=False).to_numpy()
    return [X.columns.tolist(), [str(dtype) for dtype in X.dtypes], rows]


def _of_split(split: Split) -> dict[str, str]:
    """Describe the choice of validation rows, as far as parameters do not determine it."""
    texts = {} if split.table is None else _of_table(split.table, "_val")
    if split.groups is not None:
        texts["groups"] = joblib.hash(split.groups)
    # A splitter may draw at random.
    if split.chosen is not None:
        texts["validation_split"] = joblib.hash(split.chosen)
    return texts


def _text(name: str, value: Any) -> str:
    """Represent numbers, texts and lists of these; return the hash of any other value."""
    try:
        plain = _plain(value)
        parts = plain if isinstance(plain, list) else [plain]
        return repr(plain) if all(isinstance(own, _SIMPLE) for own in parts) else _hash(plain)
    # An object may raise any error as it is pickled.
    except Exception as error:
        raise ValueError(
            f"{name} cannot be compared with that of another fit or process, because it holds an "
            f"object that cannot be pickled ({error}): define its class at the top level of a "
            "module, or train without checkpoint_dir and by a single process."
        ) from error


def _hash(plain: Any) -> str:
    """Compute the hash of a value; raise an error if it cannot be pickled."""
    # Within attributes, joblib does not notice it.
    pickle.dumps(plain)
    return joblib.hash(plain)


def _plain(value: Any) -> Any:
    """Replace what pickles hold by its address, in another order each time, or not at all."""
    if isinstance(value, Callback):
        return [_plain(type(value)), _plain(_settings(value))]
    if isinstance(value, (Task, EmbeddingMaker, nn.Module)):
        return [_plain(type(value)), _plain(vars(value))]
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, partial):
        return _plain([value.func, value.args, value.keywords])
    if isinstance(value, MethodType):
        owner = value.__self__
        # A callback may hold a method of its own.
        return _plain([value.__func__, type(owner) if isinstance(owner, Callback) else owner])
    if isinstance(value, FunctionType):
        used = inspect.getclosurevars(value)
        read = {name: own for name, own in used.globals.items() if isinstance(own, _SIMPLE)}
        defaults = value.__defaults__, value.__kwdefaults__
        parts = value.__module__, value.__qualname__, value.__code__, *defaults
        return _plain([*parts, read, used.nonlocals])
    if isinstance(value, CodeType):
        return _plain([value.co_code, value.co_names, value.co_consts])
    if isinstance(value, Tensor):
        bits = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        return [str(value.dtype), list(value.shape), bits]
    if isinstance(value, Mapping):
        pairs = [[_hash(_plain(key)), _plain(entry)] for key, entry in value.items()]
        return sorted(pairs, key=itemgetter(0))
    if isinstance(value, Set):
        return sorted(_hash(_plain(entry)) for entry in value)
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value


def _settings(callback: Callback) -> dict[str, Any]:
    """Return the attributes of a callback that are not learnt or recorded in a fit.

    By skorch's convention the names of those that are end with an underscore. Lists and other
    objects that are no parameters of the callback may be records, too, and so may objects that
    cannot be pickled, such as the writer of a log.
    """
    signature = inspect.signature(type(callback).__init__).parameters
    takes_any = any(own.kind is own.VAR_KEYWORD for own in signature.values())
    settings = {}
    for name, value in vars(callback).items():
        is_setting = isinstance(value, _NO_RECORDS) or takes_any or name in signature
        if is_setting and not name.endswith("_"):
            try:
                settings[name] = _hash(_plain(value))
            except Exception:
                settings[name] = _plain(type(value))
    return settings
