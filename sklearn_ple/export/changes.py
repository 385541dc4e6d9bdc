"""Whether the parameters of a fitted estimator are those of its fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..parameters.network import describe_network, list_differences


def check_unchanged(model: Any, load: Callable[[], Any]) -> None:
    """Check that a fitted estimator is the one that is loaded from its parameters and its state.

    Parameters
    ----------
    model : estimator of this package
        The fitted estimator.
    load : callable
        Function that loads it.

    Raises
    ------
    ValueError
        If it is another one, or cannot be loaded, because parameters have changed since fit.
    """
    # Fit may continue with another dtype, but a file must have the dtype of the network.
    dtype = next(model.module_.parameters()).dtype
    settings = model._settings
    now = describe_network(settings.owner, settings.parameters)
    now |= {"dtype": repr(settings.tensor_dtype)}
    changed = list_differences(now, model._network_params | {"dtype": repr(dtype)}, "in fit")
    if not changed:
        try:
            now, before = _types(load()), _types(model)
            changed = list_differences(before | now, now | before, "in fit")
        except ValueError as error:
            changed = str(error)
    if changed:
        raise ValueError(
            "Parameters were changed since fit, and the model could not be loaded with them as it "
            f"is: {changed}. Set them back, or fit again."
        )


def _types(model: Any) -> dict[str, str]:
    """Return the types of the parts of a network and of its training."""
    parts = dict(model.module_.named_modules(), optimizer=model.net_.optimizer_)
    return {name: repr(type(part).__qualname__) for name, part in parts.items()}
