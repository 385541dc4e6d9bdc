"""Numbers as random Fourier features (Rahimi and Recht, NeurIPS 2007)."""

import numpy as np
import torch
from torch import nn

from sklearn_ple.encoding import EmbeddingMaker


class Fourier(nn.Module):
    """Cosines of each column, the same for all views."""

    def __init__(self, frequencies, phases, n_views):
        super().__init__()
        for name, values in (("frequencies", frequencies), ("phases", phases)):
            self.register_buffer(name, torch.as_tensor(values).float())
        self.n_views = n_views
        self.out_features = self.frequencies.numel()

    def forward(self, numbers):
        waves = (numbers.unsqueeze(-1) * self.frequencies + self.phases).cos()
        return waves.flatten(1).expand(self.n_views, -1, -1)


class FourierFeatures(EmbeddingMaker):
    """Normal random frequencies, divided by the deviation of each column."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def learn(self, numbers, targets, weights, tasks, n_bins):
        self.deviations = numbers.std(axis=0)

    def make(self, n_columns, width, members, views):
        rng = np.random.default_rng(0)
        frequencies = self.scale * rng.normal(size=(n_columns, width))
        frequencies /= self.deviations[:, None] + 1e-6
        phases = rng.uniform(0, 2 * np.pi, size=(n_columns, width))
        return Fourier(frequencies, phases, len(views))
