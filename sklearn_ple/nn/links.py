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
        """Turn conditional logits into joint ones: ``-log(exp(-a) + exp(-b) + exp(-a - b))``.

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
