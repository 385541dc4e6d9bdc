"""What the network of a net computes for rows, batch by batch."""

from collections.abc import Callable

import numpy as np
import torch
from skorch.utils import to_tensor
from torch import Tensor

from .cpu import keep_freed_memory
from .device import without_autocast
from .protocols import EvaluatedNet
from .rows import TableRows, TrainingRows

# Number of rows in a batch in prediction and validation; fewer if this many times the number of
# parameters is greater: larger layers of many tasks fill the memory, and are slower.
N_AT_ONCE, _LEAST_AT_ONCE, _MOST_WORK = 1024, 64, 2**32


def choose_rows_at_once(net: EvaluatedNet) -> int:
    """Return the number of rows that a net evaluates at once without steps."""
    return min(N_AT_ONCE, max(_LEAST_AT_ONCE, _MOST_WORK // max(net.n_parameters_, 1)))


def compute_outputs(net: EvaluatedNet, rows: TableRows, n_jobs: int | None = None) -> Tensor:
    """Compute each member's outputs, as float64, of shape (n_members, n_rows, n_outputs)."""
    (outputs,) = _compute_by_batch(
        net, lambda **inputs: [net.module_.member_outputs(**inputs)], rows, n_jobs
    )
    return outputs.double()


def compute_means(net: EvaluatedNet, rows: TableRows, n_jobs: int | None = None) -> Tensor:
    """Compute the outputs of the mean of the members, as float64, of shape (n_rows, n_outputs).

    Each batch is averaged at once, because the outputs of all members may take more memory than X.
    """
    module = net.module_

    def compute(**inputs: Tensor) -> list[Tensor]:
        # Some GPUs have no float64.
        return [module.mean(module.member_outputs(**inputs).cpu().double()).unsqueeze(0)]

    ((means,),) = _compute_by_batch(net, compute, rows, n_jobs)
    return means


def compute_representations(
    net: EvaluatedNet, rows: TableRows, n_jobs: int | None = None
) -> list[Tensor]:
    """Compute the input of each task's towers, of shape (n_members, n_rows, width)."""
    return _compute_by_batch(net, net.module_.representations, rows, n_jobs)


def find_finite_tasks(net: EvaluatedNet, rows: TrainingRows) -> np.ndarray:
    """Return whether the outputs of a batch are finite, for each task, (n_tasks,)."""
    outputs = compute_outputs(net, rows.head(N_AT_ONCE), net.n_jobs)
    finite = outputs.isfinite().all(dim=1).all(dim=0)
    parts = [
        finite[group.columns].unflatten(0, (-1, group.task.n_outputs)).all(dim=1)
        for group in net.losses.groups
    ]
    return torch.cat(parts).numpy()


def _compute_by_batch(
    net: EvaluatedNet, compute: Callable[..., list[Tensor]], rows: TableRows, n_jobs: int | None
) -> list[Tensor]:
    """Compute tensors of shape (n_members, n_rows, ...), batch by batch."""
    if net.module_.training:
        net.module_.eval()
    keep_freed_memory()
    n_at_once = choose_rows_at_once(net)
    with torch.no_grad(), without_autocast(), net.threads(min(len(rows), n_at_once), n_jobs):
        batches = [
            [part.cpu() for part in compute(**to_tensor(rows[batch][0], device=net.device))]
            for batch in torch.arange(len(rows)).split(n_at_once)
        ]
    return [torch.cat(parts, dim=1) for parts in zip(*batches, strict=True)]
