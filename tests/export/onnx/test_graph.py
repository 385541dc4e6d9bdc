"""The layers that stand in a graph for those of a network compute the same."""

import pytest
import torch

from sklearn_ple.export.onnx.graph import make_exportable
from sklearn_ple.nn import NumericEmbedding

# Bins of many widths, one too narrow for a slope; another number of them in each column.
EDGES = [
    [-3.0, -1.0, -0.999, 0.0, 1e-40, 1e-3, 2.0],
    [-1e4, -5.0, 1e6],
    [0.25, 0.5],
]


@pytest.mark.parametrize("parts", [{}, {"linear": False}, {"steps": False}])
def test_bins_of_a_graph_are_those_of_the_network(parts):
    torch.manual_seed(0)
    embedding = NumericEmbedding(EDGES, 4, views=3, step_scale=torch.rand(3, 3), **parts)
    for parameter in embedding.parameters():
        torch.nn.init.normal_(parameter)
    on_edges = torch.tensor([edge for column in EDGES for edge in column])
    numbers = torch.cat([torch.randn(500), on_edges, torch.tensor([-1e18, 1e18, 1e7, 0.3])])
    numbers = torch.stack([numbers.roll(n) for n in (0, 1, 2)], dim=1)
    expected = embedding(numbers).detach()
    found = make_exportable(embedding)(numbers)
    assert found.shape == (3, len(numbers), 12)
    torch.testing.assert_close(found, expected, rtol=2e-6, atol=2e-6)
