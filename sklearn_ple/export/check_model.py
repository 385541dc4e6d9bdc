"""The check of a model before it is saved, exported or applied to files."""

from sklearn.utils.validation import check_is_fitted

from ..parameters.shared import Parameters


def check_model(model: object, done: str) -> None:
    """Check that a model is a fitted estimator of this package.

    Parameters
    ----------
    model : object
        The model.
    done : str
        End of the message "only networks of this package can be", such as "saved".

    Raises
    ------
    TypeError
        If it is not an estimator of this package.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    if not isinstance(model, Parameters):
        raise TypeError(
            f"model is of type {type(model).__name__}: only networks of this package can be "
            f"{done}."
        )
    check_is_fitted(model)
