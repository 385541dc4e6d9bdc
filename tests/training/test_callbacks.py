"""Progress, and callbacks of users: what they see, what they leave alone, logs elsewhere."""

import copy
import re
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EpochScoring,
    MlflowLogger,
    TensorBoard,
    WandbLogger,
)
from skorch.callbacks import ProgressBar as SkorchBar
from skorch.history import History

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.tasks import Regression
from sklearn_ple.training.callbacks import ProgressBar, copy_callback
from sklearn_ple.training.parallel.workers import Board
from sklearn_ple.training.schedule import Schedule
from sklearn_ple.utils import progress

N = 120


@pytest.fixture(scope="module")
def table():
    rng = np.random.RandomState(0)
    X = rng.randn(N, 3)
    return X, np.column_stack([X[:, 0] > 0, X[:, 1] + 0.1 * rng.randn(N)])


def model(**params):
    defaults = {"n_members": 1, "max_epochs": 3, "numeric_embedding": None, "random_state": 0}
    return PLEClassifierRegressor(**(defaults | {"early_stopping": True} | params))


class Absolute(Regression):
    def score(self, labels, predictions, weights=None):
        return -np.average(np.abs(labels - predictions), weights=weights)


class Watch(Callback):
    """Makes early stopping watch the score of the last task."""

    def on_epoch_end(self, net, **_):
        if scores := net.history[-1].get("valid_task_scores"):
            net.history.record("valid_loss", -scores[-1])


def test_a_callback_replaces_the_loss_that_early_stopping_watches(table):
    X, y = table
    options = {"task_types": ["binary", Absolute()], "callbacks": [Watch()], "max_epochs": 12}
    options |= {"learning_rate": 0.03, "lr_schedule": "constant"}
    fitted = model(validation_split="last", n_iter_no_change=12, **options).fit(X, y)
    errors = [-epoch["valid_task_scores"][1] for epoch in fitted.history_]
    assert [epoch["valid_loss"] for epoch in fitted.history_] == errors
    last = -N // 10
    error = np.abs(fitted.predict(X[last:])[:, 1].astype(float) - y[last:, 1]).mean()
    assert_allclose(error, min(errors), rtol=1e-5)
    assert errors[-1] > min(errors)


# -- progress -------------------------------------------------------------------------------------


def trained_bar(scores, task_names, title="Training"):
    """A bar after an epoch with these scores of validation, still open."""
    bar = ProgressBar(task_names, Schedule(120, 1), title)
    history = History()
    net = SimpleNamespace(max_epochs=120, history=history)
    bar.on_train_begin(net)
    history.new_epoch()
    bar.on_epoch_begin(net)
    values = {"train_loss": 0.512345, "valid_loss": 0.6, "valid_task_scores": scores}
    for name, value in values.items():
        history.record(name, value)
    bar.on_epoch_end(net)
    return bar


@pytest.mark.parametrize(
    ("scores", "shown"),
    [
        ([0.75], ", score=0.750"),
        ([0.75, -0.1], ", a=0.750, b=-0.100"),
        ([0.75, np.nan, 0.5], ", score=0.625, worst=0.500 (c)"),
        ([0.75, np.nan, 0.5, 0.25], ", score=0.500, worst=0.250 (d)"),
        ([np.nan] * 4, ""),
    ],
)
def test_bar_shows_a_few_tasks_or_the_worst_of_many(scores, shown):
    bar = trained_bar(scores, list("abcd")[: len(scores)])
    assert bar.bar_.postfix == "loss=0.5123, valid=0.6" + shown
    bar.on_train_end(None)


@pytest.mark.parametrize("columns", ["60", "100", "300"])
@pytest.mark.parametrize("n_tasks", [1, 2, 12])
def test_bar_is_a_line_of_a_hundred_columns_at_most(n_tasks, columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    names = [f"{i} is a task with a long name" for i in range(n_tasks)]
    bar = trained_bar([-0.123456] * n_tasks, names, title="Training on all rows")
    bar.on_train_end(None)
    lines = capsys.readouterr().err.rstrip("\n").split("\r")
    assert "\n" not in "".join(lines)
    assert lines[-1].startswith("Stopped early: |")
    assert max(map(len, lines)) == min(100, int(columns))


def test_notebooks_bar_has_no_width_of_its_own(monkeypatch):
    made = []

    class Notebook(progress.tqdm_notebook):
        def __init__(self, **options):
            made.append(options)

        def close(self):
            """Nothing is open."""

    monkeypatch.setattr(progress, "tqdm", Notebook)
    bar = ProgressBar(["a"], Schedule(3, 1))
    bar.on_train_begin(SimpleNamespace(max_epochs=3, history=[]))
    assert made[0]["ncols"] is None and made[0]["total"] == 3
    # What the notebook's bar puts its widget in the place of.
    assert "{bar}" in made[0]["bar_format"]


@pytest.fixture
def told(monkeypatch):
    """What bars are told: their totals, and where each update moves them."""
    totals, positions = [], []

    class Told(progress.tqdm):
        def __init__(self, *args, **options):
            totals.append(options["total"])
            positions.append([])
            super().__init__(*args, **options)

        def update(self, n=1):
            super().update(n)
            positions[-1].append(self.n)

    monkeypatch.setattr(progress, "tqdm", Told)
    return totals, positions


def test_the_bar_moves_with_each_step(table, told):
    # 108 rows of 120 are trained on, in three steps.
    model(verbose=1, batch_size=36, refit=True).fit(*table)
    totals, (first, second) = told
    assert totals[0] == 3 and totals[1] in (1, 2, 3)
    # The end of an epoch is the end of its last step, and of its validation.
    assert_allclose(first, [1 / 3, 2 / 3, 1, 1, 4 / 3, 5 / 3, 2, 2, 7 / 3, 8 / 3, 3, 3])
    assert first[-1] == 3 and second[-1] == totals[1]
    # All rows make four steps.
    assert_allclose(second[:5], [0.25, 0.5, 0.75, 1, 1])


def test_the_bar_moves_alike_with_rows_in_files(table, told, tmp_path):
    dataset = pytest.importorskip("pyarrow.dataset")
    rows = pd.DataFrame(np.hstack(table), columns=list("abcde"))
    rows.to_parquet(tmp_path / "rows.parquet", row_group_size=40)
    rows = dataset.dataset(tmp_path / "rows.parquet")
    model(verbose=1, batch_size=40, early_stopping=False).fit(rows, ["d", "e"])
    training = [each for total, each in zip(*told, strict=True) if total == 3][-1]
    assert_allclose(training[:8], [1 / 3, 2 / 3, 1, 1, 4 / 3, 5 / 3, 2, 2])
    assert training[-1] == 3


def test_the_bar_of_workers_moves_with_the_slowest(told):
    bar = ProgressBar(["a"], Schedule(2, 4))
    net = SimpleNamespace(max_epochs=2, history=[])
    bar.on_train_begin(net)
    board = Board(2)
    for _ in range(2):
        net.history.append({})
        bar.on_epoch_begin(net)
        fast, slow = board.begin_epoch()
        for count_step in (fast, fast, slow, fast, slow, slow):
            count_step()
            bar.show_steps(board.n_steps)
        bar.on_epoch_end(SimpleNamespace(history=[*net.history[:-1], {"train_loss": 1.0}]))
    board.close()
    epoch = np.array([0, 0, 0.25, 0.25, 0.5, 0.75, 1])
    assert_allclose(told[1][0], [*epoch, *epoch + 1])
    assert told[1][0][-1] == 2


def test_epochs_of_a_checkpoint_count_as_done_but_took_no_time(told):
    bar = ProgressBar(["a"], Schedule(5, 2))
    net = SimpleNamespace(max_epochs=5, history=[])
    bar.on_train_begin(net)
    # The history of three epochs is restored, and the fourth begins.
    net.history += [{}] * 4
    bar.on_epoch_begin(net)
    bar.on_batch_end(net, training=True)
    bar.on_batch_end(net, training=False)
    assert told[1] == [[3.5]] and bar.bar_.format_dict["initial"] == 3
    bar.on_train_end(net)


def test_without_a_console_there_is_no_bar(table, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert model(verbose=1).fit(*table).n_iter_


class PressCtrlC(Callback):
    """Stands for Ctrl-C in the third epoch."""

    def on_batch_end(self, net, **_):
        if len(net.history) == 3:
            raise KeyboardInterrupt


@pytest.mark.filterwarnings("ignore:Training was ended")
def test_a_bar_that_does_not_reach_its_end_says_why(table, capsys):
    model(verbose=1, refit=False, max_epochs=60, callbacks=[PressCtrlC()]).fit(*table)
    last = capsys.readouterr().err.rstrip("\n").rsplit("\r")[-1]
    assert last.startswith("Stopped early: |")


def test_the_bar_counts_epochs_until_the_end_is_known(table, capsys):
    options = {"max_epochs": "auto", "learning_rate": 0.05, "n_iter_no_change": 5}
    fitted = model(verbose=1, refit=False, **options).fit(*table)
    first, *_, last = capsys.readouterr().err.strip().split("\r")
    assert first.startswith("Training: 0.0 epochs [")
    shown, end = map(float, re.search(r"\| ([\d.]+)/([\d.]+) \[", last).groups())
    assert fitted.n_iter_ - 1 < shown == end <= fitted.n_iter_


def test_second_bar_says_that_it_learns_from_all_rows(table, capsys):
    model(verbose=1, refit=True).fit(*table)
    first, second = (line.rsplit("\r")[-1] for line in capsys.readouterr().err.split("\n")[:2])
    assert first.startswith("Training: |█") and "y1=" in first
    assert second.startswith("Training on all rows: |█") and "y1=" not in second


# -- users' callbacks -----------------------------------------------------------------------------


class Holder(Callback):
    """Holds what cannot be copied, as the writer of a log may."""

    def __init__(self, held):
        self.held = held

    def on_train_begin(self, net, **_):
        self.touched_ = True


def test_a_name_of_two_callbacks_is_an_error(table):
    pair = ("own", Holder(None))
    with pytest.raises(ValueError, match="duplicate .* callback name 'own'. Use unique names"):
        model(callbacks=[pair, Holder(None), list(pair)]).fit(*table)


def test_callbacks_are_copied_and_what_they_hold_is_not():
    lock = threading.Lock()
    with pytest.raises(TypeError):
        copy.deepcopy(lock)
    alone, named = Holder(lock), ("named", Holder(lock))
    twin, (name, other) = map(copy_callback, [alone, named])
    assert twin is not alone and other is not named[1] and name == "named"
    assert twin.held is other.held is lock


@pytest.mark.parametrize("wrap", [lambda c: c, lambda c: ("named", c)])
def test_training_leaves_a_users_callback_alone(table, wrap):
    holder = Holder(threading.Lock())
    model(callbacks=[wrap(holder)]).fit(*table)
    assert not hasattr(holder, "touched_")


@pytest.mark.parametrize("callbacks", [None, "logger"])
def test_with_callbacks_there_is_no_second_training_unless_asked_for(table, callbacks, capsys):
    options = {"callbacks": callbacks and [Holder(None)], "refit": "auto", "verbose": 1}
    model(**options).fit(*table)
    shown = capsys.readouterr().err
    assert "Training" in shown
    assert ("Training on all rows" in shown) == (callbacks is None)


@pytest.mark.parametrize("n_members", [1, 4])
@pytest.mark.parametrize("caching", [True, False])
def test_skorchs_own_callbacks_run_with_validation_rows(n_members, caching, table, tmp_path):
    def worst(net, rows, _):
        return len(rows) + min(net.history[-1]["valid_task_scores"])

    callbacks = [
        SkorchBar(),
        Checkpoint(dirname=tmp_path),
        EpochScoring(worst, lower_is_better=False, use_caching=caching),
        EpochScoring(lambda net, rows, _: len(rows), name="n_trained", on_train=True),
    ]
    fitted = model(n_members=n_members, callbacks=callbacks, batch_size=32).fit(*table)
    # Four members leave out a twelfth of the rows each, one member a tenth.
    n_left_out, n_trained = (10, N) if n_members == 4 else (12, N - 12)
    for epoch in fitted.net_.history:
        assert epoch["worst"] == n_left_out + min(epoch["valid_task_scores"])
        assert epoch["n_trained"] == n_trained
    assert (tmp_path / "params.pt").exists()


def test_each_best_loss_so_far_is_recorded_also_when_training_goes_on(table):
    going_on = model(warm_start=True).fit(*table)
    for net in (going_on.net_, going_on.fit(*table).net_):
        for name in ("train_loss", "valid_loss"):
            losses = net.history[:, name]
            best = [loss < min(losses[:k], default=np.inf) for k, loss in enumerate(losses)]
            assert net.history[:, f"{name}_best"] == best
    assert len(net.history) > 3


# -- logs elsewhere, as the user guide has it -----------------------------------------------------


class TaskScores(Callback):
    """Records a number for each task, since loggers skip lists or fail on them."""

    def on_epoch_end(self, net, **_):
        for task, score in enumerate(net.history[-1]["valid_task_scores"]):
            net.history.record(f"valid_score_{task}", score)


LISTS = ["task_weights", "train_task_losses", "valid_task_losses", "valid_task_scores"]


class Writer:
    """Stands for torch's SummaryWriter."""

    def __init__(self):
        self.scalars, self.closed = {}, False

    def add_scalar(self, tag, scalar_value, global_step):
        if not np.isscalar(scalar_value):
            raise NotImplementedError
        self.scalars.setdefault(tag, []).append(scalar_value)

    def close(self):
        self.closed = True


def test_tensorboard_gets_losses_and_scores_of_tasks(table):
    writer = Writer()
    fitted = model(callbacks=[TaskScores(), TensorBoard(writer)]).fit(*table)
    assert writer.closed
    assert writer.scalars["Loss/train_loss"] == [epoch["loss"] for epoch in fitted.history_]
    for task in range(2):
        expected = [epoch["valid_task_scores"][task] for epoch in fitted.history_]
        assert writer.scalars[f"Loss/valid_score_{task}"] == expected


def test_tensorboard_itself_takes_the_recipe(table, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    callbacks = [TaskScores(), TensorBoard(SummaryWriter(tmp_path))]
    fitted = model(callbacks=callbacks).fit(*table)
    log = EventAccumulator(str(tmp_path)).Reload()
    values = [event.value for event in log.Scalars("Loss/valid_score_1")]
    expected = [epoch["valid_task_scores"][1] for epoch in fitted.history_]
    np.testing.assert_allclose(values, expected, rtol=1e-6)


class Run:
    """Stands for a run of Weights & Biases."""

    def __init__(self, folder):
        self.dir, self.logged = folder, []

    def watch(self, module):
        self.watched = module

    def log(self, values):
        self.logged.append(values)


def test_wandb_gets_losses_and_the_best_weights(table, tmp_path):
    run = Run(tmp_path)
    fitted = model(weight_averaging=0.0, callbacks=[TaskScores(), WandbLogger(run)]).fit(*table)
    assert run.watched is fitted.module_
    for name in ("valid_loss", "valid_task_scores"):
        assert [epoch[name] for epoch in run.logged] == [epoch[name] for epoch in fitted.history_]
    saved = torch.load(tmp_path / "best_model.pth", weights_only=True)
    for name, value in fitted.module_.state_dict().items():
        torch.testing.assert_close(saved[name], value)


class Client:
    """Stands for MLflow's client, which takes numbers only."""

    def __init__(self):
        self.metrics, self.artifacts = {}, []

    def log_metric(self, run_id, key, value, step):
        self.metrics.setdefault(key, []).append(float(value))

    def log_artifact(self, run_id, path):
        assert path.exists()
        self.artifacts.append(path.name)

    def set_terminated(self, run_id):
        self.terminated = run_id


def test_mlflow_gets_numbers_and_artifacts(table):
    client, run = Client(), SimpleNamespace(info=SimpleNamespace(run_id="7"))
    logger = MlflowLogger(run, client, keys_ignored=LISTS)
    fitted = model(callbacks=[TaskScores(), logger]).fit(*table)
    assert client.metrics["valid_loss"] == [epoch["valid_loss"] for epoch in fitted.history_]
    assert set(client.metrics) >= {"train_loss", "valid_score_0", "valid_score_1"}
    assert "params.pth" in client.artifacts and client.terminated == "7"


@pytest.mark.nightly
def test_mlflow_itself_takes_the_recipe(table, tmp_path):
    mlflow = pytest.importorskip("mlflow")
    client = mlflow.tracking.MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    run = client.create_run(client.create_experiment("test", tmp_path.as_uri()))
    fitted = model(callbacks=[MlflowLogger(run, client, keys_ignored=LISTS)]).fit(*table)
    logged = client.get_metric_history(run.info.run_id, "valid_loss")
    expected = [epoch["valid_loss"] for epoch in fitted.history_]
    np.testing.assert_allclose([metric.value for metric in logged], expected)
