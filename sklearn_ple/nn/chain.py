"""Probabilities of events that presuppose other events, on the entire space of rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class EventLink(nn.Module, ABC):
    """Links the outputs of events that depend on others, and may add to their losses in training.

    An event's output is a logit. What `forward` returns is what is trained and predicted.

    Parameters
    ----------
    parents : sequence of (int, int)
        Columns of the outputs, (task, task that it depends on), parents before their children.
    positions : sequence of (int, int), optional
        The same tasks' positions; by default each task has one column.

    Examples
    --------
    Events whose outputs are left alone:

    >>> import torch
    >>> from sklearn_ple.nn import EventLink
    >>> class Apart(EventLink):
    ...     def forward(self, outputs):
    ...         return outputs
    >>> Apart([(1, 0)])(torch.zeros(3, 2)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        parents: Sequence[tuple[int, int]],
        positions: Sequence[tuple[int, int]] | None = None,
    ):
        super().__init__()
        self.parents = list(parents)
        self.positions = self.parents if positions is None else list(positions)

    @abstractmethod
    def forward(self, outputs: Tensor) -> Tensor:
        """Link the outputs of the tasks.

        Parameters
        ----------
        outputs : Tensor of shape (..., n_outputs)
            The outputs of all tasks.

        Returns
        -------
        Tensor of shape (..., n_outputs)
            The same, but with the logits of the events themselves.
        """

    def added_losses(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor | None:
        """Compute what is added to the loss of each label in training: an optional hook.

        Validation and ``history_`` are without it. A row's label counts by its weight, as its loss
        does.

        Parameters
        ----------
        outputs : Tensor of shape (n_members, n_rows, n_outputs)
            What `forward` reads.
        targets : Tensor of shape (n_rows, n_tasks)
            The encoded labels: 1 where an event happened, 0 where it did not.
        weights : Tensor of shape (n_rows, n_tasks) or (n_members, n_rows, n_tasks)
            Their weights: zero where there is no label, and any number is its target.

        Returns
        -------
        Tensor of shape (n_members, n_rows, n_tasks) or None
            What is added; by default None, for nothing.
        """
        return None


class JointLogits(EventLink):
    """Turns logits of conditional events into logits of joint ones (Ma et al., SIGIR 2018).

    A task that depends on another, as a purchase on a click, has an output that stands for its
    probability given the other event. Its joint probability is the product along the chain,
    ``pCTCVR = pCTR * pCVR``. In logits: with a that of the event it depends on, itself joint, and
    b its own, the joint one is ``-log(exp(-a) + exp(-b) + exp(-a - b))``, which neither underflows
    nor loses digits.

    Parameters
    ----------
    parents, positions : sequence of (int, int)
        As `EventLink` has them.

    References
    ----------
    X. Ma, L. Zhao, G. Huang, Z. Wang, Z. Hu, X. Zhu, K. Gai. "Entire Space Multi-Task Model: An
    Effective Approach for Estimating Post-Click Conversion Rate". SIGIR 2018.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import JointLogits
    >>> click_and_purchase = torch.logit(torch.tensor([[0.5, 0.2]]))
    >>> JointLogits([(1, 0)])(click_and_purchase).sigmoid()
    tensor([[0.5000, 0.1000]])
    """

    def forward(self, outputs: Tensor) -> Tensor:
        """Turn the conditional logits into joint ones.

        Parameters
        ----------
        outputs : Tensor of shape (..., n_outputs)
            The outputs of all tasks.

        Returns
        -------
        Tensor of shape (..., n_outputs)
            The same, but joint logits in the columns of tasks that depend on others.
        """
        columns = list(outputs.unbind(-1))
        for task, parent in self.parents:
            a, b = -columns[parent], -columns[task]
            columns[task] = -torch.logsumexp(torch.stack([a, b, a + b]), dim=0)
        return torch.stack(columns, dim=-1)


class DebiasedLogits(JointLogits):
    """Joint logits whose conditional events also learn by inverse propensities (ESCM2-IPS).

    Rows with a click are no random sample of all rows. To a purchase's loss the risk of Wang et
    al. is added, the loss of its probability given a click over the clicked rows of the table D,
    each as often as it is rare: ``sum_i o_i * loss(r_i, pCVR_i) / pCTR_i / |D|``. With the true
    probabilities of a click this is on average the loss over all rows, had all been clicked. In a
    longer chain pCTR is that of all events before.

    Parameters
    ----------
    parents, positions : sequence of (int, int)
        As `EventLink` has them.
    weight : float, default=1.0
        Factor of what is added.
    least_propensity : float, default=0.01
        Probability that smaller ones are replaced by, so that no row outweighs all others. No
        gradient goes through these probabilities.

    References
    ----------
    H. Wang, T.-W. Chang, T. Liu, J. Huang, Z. Chen, C. Yu, R. Li, W. Chu. "ESCM2: Entire Space
    Counterfactual Multi-Task Model for Post-Click Conversion Rate Estimation". SIGIR 2022.

    Examples
    --------
    A purchase after a click of probability 1/2 counts twice:

    >>> import torch
    >>> from sklearn_ple.nn import DebiasedLogits
    >>> link, labels = DebiasedLogits([(1, 0)]), torch.ones(1, 2)
    >>> link.added_losses(torch.zeros(1, 1, 2), labels, weights=labels)
    tensor([[[0.0000, 1.3863]]])
    """

    def __init__(
        self,
        parents: Sequence[tuple[int, int]],
        positions: Sequence[tuple[int, int]] | None = None,
        *,
        weight: float = 1.0,
        least_propensity: float = 0.01,
    ):
        super().__init__(parents, positions)
        self.weight = weight
        self.least_propensity = least_propensity

    def added_losses(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Compute the losses of conditional events, divided by the propensities.

        Parameters
        ----------
        outputs : Tensor of shape (n_members, n_rows, n_outputs)
            The conditional logits.
        targets, weights : Tensor of shape (n_rows, n_tasks)
            The encoded labels and their weights.

        Returns
        -------
        Tensor of shape (n_members, n_rows, n_tasks)
            What is added to each label's loss.
        """
        propensities = self(outputs).detach().sigmoid().clamp(min=self.least_propensity)
        happened = (weights > 0) & (targets == 1)
        added = list(
            torch.zeros_like(outputs[..., :1]).expand(-1, -1, targets.shape[-1]).unbind(-1)
        )
        for (column, parent), (task, other) in zip(self.parents, self.positions, strict=True):
            counts = happened[..., other] & (weights[..., task] > 0)
            own = torch.where(counts, outputs[..., column], 0.0)
            labels = torch.where(counts, targets[..., task], 0.0).expand_as(own)
            losses = F.binary_cross_entropy_with_logits(own, labels, reduction="none")
            added[task] = self.weight * torch.where(
                counts, losses / propensities[..., parent], 0.0
            )
        return torch.stack(added, dim=-1)


class CalibratedLogits(EventLink):
    """Logits of events themselves, which a penalty keeps in their order (Xi et al., KDD 2021).

    The behavioural expectation calibrator: what depends on another event is less probable, and
    ``max(p_t - p_s, 0)`` is added to the loss of task t that depends on s. What is left of it is
    removed in evaluation: there a logit is never above that of the event it depends on.

    Parameters
    ----------
    parents, positions : sequence of (int, int)
        As `EventLink` has them.
    weight : float, default=0.6
        Factor of the penalty, the paper's.

    References
    ----------
    D. Xi, Z. Chen, P. Yan, Y. Zhang, Y. Zhu, F. Zhuang, Y. Chen. "Modeling the Sequential
    Dependence among Audience Multi-step Conversions with Multi-task Learning in Targeted Display
    Advertising". KDD 2021.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import CalibratedLogits
    >>> click_and_purchase = torch.logit(torch.tensor([[0.5, 0.7]]))
    >>> CalibratedLogits([(1, 0)]).eval()(click_and_purchase).sigmoid()
    tensor([[0.5000, 0.5000]])
    """

    def __init__(
        self,
        parents: Sequence[tuple[int, int]],
        positions: Sequence[tuple[int, int]] | None = None,
        *,
        weight: float = 0.6,
    ):
        super().__init__(parents, positions)
        self.weight = weight

    def forward(self, outputs: Tensor) -> Tensor:
        """Lower logits, in evaluation, to those of the events that they depend on.

        Parameters
        ----------
        outputs : Tensor of shape (..., n_outputs)
            The outputs of all tasks.

        Returns
        -------
        Tensor of shape (..., n_outputs)
            The same; in evaluation none is above that of the event it depends on.
        """
        if self.training:
            return outputs
        columns = list(outputs.unbind(-1))
        for task, parent in self.parents:
            columns[task] = torch.minimum(columns[task], columns[parent])
        return torch.stack(columns, dim=-1)

    def added_losses(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Compute by how much events are more probable than those that they depend on.

        Parameters
        ----------
        outputs : Tensor of shape (n_members, n_rows, n_outputs)
            The logits.
        targets, weights : Tensor of shape (n_rows, n_tasks)
            The encoded labels and their weights, which are not read.

        Returns
        -------
        Tensor of shape (n_members, n_rows, n_tasks)
            What is added to each label's loss.
        """
        probabilities = outputs.sigmoid()
        added = list(
            torch.zeros_like(outputs[..., :1]).expand(-1, -1, targets.shape[-1]).unbind(-1)
        )
        for (column, parent), (task, _) in zip(self.parents, self.positions, strict=True):
            excess = probabilities[..., column] - probabilities[..., parent]
            added[task] = self.weight * excess.relu()
        return torch.stack(added, dim=-1)
