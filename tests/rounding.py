"""A pytest plugin that rounds products of matrices as the least favourable processors do.

Some sum a product in an order that depends on the position of a row and on the number of rows
beside it. With this plugin so does any processor, and tests show whether they rest on equal sums:

    PYTHONPATH=tests python -m pytest -p rounding

Processes that a test starts do not load it, as if they ran on another processor.
"""

import torch
from torch.nn import functional


def _rounded(product):
    def multiply(*args, **kwargs):
        result = product(*args, **kwargs)
        if torch.compiler.is_compiling() or not result.is_floating_point() or result.ndim < 2:
            return result
        rows, columns = (torch.arange(n, device=result.device) for n in result.shape[-2:])
        places = sum(result.shape) + 2 * rows[:, None] + 3 * columns
        return result * (1 + torch.finfo(result.dtype).eps * (places % 7 < 3).to(result.dtype))

    return multiply


for owner, names in (
    (torch, ("addmm", "baddbmm", "bmm", "einsum", "matmul", "mm")),
    (torch.Tensor, ("__matmul__", "bmm", "matmul", "mm")),
    (functional, ("linear",)),
):
    for name in names:
        setattr(owner, name, _rounded(getattr(owner, name)))
