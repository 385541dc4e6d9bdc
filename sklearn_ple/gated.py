"""What the gates of a fitted network do with rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from .nn.gates import recorded, weights_of


class Gated:
    """Adds `gate_weights` to the estimators whose networks have gates."""

    _outputs: Any
    module_: Any
    task_names_: list[str]

    def gate_weights(self, X: Any) -> list[dict[str, pd.DataFrame]]:
        """Compute how much each gate counts each of its experts.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        weights : list of dict of str to DataFrame of shape (n_samples, n_experts)
            For each level, from the features up, its gates by name, tasks' gates by the task's: a
            column for each expert that the gate reads. A row sums to one. They are means over the
            members.
        """
        check_is_fitted(self)
        body = self.module_.body
        levels = body.gate_names(self.task_names_)
        with recorded([names.module for level in levels for names in level]) as batches:
            n_rows = len(self._outputs(X))
        index = X.index if isinstance(X, pd.DataFrame) else None
        weights = iter(batches)
        result = []
        for level in levels:
            frames = {}
            for names in level:
                means = weights_of(next(weights), body.n_members).mean(dim=0)[:, :n_rows]
                for gate, experts, values in zip(names.gates, names.experts, means, strict=True):
                    data = np.asarray(values, dtype=np.float64)
                    frames[gate] = pd.DataFrame(data, index, experts)
            result.append(frames)
        return result
