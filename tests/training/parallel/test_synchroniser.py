"""Several processes train one network: they learn what one process would, and end together."""

import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.testing import assert_allclose
from two_processes import CASES, EXPERTS, SMALL, Normalised, fit, learnt, make_data

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.datasets import load_nhefs
from sklearn_ple.distributed import data_parallel
from sklearn_ple.export import load
from sklearn_ple.training.device import resolve_device
from sklearn_ple.utils.processes import Processes, current, train_together

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).parent / "two_processes.py"
LAUNCHED = Path(__file__).parent / "launched_fit.py"
# The scripts read helpers of the folder above.
PATHS = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(PATHS)}
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are forked")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the script writes."""
    pytest.importorskip("accelerate")
    folder = tmp_path_factory.mktemp("two_processes")
    subprocess.run([sys.executable, SCRIPT, folder], check=True, timeout=300, env=ENVIRONMENT)
    return folder


@pytest.fixture(scope="module")
def both(folder):
    """What the two processes learnt."""
    return [torch.load(folder / f"together_{rank}.pt", weights_only=False) for rank in (0, 1)]


@pytest.fixture(scope="module")
def alone(folder):
    """What one process learns, by case."""
    return torch.load(folder / "alone.pt", weights_only=False)


def assert_same(one, other):
    """Two processes learnt the same, to the last bit."""
    assert one["history"] == other["history"]
    assert one["weights"].keys() == other["weights"].keys()
    assert all(
        torch.equal(one["weights"][name], other["weights"][name]) for name in one["weights"]
    )


def assert_close(one, other, atol=1e-5):
    """Two trainings learnt the same, but for rounding."""
    for name, weights in one["weights"].items():
        assert_allclose(weights, other["weights"][name], atol=atol, err_msg=name)
    assert len(one["history"]) == len(other["history"])
    for epoch, of_other in zip(one["history"], other["history"], strict=True):
        assert epoch.keys() == of_other.keys()
        for name in epoch:
            assert_allclose(epoch[name], of_other[name], rtol=1e-4, atol=atol, err_msg=name)


def test_processes_know_which_they_are(both):
    assert [result["ranks"] for result in both] == [[0, 2, True], [1, 2, False]]


@pytest.mark.parametrize("name", CASES)
def test_two_processes_learn_what_one_does(both, alone, name):
    first, second = (result["cases"][name] for result in both)
    assert_same(first, second)
    # Of double precision, the sums of two halves are off by as much less.
    assert_close(first, alone[name], atol=1e-12 if name == "float64" else 1e-5)


def test_training_moves_the_weights_by_more_than_is_tolerated(alone):
    for name in ("float64", "sluice"):
        parameters, estimator = CASES[name]
        untrained = estimator(**(SMALL | parameters | {"learning_rate": 1e-12}))
        before = learnt(untrained.fit(*make_data()))["weights"]
        after = alone[name]["weights"]
        assert max((after[part] - before[part]).abs().max() for part in after) > 1e-2


def test_history_is_that_of_the_first_process_seconds_included(both):
    assert both[0]["seconds"] == both[1]["seconds"]


def test_a_fitted_model_is_pickled_and_predicts_alike(both, alone):
    X, _ = make_data()
    assert_allclose(both[0]["predicted"], both[1]["predicted"], rtol=0)
    assert_allclose(both[0]["predicted"], fit("adamw").predict(X), atol=1e-4)


def test_without_a_random_state_the_seed_is_the_first_process_s(both):
    assert_same(*(result["seedless"] for result in both))


def test_dropout_differs_by_row_and_not_what_is_learnt(both):
    (first, drawn), (second, of_second) = (result["dropout"] for result in both)
    assert_same(first, second)
    # Each has half of a batch, of which one may have a row more.
    n_rows = min(drawn.shape[-1], of_second.shape[-1])
    drawn, of_second = drawn[..., :n_rows], of_second[..., :n_rows]
    assert drawn.numel() > 100
    same = (drawn == of_second).float().mean()
    assert 0.3 < same < 0.7


def test_dropout_of_torch_s_global_random_state_differs_by_row(both):
    (first, drawn), (second, of_second) = (result["torch's dropout"] for result in both)
    assert_same(first, second)
    assert 0.3 < (drawn == of_second).float().mean() < 0.7


def test_a_fit_that_failed_goes_on_to_the_same_weights(both):
    for result in both:
        assert_same(result["checkpoint"]["in parts"], result["checkpoint"]["at once"])
    assert_same(*(result["checkpoint"]["in parts"] for result in both))


def test_the_number_of_processes_belongs_to_a_checkpoint(folder):
    model = PLEClassifierRegressor(
        **SMALL | EXPERTS | {"dropout": 0.5, "max_epochs": 4}, checkpoint_dir=folder / "checkpoint"
    )
    with pytest.raises(ValueError, match="number of processes"):
        model.fit(*make_data())


def test_a_training_that_one_process_ends_is_ended_by_all(both):
    first, second = (result["ended"] for result in both)
    assert_same(first, second)
    assert len(first["history"]) == 2
    for result in (first, second):
        assert any("ended after epoch 2" in message for message in result["warnings"])


def test_of_files_each_process_reads_units_of_its_own(folder, both):
    learnt_alone, of_one = torch.load(folder / "streamed.pt", weights_only=False)
    first, second = (result["streamed"] for result in both)
    assert_same(first[0], second[0])
    # They are read in another order than by one process, but every row once.
    every = torch.cat([*first[1], *second[1]])
    assert len(every) == len(torch.cat(of_one)) == 121
    assert torch.equal(every.unique(dim=0), torch.cat(of_one).unique(dim=0))
    steps = [[len(batch) for batch in part[1]] for part in (first, second)]
    assert len(steps[0]) == len(steps[1])
    assert max(map(max, steps)) == 8
    losses = [run["history"][-1]["loss"] for run in (first[0], learnt_alone)]
    assert losses[0] == pytest.approx(losses[1], rel=0.1)
    # The processes have different numbers of rows, and take more steps.
    assert len(steps[0]) > len(of_one)
    rates = [
        [epoch["learning_rate"] for epoch in run["history"]] for run in (first[0], learnt_alone)
    ]
    assert rates[0] == rates[1]


def test_the_first_process_alone_shows_progress(both):
    assert "Training" in both[0]["bars"]
    assert both[1]["bars"] == ""


def test_pieces_warm_starts_and_added_tasks_are_those_of_one_process(both, folder):
    steps = torch.load(folder / "gone_on.pt", weights_only=False)
    for first, second, of_one in zip(both[0]["gone on"], both[1]["gone on"], steps, strict=True):
        assert_same(first, second)
        assert_close(first, of_one, atol=1e-4)


def test_what_the_processes_must_have_in_common_is_checked(both):
    for rank, result in enumerate(both):
        other = f"process {1 - rank} differs from process {rank} in X"
        assert other in result["other rows"]
        assert "device='meta' is not the device of this process" in result["other device"]
        assert "BatchNorm1d, which data_parallel cannot train" in result["batch norm"]


def test_outside_the_context_a_process_trains_alone(both, alone):
    for result in both:
        assert_same(result["outside"], alone["adamw"])


@pytest.mark.parametrize("how", ["killed", "interrupted"])
def test_a_process_that_ends_within_an_epoch_ends_the_others_with_an_error(folder, how):
    raised = json.loads((folder / f"{how}.json").read_text())
    assert "Another process of the training has ended" in raised["error"]
    assert raised["seconds"] < 30
    assert not raised["fitted"]


def test_a_silent_process_is_not_waited_for_longer_than_said(folder):
    raised = json.loads((folder / "silent.json").read_text())
    assert "did not answer in time" in raised["error"]
    assert 2 < raised["seconds"] < 30


def test_without_a_launcher_nothing_changes(alone, monkeypatch):
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with data_parallel(cpu=True) as state:
        assert (state.num_processes, state.is_main_process) == (1, True)
        assert current().n == 1
        assert_close(learnt(fit("adamw")), alone["adamw"])
        Normalised(**SMALL).fit(*make_data())


def test_a_group_that_accelerate_does_not_see_is_refused(monkeypatch):
    pytest.importorskip("accelerate")
    with data_parallel(cpu=True):
        pass
    monkeypatch.setenv("WORLD_SIZE", "3")
    with (
        pytest.raises(RuntimeError, match="started 3 processes, but accelerate sees 1"),
        data_parallel(),
    ):
        pass


def test_the_page_s_script_runs_without_a_launcher(tmp_path, monkeypatch):
    pytest.importorskip("accelerate")
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "distributed.rst"
    assert ".. literalinclude:: distributed/train.py" in page.read_text(encoding="utf-8")
    script = runpy.run_path(str(page.with_suffix("") / "train.py"))
    model = script["main"](n_members=1, max_epochs=1, numeric_embedding=None)
    X = load_nhefs(return_X_y=True)[0]
    assert load("model.safetensors").predict(X).equals(model.predict(X))


def test_accelerate_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ImportError, match=r"sklearn-ple\[distributed\]"), data_parallel():
        pass


@pytest.mark.parametrize("device", ["auto", "cuda", "cuda:1"])
def test_each_process_computes_on_its_own_device(device):
    own = Processes()
    own.device = "cuda:1"
    with train_together(own):
        assert resolve_device(device, torch.float32) == "cuda:1"
        for other in ("cuda:0", "cpu"):
            with pytest.raises(ValueError, match="this process, which computes on 'cuda:1'"):
                resolve_device(other, torch.float32)


@pytest.mark.nightly
def test_killed_fits_go_on_under_launchers(tmp_path):
    # gloo itself may fail to connect processes that are started again.
    torchrun = ["torch.distributed.run", "--nproc-per-node=2", "--max-restarts=3"]
    # It starts processes of their own for GPUs alone, or by MPI; without any, these take CPUs.
    accelerate = ["accelerate.commands.launch", "--multi_gpu", "--num_processes=2"]
    accelerate += ["--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no"]
    whole, killed = (
        launch(launcher, tmp_path / f"{number}", number)
        for launcher, number in ((accelerate, 0), (torchrun, signal.SIGKILL))
    )
    assert_same(whole, killed)
    assert (whole["starts"], killed["starts"]) == (1, 2)


def launch(launcher, folder, number):
    """Return what a fit learns that a launcher starts, and whose second process gets a signal."""
    result = folder.with_suffix(".pt")
    command = [sys.executable, "-m", *launcher, LAUNCHED, folder, result, int(number)]
    environment = ENVIRONMENT | {"OMP_NUM_THREADS": "1"}
    subprocess.run(list(map(str, command)), check=True, timeout=300, env=environment)
    return torch.load(result, weights_only=False)


FROM_FOLDER = """
import sys
from sklearn_ple import PLERegressor
from sklearn_ple.distributed import data_parallel
from sklearn_ple.export import save

with data_parallel() as state:
    assert state.num_processes == 2
    model = PLERegressor(n_members=1, max_epochs=2, random_state=0).fit(sys.argv[1], "y")
    if state.is_main_process:
        save(model, sys.argv[2])
"""


@pytest.mark.nightly
def test_two_machines_of_accelerate_learn_from_a_url(tmp_path):
    pytest.importorskip("accelerate")
    from pyarrow import parquet

    X = np.random.default_rng(0).normal(size=(2000, 3))
    rows = pa.table({"a": X[:, 0], "b": X[:, 1], "y": X[:, 0] + X[:, 1]})
    (tmp_path / "rows").mkdir()
    for number in range(4):
        part = rows.slice(500 * number, 500)
        parquet.write_table(part, tmp_path / "rows" / f"{number}.parquet", row_group_size=100)
    script, result = tmp_path / "train.py", tmp_path / "model.safetensors"
    script.write_text(FROM_FOLDER)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
    command += ["--num_machines=2", "--num_processes=2", "--main_process_ip=127.0.0.1"]
    command += [f"--main_process_port={port}", "--mixed_precision=no", "--dynamo_backend=no"]
    script_of = [script, (tmp_path / "rows").as_uri(), result]
    machines = [
        subprocess.Popen([*map(str, [*command, f"--machine_rank={rank}", *script_of])])
        for rank in (0, 1)
    ]
    assert [machine.wait(timeout=300) for machine in machines] == [0, 0]
    assert load(result).score((tmp_path / "rows").as_uri(), "y") > 0.5
