"""Probabilities of events that presuppose other events, on the entire space of rows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class JointLogits(nn.Module):
    """Turns logits of conditional events into logits of joint ones (Ma et al., SIGIR 2018).

    A task that depends on another, as a purchase on a click, has an output that stands for its
    probability given the other event. Its joint probability is the product along the chain,
    ``pCTCVR = pCTR * pCVR``. In logits: with a that of the event it depends on, itself joint, and
    b its own, the joint one is ``-log(exp(-a) + exp(-b) + exp(-a - b))``, which neither underflows
    nor loses digits.

    Parameters
    ----------
    parents : sequence of (int, int)
        Columns of the outputs, (task, task that it depends on), parents before their children.

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

    def __init__(self, parents: Sequence[tuple[int, int]]):
        super().__init__()
        self.parents = list(parents)

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
