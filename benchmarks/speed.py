"""Speed of a training epoch: the whole estimator compared with the networks of other libraries.

All train the same network, PLE with two levels, in turn, on one thread of the CPU; torch-rechub's
has batch normalisation in addition. The others are trained by a plain loop, which is faster than
their own. Speeds are rows per second of CPU time. The other libraries require old versions of
their dependencies: ``pip install --no-deps deepctr-torch==0.3.0 torch-rechub==0.9.0``.
"""

import contextlib
import time
from collections import namedtuple

import numpy as np
import torch
from skorch.callbacks import Callback
from torch.nn import functional as F

from sklearn_ple import PLEClassifierRegressor

from .measuring import has, parser_of, save

N_INPUTS = 263
N_LEVELS = 2
N_STEPS = 24
N_REPEATS = 9
#: One network that reads standardised numbers, trained at a constant rate, like the others.
PLAIN = {"n_members": 1, "dropout": 0.0, "feature_dropout": 0.0, "numeric_embedding": None}
PLAIN |= {"learning_rate": 1e-3, "lr_schedule": "constant", "weight_averaging": 0.0}
PLAIN |= {"linear_path": False, "optimizer": "adam"}


Shape = namedtuple("Shape", "n_tasks n_specific n_shared experts tower batch_size")
SHAPES = [
    Shape(2, 1, 1, (64,), 32, 256),
    Shape(2, 1, 1, (64,), 32, 1024),
    Shape(2, 1, 1, (256, 128), 64, 1024),
    Shape(2, 4, 4, (64,), 32, 1024),
    Shape(8, 1, 1, (64,), 32, 1024),
]


class Clock(Callback):
    """Keeps the CPU seconds of every epoch."""

    seconds = []

    def on_epoch_begin(self, net, **_):
        self.start_ = time.process_time()

    def on_epoch_end(self, net, **_):
        self.seconds.append(time.process_time() - self.start_)


def estimator(shape, X, y, dtype="float32"):
    """Return a function that times a fit's second epoch: in the first, memory is allocated."""
    model = PLEClassifierRegressor(
        n_levels=N_LEVELS,
        n_specific_experts=shape.n_specific,
        n_shared_experts=shape.n_shared,
        expert_hidden_units=shape.experts,
        tower_hidden_units=(shape.tower,),
        task_types="binary",
        batch_size=shape.batch_size,
        early_stopping=False,
        max_epochs=2,
        callbacks=[Clock()],
        random_state=0,
        dtype=dtype,
        **PLAIN,
    )

    def epoch():
        Clock.seconds.clear()
        model.fit(X, y)
        return Clock.seconds[-1]

    return epoch


def plain_loop(network, shape, X, y):
    """Return a function that times an epoch of shuffled batches, with torch's Adam as it comes."""
    X, y = torch.as_tensor(X), torch.as_tensor(y)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def epoch():
        network.train()
        start = time.process_time()
        for rows in torch.randperm(len(X)).split(shape.batch_size):
            outputs, labels = network(X[rows]), y[rows]
            total = sum(
                F.binary_cross_entropy(outputs[:, k], labels[:, k]) for k in range(shape.n_tasks)
            )
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
        return time.process_time() - start

    return epoch


def deepctr(shape):
    from deepctr_torch.inputs import DenseFeat
    from deepctr_torch.models.multitask import PLE

    return PLE(
        [DenseFeat("x", N_INPUTS)],
        shared_expert_num=shape.n_shared,
        specific_expert_num=shape.n_specific,
        num_levels=N_LEVELS,
        expert_dnn_hidden_units=shape.experts,
        gate_dnn_hidden_units=(),
        tower_dnn_hidden_units=(shape.tower,),
        task_types=["binary"] * shape.n_tasks,
        task_names=[f"y{k}" for k in range(shape.n_tasks)],
    )


def rechub(shape):
    from torch_rechub.basic.features import DenseFeature
    from torch_rechub.models.multi_task import PLE

    network = PLE(
        [DenseFeature("x", N_INPUTS)],
        ["classification"] * shape.n_tasks,
        n_level=N_LEVELS,
        n_expert_specific=shape.n_specific,
        n_expert_shared=shape.n_shared,
        expert_params={"dims": list(shape.experts)},
        tower_params_list=[{"dims": [shape.tower]}] * shape.n_tasks,
    )
    # It reads features by name.
    network.register_forward_pre_hook(lambda _, inputs: {"x": inputs[0]})
    return network


def contenders(shape, X, y):
    """Return the functions to time, by name: each trains an epoch and returns CPU seconds."""
    timed = {"estimator": estimator(shape, X, y)}
    for library, make in (("deepctr-torch", deepctr), ("torch-rechub", rechub)):
        if has(library):
            timed[library] = plain_loop(make(shape), shape, X, y)
    narrow = estimator(shape, X, y, dtype="bfloat16")
    # Not all processors have it.
    with contextlib.suppress(ValueError):
        narrow()
        timed["estimator, bfloat16"] = narrow
    return timed


def measure(shape):
    rng = np.random.RandomState(0)
    n_rows = N_STEPS * shape.batch_size
    X = rng.randn(n_rows, N_INPUTS).astype(np.float32)
    y = (X[:, : shape.n_tasks] + rng.randn(n_rows, shape.n_tasks) > 0).astype(np.float32)
    timed = contenders(shape, X, y)
    rows = [
        {"repeat": repeat}
        | shape._asdict()
        | {name: n_rows / epoch() for name, epoch in timed.items()}
        for repeat in range(-1, N_REPEATS)
    ]
    return rows[1:]  # In the first epoch memory is allocated.


def main():
    parser_of(__doc__).parse_args()
    torch.set_num_threads(1)
    rows = [row for shape in SHAPES for row in measure(shape)]
    save("speed", rows, ["deepctr-torch", "torch-rechub"])


if __name__ == "__main__":
    main()
