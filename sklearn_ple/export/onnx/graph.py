"""A fitted estimator as one torch module: from the numbers and codes of rows to predictions."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...encoding.encoder import TableEncoder
from ...encoding.scaling import NumberScaler
from ...encoding.statistics import TargetStatistics
from ...nn import NumericEmbedding, TabularNetwork

# Least width of a bin in the computation of its slope, which would otherwise be infinite.
_NARROWEST = 1e-30


class PredictionGraph(nn.Module):
    """All steps from numbers and codes to predictions, in torch operations.

    Parameters
    ----------
    network : TabularNetwork
        The trained network; it is copied.
    encoder : TableEncoder
        The fitted encoder.
    temperatures : dict of str to float
        The temperatures of calibrated tasks, by their names.
    intercepts : dict of str to list of float
        The intercepts of their outputs.
    """

    divisors: Tensor
    intercepts: Tensor

    def __init__(
        self,
        network: TabularNetwork,
        encoder: TableEncoder,
        temperatures: Mapping[str, float],
        intercepts: Mapping[str, list[float]],
    ):
        super().__init__()
        dtype = next(network.parameters()).dtype
        self.scaler = _Scaler(encoder.features.scaler_, dtype)
        self.statistics: _StatisticsTable | None = None
        if encoder.statistics is not None:
            self.statistics = _StatisticsTable(encoder.statistics, dtype)
        self.network: Any = make_exportable(copy.deepcopy(network).cpu())
        self.tasks: list[Any] = list(encoder.tasks)
        # Only calibration may make a probability greater than the one that it depends on.
        self.dependent = list(encoder.prerequisites.pairs) if temperatures else []
        n_outputs = [task.n_outputs for task in self.tasks]
        divisors = np.repeat([temperatures.get(task.name, 1.0) for task in self.tasks], n_outputs)
        added = [intercepts.get(task.name, np.zeros(task.n_outputs)) for task in self.tasks]
        self.register_buffer("divisors", torch.as_tensor(divisors))
        self.register_buffer("intercepts", torch.as_tensor(np.concatenate(added)))
        self.eval().requires_grad_(False)

    def forward(self, numbers: Tensor | None, codes: Tensor | None) -> list[Tensor]:
        """Predict the labels of all tasks, and the probabilities of those with classes.

        Parameters
        ----------
        numbers : Tensor of float64 of shape (n_rows, n_numbers) or None
            The numeric columns in the encoder's order, with NaN for missing numbers; None if there
            are none.
        codes : Tensor of int64 of shape (n_rows, n_categories) or None
            The codes of the categorical columns in the encoder's order; None if there are none.

        Returns
        -------
        list of Tensor
            The labels of each task, of shape (n_rows,), then the probabilities of each task with
            classes, of shape (n_rows, n_classes).
        """
        given: Any = codes if numbers is None else numbers
        if numbers is None:
            numbers = torch.empty(given.shape[0], 0, dtype=torch.float64)
        if codes is None:
            codes = torch.empty(given.shape[0], 0, dtype=torch.int64)
        read = self.scaler(numbers)
        if self.statistics is not None:
            read = torch.cat([read, self.statistics(codes)], dim=1)
        # As in the estimators, outputs are averaged, calibrated and decoded in float64.
        members = self.network.member_outputs(read, codes).double()
        outputs = self.network.mean(members) / self.divisors + self.intercepts
        parts = list(outputs.split([task.n_outputs for task in self.tasks], dim=1))
        for task, other in self.dependent:
            parts[task] = torch.minimum(parts[task], parts[other])
        labels = [task.traced_predict(part) for task, part in zip(self.tasks, parts, strict=True)]
        of_classes = [pair for pair in zip(self.tasks, parts, strict=True) if pair[0].has_classes]
        return labels + [task.traced_predict_proba(part) for task, part in of_classes]


class _Scaler(nn.Module):
    """Standardises numbers, and adds indicators of missing ones."""

    mean: Tensor
    scale: Tensor
    indicated: Tensor

    def __init__(self, scaler: NumberScaler, dtype: torch.dtype):
        super().__init__()
        self.dtype = dtype
        # In a column without any number in fit, all become NaN and count as missing.
        self.register_buffer("mean", torch.as_tensor(scaler.mean_, dtype=torch.float64))
        self.register_buffer("scale", torch.as_tensor(scaler.scale_, dtype=torch.float64))
        self.register_buffer("indicated", torch.as_tensor(np.flatnonzero(scaler.missing_)))

    def forward(self, numbers: Tensor) -> Tensor:
        scaled = (numbers - self.mean) / self.scale
        missing = scaled.isnan()
        # Scaled in float64: with a large mean, float32 would lose digits.
        read = torch.where(missing, 0.0, scaled).to(self.dtype)
        if not len(self.indicated):
            return read
        indicators = missing.index_select(1, self.indicated).to(self.dtype)
        return torch.cat([read, indicators], dim=1)


class _StatisticsTable(nn.Module):
    """Looks up the target statistics of categories, their mean labels, by code."""

    def __init__(self, statistics: TargetStatistics, dtype: torch.dtype):
        super().__init__()
        self.columns = statistics.columns.tolist()
        self.tables = nn.ParameterList(
            nn.Parameter(torch.as_tensor(table, dtype=dtype)) for table in statistics.tables
        )

    def forward(self, codes: Tensor) -> Tensor:
        pairs = zip(self.columns, self.tables, strict=True)
        return torch.cat([table.index_select(0, codes[:, k]) for k, table in pairs], dim=1)


def make_exportable(module: nn.Module) -> nn.Module:
    """Replace embeddings of numbers, which search for bins as ONNX cannot, by equivalent ones.

    Parameters
    ----------
    module : Module
        A network, which is changed in place.

    Returns
    -------
    Module
        The network or, if it is such an embedding itself, its replacement.
    """
    if type(module) is NumericEmbedding:
        return _BinEmbedding(module)
    for name, child in module.named_children():
        setattr(module, name, make_exportable(child))
    return module


class _BinEmbedding(nn.Module):
    """`NumericEmbedding` with precomputed tables: the sums over earlier bins, and the slopes."""

    inner: Tensor
    ends: Tensor
    ones: Tensor
    offsets: Tensor
    lower: Tensor
    starts: Tensor
    slopes: Tensor | None

    def __init__(self, embedding: NumericEmbedding):
        super().__init__()
        self.n_views, self.out_features = len(embedding.views), embedding.out_features
        self.embedding_dim = embedding.embedding_dim
        self.register_buffer("inner", embedding.inner.unsqueeze(-1))
        self.register_buffer("offsets", embedding.offsets.unsqueeze(-1))
        last = embedding.offsets + torch.tensor(embedding.n_bins) - 1
        ends = embedding.lower[embedding.offsets], (embedding.lower + embedding.width)[last]
        self.register_buffer("ends", torch.stack(ends).unsqueeze(-1))
        self.register_buffer("lower", embedding.lower)
        self.register_buffer("starts", embedding.compute_starts().detach())
        weight, slopes = embedding.linear_weight, None
        if weight is not None:
            slopes = weight.detach() / embedding.width.clamp(min=_NARROWEST)[:, None]
        self.register_buffer("slopes", slopes)
        self.register_buffer("ones", embedding.lower.new_ones(1, self.starts.shape[1]))

    def forward(self, numbers: Tensor) -> Tensor:
        n_rows, n_columns = numbers.shape
        # Rows are the last axis, so that many are compared with an edge at once.
        values = numbers.mT
        # ONNX has no binary search, and its runtime sums floats several times as fast as integers.
        reached = (values.unsqueeze(1) >= self.inner).to(torch.float32).sum(dim=1).long()
        bins = (reached + self.offsets).flatten()
        embeddings = self.starts.index_select(0, bins)
        if self.slopes is not None:
            least, most = self.ends
            inside = torch.minimum(torch.maximum(values, least), most)
            distances = inside.flatten() - self.lower.index_select(0, bins)
            # A matrix product repeats them in a third of the time of broadcasting.
            repeated = torch.matmul(distances[:, None], self.ones)
            embeddings = embeddings + repeated * self.slopes.index_select(0, bins)
        embeddings = embeddings.view(n_columns, n_rows, self.n_views, self.embedding_dim)
        return embeddings.permute(2, 1, 0, 3).flatten(2)
