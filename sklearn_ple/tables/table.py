"""The rows of a fit, after reading and checking and before encoding."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..tasks import TaskTypes
from ..utils._sklearn import _safe_indexing
from ..utils.checks import check_lengths
from .form import TargetForm
from .kinds import find_ignored
from .labels import Labels, read_targets
from .plausibility import refuse_names, warn_of_order, warn_of_targets_in_features
from .reading import Features, Header, read_features
from .weights import weigh

#: Number of parts of the training rows: the statistics of a part are learnt from those before it.
N_PARTS = 10


@dataclass(frozen=True)
class Table:
    """The rows of a fit, each of which has at least one label with a positive weight.

    Attributes
    ----------
    features : DataFrame or CSR matrix of shape (n_rows, n_columns)
        The features that `read_features` returned.
    labels : list of Labels
        The columns of y. Labels with a weight of zero are missing.
    weights : ndarray of shape (n_rows, n_tasks)
        Sample weights of the labels, zero for missing labels.
    form : TargetForm
        The form of y.
    header : Header
        The columns of X.
    row_numbers : ndarray of int of shape (n_rows,)
        Numbers of the rows in X.
    parts : ndarray of int of shape (n_rows,), default=None
        For rows in files, the part of each row in learning target statistics; `N_PARTS` for a row
        from which they are not learnt.
    """

    features: Features
    labels: list[Labels]
    weights: np.ndarray
    form: TargetForm
    header: Header
    row_numbers: np.ndarray
    parts: np.ndarray | None = None

    @classmethod
    def of_weighted(
        cls,
        features: Features,
        labels: list[Labels],
        weights: np.ndarray,
        form: TargetForm,
        header: Header,
    ) -> "Table":
        """Return the table of those of the rows that have a label with a weight."""
        kept = np.flatnonzero(weights.any(axis=1))
        if len(kept) < len(weights):
            labels, weights = [column.take(kept) for column in labels], weights[kept]
            features = _safe_indexing(features, kept)
        return cls(features, labels, weights, form, header, kept)

    @property
    def sample(self) -> "Table":
        """The rows for what need not be learnt from all of them; here the table itself."""
        return self

    @property
    def identity(self) -> str | None:
        """Hash that identifies rows in files; here None."""
        return None

    def blocks(self) -> "Iterator[Table]":
        """Yield all rows in their order, block by block; here the table itself."""
        yield self

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.weights)


@dataclass(frozen=True)
class TableReader:
    """Reads X, y and weights as tables.

    Attributes
    ----------
    owner : str
        Name of the estimator's class, for messages.
    task_types : object
        The parameter of the estimators, which may ignore columns of y.
    header : Header, optional
        The columns that X must have, those of an earlier fit; by default any.
    form : TargetForm, optional
        The form of y in an earlier fit, which determines the columns that are ignored.
    """

    owner: str
    task_types: TaskTypes
    header: Header | None = None
    form: TargetForm | None = None

    def like(self, header: Header, form: TargetForm) -> "TableReader":
        """Return the reader of rows that must be like those of an earlier table."""
        return replace(self, header=header, form=form)

    def read(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        unit: float | None = None,
    ) -> Table:
        """Read the arguments of fit, and leave out rows without any weight.

        Parameters
        ----------
        X, y, sample_weight : object
            The arguments of `MultiTaskEstimator.fit`.
        unit : float, optional
            The number by which weights are divided, for rows of a larger table; by default the
            mean of the weights.

        Returns
        -------
        Table
            The rows.
        """
        features, header = read_features(X, self.owner, self.header)
        refuse_names(features.shape[0], y)
        labels, form = read_targets(y, self.ignored)
        if self.form and not form.columns and len(self.form.names) == len(labels):
            labels = self.form.rename(labels)
        check_lengths(X=features, y=labels[0].mask)
        warn_of_order(X=X, y=y, sample_weight=sample_weight)
        warn_of_targets_in_features(header.names, form.columns)
        labels, weights = weigh(labels, sample_weight, unit)
        return Table.of_weighted(features, labels, weights, form, header)

    @property
    def ignored(self) -> Callable[[Sequence[str]], list[int]]:
        """The function that finds the columns of y to ignore, by their names."""
        return self.form.ignored_among if self.form else partial(find_ignored, self.task_types)
