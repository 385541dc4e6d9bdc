"""Links between the outputs of events that depend on other events, such as clicks and sales."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class EventLink(nn.Module, ABC):
    """Base class of links between the outputs of events that depend on other events.

    A purchase, for example, depends on a click: without the click it cannot happen. The output of
    each event is a logit. `forward` turns the outputs of the network into those that are trained
    and predicted. `added_losses` may add to the losses in training.

    Parameters
    ----------
    parents : sequence of (int, int)
        Pairs of columns of the outputs: a task, and the task that it depends on. A task comes
        after the task that it depends on.
    positions : sequence of (int, int), optional
        The same pairs as positions of the tasks; by default each task has one column.

    Examples
    --------
    A link that leaves the outputs as they are:

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
            The outputs, in which the columns of events hold the logits of their probabilities.
        """

    def added_losses(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor | None:
        """Compute terms that are added to the loss of each label in training.

        A subclass may override it. The terms are weighted like the losses of the labels. They are
        not part of validation losses and ``history_``.

        Parameters
        ----------
        outputs : Tensor of shape (n_members, n_rows, n_outputs)
            The outputs of the network, which `forward` reads.
        targets : Tensor of shape (n_rows, n_tasks)
            The encoded labels: 1 if an event happened, 0 if it did not.
        weights : Tensor of shape (n_rows, n_tasks) or (n_members, n_rows, n_tasks)
            Weights of the labels. A weight of zero marks a missing label, whose target is
            arbitrary.

        Returns
        -------
        Tensor of shape (n_members, n_rows, n_tasks) or None
            The terms; by default None, which adds nothing.
        """
        return None


class JointLogits(EventLink):
    """Link that multiplies probabilities along chains of events, as in ESMM.

    If an event depends on another one, as a purchase depends on a click, the network's output is
    the logit of its conditional probability given the other event. The probability of both is the
    product along the chain, ``pCTCVR = pCTR * pCVR``.

    It is computed from logits. Let a be the joint logit of the event that another depends on, and
    b the conditional logit of the latter. The joint logit is
    ``-log(exp(-a) + exp(-b) + exp(-a - b))``, which neither underflows nor loses digits.

    Parameters
    ----------
    parents, positions : sequence of (int, int)
        Pairs of tasks, see `EventLink`.

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
            The outputs, with joint logits in the columns of tasks that depend on others.
        """
        columns = list(outputs.unbind(-1))
        for task, parent in self.parents:
            a, b = -columns[parent], -columns[task]
            columns[task] = -torch.logsumexp(torch.stack([a, b, a + b]), dim=0)
        return torch.stack(columns, dim=-1)


class CalibratedLogits(EventLink):
    """Link that penalises probabilities greater than those of the events they depend on.

    This is the behavioural expectation calibrator of AITM. The outputs are the logits of the
    events themselves. An event s on which an event t depends must be at least as probable. So
    ``max(p_t - p_s, 0)`` is added to the loss of task t in training. In evaluation, a logit that
    is still greater than that of the event it depends on is lowered to it.

    Parameters
    ----------
    parents, positions : sequence of (int, int)
        Pairs of tasks, see `EventLink`.
    weight : float, default=0.6
        Factor of the penalty; the default is that of the paper.

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
        """Lower logits in evaluation to those of the events that they depend on.

        Parameters
        ----------
        outputs : Tensor of shape (..., n_outputs)
            The outputs of all tasks.

        Returns
        -------
        Tensor of shape (..., n_outputs)
            The outputs; in evaluation no logit is greater than that of the event it depends on.
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
            The term for the loss of each label.
        """
        probabilities = outputs.sigmoid()
        added = [torch.zeros_like(outputs[..., 0])] * targets.shape[-1]
        for (column, parent), (task, _) in zip(self.parents, self.positions, strict=True):
            excess = probabilities[..., column] - probabilities[..., parent]
            added[task] = self.weight * excess.relu()
        return torch.stack(added, dim=-1)
