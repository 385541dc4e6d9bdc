"""The joint distribution of the tasks in rows, some of whose labels may be known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from ..encoding.prerequisites import Prerequisites
from ..encoding.targets import TargetEncoder
from ..tables.labels import check_type, read_targets
from ..tables.plausibility import warn_of_order
from ..tasks import Survival, Task
from ..utils.checks import naming
from .copula import Copula
from .errors import StandardisedErrors, find_quantile, to_units
from .margins import FixedMargin, Margin, NumberMargin, OrderedMargin, TimeMargin, lacks_order
from .propagation import draw_latents, infer_clusters


class Distributions(NamedTuple):
    """The predictive distributions of all tasks, each by itself.

    Attributes
    ----------
    predictions : list of ndarray of shape (n_rows, n_classes) or (n_rows,)
        For each task the probabilities of its classes, or the numbers.
    deviations : list of ndarray of shape (n_rows,)
        The standard deviations of the numbers.
    errors : list of StandardisedErrors or None
        The standardised errors of the numbers.
    outputs : list of ndarray of shape (n_rows, n_outputs) or None
        The outputs of a network.
    """

    predictions: list[np.ndarray]
    deviations: Sequence[np.ndarray]
    errors: Sequence[StandardisedErrors | None]
    outputs: Sequence[np.ndarray] | None = None

    def bound(
        self,
        tasks: Sequence[Task],
        level: float,
        together: Sequence[int] = (),
        errors: np.ndarray | None = None,
    ) -> tuple[tuple[np.ndarray, ...], ...]:
        """Return the lower and the upper bounds of intervals for each task.

        They are the prediction plus quantiles of the errors; NaN for a task without errors.

        Parameters
        ----------
        tasks : sequence of Task
            The tasks.
        level : float
            The share of labels that an interval should contain.
        together : sequence of int, default=()
            Positions of the tasks whose intervals should all contain their labels in this share
            of the rows. This needs ``errors``.
        errors : ndarray of shape (n_errors, n_tasks), optional
            `Copula.errors`.
        """
        known = {k: of_task for k, of_task in enumerate(self.errors) if of_task is not None}
        ends: dict[int, Any] = {}
        if errors is not None:
            numbers = [k for k in together if k in known and np.isfinite(errors[:, k]).any()]
            if len(numbers) > 1:
                ends |= zip(numbers, find_joint_ends(errors[:, numbers], level), strict=True)
        bounds = [[np.full(len(predicted), np.nan)] * 2 for predicted in self.predictions]
        for k, of_task in known.items():
            margin = NumberMargin(self.predictions[k], self.deviations[k], of_task, tasks[k])
            of_level = ends[k] if k in ends else of_task.find_ends(level)
            bounds[k] = [margin.place(end) for end in of_level]
        return tuple(zip(*bounds, strict=True))

    def make_margins(
        self,
        tasks: Sequence[Task],
        predictions: Sequence[np.ndarray],
        orders: Sequence[np.ndarray] | None = None,
    ) -> list[Margin]:
        """Return the distributions of all tasks for these predictions, with the same errors.

        Parameters
        ----------
        tasks : sequence of Task
            The tasks.
        predictions : sequence of ndarray of shape (n_rows, n_classes) or (n_rows,)
            For each task the probabilities of its classes, or the numbers.
        orders : sequence of ndarray of int, optional
            For each task an order of its classes, used if they have none of their own.

        Returns
        -------
        list of Margin
            The distributions.
        """
        margins: list[Margin] = []
        for k, (task, predicted) in enumerate(zip(tasks, predictions, strict=True)):
            of_task = self.errors[k]
            if task.has_classes:
                is_free = lacks_order(task)
                own = np.arange(len(task.classes))[task.order]
                order = orders[k] if is_free and orders is not None else own
                margins.append(OrderedMargin(predicted, order, is_free))
            elif isinstance(task, Survival) and self.outputs is not None:
                margins.append(TimeMargin(task, self.outputs[k]))
            elif of_task is None:
                margins.append(FixedMargin(predicted))
            else:
                margins.append(NumberMargin(predicted, self.deviations[k], of_task, task))
        return margins


def encode_labels(tasks: Sequence[Task], labels: Sequence[Any]) -> np.ndarray:
    """Return labels as numbers: positions of classes, or the numbers themselves.

    Returns
    -------
    ndarray of shape (n_rows, n_tasks)
        The labels; NaN for missing ones.
    """
    codes = np.full((len(labels[0].mask), len(tasks)), np.nan)
    for k, (task, column) in enumerate(zip(tasks, labels, strict=True)):
        if len(column.observed):
            # Also checks numbers, such as counts; they may be too large to encode.
            with np.errstate(over="ignore"):
                encoded = task.encode(column.observed)
            codes[column.mask, k] = encoded if task.has_classes else column.observed
    return codes


def read_known(
    targets: TargetEncoder, prerequisites: Prerequisites, known: Any, X: Any, n_rows: int
) -> np.ndarray:
    """Read known labels of some or all tasks.

    Parameters
    ----------
    targets : TargetEncoder
        The fitted encoder of the labels.
    prerequisites : Prerequisites
        Which events require others, so that labels follow from others.
    known : array-like or DataFrame
        The labels. The columns of a data frame, or the name of a series, are names of tasks.
    X : object
        The features, in whose order the rows should be.
    n_rows : int
        Number of rows of X.

    Returns
    -------
    ndarray of shape (n_rows, n_tasks)
        The labels as `encode_labels` returns them.

    Raises
    ------
    ValueError
        If there is no such task, if a label is none of its task, or if the length is another.
    """
    warn_of_order(X=X, known=known)
    with naming("known"):
        labels, form = read_targets(known, targets.form.ignored_among)
        if form.library == "numpy" and len(labels) == len(targets.tasks):
            labels = targets.form.rename(labels)
        names = [column.name for column in labels]
        if unknown := [name for name in names if name not in targets.names]:
            raise ValueError(
                f"known has the columns {unknown}, but the tasks are {targets.names}: pass a data "
                "frame whose columns are names of tasks, or an array with a column for each task."
            )
        if len(labels[0].mask) != n_rows:
            raise ValueError(
                f"known has {len(labels[0].mask)} rows, but X has {n_rows}: pass a row for each "
                "row of X, with NaN where a label is not known."
            )
        positions = [targets.names.index(name) for name in names]
        tasks = [targets.tasks[k] for k in positions]
        for task, column in zip(tasks, labels, strict=True):
            check_type(task.name, task.kind, task.classes, column.observed)
        codes = np.full((n_rows, len(targets.tasks)), np.nan)
        codes[:, positions] = encode_labels(tasks, labels)
        return complete_labels(prerequisites, codes)


def complete_labels(prerequisites: Prerequisites, codes: np.ndarray) -> np.ndarray:
    """Fill in labels that follow from others; raise if labels contradict each other."""
    filled, weights = np.nan_to_num(codes), np.isfinite(codes).astype(float)
    prerequisites.complete(filled, weights)
    return np.where(weights > 0, filled, np.nan)


def learn_copula(
    tasks: Sequence[Task],
    distributions: Distributions,
    prerequisites: Prerequisites,
    codes: np.ndarray,
    weights: np.ndarray,
    is_over: Callable[[], bool] = lambda: False,
) -> Copula:
    """Learn how tasks depend on each other, in rows that they were not learnt from.

    Parameters
    ----------
    tasks : sequence of Task
        The tasks.
    distributions : Distributions
        The predictive distributions of the tasks in these rows, each by itself.
    prerequisites : Prerequisites
        Which events require others.
    codes : ndarray of shape (n_rows, n_tasks)
        The labels; NaN for missing ones.
    weights : ndarray of shape (n_rows, n_tasks)
        The weights of the labels.
    is_over : callable, optional
        Returns whether no time is left; by default there is no limit.

    Returns
    -------
    Copula
        What was learnt.
    """
    codes = complete_labels(prerequisites, codes)
    conditional, evidence = prerequisites.condition(distributions.predictions, codes)
    margins = distributions.make_margins(tasks, conditional)
    return Copula.learn(margins, evidence, np.where(weights > 0, weights, 1.0), is_over)


@dataclass(frozen=True, eq=False)
class Joint:
    """The joint distribution of the tasks in some rows, given their known labels.

    Parameters
    ----------
    tasks : sequence of Task
        The tasks.
    distributions : Distributions
        The predictive distributions of the tasks in these rows, each by itself.
    copula : Copula
        How the tasks depend on each other.
    prerequisites : Prerequisites
        Which events require others.
    codes : ndarray of shape (n_rows, n_tasks)
        The known labels; NaN for all others.
    """

    tasks: Sequence[Task]
    distributions: Distributions
    copula: Copula
    prerequisites: Prerequisites
    codes: np.ndarray

    @cached_property
    def known(self) -> np.ndarray:
        """Whether a label is known, of shape (n_rows, n_tasks)."""
        return np.isfinite(self.codes)

    def predict(self) -> list[np.ndarray]:
        """Predict each task: probabilities of classes, or numbers; known labels as they are."""
        result = [part.copy() for part in self.distributions.predictions]
        rows = np.flatnonzero(self.known.any(axis=1))
        margins, parts, evidence = self._condition(rows)
        for some, k, others in self._learn_from_others(margins, evidence):
            parts[k][some] = margins[k].take(some).expect(*others)
        for k, part in enumerate(self.prerequisites.join(self._insert(parts, rows))):
            result[k][rows] = part
        return self._insert(result, np.arange(len(self.codes)))

    def _insert(self, parts: list[np.ndarray], rows: np.ndarray) -> list[np.ndarray]:
        """Return predictions of some rows with the known labels in their places."""
        result = []
        for k, part in enumerate(parts):
            code, known = self.codes[rows, k], self.known[rows, k]
            if self.tasks[k].has_classes:
                one = code[:, np.newaxis] == np.arange(part.shape[1])
                result.append(np.where(known[:, np.newaxis], one, part))
            else:
                result.append(np.where(known, code, part))
        return result

    def spread(self) -> list[np.ndarray]:
        """Return the standard deviation of each number, 0 if it is known; NaN for other tasks."""
        distributions = self.distributions
        result = [
            to_units(task, predicted, deviations).copy()
            for task, predicted, deviations in zip(
                self.tasks, distributions.predictions, distributions.deviations, strict=True
            )
        ]
        for rows, k, margin, others in self._improved_numbers():
            result[k][rows] = margin.spread(*others)
        for k, task in enumerate(self.tasks):
            result[k][self.known[:, k]] = 0.0 if task.has_errors else np.nan
        return result

    def bound(
        self, ends: tuple[Sequence[np.ndarray], ...], level: float
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the bounds of intervals, which are the known labels themselves where known.

        Parameters
        ----------
        ends : tuple of sequence of ndarray of shape (n_rows,)
            The lower and upper bounds for each task without any known label.
        level : float
            The share of labels that an interval should contain in rows with known labels.

        Returns
        -------
        lower, upper : list of ndarray of shape (n_rows,)
            The bounds for each task.
        """
        result = [[part.copy() for part in side] for side in ends]
        quantile = ndtri((1 + level) / 2)
        for rows, k, margin, (mean, variance) in self._improved_numbers():
            reach = quantile * np.sqrt(variance)
            bounds = margin.bound(mean - reach, mean + reach)
            for side, bound in zip(result, bounds, strict=True):
                side[k][rows] = bound
        for k, task in enumerate(self.tasks):
            for side in result:
                side[k] = np.where(self.known[:, k] & task.has_errors, self.codes[:, k], side[k])
        lower, upper = result
        return lower, upper

    def draw(self, n_samples: int, rng: np.random.RandomState) -> list[np.ndarray]:
        """Draw labels of all tasks: positions of classes, or numbers, (n_rows, n_samples)."""
        result = [np.empty((len(self.codes), n_samples)) for _ in self.tasks]
        margins, _, evidence = self._condition(np.arange(len(self.codes)))
        for rows, tasks, belief in infer_clusters(self.copula.correlation, margins, evidence):
            draws = draw_latents(belief.mean, belief.covariance, rng)
            for sample, drawn in zip(range(n_samples), draws, strict=False):
                for k, latents in zip(tasks, drawn.T, strict=True):
                    result[k][rows, sample] = latents
        for k, margin in enumerate(margins):
            for latents in result[k].T:
                labels = margin.draw(latents)
                latents[:] = np.where(self.known[:, k], self.codes[:, k], labels)
        for task, other in self.prerequisites.pairs:
            result[task] *= result[other]
        return result

    def _condition(self, rows: np.ndarray) -> tuple[list[Margin], list[np.ndarray], np.ndarray]:
        """Return margins, predictions and evidence of rows, given the events that have happened.

        An event that requires another is predicted on the condition that the other has happened.
        """
        distributions = self.distributions
        conditional, evidence = self.prerequisites.condition(distributions.predictions, self.codes)
        margins = distributions.make_margins(self.tasks, conditional, self.copula.orders)
        evidence = np.where(self.copula.usable, evidence, np.nan)
        some = [margin.take(rows) for margin in margins], [part[rows] for part in conditional]
        return *some, evidence[rows]

    def _learn_from_others(self, margins: Sequence[Margin], evidence: np.ndarray) -> Any:
        """Yield what the labels of other tasks say of each task that gains by them.

        Each item holds rows, the position of the task, and the mean and variance of its latent
        variable in these rows, given the labels of the others.
        """
        found = infer_clusters(self.copula.correlation, margins, evidence, least=2)
        for rows, tasks, belief in found:
            for j, k in enumerate(tasks):
                if self.copula.gains[k]:
                    yield rows, k, belief.of_others(j)

    def _improved_numbers(self) -> Any:
        """Yield the numbers of which known labels of the row tell more.

        Each item holds the rows, the position of the task, its margin in these rows, and the mean
        and variance that `_learn_from_others` yields.
        """
        known = np.flatnonzero(self.known.any(axis=1))
        margins, _, evidence = self._condition(known)
        for rows, k, others in self._learn_from_others(margins, evidence):
            if isinstance(margins[k], NumberMargin):
                yield known[rows], k, margins[k].take(rows), others


def find_joint_ends(errors: np.ndarray, level: float) -> np.ndarray:
    """Find the ends between which the errors of all tasks lie together.

    The interval of each task alone is stretched about its median. The factor is the same for all
    tasks, and at least 1. So that few errors do not seem closer together than new ones are, a row
    is compared with the intervals of all other rows.

    Parameters
    ----------
    errors : ndarray of shape (n_rows, n_tasks)
        Standardised errors in rows that predictions were not learnt from.
    level : float
        The share of new rows in which all errors should be between their ends.

    Returns
    -------
    ndarray of shape (n_tasks, 2)
        The lower and the upper end of each task.
    """
    n, middle = len(errors), np.median(errors, axis=0)
    ordered = np.sort(errors, axis=0) - middle
    sides = np.stack([-ordered[::-1], ordered])
    sizes = (n, max(n - 1, 1))
    place, before = (find_quantile(np.arange(m), np.ones(m), (1 + level) / 2) for m in sizes)
    # If most errors are equal, none may be on a side up to there.
    ends = np.where(sides[:, place] > 0, sides[:, place], sides[:, -1])
    # These are the ends of the other rows for a row that is beyond them, and only such rows count.
    others = np.where(sides[:, before] > 0, sides[:, before], ends)
    below, above = np.where(others > 0, others, np.inf)
    beyond = errors - middle
    ratios = np.maximum(-beyond / below, beyond / above).max(axis=1)
    factor = max(find_quantile(np.sort(ratios), np.ones(n), level), 1.0)
    low, high = factor * ends
    return np.column_stack([middle - low, middle + high])


def split_level(level: float, n_tasks: int) -> float:
    """Return the level at which several intervals hold, so that all hold together.

    If the labels depend on each other, more than that share hold together (Šidák's inequality).
    """
    return level ** (1 / max(1, n_tasks))
