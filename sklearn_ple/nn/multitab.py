"""MultiTab-Net (Sinodinos, Wei, Armanfard: AAAI 2026)."""
# The hooks are documented in Body.
# ruff: noqa: D102

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .body import Body
from .diagram import Block, Diagram, size
from .dropout import MemberDropout
from .features import Column, Features
from .gates import GateNames
from .mlp import BatchedLinear
from .towers import TowerOptions

#: What the masks keep from attending: (tasks to other tasks, features to tasks).
TASK_MASKS: dict[str | None, tuple[bool, bool]] = {
    "tasks": (True, False),
    "features": (False, True),
    "both": (True, True),
    None: (False, False),
}
# The tokens of a row, and their keys and values, are all in memory for a batch.
_MOST_COLUMNS = 1000


class MultiTabNet(Body):
    """MultiTab-Net: a token for each column and each task, attention, a tower on a task's token.

    Column j becomes the token ``W_j x_j + b_j`` of its features ``x_j``: of a number it is
    ``w x + b``, of a category a linear map of its embedding. Task k's token is learnt, and the
    same for all rows. In each block, with ``LN`` a normalisation of each token,

    - ``a = h + W_o [softmax(Q K^T / sqrt(d) + M) V of each head]``, where ``Q``, ``K`` and ``V``
      are linear in ``LN(h)``, ``d`` is their width and ``M`` is minus infinity where one token
      must not attend to another, else 0;
    - ``h' = a + W_2 act(W_1 LN(a))``.

    A row's tokens attend to each other alone. The paper's attention between the rows of a batch
    is left out: with it a prediction would depend on which other rows are predicted, and all
    tasks' tokens would be mixed. The last block computes the tasks' tokens only, since the towers
    read no others. ``LN`` and the keys and values have no weights or biases that the layers
    behind them make redundant. Dropout is on the first tokens, on what attention adds, and within
    the feed-forward layers; attention weights are not dropped.

    Parameters
    ----------
    in_features : int or Features
        Number of input features. `Features` says which belong to one column; of an int each is a
        column of its own.
    n_outputs : sequence of int
        Number of outputs of each task.
    hidden_units : sequence of int, default=(256,)
        Width of the feed-forward layer of each block: as many blocks as numbers.
    token_dim : int, default=16
        Width of a token, a multiple of ``n_heads``.
    n_heads : int, default=4
        Heads of the attention.
    task_mask : {"tasks", "features", "both"} or None, default="tasks"
        What must not attend: a task's token to other tasks' tokens ("tasks", best in the paper);
        columns' tokens to tasks' tokens ("features"), which they do in all blocks but the last;
        both; or nothing. A task's token attends to itself in any case.
    **towers : TowerOptions
        Hidden layers of the towers, activation, dropout and number of members, as `Body` takes
        them.

    Attributes
    ----------
    task_tokens : Parameter of shape (n_members, n_tasks, token_dim)
        The tasks' tokens.

    Raises
    ------
    ValueError
        If there is no block, if ``token_dim`` is no multiple of ``n_heads``, if there is no such
        mask, or if there are more than 1000 columns.

    References
    ----------
    D. Sinodinos, J. Y. Wei, N. Armanfard. "MultiTab: A Scalable Foundation for Multitask Learning
    on Tabular Data". AAAI 2026.

    Y. Gorishniy, I. Rubachev, V. Khrulkov, A. Babenko. "Revisiting Deep Learning Models for
    Tabular Data". NeurIPS 2021. (the tokens of columns)

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import MultiTabNet
    >>> MultiTabNet(in_features=7, n_outputs=[1, 3])(torch.zeros(10, 7)).shape
    torch.Size([10, 4])
    """

    mask: Tensor

    def __init__(
        self,
        in_features: int,
        n_outputs: Sequence[int],
        *,
        hidden_units: Sequence[int] = (256,),
        token_dim: int = 16,
        n_heads: int = 4,
        task_mask: str | None = "tasks",
        **towers: Unpack[TowerOptions],
    ):
        super().__init__(n_outputs, **towers)
        if not len(hidden_units):
            raise ValueError(
                "hidden_units is empty: it has the width of each block, at least one."
            )
        if token_dim % n_heads:
            raise ValueError(f"token_dim={token_dim} is not a multiple of n_heads={n_heads}.")
        if task_mask not in TASK_MASKS:
            raise ValueError(f"task_mask={task_mask!r} is none of {list(TASK_MASKS)}.")
        features = in_features if isinstance(in_features, Features) else Features(in_features)
        self.column_tokens = ColumnTokens(features.columns, token_dim, self.n_members)
        self.task_tokens = nn.Parameter(torch.empty(self.n_members, self.n_tasks, token_dim))
        bound = 1 / math.sqrt(token_dim)
        nn.init.uniform_(self.task_tokens, -bound, bound)
        self.token_dropout = MemberDropout(self.dropout)
        self.attention_blocks: Any = nn.ModuleList(
            AttentionBlock(self, token_dim, n_heads, width) for width in hidden_units
        )
        self.task_mask = task_mask
        self.separate_tasks = TASK_MASKS[task_mask][0]
        mask = _mask(self.n_tasks, len(features.columns), *TASK_MASKS[task_mask])
        self.register_buffer("mask", mask, persistent=False)
        self.towers = self.make_towers(token_dim)

    def represent(self, inputs: Tensor) -> Tensor:
        n_rows = inputs.shape[1]
        of_tasks = self.task_tokens.unsqueeze(1).expand(-1, n_rows, -1, -1)
        tokens = torch.cat([of_tasks, self.column_tokens(inputs)], dim=2)
        tokens = self.token_dropout(tokens)
        *lower, last = self.attention_blocks
        for block in lower:
            tokens = block(tokens, self.mask)
        return last(tokens, self.mask[: self.n_tasks]).transpose(1, 2).flatten(0, 1)

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        n = size([*self.column_tokens.parameters(), self.task_tokens], self.n_members)
        rows = [[Block("tokens", "columns and tasks", None, n)]]
        for position, block in enumerate(self.attention_blocks, start=1):
            n = size(block.parameters(), self.n_members)
            rows.append([Block("attention", f"attention {position}", None, n, rows[-1])])
        return rows, [rows[-1]] * self.n_tasks

    def gate_names(self, tasks: Sequence[str]) -> list[list[GateNames]]:
        """Name what the tasks' tokens attend to.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks.

        Returns
        -------
        list of list of GateNames
            For each block the attention of the tasks' tokens, the mean over the heads: to each
            column, and last to the task's own token or, where they are not masked, to those of
            all tasks.
        """
        columns = self.column_tokens.names
        tokens = [f"token of {task}" for task in tasks]
        read = [[own] for own in tokens] if self.separate_tasks else [tokens] * len(tasks)
        experts = [[*columns, *own] for own in read]
        return [
            [GateNames(block.attention.weights, list(tasks), experts)]
            for block in self.attention_blocks
        ]


class ColumnTokens(nn.Module):
    """A token for each column: a linear map of its features.

    Columns of as many features are evaluated together, so that their tokens are side by side.

    Parameters
    ----------
    columns : sequence of Column
        The columns.
    width : int
        Width of a token.
    n_members : int
        Number of networks.

    Attributes
    ----------
    names : list of str
        The columns' names, in the order of their tokens.
    """

    def __init__(self, columns: Sequence[Column], width: int, n_members: int):
        super().__init__()
        if len(columns) > _MOST_COLUMNS:
            raise ValueError(
                f"MultiTab-Net makes a token of each column, but X has {len(columns)}, more than "
                f"{_MOST_COLUMNS}: select columns (SelectKBest), make fewer of them "
                "(TruncatedSVD), or take another network."
            )
        self.n_members = n_members
        by_size = defaultdict(list)
        for column in columns:
            by_size[len(column.places)].append(column)
        self.names = [column.name for alike in by_size.values() for column in alike]
        self.layers: Any = nn.ModuleList()
        for position, (n, alike) in enumerate(by_size.items()):
            self.layers.append(BatchedLinear(n_members * len(alike), 1, n, width))
            places = torch.tensor([place for column in alike for place in column.places])
            self.register_buffer(f"places_{position}", places, persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute the tokens.

        Parameters
        ----------
        inputs : Tensor of shape (n_members, n_rows, in_features)
            The features as each member sees them.

        Returns
        -------
        Tensor of shape (n_members, n_rows, n_columns, width)
            The tokens.
        """
        tokens = []
        for position, layer in enumerate(self.layers):
            places = getattr(self, f"places_{position}")
            # Rows last, as they are in memory in training.
            own = inputs.mT.index_select(1, places)
            own = own.view(layer.n_groups, layer.in_features, inputs.shape[1])
            made = layer(own.mT).unflatten(0, (self.n_members, -1))
            tokens.append(made.transpose(1, 2))
        return torch.cat(tokens, dim=2)


class AttentionBlock(nn.Module):
    """Attention of a row's tokens, and feed-forward layers on each.

    Parameters
    ----------
    network : Body
        The network that it is part of: its members, activation and dropout.
    width : int
        Width of a token.
    n_heads : int
        Heads of the attention.
    hidden_width : int
        Width of the feed-forward layer.
    """

    def __init__(self, network: Body, width: int, n_heads: int, hidden_width: int):
        super().__init__()
        self.width = width
        self.attention = Attention(network.n_members, network.n_tasks, width, n_heads)
        self.dropout = MemberDropout(network.dropout)
        self.hidden = network.make_mlps(network.n_members, 1, width, [hidden_width])
        self.out = BatchedLinear(network.n_members, 1, hidden_width, width)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Compute the first tokens anew, as many as the mask has rows.

        Parameters
        ----------
        tokens : Tensor of shape (n_members, n_rows, n_tokens, width)
            All tokens.
        mask : Tensor of bool of shape (n_computed, n_tokens)
            Which tokens each attends to.

        Returns
        -------
        Tensor of shape (n_members, n_rows, n_computed, width)
            The tokens.
        """
        n_computed = len(mask)
        added = self.attention(F.layer_norm(tokens, (self.width,)), mask)
        tokens = tokens[:, :, :n_computed] + self.dropout(added)
        hidden = self.hidden(F.layer_norm(tokens, (self.width,)).flatten(1, 2))
        return tokens + self.out(hidden).view_as(tokens)


class Attention(nn.Module):
    """Multi-head attention within a row, for all members.

    Parameters
    ----------
    n_members : int
        Number of networks.
    n_tasks : int
        Number of tasks, whose tokens are the first ones.
    width : int
        Width of a token.
    n_heads : int
        Heads, a divisor of the width.
    """

    def __init__(self, n_members: int, n_tasks: int, width: int, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        self.queries = BatchedLinear(n_members, 1, width, width)
        # A bias of the keys adds the same to all scores, that of the values is one behind.
        self.keys_and_values = BatchedLinear(n_members, 1, width, 2 * width, bias=False)
        self.out = BatchedLinear(n_members, 1, width, width)
        self.weights = TaskAttention(n_members, n_tasks)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Attend.

        Parameters
        ----------
        tokens : Tensor of shape (n_members, n_rows, n_tokens, width)
            The tokens.
        mask : Tensor of bool of shape (n_computed, n_tokens)
            Which tokens each of the first ones attends to.

        Returns
        -------
        Tensor of shape (n_members, n_rows, n_computed, width)
            What the first ones read.
        """
        n_members, n_rows, _, width = tokens.shape
        queries = self._heads(self.queries, tokens[:, :, : len(mask)])
        keys, values = self._heads(self.keys_and_values, tokens).chunk(2, dim=1)
        if self.weights.is_looked_at:
            self.weights(queries, keys, mask)
        read = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        read = read.transpose(1, 2).reshape(n_members, n_rows * len(mask), width)
        return self.out(read).unflatten(1, (n_rows, len(mask)))

    def _heads(self, layer: BatchedLinear, tokens: Tensor) -> Tensor:
        """Evaluate a layer; return (n_members * n_rows, heads of all parts, n_tokens, d)."""
        n_members, n_rows, n_tokens, width = tokens.shape
        parts = layer(tokens.flatten(1, 2))
        parts = parts.reshape(n_members * n_rows, n_tokens, layer.out_features)
        return parts.unflatten(2, (-1, width // self.n_heads)).transpose(1, 2)


class TaskAttention(nn.Module):
    """How much the tasks' tokens attend to the others: computed only where something looks at it.

    Parameters
    ----------
    n_members : int
        Number of networks.
    n_tasks : int
        Number of tasks.
    """

    def __init__(self, n_members: int, n_tasks: int):
        super().__init__()
        self.n_members = n_members
        self.n_tasks = n_tasks

    @property
    def is_looked_at(self) -> bool:
        """Whether a hook reads what it puts out."""
        return bool(self._forward_hooks)

    def forward(self, queries: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        """Compute the mean weights over the heads, of tokens without those that are masked.

        Parameters
        ----------
        queries : Tensor of shape (n_members * n_rows, n_heads, n_computed, d)
            Those of the tasks' tokens, or of all.
        keys : Tensor of shape (n_members * n_rows, n_heads, n_tokens, d)
            Those of all tokens.
        mask : Tensor of bool of shape (n_computed, n_tokens)
            Which tokens each attends to.

        Returns
        -------
        Tensor of shape (n_members * n_tasks, n_columns + n_own, n_rows)
            As `Gates` put them out: to the columns, then to the tasks' tokens that are seen.
        """
        weights = queries[:, :, : self.n_tasks] @ keys.mT / math.sqrt(queries.shape[-1])
        weights = weights.masked_fill(~mask[: self.n_tasks], -torch.inf).softmax(dim=-1)
        of_tasks, of_columns = weights.mean(dim=1).tensor_split([self.n_tasks], dim=2)
        seen = mask[: self.n_tasks, : self.n_tasks]
        own = of_tasks[:, seen].unflatten(1, (self.n_tasks, -1))
        together = torch.cat([of_columns, own], dim=2).unflatten(0, (self.n_members, -1))
        return together.permute(0, 2, 3, 1).flatten(0, 1)


def _mask(n_tasks: int, n_columns: int, between_tasks: bool, features_to_tasks: bool) -> Tensor:
    """Return which tokens, tasks first, attend to which."""
    n_tokens = n_tasks + n_columns
    mask = torch.ones(n_tokens, n_tokens, dtype=torch.bool)
    if between_tasks:
        mask[:n_tasks, :n_tasks] = torch.eye(n_tasks, dtype=torch.bool)
    if features_to_tasks:
        mask[n_tasks:, :n_tasks] = False
    return mask
