"""One epoch of the estimator against plain torch loops with the same network, on census-income.

All run on one thread in turn, several times; what counts is the ratio of CPU times.
"""

import copy
import time

import numpy as np
import torch
from common import PLAIN_NETWORK, census, save
from sklearn.base import clone
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch.nn import functional as F

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.encoding import Table, TableEncoder

BATCH_SIZE = 256
N_EPOCHS = 3
N_REPEATS = 5
# One network and nothing beside it, as in the plain loops.
PLAIN = PLAIN_NETWORK | {
    "n_shared_experts": 2,
    "n_specific_experts": 2,
    "expert_hidden_units": (64,),
    "weight_decay": 1e-4,
}
NETWORKS = {
    "small: 1 level, experts (32,)": {"expert_hidden_units": (32,)},
    "1 level, experts (64,)": {},
    "2 levels, experts (64,)": {"n_levels": 2},
    "wide: 1 level, experts (256, 128)": {"expert_hidden_units": (256, 128)},
}
SECONDS = []


class Clock(Callback):
    """Keeps the CPU seconds of every epoch."""

    def on_epoch_begin(self, net, **_):
        self.start_ = time.process_time()

    def on_epoch_end(self, net, **_):
        SECONDS.append(time.process_time() - self.start_)


def estimator_epoch(X, y, network):
    """Time the estimator; return its median epoch and the fitted estimator."""
    SECONDS.clear()
    estimator = PLEClassifierRegressor(
        batch_size=BATCH_SIZE,
        max_epochs=N_EPOCHS,
        early_stopping=False,
        callbacks=[Clock()],
        random_state=0,
        **(PLAIN | network),
    ).fit(X, y)
    return np.median(SECONDS), estimator


def loss(outputs, targets):
    return sum(
        F.binary_cross_entropy_with_logits(outputs[:, k], targets[:, k])
        for k in range(targets.shape[1])
    )


def plain_epoch(module, inputs, targets):
    """Time a loop over batches that were cut before, without shuffling."""
    module = copy.deepcopy(module).train()
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3, weight_decay=1e-4, fused=True)
    batches = list(
        zip(*(part.split(BATCH_SIZE) for part in (*inputs.values(), targets)), strict=True)
    )
    seconds = []
    for _ in range(N_EPOCHS):
        start = time.process_time()
        for numbers, codes, labels in batches:
            optimizer.zero_grad()
            loss(module(numbers, codes), labels).backward()
            optimizer.step()
        seconds.append(time.process_time() - start)
    return np.median(seconds)


class PlainLoss(torch.nn.Module):
    def forward(self, outputs, targets):
        return loss(outputs, targets)


def skorch_epoch(module, inputs, targets):
    """Time skorch as it comes: rows are collated one by one."""
    net = NeuralNet(
        copy.deepcopy(module),
        criterion=PlainLoss,
        optimizer=torch.optim.AdamW,
        batch_size=BATCH_SIZE,
        max_epochs=1,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
    ).initialize()
    start = time.process_time()
    net.partial_fit(inputs, targets)
    return time.process_time() - start


def main():
    torch.set_num_threads(1)
    X, _, y, _ = census()
    results = []
    for name, network in NETWORKS.items():
        _, fitted = estimator_epoch(X.iloc[:2000], y.iloc[:2000], network)
        numbers, codes, labels, _ = TableEncoder().learn(Table.read(clone(fitted), X, y))
        inputs = {
            "numbers": torch.as_tensor(numbers, dtype=torch.float32),
            "codes": torch.as_tensor(codes),
        }
        targets = torch.as_tensor(labels, dtype=torch.float32)
        for repeat in range(N_REPEATS):
            ours, fitted = estimator_epoch(X, y, network)
            plain = plain_epoch(fitted.module_, inputs, targets)
            row = {"network": name, "repeat": repeat, "estimator": ours, "plain": plain}
            if repeat < 2:
                row["skorch"] = skorch_epoch(fitted.module_, inputs, targets)
            print(
                {k: v if isinstance(v, str) else round(v, 3) for k, v in row.items()}, flush=True
            )
            results.append(row)
    save("epoch_time", results)


if __name__ == "__main__":
    main()
