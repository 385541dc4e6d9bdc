"""Speed of a training epoch: the whole estimator compared with other libraries and plain loops.

All train the same network, PLE with two levels, in turn, on one thread of the CPU; torch-rechub's
has batch normalisation in addition. Speeds are rows per second of CPU time. The other libraries
require old versions of their dependencies: install them by ``pip install --no-deps
deepctr-torch==0.3.0 torch-rechub==0.9.0``.
"""

import argparse
import contextlib
import io
import time
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from common import LIBRARIES, PLAIN_NETWORK, is_installed, save
from sklearn.utils._param_validation import InvalidParameterError
from skorch.callbacks import Callback
from torch import nn
from torch.nn import functional as F

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.tables.table import Table
from sklearn_ple.training.rows import TableRows

N_INPUTS = 263
N_LEVELS = 2
N_STEPS = 24


class Shape(NamedTuple):
    n_tasks: int
    n_specific: int
    n_shared: int
    experts: tuple
    tower: int
    batch_size: int


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


class Ours:
    """The estimator, and its own steps alone: forward, losses, backward, optimizer."""

    def __init__(self, shape, X, y, dtype="float32"):
        self.X, self.y = X, y
        self.estimator = PLEClassifierRegressor(
            n_levels=N_LEVELS,
            n_specific_experts=shape.n_specific,
            n_shared_experts=shape.n_shared,
            expert_hidden_units=shape.experts,
            tower_hidden_units=(shape.tower,),
            task_types="binary",
            # The other networks have no linear path.
            linear_path=False,
            optimizer="adam",
            weight_decay=0.0,
            batch_size=shape.batch_size,
            early_stopping=False,
            max_epochs=2,
            callbacks=[Clock()],
            random_state=0,
            dtype=dtype,
            **PLAIN_NETWORK,
        )

    def epoch(self):
        """Time the second epoch of a fit, in which memory has been allocated before."""
        Clock.seconds.clear()
        self.estimator.fit(self.X, self.y)
        return Clock.seconds[-1]

    def steps(self):
        """Time a loop over batches that are cut before."""
        net = self.estimator.net_
        encoder = self.estimator._encoder
        table = Table.read(self.estimator, self.X, self.y, None, like=encoder.targets.form)
        rows = TableRows(*encoder.apply(table).arrays, dtype=net.dtype)
        batches = [rows[part] for part in torch.arange(len(rows)).split(net.batch_size)]
        module, losses, optimizer = net.module_.train(), net.losses, net.optimizer_
        start = time.process_time()
        for inputs, labels in batches:
            optimizer.zero_grad()
            sums = losses.sums(module.member_outputs(**inputs), *labels)
            losses.means(sums).sum().backward()
            optimizer.step()
        return time.process_time() - start


def mlp(n_in, widths):
    layers = []
    for width in widths:
        layers += [nn.Linear(n_in, width), nn.ReLU()]
        n_in = width
    return nn.Sequential(*layers)


class NaivePLE(nn.Module):
    """The network as one would write it down: a module for each expert, gate and tower."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.levels = nn.ModuleList()
        n_in, n_tasks = N_INPUTS, shape.n_tasks
        for level in range(N_LEVELS):
            n_own = shape.n_specific + shape.n_shared
            n_all = n_tasks * shape.n_specific + shape.n_shared
            parts = nn.ModuleDict(
                {
                    "experts": nn.ModuleList(mlp(n_in, shape.experts) for _ in range(n_all)),
                    "gates": nn.ModuleList(
                        nn.Linear(n_in, n_own, bias=False) for _ in range(n_tasks)
                    ),
                }
            )
            if level < N_LEVELS - 1:
                parts["shared_gate"] = nn.Linear(n_in, n_all, bias=False)
            self.levels.append(parts)
            n_in = shape.experts[-1]
        self.towers = nn.ModuleList(
            nn.Sequential(mlp(n_in, (shape.tower,)), nn.Linear(shape.tower, 1))
            for _ in range(n_tasks)
        )

    def forward(self, x):
        n_tasks, n = self.shape.n_tasks, self.shape.n_specific
        branches, shared_branch = [x] * n_tasks, x
        for parts in self.levels:
            experts = parts["experts"]
            own = [
                [expert(branch) for expert in experts[k * n : (k + 1) * n]]
                for k, branch in enumerate(branches)
            ]
            shared = [expert(shared_branch) for expert in experts[n_tasks * n :]]
            branches = [
                mixed(gate(branch), own[k] + shared)
                for k, (gate, branch) in enumerate(zip(parts["gates"], branches, strict=True))
            ]
            if "shared_gate" in parts:
                shared_branch = mixed(parts["shared_gate"](shared_branch), [*chain(*own), *shared])
        pairs = zip(self.towers, branches, strict=True)
        return torch.cat([tower(branch) for tower, branch in pairs], dim=1)


def mixed(logits, experts):
    return (logits.softmax(dim=1).unsqueeze(-1) * torch.stack(experts, dim=1)).sum(dim=1)


class Loop:
    """A plain loop over shuffled batches, with torch's Adam as it comes."""

    def __init__(self, module, X, y, batch_size, loss=F.binary_cross_entropy_with_logits):
        self.module, self.loss, self.batch_size = module, loss, batch_size
        self.X, self.y = torch.as_tensor(X), torch.as_tensor(y)
        self.optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)

    def epoch(self):
        self.module.train()
        start = time.process_time()
        for rows in torch.randperm(len(self.X)).split(self.batch_size):
            outputs, y = self.module(self.X[rows]), self.y[rows]
            loss = sum(self.loss(outputs[:, k], y[:, k]) for k in range(y.shape[1]))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return time.process_time() - start


class DeepCTR:
    """deepctr-torch: its network in a plain loop, and its own fit."""

    def __init__(self, shape, X, y):
        from deepctr_torch.inputs import DenseFeat
        from deepctr_torch.models.multitask import PLE

        self.X, self.y, self.batch_size = X, y, shape.batch_size
        self.network = PLE(
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
        self.network.compile("adam", loss=["binary_crossentropy"] * shape.n_tasks)
        self.loop = Loop(self.network, X, y, shape.batch_size, F.binary_cross_entropy)

    def fit(self):
        start = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            self.network.fit({"x": self.X}, self.y, batch_size=self.batch_size, verbose=0)
        return time.process_time() - start


class ReChub:
    """torch-rechub: its network in a plain loop, and an epoch of its own trainer."""

    def __init__(self, shape, X, y):
        from torch_rechub.basic.features import DenseFeature
        from torch_rechub.models.multi_task import PLE
        from torch_rechub.trainers import MTLTrainer
        from torch_rechub.utils.data import DataGenerator

        kinds = ["classification"] * shape.n_tasks
        network = PLE(
            [DenseFeature("x", N_INPUTS)],
            kinds,
            n_level=N_LEVELS,
            n_expert_specific=shape.n_specific,
            n_expert_shared=shape.n_shared,
            expert_params={"dims": list(shape.experts)},
            tower_params_list=[{"dims": [shape.tower]}] * shape.n_tasks,
        )
        self.trainer = MTLTrainer(network, kinds)
        (self.batches, *_) = DataGenerator({"x": X}, y).generate_dataloader(
            x_val={"x": X[:1]}, y_val=y[:1], batch_size=shape.batch_size
        )
        by_name = Named(network)
        self.loop = Loop(by_name, X, y, shape.batch_size, F.binary_cross_entropy)

    def fit(self):
        start = time.process_time()
        quiet = io.StringIO()
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            self.trainer.train_one_epoch(self.batches)
        return time.process_time() - start


class Named(nn.Module):
    """Passes features by position to a network that reads them by name."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network({"x": x})


class Products:
    """Only the matrix products of an epoch; products with the same input are joined.

    They are those of the forward pass, and of the gradients that training needs: of weights, and
    of all inputs except the features.
    """

    def __init__(self, shape):
        n_experts, n_rows = shape.n_tasks * shape.n_specific + shape.n_shared, shape.batch_size
        first, last = shape.experts[0], shape.experts[-1]
        n_own, hidden = shape.n_specific + shape.n_shared, shape.experts
        # (how many, inputs, outputs, whether the inputs have a gradient)
        gates = shape.n_tasks * n_own
        products = [(1, N_INPUTS, n_experts * first + gates + n_experts, False)]
        inner = [(n_experts, hidden[i], hidden[i + 1], True) for i in range(len(hidden) - 1)]
        products += inner
        products += [(shape.n_tasks, last, shape.n_specific * first + n_own, True)]
        products += [(1, last, shape.n_shared * first, True), *inner]
        products += [
            (shape.n_tasks, last, shape.tower, True),
            (shape.n_tasks, shape.tower, 1, True),
        ]
        self.calls = []
        for n, n_in, n_out, has_gradient in products:
            x, w, g = (
                torch.randn(n_rows, n_in),
                torch.randn(n_in, n_out),
                torch.randn(n_rows, n_out),
            )
            for _ in range(n):
                self.calls += [(x, w, torch.empty_like(g)), (x.T, g, torch.empty_like(w))]
                if has_gradient:
                    self.calls += [(g, w.T, torch.empty_like(x))]

    def epoch(self):
        start = time.process_time()
        for _ in range(N_STEPS):
            for a, b, out in self.calls:
                torch.mm(a, b, out=out)
        return time.process_time() - start


def contenders(shape, X, y):
    """Return the functions to time, by name: each trains an epoch and returns CPU seconds."""
    ours = Ours(shape, X, y)
    timed = {"estimator": ours.epoch, "its own steps": ours.steps}
    narrow = Ours(shape, X, y, dtype="bfloat16")
    with contextlib.suppress(InvalidParameterError):
        narrow.estimator._validate_params()
        timed["estimator, bfloat16"] = narrow.epoch
    timed["plain loop"] = Loop(NaivePLE(shape), X, y, shape.batch_size).epoch
    for library, make in (("deepctr-torch", DeepCTR), ("torch-rechub", ReChub)):
        if is_installed(library):
            peer = make(shape, X, y)
            timed |= {library: peer.loop.epoch, f"{library}, own fit": peer.fit}
    return timed | {"products": Products(shape).epoch}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9, help="how often each is timed")
    parser.add_argument(
        "--shapes", type=int, nargs="*", default=range(len(SHAPES)), help="which ones, from 0 on"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = []
    for shape in [SHAPES[i] for i in options.shapes]:
        rng = np.random.RandomState(0)
        n_rows = N_STEPS * shape.batch_size
        X = rng.randn(n_rows, N_INPUTS).astype(np.float32)
        y = (X[:, : shape.n_tasks] + rng.randn(n_rows, shape.n_tasks) > 0).astype(np.float32)
        timed = contenders(shape, X, y)
        for repeat in range(-1, options.repeats):
            speeds = {name: n_rows / epoch() for name, epoch in timed.items()}
            # The first time memory is allocated.
            if repeat >= 0:
                results.append({"repeat": repeat} | shape._asdict() | speeds)
        rows = [row for row in results if all(row[k] == v for k, v in shape._asdict().items())]
        print(shape, {name: round(np.median([row[name] for row in rows])) for name in timed})
    save("speed", results, (*LIBRARIES, "deepctr-torch", "torch-rechub"))


if __name__ == "__main__":
    main()
