"""MultiTab-Net (Sinodinos, Wei, Armanfard: AAAI 2026)."""
# The hooks are documented in Body.
# ruff: noqa: D102

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .axes import Axes, Axis
from .body import Body
from .diagram import Diagram, Node, count_for_one
from .dropout import MemberDropout
from .inputs import Column
from .mlp import BatchedLinear
from .names import GateNames, avoid_names

# More would need too much memory for the tokens of a batch, with their keys and values.
_MOST_COLUMNS = 1000


class MultiTabNet(Body):
    """MultiTab-Net: attention between a token for each column and a token for each task.

    A token is a vector. The token of column j is ``W_j x_j + b_j``, where ``x_j`` are its
    features: for a number it is ``w x + b``, and for a category a linear map of its embedding. The
    token of each task is learnt, and the same for all rows. The tokens h of a row pass through
    blocks of two steps, where ``LN`` normalises each token:

    - attention, ``a = h + W_o [softmax(Q K^T / sqrt(d) + M) V of each head]``. ``Q``, ``K`` and
      ``V`` are linear in ``LN(h)``, ``d`` is their width, and ``M`` is minus infinity if one token
      must not attend to another, else 0;
    - feed-forward layers, ``h' = a + W_2 act(W_1 LN(a))``.

    After the last block each task's tower reads the token of its task.

    In the paper, the rows of a batch also attend to each other. This is left out: a prediction
    would depend on the other rows that are predicted, and the tokens of all tasks would be mixed.
    Here the tokens of a row attend only to each other. The last block computes only the tokens of
    the tasks, since the towers read no others. Weights and biases that later layers make redundant
    are left out of ``LN``, keys and values. Dropout applies to the first tokens, to what attention
    adds, and within the feed-forward layers, but not to attention weights.

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    hidden_units : sequence of int, default=(256,)
        Width of the feed-forward layer in each block; its length is the number of blocks.
    token_dim : int, default=16
        Width of a token, a multiple of ``n_heads``.
    n_heads : int, default=4
        Number of attention heads.
    columns : sequence of Column, optional
        The columns to which the features belong; by default each feature is a column.
    **towers : object
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `Body`.

    Attributes
    ----------
    task_tokens : Parameter of shape (n_members, n_tasks, token_dim)
        The tokens of the tasks.

    Raises
    ------
    ValueError
        If there is no block, if ``token_dim`` is not a multiple of ``n_heads``, or if there are
        more than 1000 columns.

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
        columns: Sequence[Column] | None = None,
        **towers: Any,
    ):
        super().__init__(n_outputs, **towers)
        if not len(hidden_units):
            raise ValueError(
                "hidden_units is empty: it must hold the width of at least one block."
            )
        if token_dim % n_heads:
            raise ValueError(f"token_dim={token_dim} is not a multiple of n_heads={n_heads}.")
        if columns is None:
            columns = [Column(f"x{place}", [place]) for place in range(in_features)]
        self.column_tokens = ColumnTokens(columns, token_dim, self.n_members)
        self.task_tokens = nn.Parameter(torch.empty(self.n_members, self.n_tasks, token_dim))
        bound = 1 / math.sqrt(token_dim)
        nn.init.uniform_(self.task_tokens, -bound, bound)
        self.token_dropout = MemberDropout(self.dropout)
        self.attention_blocks: Any = nn.ModuleList(
            AttentionBlock(self, token_dim, n_heads, width) for width in hidden_units
        )
        n_tokens = self.n_tasks + len(columns)
        # Which tokens attend to which: those of tasks, which come first, not to each other.
        mask = torch.ones(n_tokens, n_tokens, dtype=torch.bool)
        mask[: self.n_tasks, : self.n_tasks] = torch.eye(self.n_tasks, dtype=torch.bool)
        self.register_buffer("mask", mask, persistent=False)
        self.towers = self.make_towers(token_dim)

    def declare_axes(self) -> dict[str, Axes]:
        return {"task_tokens": (self.per_member(), Axis.of_tasks(self.n_tasks), None)}

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
        n = count_for_one([*self.column_tokens.parameters(), self.task_tokens], self.n_members)
        rows = [[Node("tokens", "columns and tasks", None, n)]]
        for position, block in enumerate(self.attention_blocks, start=1):
            n = count_for_one(block.parameters(), self.n_members)
            rows.append([Node("attention", f"attention {position}", None, n, rows[-1])])
        return rows, [rows[-1]] * self.n_tasks

    def gate_names(self, tasks: Sequence[str]) -> list[list[GateNames]]:
        """Name the tokens to which the tokens of tasks attend.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks.

        Returns
        -------
        list of list of GateNames
            For each block the attention of the tasks' tokens, averaged over the heads: to each
            column, then to the task's own token or, without a mask between tasks, to the tokens of
            all tasks.
        """
        columns = self.column_tokens.names
        tokens = [avoid_names(f"token of {task}", columns, "task") for task in tasks]
        experts = [[*columns, token] for token in tokens]
        return [
            [GateNames(block.weights, list(tasks), experts)] for block in self.attention_blocks
        ]


class ColumnTokens(nn.Module):
    """Computes a token for each column, a linear map of its features.

    Columns with the same number of features are evaluated together, and their tokens are adjacent.

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
        Names of the columns, in the order of their tokens.
    """

    def __init__(self, columns: Sequence[Column], width: int, n_members: int):
        super().__init__()
        if len(columns) > _MOST_COLUMNS:
            raise ValueError(
                f"MultiTab-Net makes a token of each column, but X has {len(columns)}, more than "
                f"{_MOST_COLUMNS}: select columns (SelectKBest), combine them (TruncatedSVD), or "
                "use another network."
            )
        self.n_members = n_members
        by_size = defaultdict(list)
        for column in columns:
            by_size[len(column.places)].append(column)
        self.names = [column.name for alike in by_size.values() for column in alike]
        self.layers: Any = nn.ModuleList()
        for position, (n, alike) in enumerate(by_size.items()):
            self.layers.append(BatchedLinear(Axis(((None, len(alike)),), n_members), n, width))
            places = torch.tensor([place for column in alike for place in column.places])
            self.register_buffer(f"places_{position}", places, persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute the tokens.

        Parameters
        ----------
        inputs : Tensor of shape (n_members, n_rows, in_features)
            The features, in the view of each member.

        Returns
        -------
        Tensor of shape (n_members, n_rows, n_columns, width)
            The tokens.
        """
        tokens = []
        for position, layer in enumerate(self.layers):
            places = getattr(self, f"places_{position}")
            # Rows are the last axis, as they are in memory in training.
            read = inputs.mT.index_select(1, places)
            read = read.view(len(layer.axis), layer.in_features, inputs.shape[1])
            made = layer(read.mT).unflatten(0, (self.n_members, -1))
            tokens.append(made.transpose(1, 2))
        return torch.cat(tokens, dim=2)


class AttentionBlock(nn.Module):
    """Multi-head attention between the tokens of a row, and feed-forward layers on each token.

    Parameters
    ----------
    network : Body
        The network, whose tasks' tokens come first.
    width : int
        Width of a token.
    n_heads : int
        Number of attention heads, a divisor of the width.
    hidden_width : int
        Width of the feed-forward layer.
    """

    def __init__(self, network: Body, width: int, n_heads: int, hidden_width: int):
        super().__init__()
        members = network.per_member()
        self.width, self.n_heads = width, n_heads
        self.queries = BatchedLinear(members, width, width)
        # No bias: that of the keys adds the same to all scores, and that of the values adds a
        # constant to the output, which has its own bias.
        self.keys_and_values = BatchedLinear(members, width, 2 * width, bias=False)
        self.read = BatchedLinear(members, width, width)
        self.weights = TaskAttention(network.n_members, network.n_tasks)
        self.dropout = MemberDropout(network.dropout)
        self.hidden = network.make_mlps(members, width, [hidden_width])
        self.out = BatchedLinear(members, hidden_width, width)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Compute the new values of the first tokens, as many as the mask has rows.

        Parameters
        ----------
        tokens : Tensor of shape (n_members, n_rows, n_tokens, width)
            All tokens.
        mask : Tensor of bool of shape (n_computed, n_tokens)
            Whether a token attends to another.

        Returns
        -------
        Tensor of shape (n_members, n_rows, n_computed, width)
            The new tokens.
        """
        added = self._attend(F.layer_norm(tokens, (self.width,)), mask)
        tokens = tokens[:, :, : len(mask)] + self.dropout(added)
        hidden = self.hidden(F.layer_norm(tokens, (self.width,)).flatten(1, 2))
        return tokens + self.out(hidden).view_as(tokens)

    def _attend(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Compute what the first tokens read: (n_members, n_rows, n_computed, width)."""
        n_members, n_rows = tokens.shape[:2]
        queries = self._split_heads(self.queries, tokens[:, :, : len(mask)])
        keys, values = self._split_heads(self.keys_and_values, tokens).chunk(2, dim=1)
        # Only if a hook records them.
        if self.weights._forward_hooks:
            self.weights(queries, keys, mask)
        read = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        read = read.transpose(1, 2).reshape(n_members, n_rows * len(mask), self.width)
        return self.read(read).unflatten(1, (n_rows, len(mask)))

    def _split_heads(self, layer: BatchedLinear, tokens: Tensor) -> Tensor:
        """Evaluate a layer, and split its output: (n_members * n_rows, n_heads, n_tokens, d)."""
        n_members, n_rows, n_tokens, width = tokens.shape
        parts = layer(tokens.flatten(1, 2))
        parts = parts.reshape(n_members * n_rows, n_tokens, layer.out_features)
        return parts.unflatten(2, (-1, width // self.n_heads)).transpose(1, 2)


class TaskAttention(nn.Module):
    """Computes the attention weights of the tasks' tokens, only if they are recorded.

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

    def forward(self, queries: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        """Compute the weights of the tasks' tokens, averaged over the heads.

        Parameters
        ----------
        queries : Tensor of shape (n_members * n_rows, n_heads, n_computed, d)
            Queries of the tasks' tokens, or of all tokens.
        keys : Tensor of shape (n_members * n_rows, n_heads, n_tokens, d)
            Keys of all tokens.
        mask : Tensor of bool of shape (n_computed, n_tokens)
            Whether a token attends to another.

        Returns
        -------
        Tensor of shape (n_members * n_tasks, n_columns + n_own, n_rows)
            The weights, in the form of the output of `Gates`: of the columns, then of the tasks'
            tokens that are not masked.
        """
        weights = queries[:, :, : self.n_tasks] @ keys.mT / math.sqrt(queries.shape[-1])
        weights = weights.masked_fill(~mask[: self.n_tasks], -torch.inf).softmax(dim=-1)
        of_tasks, of_columns = weights.mean(dim=1).tensor_split([self.n_tasks], dim=2)
        own = of_tasks.diagonal(dim1=1, dim2=2).unsqueeze(2)
        together = torch.cat([of_columns, own], dim=2).unflatten(0, (self.n_members, -1))
        return together.permute(0, 2, 3, 1).flatten(0, 1)
