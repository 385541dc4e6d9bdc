"""Estimators of events that follow on each other: a step of training, written out."""

import numpy as np
import pandas as pd
import pytest
import torch
from aitm import AITMClassifierRegressor
from makers import make_body
from numpy.testing import assert_allclose
from scipy.special import expit
from skorch.callbacks import Callback
from torch.nn import functional as F

from sklearn_ple import ESMMClassifier

N = 60


def funnel(seed=0, n=N):
    """Clicks, orders and payments; those who click (much s) order less often than others would."""
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(rng.randn(n, 3), columns=list("stu"))
    click = rng.rand(n) < expit(1.5 * X["s"] - 0.5)
    order = click & (rng.rand(n) < expit(X["t"] - X["s"] + 1))
    pay = order & (rng.rand(n) < expit(X["u"]))
    return X, pd.DataFrame({"click": click, "order": order, "pay": pay}).astype(float)


class KeepStart(Callback):
    """Keeps the weights that training starts from."""

    def __init__(self, kept):
        self.kept = kept

    def on_train_begin(self, net, **_):
        state = net.module_.state_dict()
        self.kept |= {name: value.clone() for name, value in state.items()}


def one_step(estimator, X, y, sample_weight=None):
    """Fit for one step on all rows at once; return the model and the weights before it."""
    start = {}
    options = {"max_epochs": 1, "batch_size": len(X), "dtype": "float64", "random_state": 1}
    estimator.set_params(**options, device="cpu", callbacks=[KeepStart(start)], optimizer="sgd")
    return estimator.fit(X, y, sample_weight), start


def network_of(model, start, X):
    """Return the network behind the features as it was before the step."""
    body = make_body(model, X.shape[1], model.tasks_).double()
    own = {name.removeprefix("body."): v for name, v in start.items() if name.startswith("body.")}
    body.load_state_dict(own)
    return body


def standardised(X, weights):
    mean = np.average(X, axis=0, weights=weights)
    deviation = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weights))
    return torch.tensor(((X - mean) / deviation).to_numpy())


def losses_of(model, logits, labels, weights):
    """Compute each task's loss of every label and what is added to it, row by row."""
    plain, added = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for row, label, weight in zip(logits, labels, weights, strict=True):
        p = row.sigmoid()
        probabilities = p.cumprod(dim=0) if isinstance(model, ESMMClassifier) else p
        for k in range(3):
            if not weight[k]:
                continue
            of_label = probabilities[k] if label[k] else 1 - probabilities[k]
            plain[k] = plain[k] - weight[k] * of_label.log()
            if not k:
                continue
            if isinstance(model, AITMClassifierRegressor):
                excess = torch.clamp(p[k] - p[k - 1], min=0.0)
                added[k] = added[k] + model.calibrator_weight * weight[k] * excess
    total = torch.from_numpy(weights.sum(axis=0))
    return plain / total, added / total


@pytest.mark.parametrize("depends_on", ["previous", {"order": "click", "pay": "order"}])
@pytest.mark.parametrize(
    ("cls", "params"),
    [
        (ESMMClassifier, {}),
        (AITMClassifierRegressor, {"calibrator_weight": 2.0, "hidden_units": (4,)}),
    ],
)
def test_a_step_of_training_is_that_of_a_loop(cls, params, depends_on):
    X, y = funnel()
    rng = np.random.RandomState(1)
    sample_weight = rng.rand(N) + 0.5
    # What is hidden here does not follow from other labels.
    labels, seen = y.to_numpy(), np.ones((N, 3), dtype=bool)
    hidden = np.flatnonzero(labels[:, 1] == 1)[::3]
    seen[hidden, 2] = False
    seen[np.flatnonzero(labels[:, 1] == 0)[:4], 0] = False
    model, start = one_step(
        cls.as_published(depends_on=depends_on, tower_hidden_units=(5,), **params),
        X,
        y.where(seen),
        sample_weight,
    )
    weights = np.where(seen, sample_weight[:, None], 0.0)
    body = network_of(model, start, X)
    logits = body(standardised(X, weights.mean(axis=1)))
    plain, added = losses_of(model, logits, labels, weights)
    assert (added[1:] > 0).all() == (cls is AITMClassifierRegressor)
    (plain + added).sum().backward()
    assert_allclose(model.history_[0]["task_losses"], plain.detach(), rtol=1e-10)
    for name, parameter in body.named_parameters():
        trained = model.module_.body.get_parameter(name).detach()
        assert_allclose(trained, (parameter - 1e-3 * parameter.grad).detach(), atol=1e-12)


def test_the_calibrator_keeps_probabilities_in_their_order(seed):
    X, y = funnel(seed, 300)
    excesses = []
    for weight in (0.0, 10.0):
        model = AITMClassifierRegressor(
            depends_on="previous",
            calibrator_weight=weight,
            n_members=1,
            max_epochs=2,
            early_stopping=False,
            random_state=seed,
        ).fit(X, y)
        rows = model._rows(X)[torch.arange(len(X))][0]
        with torch.no_grad():
            p = model.module_._compute_unlinked(**rows)[0].sigmoid()
        excesses.append(F.relu(p[:, 1:] - p[:, :-1]).mean().item())
        click, order, pay = (probabilities[:, 1] for probabilities in model.predict_proba(X))
        assert (order <= click).all() and (pay <= order).all()
    # By chance there may be none without the calibrator either.
    assert excesses[1] <= 0.5 * excesses[0]


def test_events_are_no_numbers():
    y = pd.DataFrame({"click": np.arange(30) % 2, "amount": np.linspace(0, 1, 30)})
    model = ESMMClassifier(depends_on=None, max_epochs=1, n_members=1)
    with pytest.raises(ValueError, match="Target 'amount' is of kind 'regression', but all tasks"):
        model.fit(np.zeros((30, 1)), y)
