"""Progressive Layered Extraction (Tang, Liu, Zhao, Gong: RecSys 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .extraction import ExtractionLevel
from .levels import LevelNetwork


class PLE(LevelNetwork):
    """Progressive Layered Extraction: levels of shared and task-specific experts, then towers.

    Experts are small networks. Each level has ``n_specific_experts`` experts for each task, and
    ``n_shared_experts`` shared ones. There is a branch for each task and a shared branch; at the
    first level all branches read the features. The experts and the gate of a task read the branch
    of the task. Its gate, a softmax, weighs its own experts and the shared ones. The shared
    experts and the shared gate read the shared branch, and the shared gate weighs all experts. The
    weighted sums are the inputs of the branches at the next level. The last level has no shared
    gate. A network with a single level is called Customized Gate Control (CGC).

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    n_levels : int, default=1
        Number of levels of experts.
    n_shared_experts : int, default=1
        Number of shared experts at each level. With 0, the networks of the tasks are independent.
    n_specific_experts : int or sequence of int, default=1
        Number of experts of each task at each level: the same for all tasks, or one number for
        each task.
    expert_hidden_units : sequence of int or of sequences of int, default=(64,)
        Widths of the layers of every expert, the same at all levels; or a sequence of widths for
        each level.
    gate_hidden_units : sequence of int, default=()
        Widths of the hidden layers of every gate; empty for linear gates, as in the paper.
    residual : bool, default=False
        Whether the input of a branch is added to its output, at levels where both have the same
        width. The paper has no such connections.
    n_added : int, default=0
        Number of tasks, the last ones, that were added to a network. The shared gates do not weigh
        their experts, so that the outputs of earlier tasks do not change.
    **towers : object
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `Body`.

    Raises
    ------
    ValueError
        If a task would have no expert, or an expert no layer; if ``n_specific_experts`` does not
        have one entry for each task; if the number of sequences of widths is not that of levels;
        if ``residual`` would have no effect.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import PLE
    >>> network = PLE(in_features=7, n_outputs=[1, 3], n_levels=2)
    >>> network(torch.zeros(10, 7)).shape
    torch.Size([10, 4])

    Five members of an ensemble, which are evaluated together:

    >>> network = PLE(in_features=7, n_outputs=[1, 3], n_members=5)
    >>> network(torch.zeros(5, 10, 7)).shape
    torch.Size([5, 10, 4])
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: Sequence[int],
        *,
        n_levels: int = 1,
        n_shared_experts: int = 1,
        n_specific_experts: int | Sequence[int] = 1,
        expert_hidden_units: Sequence[int] | Sequence[Sequence[int]] = (64,),
        gate_hidden_units: Sequence[int] = (),
        residual: bool = False,
        n_added: int = 0,
        **towers: Any,
    ):
        super().__init__(
            n_outputs, n_specific_experts, n_shared_experts, n_added, gate_hidden_units, **towers
        )
        self.residual = residual
        self._make_levels(ExtractionLevel, in_features, n_levels, expert_hidden_units)
        if residual and not any(level.residual for level in self.levels):
            widths = [str(level.out_features) for level in self.levels]
            raise ValueError(
                "residual=True has no effect, because no level puts out as many numbers as it "
                f"reads: the first level reads {in_features} features, and the experts put out "
                f"{' and '.join(widths)} numbers. Use n_levels=2 or more with experts of the same "
                f"width, or expert_hidden_units that end with {in_features}, or residual=False."
            )
