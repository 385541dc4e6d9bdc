"""Synthetic tasks with a chosen relatedness, as in the papers on MMoE and MultiTab."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_random_state

from ..utils._sklearn import StrOptions
from ..utils.constraints import (
    COUNT,
    COUNT_OR_ZERO,
    LISTED,
    NOT_NEGATIVE,
    POSITIVE,
    NumberInterval,
    at_least,
    check_arguments,
    is_listed,
)
from ._base import read_text

# The values of parameters that are one for all tasks, or one for each.
_OF_TASKS = {
    "task_types": StrOptions({"regression", "binary", "multiclass"}),
    "missing": NumberInterval(Real, 0, 1, closed="left"),
    "noise": NOT_NEGATIVE,
    "degree": COUNT,
}


@check_arguments(
    n_samples=[COUNT],
    n_features=[COUNT],
    n_tasks=[COUNT],
    correlation=[NumberInterval(Real, -1, 1, closed="both"), LISTED],
    form=[StrOptions({"sinusoids", "polynomial"})],
    n_sinusoids=[COUNT_OR_ZERO],
    scale=[POSITIVE],
    n_classes=[at_least(3)],
    return_X_y=["boolean"],
    as_frame=["boolean"],
    random_state=["random_state"],
    **{name: [one, LISTED] for name, one in _OF_TASKS.items()},
)
def make_multitask(
    n_samples: int = 1000,
    n_features: int = 512,
    *,
    n_tasks: int = 2,
    correlation: ArrayLike = 0.5,
    form: str = "sinusoids",
    degree: int | Sequence[int] = 2,
    n_sinusoids: int = 10,
    scale: float = 1.0,
    noise: float | Sequence[float] = 0.1,
    task_types: str | Sequence[str] = "regression",
    n_classes: int = 3,
    missing: float | Sequence[float] = 0.0,
    return_X_y: bool = True,
    as_frame: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> Any:
    r"""Generate synthetic tasks with a chosen relatedness.

    For each task there is a linear function of the features. The labels are this function plus
    sines of it, the same sines for all tasks [1]_, or a polynomial of it [2]_, plus noise. The
    relatedness of two tasks is the cosine of the angle between their weights.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_features : int, default=512
        Number of features, at least `n_tasks`.
    n_tasks : int, default=2
        Number of tasks.
    correlation : float or array-like of shape (n_tasks, n_tasks), default=0.5
        The cosine between the weights of any two tasks, from -1 to 1, or a matrix of the cosines
        of all pairs. With 1, all tasks are the same (except for the noise); with 0, they are
        unrelated.
    form : {"sinusoids", "polynomial"}, default="sinusoids"
        Form of the function of the linear function.
    degree : int or sequence of int of shape (n_tasks,), default=2
        Degree of the polynomials, one for all tasks or one for each. Tasks with a higher degree
        are harder to learn.
    n_sinusoids : int, default=10
        Number of sines; with 0, tasks are linear.
    scale : float, default=1.0
        Euclidean length of the weights of each task.
    noise : float or sequence of float of shape (n_tasks,), default=0.1
        Standard deviation of the noise, one for all tasks or one for each. The noise is drawn for
        every label. The default is that of the paper on MMoE, if its N(0, 0.01) denotes a variance
        of 0.01.
    task_types : {"regression", "binary", "multiclass"} or sequence of them, default="regression"
        The kind of all tasks, or of each. The labels of a task with classes are those of a
        regression, divided at quantiles into classes of the same size; class 0 has the lowest.
    n_classes : int, default=3
        Number of classes of each multi-class task, at least 3.
    missing : float or sequence of float of shape (n_tasks,), default=0.0
        Share of the labels that are missing, at least 0 and less than 1, one for all tasks or one
        for each. Missing labels are drawn independently for each task, so a row may have no label
        at all. Each task keeps at least one label.
    return_X_y : bool, default=True
        Whether to return `(X, y)` instead of a `Bunch`.
    as_frame : bool, default=False
        Whether to return data frames. Otherwise X and y are arrays of float64.
    random_state : int, RandomState instance or None, default=None
        Determines all random numbers; pass an int to get the same data each time.

    Returns
    -------
    X : ndarray or DataFrame of shape (n_samples, n_features)
        The features, drawn from N(0, 1). In a data frame, their names are `x0`, `x1` and so on.
    y : ndarray or DataFrame of shape (n_samples, n_tasks)
        The labels, with NaN for missing ones, in two dimensions even for one task. In a data
        frame, the names are `task0`, `task1` and so on, a binary task has integers if no label
        is missing, and a multi-class task is categorical.
    data : :class:`~sklearn.utils.Bunch`
        If `return_X_y=False`, a dictionary-like object, with the following attributes.

        data : ndarray or DataFrame of shape (n_samples, n_features)
            X as above.
        target : ndarray or DataFrame of shape (n_samples, n_tasks)
            The labels, y as above.
        frame : DataFrame of shape (n_samples, n_features + n_tasks) or None
            `data` and `target` side by side; None if `as_frame=False`.
        feature_names : list of str
            The columns of `data`.
        target_names : list of str
            The columns of `target`.
        task_types : dict of str to str
            The kind of each task. An estimator takes it as it is for data frames, and as
            `list(data.task_types.values())` for arrays, which have no names.
        coef : ndarray of shape (n_features, n_tasks)
            The weights of the linear functions.
        frequencies : ndarray of shape (n_sinusoids,)
            The frequencies :math:`\alpha` of the sines; empty for polynomials.
        phases : ndarray of shape (n_sinusoids,)
            The phases :math:`\beta` of the sines; empty for polynomials.
        degrees : dict of str to int
            The degree of the polynomial of each task; empty for sines.
        DESCR : str
            The description of the data set.

    Raises
    ------
    ValueError
        If a parameter is out of range; if there are fewer features than tasks or fewer rows than
        classes; if `task_types`, `degree`, `noise` or `missing` does not have one entry for each
        task; or if no weights have the given correlations. These must form a symmetric, positive
        semidefinite matrix with ones on the diagonal; a float must be at least
        `-1 / (n_tasks - 1)`.

    Notes
    -----
    Let :math:`u_j` be random orthonormal vectors. The label of row :math:`x` for task :math:`k` is

    .. math::

       y_k = w_k^\top x + \sum_{i=1}^{m} \sin(\alpha_i w_k^\top x + \beta_i) + \epsilon_k,
       \qquad w_k = c \sum_{j \le k} L_{kj} u_j

    where :math:`c` is `scale`, :math:`m` is `n_sinusoids`, and :math:`L` is the Cholesky factor of
    the correlations. For two tasks these are the weights of the paper, :math:`w_1 = c\,u_1` and
    :math:`w_2 = c\,(p\,u_1 + \sqrt{1 - p^2}\,u_2)`. The paper does not specify the frequencies
    :math:`\alpha` and phases :math:`\beta`; here they are drawn from N(0, 1).

    With `form="polynomial"` the label is, where :math:`d_k` is the `degree` of the task,

    .. math::

       y_k = \sum_{i=1}^{d_k} (w_k^\top x)^i + \epsilon_k .

    The paper on MultiTab computes weights with the same cosines from eigenvectors instead of the
    Cholesky factor. It has 2 to 16 tasks.

    References
    ----------
    .. [1] J. Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate
       Mixture-of-Experts", KDD 2018.

    .. [2] D. Sinodinos, J. Y. Wei, N. Armanfard, "MultiTab: A Scalable Foundation for Multitask
       Learning on Tabular Data", AAAI 2026.

    Examples
    --------
    >>> from sklearn_ple.datasets import make_multitask
    >>> made = make_multitask(correlation=0.8, return_X_y=False, random_state=0)
    >>> made.data.shape, made.target.shape, made.coef.shape
    ((1000, 512), (1000, 2), (512, 2))
    >>> (made.coef.T @ made.coef).round(3).tolist()
    [[1.0, 0.8], [0.8, 1.0]]

    A task with classes and a regression, a third of whose labels are missing:

    >>> tasks = make_multitask(
    ...     300,
    ...     20,
    ...     task_types=["binary", "regression"],
    ...     missing=[0, 1 / 3],
    ...     return_X_y=False,
    ...     as_frame=True,
    ...     random_state=0,
    ... )
    >>> tasks.target["task0"].value_counts().sort_index().to_dict()
    {0: 150, 1: 150}
    >>> tasks.target.isna().sum().to_dict()
    {'task0': 0, 'task1': 100}
    """
    given = {"task_types": task_types, "missing": missing, "noise": noise, "degree": degree}
    tasks = _read_tasks(n_tasks, n_classes, given)
    if n_samples < tasks["n_parts"].max():
        raise ValueError(
            f"n_samples must be at least {tasks['n_parts'].max()}, one a class, got {n_samples}."
        )
    if n_features < n_tasks:
        raise ValueError(f"n_features must be at least n_tasks={n_tasks}, got {n_features}.")
    factor = _factorise(_read_correlations(correlation, n_tasks))

    rng = check_random_state(random_state)
    orthonormal, _ = np.linalg.qr(rng.standard_normal((n_features, n_tasks)))
    coef = scale * orthonormal @ factor.T
    is_polynomial = form == "polynomial"
    frequencies, phases = rng.standard_normal((2, 0 if is_polynomial else n_sinusoids))
    X = rng.standard_normal((n_samples, n_features))
    linear = X @ coef
    y = linear + tasks["noise"].to_numpy() * rng.standard_normal(linear.shape)
    for frequency, phase in zip(frequencies, phases, strict=True):
        y += np.sin(frequency * linear + phase)
    degrees = tasks["degree"].to_dict() if is_polynomial else {}
    for power in range(2, max(degrees.values(), default=1) + 1):
        # Only where it counts: if a power overflowed, 0 times it would be NaN.
        y += np.where(power <= tasks["degree"].to_numpy(), linear**power, 0.0)
    _cut_and_hide(y, tasks, rng)

    data, target, frame = X, y, None
    feature_names = [f"x{number}" for number in range(n_features)]
    if as_frame:
        data = pd.DataFrame(X, columns=feature_names)
        columns = map(_column, y.T, tasks["task_types"], tasks["n_parts"])
        target = pd.DataFrame(dict(zip(tasks.index, columns, strict=True)))
        frame = pd.concat([data, target], axis=1)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=frame,
        feature_names=feature_names,
        target_names=list(tasks.index),
        task_types=tasks["task_types"].to_dict(),
        coef=coef,
        frequencies=frequencies,
        phases=phases,
        degrees=degrees,
        DESCR=read_text("multitask.txt"),
    )


def _read_tasks(n_tasks: int, n_classes: int, given: Mapping[str, Any]) -> pd.DataFrame:
    """Check the parameters that are one value for all tasks, or one for each; return a table.

    It also has the column ``n_parts``: 1 for numbers, or the number of classes.
    """
    tasks = pd.DataFrame(index=[f"task{number}" for number in range(n_tasks)])
    for name, values in given.items():
        entries = list(values) if is_listed(values) else [values] * n_tasks
        if len(entries) != n_tasks or not all(map(_OF_TASKS[name].is_satisfied_by, entries)):
            raise ValueError(
                f"{name} must be {_OF_TASKS[name]}, or one for each of the n_tasks={n_tasks} "
                f"tasks, got {values!r}."
            )
        tasks[name] = entries
    n_parts = {"regression": 1, "binary": 2, "multiclass": n_classes}
    return tasks.assign(n_parts=tasks["task_types"].map(n_parts))


def _cut_and_hide(y: np.ndarray, tasks: pd.DataFrame, rng: np.random.RandomState) -> None:
    """Turn numbers into classes, and hide labels, in place."""
    for column, n_parts in zip(y.T, tasks["n_parts"], strict=True):
        if n_parts > 1:
            # Classes of the same size.
            edges = np.quantile(column, np.arange(1, n_parts) / n_parts)
            column[:] = np.searchsorted(edges, column)
    # In a random order of the rows, the first ones of each task lose their label.
    order = rng.random_sample(y.shape).argsort(axis=0).argsort(axis=0)
    n_missing = np.rint(tasks["missing"].to_numpy() * len(y))
    y[order < np.minimum(n_missing, len(y) - 1)] = np.nan


def _column(labels: np.ndarray, kind: str, n_classes: int) -> pd.Series:
    """Return the labels of a task with the dtype that they have in a data frame."""
    if kind == "multiclass":
        # All classes are declared, including those without a label.
        return pd.Series(labels).astype(pd.CategoricalDtype(range(n_classes)))
    return pd.Series(
        labels, dtype=int if kind == "binary" and not np.isnan(labels).any() else float
    )


def _read_correlations(correlation: ArrayLike, n_tasks: int) -> np.ndarray:
    """Return the matrix of correlations, after a check of its entries."""
    try:
        matrix = np.array(correlation, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"correlation must be of numbers, got {correlation!r}.") from error
    if matrix.ndim == 0:
        matrix = np.full((n_tasks, n_tasks), matrix)
        np.fill_diagonal(matrix, 1.0)
    if matrix.shape != (n_tasks, n_tasks):
        raise ValueError(
            "correlation must be a float or a matrix of shape (n_tasks, n_tasks) = "
            f"({n_tasks}, {n_tasks}), got shape {matrix.shape}."
        )
    if not (np.abs(matrix) <= 1).all():
        raise ValueError(f"correlation must be in [-1, 1], got {correlation!r}.")
    if not np.allclose(matrix, matrix.T) or not np.allclose(matrix.diagonal(), 1):
        raise ValueError(
            f"correlation must be symmetric with ones on the diagonal, got {correlation!r}."
        )
    return matrix


def _factorise(matrix: np.ndarray) -> np.ndarray:
    """Return the lower triangular Cholesky factor of a matrix that may be singular."""
    values, vectors = np.linalg.eigh(matrix)
    tolerance = 1e-8 * len(matrix)
    if values[0] < -tolerance:
        raise ValueError(
            "correlation must be positive semidefinite: no weights have these correlations "
            f"(smallest eigenvalue {values[0]:.3g}). A float must be at least "
            f"-1 / (n_tasks - 1) = {-1 / (len(matrix) - 1):.3g}."
        )
    # np.linalg.cholesky fails for correlations of 1; with Q R = A^T, R^T R is A A^T.
    roots = np.sqrt(np.where(values > tolerance, values, 0.0))
    _, upper = np.linalg.qr((vectors * roots).T)
    signs = np.where(upper.diagonal() < 0, -1.0, 1.0)
    return upper.T * signs
