"""How many trees boosting has: as many as best predict labels that it was not trained on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import xlogy
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from .boosting import fill_rare_columns
from .labelled_rows import ModelRows

# A guard, reached only where labels have no noise.
_MOST_TREES = 1500
# So many trees, and a quarter of the best number, are added to see whether more are better.
_FURTHER_TREES = 25
# Trees that lower the loss by a smaller share are not worth their time.
_LEAST_GAIN = 0.02
# Of fewer labels too few are held out to count trees by.
_LEAST_LABELS = 20
_TREES_OF_FEW_LABELS = 50
# From so many labels on a fifth of them is held out; of fewer, one of three folds after the other.
_MANY_LABELS = 1000
# So that no label decides alone.
_LEAST_PROBABILITY = 1e-6

_Losses = dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]
_LOSSES: _Losses = {
    "squared_error": lambda y, predicted: (y - predicted) ** 2,
    "absolute_error": lambda y, predicted: np.abs(y - predicted),
    "poisson": lambda y, predicted: predicted - xlogy(y, predicted) + xlogy(y, y) - y,
}


class Predicted(NamedTuple):
    """Labels that were predicted by models that were not trained on them, if there are such.

    Attributes
    ----------
    outputs : ndarray of shape (n_labels, 1)
        The predictions, in the form of the labels that the models learn.
    targets, weights : ndarray of shape (n_labels,)
        These labels, and their weights.
    """

    outputs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, models: Sequence[Any], rows: Sequence[ModelRows]) -> "Predicted":
        """Predict rows, each part of them by its model."""
        pairs = zip(models, rows, strict=True)
        outputs = [model.predict(part.X) for model, part in pairs]
        weights = [np.ones(len(p.y)) if p.weights is None else p.weights for p in rows]
        targets = np.concatenate([part.y for part in rows])
        return cls(np.concatenate(outputs)[:, np.newaxis], targets, np.concatenate(weights))


@dataclass(frozen=True, eq=False)
class Part:
    """A model of a task that is to be fitted, and its rows.

    Attributes
    ----------
    model : estimator
        The result of `make_boosting`.
    rows : ModelRows
        The rows to which it is fitted.
    held_out : ModelRows or None
        Rows by whose labels trees are counted.
    """

    model: BaseEstimator
    rows: ModelRows
    held_out: ModelRows | None = None

    @property
    def boosting(self) -> Any:
        """Boosting itself, without the statistics of its columns; None for a constant."""
        last = self.model[-1] if isinstance(self.model, Pipeline) else self.model
        return None if isinstance(last, (DummyClassifier, DummyRegressor)) else last

    def can_judge(self) -> bool:
        """Return whether trees can be learnt, and judged by labels that were held out."""
        if self.boosting is None or self.held_out is None or not len(self.held_out.y):
            return False
        if self.boosting.loss == "log_loss":
            classes = np.unique(self.rows.y)
            return len(classes) > 1 and bool(np.isin(self.held_out.y, classes).any())
        # The Poisson loss needs an amount above 0.
        return self.boosting.loss != "poisson" or bool(self.rows.y.any())

    def divide(self) -> Iterator["Part"]:
        """Divide the rows into folds, each of which holds out labels of the whole range."""
        y = self.rows.y
        if self.boosting is None or len(y) < _LEAST_LABELS:
            return
        n_folds, n_used = (3, 3) if len(y) < _MANY_LABELS else (5, 1)
        order = check_random_state(self.boosting.random_state).permutation(len(y))
        order = order[np.argsort(y[order], kind="stable")]
        folds = np.empty(len(y), dtype=int)
        folds[order] = np.arange(len(y)) % n_folds
        for fold in range(n_used):
            train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            yield Part(self.model, self.rows.take(train), self.rows.take(test))

    def fit(self, setting: dict[str, float], n_trees: int) -> Any:
        """Fit a clone of the model with a number of trees that other parts have found."""
        part = Part(clone(self.model), self.rows)
        if part.boosting is not None:
            part.boosting.set_params(**setting, max_iter=n_trees)
        return part.rows._replace(X=fill_rare_columns(part.rows.X)).fit(part.model)


class Growth:
    """Models of the parts of a task to which trees are added together.

    Parameters
    ----------
    parts : sequence of Part
        The models and their rows, all with labels that are held out.
    setting : dict
        Parameters of boosting.

    Attributes
    ----------
    n_trees : int
        The number of trees with the least loss.
    loss : float
        The sum of the losses of all held-out labels with so many trees.
    """

    def __init__(self, parts: Sequence[Part], setting: dict[str, float]):
        self._parts = [_start(part, setting) for part in parts]
        n_grown, self.n_trees, self.loss = 0, 0, np.inf
        while (wanted := self._count_wanted()) > n_grown:
            losses = np.sum([_grow(part, wanted) for part in self._parts], axis=0)
            n_grown, before = wanted, self.loss
            self.n_trees = int(losses.argmin()) + 1
            self.loss = losses[self.n_trees - 1]
            if self.loss > (1 - _LEAST_GAIN) * before:
                break

    def _count_wanted(self) -> int:
        """Return how many trees it takes to see whether more than the best number are better."""
        return min(self.n_trees + self.n_trees // 4 + _FURTHER_TREES, _MOST_TREES)

    def finish(self) -> list[Any]:
        """Return the models with the best number of trees."""
        for part in self._parts:
            del part.boosting._predictors[self.n_trees :]
            part.boosting.set_params(max_iter=self.n_trees, warm_start=False)
        return [part.model for part in self._parts]


def fit_boosting(
    parts: Sequence[Part], settings: Sequence[dict[str, float]], predicts: bool = False
) -> tuple[list[Any], Predicted | None]:
    """Fit boosting to several parts of the rows of a task, with the same number of trees.

    Trees are added to all models until their held-out labels, taken together, are predicted no
    better. The labels of one fold alone may be few, and a single outlier among them would decide.

    Parameters
    ----------
    parts : sequence of Part
        The models and their rows. Without any held-out labels, each part is divided into folds.
    settings : sequence of dict
        Parameters of boosting; those with the least loss of held-out labels are taken.
    predicts : bool, default=False
        Whether to also predict the held-out labels.

    Returns
    -------
    models : list of estimator
        The fitted model of each part.
    predicted : Predicted or None
        With ``predicts``, the held-out labels; where none could be held out, the labels of the
        first part.
    """
    judges = [part for part in parts if part.can_judge()]
    if not judges and len(parts) > 1:
        alone, predicted = zip(
            *(fit_boosting([p], settings, predicts) for p in parts), strict=True
        )
        return [model for (model,) in alone], predicted[0]
    folds = judges or [part for part in parts[0].divide() if part.can_judge()]
    if not folds:
        models = [part.fit(settings[0], _TREES_OF_FEW_LABELS) for part in parts]
        return models, Predicted.of(models[:1], [parts[0].rows]) if predicts else None
    grown = [Growth(folds, setting) for setting in settings]
    best = min(range(len(grown)), key=lambda k: grown[k].loss)
    found = grown[best].finish()
    fitted = dict(zip(folds, found, strict=True))
    models = [
        fitted[part] if part in fitted else part.fit(settings[best], grown[best].n_trees)
        for part in parts
    ]
    apart: list[Any] = [part.held_out for part in folds]
    return models, Predicted.of(found, apart) if predicts else None


def _start(part: Part, setting: dict[str, float]) -> Part:
    """Return a part with a clone of its model, and rows that boosting itself reads."""
    model, held_out = clone(part.model), part.held_out
    rows = part.rows._replace(X=fill_rare_columns(part.rows.X))
    if isinstance(model, Pipeline) and held_out is not None:
        rows = rows._replace(X=model[0].fit_transform(rows.X, rows.y))
        held_out = held_out._replace(X=model[0].transform(held_out.X))
    started = Part(model, rows, held_out)
    started.boosting.set_params(**setting, warm_start=True)
    return started


def _grow(part: Part, n_trees: int) -> np.ndarray:
    """Add trees, and return the loss of the held-out labels after each tree."""
    boosting = part.boosting.set_params(max_iter=n_trees)
    part.rows.fit(boosting)
    assert part.held_out is not None
    X, y, weights, _ = part.held_out
    weights = np.ones(len(y)) if weights is None else weights
    if boosting.loss != "log_loss":
        lose = _LOSSES[boosting.loss]
        return np.array([lose(y, found) @ weights for found in boosting.staged_predict(X)])
    # Nothing can be learnt of a class that the training rows lack.
    known = np.flatnonzero(np.isin(y, boosting.classes_))
    places = np.searchsorted(boosting.classes_, y[known])
    stages = boosting.staged_predict_proba(X[known])
    chosen = (found[np.arange(len(known)), places] for found in stages)
    return np.array([-np.log(found.clip(_LEAST_PROBABILITY)) @ weights[known] for found in chosen])
