"""Times until an event, some of which are censored: no event had happened by then."""

import math
from typing import Self

import numpy as np
import torch
from scipy.special import log_softmax
from sklearn.metrics import make_scorer
from torch import Tensor
from torch.nn import functional as F

from ..utils.checks import check_integer
from .concordance import concordance, concordance_index
from .numbers import NumberTask
from .task import average_logs

# Keeps the median time finite for a row that almost surely survives.
_LEAST_RISK = 1e-9


class Survival(NumberTask):
    """A time until an event, negative if censored: probabilities of intervals of time.

    A label t is an event at time t. A label -t means that no event had happened by time t. Time is
    cut into intervals at quantiles of the event times. The network has one logit for each interval
    and one for "later"; a softmax turns them into probabilities.

    The loss of an event is the negative logarithm of the probability of its interval. The loss of
    a censored row is the negative logarithm of the probability of surviving until then. Neither
    the shape of the distribution nor proportional hazards are assumed. This is DeepHit [1]_
    without its ranking loss.

    Within an interval the hazard is constant. After the last event time it is the mean hazard up
    to that time.

    Parameters
    ----------
    n_intervals : int, default=20
        Number of intervals, not counting "later". There are fewer if the events have fewer
        distinct times.

    Attributes
    ----------
    edges : ndarray of shape (n_edges,)
        Ends of the intervals, from 0 to the last event time, in the unit of the labels.

    Raises
    ------
    ValueError
        If ``n_intervals`` is not an integer, 1 or more.

    References
    ----------
    .. [1] C. Lee, W. R. Zame, J. Yoon, M. van der Schaar. "DeepHit: A Deep Learning Approach to
           Survival Analysis with Competing Risks". AAAI 2018.
    """

    kind = "survival"
    words = "a time, censored where negative"
    metric = make_scorer(concordance_index)
    censored = True
    score_function = staticmethod(concordance)
    edges: np.ndarray

    def __init__(self, n_intervals: int = 20):
        super().__init__()
        check_integer("n_intervals", n_intervals)
        self.n_intervals = int(n_intervals)

    def fit(self, labels: np.ndarray, weights: np.ndarray, classes: np.ndarray | None) -> Self:
        """Learn the intervals, each with about the same weight of events."""
        self._check(labels)
        events = labels > 0
        if not events.any():
            raise ValueError(
                f"Target {self.name!r} is of kind {self.kind!r} but has no event: all of its "
                "labels are negative, which means censored. Leave this target out."
            )
        self._warn_if_constant(labels)
        times = labels[events].astype(np.float64)
        levels = np.arange(1, self.n_intervals) / self.n_intervals
        cuts = np.quantile(times, levels, weights=weights[events], method="inverted_cdf")
        self.edges = np.unique(np.concatenate([[0.0], cuts, [times.max()]]))
        self.n_outputs = len(self.edges)
        return self

    def check_learnt(self) -> None:
        """Check that the edges of the intervals increase from zero."""
        super().check_learnt()
        edges = np.asarray(self.edges, dtype=np.float64)
        if edges.shape != (self.n_outputs,) or edges[0] != 0 or not (np.diff(edges) > 0).all():
            raise ValueError(f"the times of the task {self.name!r} do not increase from zero")

    def _check(self, labels: np.ndarray) -> None:
        if not labels.all():
            raise ValueError(
                f"Target {self.name!r} is of kind {self.kind!r} but holds 0. The label of an "
                "event at time t is t, and that of a row censored at t is -t. Add a small time to "
                "all times, or leave out the labels that are 0."
            )

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Turn times into positions among the edges; censored times add ``n_outputs``."""
        self._check(labels)
        n = self.n_outputs
        places = self._places(np.abs(labels.astype(np.float64)))
        return np.where(labels > 0, np.minimum(places, n - 0.5), n + np.minimum(places, n - 1))

    def _places(self, times: np.ndarray) -> np.ndarray:
        """Return the fractional positions of times among the edges; n_outputs after the last."""
        places = np.interp(times, self.edges, np.arange(self.n_outputs, dtype=np.float64))
        return np.where(times > self.edges[-1], self.n_outputs, places)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the negative log-likelihood: of an event's interval, or of survival so far."""
        logs, n = outputs.log_softmax(dim=-1), outputs.shape[-1]
        censored = targets > n - 0.25
        places = torch.where(censored, targets - n, targets)
        interval = (places.ceil() - 1).clamp(min=0).long()
        event = logs.gather(-1, interval.unsqueeze(-1)).squeeze(-1)
        survival = F.pad(logs.flip(-1).logcumsumexp(dim=-1).flip(-1)[..., 1:], (1, 0))
        begin = interval.clamp(max=n - 2)
        ends = torch.stack([begin, begin + 1], dim=-1)
        before, after = survival.gather(-1, ends).unbind(-1)
        survived = before + (places - begin).clamp(0, 1) * (after - before)
        return -torch.where(censored, survived, event)

    def average(self, outputs: Tensor, weights: Tensor) -> Tensor:
        """Return the logarithms of the mean probabilities, which are valid logits."""
        return average_logs(outputs.log_softmax(dim=-1), weights)

    def _log_survival(self, outputs: np.ndarray) -> np.ndarray:
        """Compute the log probabilities of surviving until each edge, (n_rows, n_edges)."""
        logs = log_softmax(outputs, axis=1)[:, :0:-1]
        survival = np.logaddexp.accumulate(logs, axis=1)[:, ::-1]
        return np.column_stack([np.zeros(len(outputs)), survival])

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Return the median time."""
        return self.find_times(outputs, np.full(len(outputs), np.log(0.5)))

    def find_times(self, outputs: np.ndarray, logs: np.ndarray) -> np.ndarray:
        """Return the times that are survived with probabilities of given logarithms, by row."""
        survival = self._log_survival(outputs)
        end = (survival > logs[:, np.newaxis]).sum(axis=1)
        inside = np.minimum(end, self.n_outputs - 1)
        before, after = (survival[np.arange(len(end)), k] for k in (inside - 1, inside))
        begin, width = self.edges[inside - 1], np.diff(self.edges)[inside - 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            within = begin + width * (logs - before) / (after - before)
        later = self.edges[-1] * logs / np.minimum(survival[:, -1], -_LEAST_RISK)
        return np.where(end < self.n_outputs, within, later)

    def traced_predict(self, outputs: Tensor) -> Tensor:
        """Return the median time; each survival probability is a sum over all later intervals."""
        n, edges = self.n_outputs, torch.as_tensor(self.edges)
        later = torch.ones(n, n, dtype=torch.bool).triu()[1:]
        logs = outputs.log_softmax(dim=1).unsqueeze(1)
        survival = torch.where(later, logs, -torch.inf).logsumexp(dim=2)
        survival, half = F.pad(survival, (1, 0)), math.log(0.5)
        end = (survival > half).sum(dim=1)
        inside = end.clamp(max=n - 1)
        before, after = survival.gather(1, torch.stack([inside - 1, inside], dim=1)).unbind(1)
        within = edges[inside - 1] + edges.diff()[inside - 1] * (half - before) / (after - before)
        beyond = edges[-1] * half / survival[:, -1].clamp(max=-_LEAST_RISK)
        return torch.where(end < n, within, beyond)

    def predict_survival(self, outputs: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return the probabilities of surviving until each time, of shape (n_rows, n_times).

        The times, of shape (n_times,) or (n_rows, n_times), are those of all rows or of each.
        """
        survival, last = self._log_survival(outputs), self.n_outputs - 1
        places = np.broadcast_to(self._places(times), (len(outputs), times.shape[-1]))
        places = np.minimum(places, last)
        begin = np.minimum(places.astype(int), last - 1)
        share = places - begin
        before, after = (np.take_along_axis(survival, begin + k, axis=1) for k in (0, 1))
        within = before * (1 - share) + after * share
        later = np.maximum(times / self.edges[-1], 1.0)
        return np.exp(within * later)
