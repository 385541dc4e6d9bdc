"""Conversion of an estimator, fitted or not, to plain data and arrays, and back."""

from collections.abc import Callable, Set
from typing import Any

from ...parameters.same_network import describe_network, list_differences
from ..estimator import FittedEstimator
from .sanity import try_model
from .serialization import Reader, Writer
from .state import put_together, take_apart

#: Version of the format. A change of what files hold raises it.
FORMAT_VERSION = 1

#: Parameters that are not saved: a folder belongs to one machine, and a file from elsewhere must
#: not make another machine write to it.
NOT_SAVED = frozenset({"checkpoint_dir"})


def to_plain(
    model: FittedEstimator, writer: Writer, not_saved: Set[str] = NOT_SAVED
) -> dict[str, Any]:
    """Convert an estimator to plain data, and its arrays to those of a writer.

    Parameters
    ----------
    model : estimator of this package
        The estimator, fitted or not. If it is fitted, the parameters of the network must not have
        changed since fit.
    writer : Writer
        The writer that converts values.
    not_saved : set of str
        Parameters that are left out.

    Returns
    -------
    dict
        The plain data.

    Raises
    ------
    TypeError
        If a value cannot be saved.
    ValueError
        If parameters of the network have changed since fit.
    """
    parameters = {
        name: writer.write(value, f"Parameter {name!r}")
        for name, value in model.get_params(deep=False).items()
        if name not in not_saved
    }
    plain = {"format_version": FORMAT_VERSION, "parameters": parameters}
    if hasattr(model, "net_"):
        model._validate_params()
        plain["state"] = writer.write(take_apart(model), "state")
        reader = Reader(writer.arrays, writer.classes)
        _check_unchanged(model, lambda: from_plain(type(model), plain, reader, not_saved))
    return plain


def _check_unchanged(model: FittedEstimator, load: Callable[[], Any]) -> None:
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
            now, before = _list_types(load()), _list_types(model)
            changed = list_differences(before | now, now | before, "in fit")
        except ValueError as error:
            changed = str(error)
    if changed:
        raise ValueError(
            "Parameters were changed since fit, and the model could not be loaded with them as it "
            f"is: {changed}. Set them back, or fit again."
        )


def _list_types(model: FittedEstimator) -> dict[str, str]:
    """Return the types of the parts of a network and of its training."""
    parts = {name: type(part) for name, part in model.module_.named_modules()}
    parts["optimizer"] = model.net_.optimizer
    return {name: repr(part.__qualname__) for name, part in parts.items()}


def from_plain(
    cls: type, plain: dict[str, Any], reader: Reader, not_saved: Set[str] = NOT_SAVED
) -> Any:
    """Create an estimator from plain data and the arrays of a reader.

    Parameters
    ----------
    cls : type
        Class of the estimator.
    plain : dict
        The plain data returned by `to_plain`.
    reader : Reader
        The reader that converts values back, with the arrays.
    not_saved : set of str
        Parameters that the plain data must not contain.

    Returns
    -------
    estimator
        The estimator.

    Raises
    ------
    ValueError
        If the plain data are invalid. Other errors are possible, too.
    """
    check_format(plain["format_version"])
    if unknown := plain.keys() - {"format_version", "parameters", "state"}:
        raise ValueError(f"it contains {min(unknown)!r}, which is unknown")
    parameters = reader.read(plain["parameters"])
    if refused := sorted(set(parameters) & not_saved):
        raise ValueError(f"it sets the parameters {refused}, which is not allowed in a file")
    model: Any = cls(**parameters)
    if "state" in plain:
        model._validate_params()
        put_together(model, reader.read(plain["state"]))
        try_model(model)
    return model


def check_format(version: object) -> None:
    """Check the version of a format.

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    if not isinstance(version, int) or isinstance(version, bool):
        raise ValueError("its header does not contain a version of the format")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"it has version {version} of the format, and this sklearn-ple reads only version "
            f"{FORMAT_VERSION}: load it with the sklearn-ple that wrote it, and fit again"
        )
