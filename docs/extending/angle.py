"""An angle in degrees, such as a direction of wind: 359 is next to 1."""

import numpy as np
import torch
from sklearn.metrics import make_scorer

from sklearn_ple.tasks import Task


def mean_cosine(labels, predictions, sample_weight=None):
    """Compute the mean cosine of the errors: 1 is best, -1 is opposite."""
    errors = np.radians(np.subtract(labels, predictions))
    return np.average(np.cos(errors), weights=sample_weight)


class Angle(Task):
    """Two outputs, a point in the plane, whose direction is predicted.

    The loss is the squared distance from the point of length one in the
    label's direction. So the best constant is the mean of these points. The
    more the labels differ, the closer it is to the origin.
    """

    kind = "angle"
    words = "an angle"
    metric = make_scorer(mean_cosine)
    #: The difference between 359 and 1 degrees is 2, but 359 - 1 is 358.
    has_errors = False

    def __init__(self):
        super().__init__()
        self.n_outputs = 2

    def fit(self, labels, weights, classes):
        return self

    def encode(self, labels):
        return np.radians(labels.astype(float))

    def loss(self, outputs, targets):
        points = torch.stack([targets.cos(), targets.sin()], dim=-1)
        return ((outputs - points) ** 2).sum(dim=-1)

    def average(self, outputs, weights):
        return (weights * outputs).sum(dim=0)

    def predict(self, outputs):
        return np.degrees(np.arctan2(outputs[:, 1], outputs[:, 0])) % 360

    def score(self, labels, predictions, weights=None):
        return mean_cosine(labels, predictions, weights)
