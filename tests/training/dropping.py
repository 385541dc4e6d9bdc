"""A user's own network, which draws from torch's global random state while it is trained."""

from torch import nn

from sklearn_ple.base import MultiTaskEstimator, with_parameters
from sklearn_ple.nn import Body


class Dropping(Body):
    """A network of layers of torch's own, with its dropout."""

    def __init__(self, in_features, n_outputs, **towers):
        super().__init__(n_outputs, **towers)
        self.layers = nn.Sequential(nn.Linear(in_features, 5), nn.Tanh(), nn.Dropout(0.5))
        self.towers = self.make_towers(5)

    def represent(self, inputs):
        return self.for_each_task(self.layers(inputs))


@with_parameters
class DroppingRegressor(MultiTaskEstimator):
    def make_network(self, in_features, tasks, **towers) -> Dropping:
        return Dropping(in_features, [task.n_outputs for task in tasks], **towers)
