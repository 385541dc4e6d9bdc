"""MultiTab-Net (Sinodinos, Wei, Armanfard: AAAI 2026)."""

import math
from collections import defaultdict

import torch
from torch import nn
from torch.nn import functional as F

from sklearn_ple.base import MultiTaskEstimator, parameter, with_parameters
from sklearn_ple.nn import Axis, BatchedLinear, Body, Column, MemberDropout


class MultiTabNet(Body):
    """Attention between a token for each column and one for each task."""

    def __init__(
        self,
        in_features,
        n_outputs,
        *,
        hidden_units=(256,),
        token_dim=16,
        n_heads=4,
        columns=None,
        **towers,
    ):
        super().__init__(n_outputs, **towers)
        if token_dim % n_heads:
            raise ValueError(f"{token_dim=} is not a multiple of {n_heads=}.")
        columns = columns or [Column(f"x{j}", [j]) for j in range(in_features)]
        self.column_tokens = ColumnTokens(columns, token_dim, self.n_members)
        shape = self.n_members, self.n_tasks, token_dim
        self.task_tokens = nn.Parameter(torch.empty(shape))
        bound = 1 / math.sqrt(token_dim)
        nn.init.uniform_(self.task_tokens, -bound, bound)
        self.token_dropout = MemberDropout(self.dropout)
        self.attention_blocks = nn.ModuleList(
            AttentionBlock(self, token_dim, n_heads, width)
            for width in hidden_units
        )
        # Which tokens attend to which: those of tasks, which come first, not
        # to each other.
        n_tokens = self.n_tasks + len(columns)
        mask = torch.ones(n_tokens, n_tokens, dtype=torch.bool)
        mask[: self.n_tasks, : self.n_tasks] = torch.eye(self.n_tasks) > 0
        self.register_buffer("mask", mask, persistent=False)
        self.towers = self.make_towers(token_dim)

    def declare_axes(self):
        of_tasks = Axis.of_tasks(self.n_tasks)
        return {"task_tokens": (self.per_member(), of_tasks, None)}

    def represent(self, inputs):
        of_tasks = self.task_tokens.unsqueeze(1)
        of_tasks = of_tasks.expand(-1, inputs.shape[1], -1, -1)
        tokens = torch.cat([of_tasks, self.column_tokens(inputs)], dim=2)
        tokens = self.token_dropout(tokens)
        *lower, last = self.attention_blocks
        for block in lower:
            tokens = block(tokens, self.mask)
        # The towers read only the tokens of the tasks.
        tokens = last(tokens, self.mask[: self.n_tasks])
        return tokens.transpose(1, 2).flatten(0, 1)


class ColumnTokens(nn.Module):
    """Computes a token for each column, a linear map of its features."""

    def __init__(self, columns, width, n_members):
        super().__init__()
        self.n_members = n_members
        by_size = defaultdict(list)
        for column in columns:
            by_size[len(column.places)].append(column.places)
        # Columns with the same number of features are evaluated together.
        self.layers = nn.ModuleList()
        for position, (n, places) in enumerate(by_size.items()):
            axis = Axis(((None, len(places)),), n_members)
            self.layers.append(BatchedLinear(axis, n, width))
            places = torch.tensor(places).flatten()
            self.register_buffer(
                f"places_{position}", places, persistent=False
            )

    def forward(self, inputs):
        tokens = []
        for position, layer in enumerate(self.layers):
            places = getattr(self, f"places_{position}")
            # Rows are the last axis, as they are in memory in training.
            read = inputs.mT.index_select(1, places)
            read = read.unflatten(1, (-1, layer.in_features)).flatten(0, 1)
            made = layer(read.mT).unflatten(0, (self.n_members, -1))
            tokens.append(made.transpose(1, 2))
        # (n_members, n_rows, n_columns, width)
        return torch.cat(tokens, dim=2)


class AttentionBlock(nn.Module):
    """Attention between the tokens of a row, then layers on each token."""

    def __init__(self, network, width, n_heads, hidden_width):
        super().__init__()
        members = network.per_member()
        self.width, self.n_heads = width, n_heads
        self.queries = BatchedLinear(members, width, width)
        # A bias of the keys adds the same to all scores, and one of the
        # values adds a constant to the output, which has its own bias.
        self.keys_and_values = BatchedLinear(
            members, width, 2 * width, bias=False
        )
        self.read = BatchedLinear(members, width, width)
        self.dropout = MemberDropout(network.dropout)
        self.hidden = network.make_mlps(members, width, [hidden_width])
        self.out = BatchedLinear(members, hidden_width, width)

    def forward(self, tokens, mask):
        # The first tokens are computed, as many as the mask has rows.
        added = self.attend(F.layer_norm(tokens, (self.width,)), mask)
        tokens = tokens[:, :, : len(mask)] + self.dropout(added)
        normal = F.layer_norm(tokens, (self.width,)).flatten(1, 2)
        return tokens + self.out(self.hidden(normal)).view_as(tokens)

    def attend(self, tokens, mask):
        n_members, n_rows = tokens.shape[:2]
        queries = self.split(self.queries, tokens[:, :, : len(mask)])
        both = self.split(self.keys_and_values, tokens)
        keys, values = both.chunk(2, dim=1)
        read = F.scaled_dot_product_attention(
            queries, keys, values, attn_mask=mask
        )
        n = n_rows * len(mask)
        read = read.transpose(1, 2).reshape(n_members, n, self.width)
        return self.read(read).unflatten(1, (n_rows, len(mask)))

    def split(self, layer, tokens):
        # (n_members * n_rows, n_heads, n_tokens, width of a head)
        n_rows, n_tokens, width = tokens.shape[1:]
        parts = layer(tokens.flatten(1, 2))
        parts = parts.unflatten(1, (n_rows, n_tokens)).flatten(0, 1)
        return parts.unflatten(2, (-1, width // self.n_heads)).transpose(1, 2)


@with_parameters
class MultiTabNetClassifierRegressor(MultiTaskEstimator):
    """MultiTab-Net, without the paper's attention between rows of a batch.

    Parameters
    ----------
    hidden_units : sequence of int, default=(256,)
        Width of the feed-forward layer in each block.
    token_dim : int, default=16
        Width of a token, a multiple of ``n_heads``.
    n_heads : int, default=4
        Number of attention heads.
    """

    hidden_units: tuple = (256,)
    token_dim: int = 16
    n_heads: int = 4
    tower_hidden_units: tuple = parameter(default=(32,), published=(64,))
    activation: str = parameter(default="relu", published="gelu")
    embedding_dim: int | str = parameter(default="auto", published=16)

    network = MultiTabNet
    reads_columns = True
    treats_tasks_alike = True
