"""Drawing of the network of a fitted estimator."""

import os
from pathlib import Path
from typing import Any

import pandas as pd

from ..nn.drawing import Outline, draw_html, draw_svg
from ..utils.constraints import PATH, check_arguments
from ..utils.files import replacing
from ..utils.inner import tasks_of
from .experts import NoGatesError, find_gates


class NetworkDiagram:
    """Drawing of the network of a fitted estimator, and of the weights in its gates.

    From the bottom to the top, the drawing shows the features, then for each level its experts and
    gates, or bottoms or layers, then the towers and the tasks. Parts of a single task have the
    colour of the task, and shared parts are grey. Parts, lines and tasks show details when the
    mouse pointer is on them.

    A fitted estimator shows the same drawing in a notebook, without the weights. It is
    recommended to use `from_estimator` to create a diagram. All parameters are stored as
    attributes.

    Parameters
    ----------
    estimator : object
        A fitted estimator of this package.
    weights : list of dict of str to DataFrame, default=None
        The weights of the gates, as returned by the method ``gate_weights``. If they are passed,
        the width of a line from an expert to a gate shows the mean weight over the rows.

    See Also
    --------
    GateUtilizationDisplay : Shows the weights of the gates as bars.
    sklearn_ple.PLEClassifierRegressor.gate_weights : The weights for each row.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.inspection import NetworkDiagram
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = PLEClassifierRegressor(n_members=1, max_epochs=1)
    >>> model = model.fit(X[:200], y[:200])
    >>> diagram = NetworkDiagram.from_estimator(model, X)
    >>> diagram.save("network.svg")  # doctest: +SKIP
    """

    def __init__(self, estimator: Any, weights: pd.DataFrame | None = None):
        self.estimator = estimator
        self.weights = weights

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any = None) -> "NetworkDiagram":
        """Draw the network of a fitted estimator.

        Parameters
        ----------
        estimator : object
            A fitted estimator of this package, or a pipeline or search that contains one.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), default=None
            Features of the rows over which the weights of the gates are averaged. With None, all
            lines have the same width.

        Returns
        -------
        diagram : NetworkDiagram
            The diagram.

        Raises
        ------
        TypeError
            If the estimator is not one of this package, or if X is passed and it has no gates.
        NotFittedError
            If the estimator is not fitted.
        """
        fitted = tasks_of(estimator)
        if not hasattr(fitted, "module_"):
            raise TypeError(f"{type(fitted).__name__} is not an estimator of sklearn_ple.")
        if X is None:
            return cls(fitted)
        try:
            last, features = find_gates(estimator, X)
            return cls(fitted, last.gate_weights(features))
        except NoGatesError as error:
            kind = type(fitted).__name__
            raise NoGatesError(f"{kind} has no gates, whose weights X is for: omit X.") from error

    @check_arguments(path=[PATH])
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the drawing to a file.

        Parameters
        ----------
        path : str or path-like
            The file to write, with the ending ".svg". An existing file is replaced once the
            drawing is complete.

        Raises
        ------
        ValueError
            If the file has another ending.
        OSError
            If the file cannot be written.
        """
        if Path(path).suffix.lower() != ".svg":
            raise ValueError(f"path is {str(path)!r}: it must end in '.svg', the format written.")
        with replacing(path) as file:
            file.write_text(self._repr_svg_(), encoding="utf-8")

    def _repr_html_(self) -> str:
        return draw_html(self._outline(), self._mean_weights())

    def _repr_svg_(self) -> str:
        return draw_svg(self._outline(), self._mean_weights())

    def _outline(self) -> Outline:
        shown, title = self.estimator, f"Network of {type(self.estimator).__name__}"
        return Outline.of(shown.module_, title, shown.task_types_, shown.n_features_in_)

    def _mean_weights(self) -> list[dict[str, list[float]]] | None:
        if self.weights is None:
            return None
        return [
            {gate: frame.mean().tolist() for gate, frame in gates.items()}
            for gates in self.weights
        ]
