"""Fits that are interrupted go on as if nothing had happened; other fits are refused."""

import json
import os
import pickle
import runpy
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from compared_fits import PARAMETERS, SPLITS, TABLES, fingerprints
from dropping import DroppingRegressor
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score
from skorch.callbacks import Callback

from sklearn_ple import PLEClassifierRegressor, PLERegressor
from sklearn_ple.balancing import Balancer
from sklearn_ple.tasks import Quantile

KILLED = Path(__file__).parent / "killed_fits.py"

N_KILLS = 20

N = 240
OPTIONS = {
    "n_members": 1,
    "max_epochs": 3,
    "batch_size": 120,
    "numeric_embedding": None,
    "expert_hidden_units": (8,),
    "tower_hidden_units": (4,),
    "random_state": 0,
    "device": "cpu",
}
VALIDATED = {"early_stopping": True, "n_iter_no_change": 3}


class StopFitError(Exception):
    """What a test ends a fit with."""


class Interrupt(Callback):
    """Ends a fit at an event, when as many before it have passed as there is left.

    What is left is in a list, which all copies share, and which is no option.
    """

    def __init__(self, event="on_epoch_begin", error=StopFitError):
        self.left_ = [float("inf")]
        self.event = event
        self.error = error

    def __getattribute__(self, name):
        is_event = name.startswith("on_") and name == self.event
        return self._count if is_event else super().__getattribute__(name)

    def _count(self, net, training=True, **_):
        self.left_[0] -= training
        if self.left_[0] < 0:
            raise self.error


class RandomWeights(Balancer):
    """Draws from torch's global state, and remembers its last weights."""

    def start(self, tasks, n_members):
        self.register_buffer("weights", torch.ones(n_members, len(tasks)))

    def weigh(self, batch):
        self.weights = (self.weights + torch.rand_like(batch.losses)) / 2
        return self.weights


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(N, 3)), columns=list("abc"))
    X["d"] = pd.Categorical(rng.choice(["u", "v"], size=N))
    y = pd.DataFrame({"class": X["a"] > 0, "number": X["b"] + 0.1 * rng.normal(size=N)})
    y.loc[::7, "number"] = np.nan
    return X, y


def flagship(**params):
    return PLEClassifierRegressor(**(OPTIONS | params))


def without_network(params):
    return {name: value for name, value in params.items() if "expert" not in name}


TRAINED_ANEW = flagship(**VALIDATED, refit=True)
MODELS = {
    "one training": flagship(early_stopping=False),
    "held out": flagship(
        **VALIDATED,
        n_members=2,
        refit=False,
        weight_averaging=0.0,
        lr_schedule="constant",
        dtype="float64",
    ),
    "crossed": flagship(**VALIDATED, n_members=4, numeric_embedding="piecewise_linear+bins"),
    "two cores": flagship(**VALIDATED, n_members=4, n_jobs=2, max_epochs=2, batch_size=N),
    "stops early": flagship(
        early_stopping=True,
        n_iter_no_change=1,
        lr_schedule="constant",
        learning_rate=1.0,
        max_epochs=6,
        refit=True,
    ),
    "last weights": flagship(
        early_stopping=False,
        weight_averaging=0.0,
        optimizer="sgd",
        net_params={"optimizer__momentum": 0.9},
    ),
    "balancer": flagship(**VALIDATED, balancing=RandomWeights(), refit=True),
    "network": DroppingRegressor(
        **without_network(OPTIONS), **VALIDATED, refit=True, task_types={"class": "binary"}
    ),
}


@pytest.fixture(scope="module")
def trained_anew(data):
    """A fit without a checkpoint."""
    return clone(TRAINED_ANEW).fit(*data)


def learnt(model, data):
    """What a fit learns, without how long it took."""
    history = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in model.history_]
    parts = model.module_.state_dict(), model.net_.optimizer_.state_dict()
    return history, *parts, *model.predict_proba(data[0]), *model.predict(data[0]).values.tolist()


def same(one, other):
    """Whether nested values are the same to the last bit; NaN is NaN."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and np.array_equal(
        np.asarray(one), np.asarray(other), equal_nan=isinstance(one, (float, torch.Tensor))
    )


def assert_same(model, other, data):
    assert same(learnt(model, data), learnt(other, data))


def with_interrupt(model, interrupt, folder=None):
    return clone(model).set_params(callbacks=[interrupt], checkpoint_dir=folder)


def fit_to_the_end(model, interrupt, folder, data):
    """Interrupt a fit after one more event, again and again; count how often."""
    for n_interrupted in range(100):
        interrupt.left_[0] = 1
        try:
            return with_interrupt(model, interrupt, folder).fit(*data), n_interrupted
        except StopFitError:
            pass
    raise AssertionError("The fit never ends.")


# -- going on -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_fit_that_is_interrupted_after_every_epoch_ends_the_same(model, data, tmp_path):
    interrupt = Interrupt()
    alone = with_interrupt(model, interrupt).fit(*data)
    before = torch.get_rng_state()
    fitted, n_interrupted = fit_to_the_end(model, interrupt, tmp_path / "folder", data)
    assert n_interrupted >= alone.n_iter_ - 1
    assert (alone.n_iter_ < model.max_epochs) == (model.n_iter_no_change == 1)
    assert_same(fitted, alone, data)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("event", "n_events"),
    [
        ("on_train_begin", 1),
        ("on_batch_end", 9),
        ("on_train_end", 0),
    ],
)
def test_a_fit_goes_on_wherever_it_was_interrupted(event, n_events, data, trained_anew, tmp_path):
    interrupt = Interrupt(event)
    model = with_interrupt(TRAINED_ANEW, interrupt, str(tmp_path))
    interrupt.left_[0] = n_events
    with pytest.raises(StopFitError):
        model.fit(*data)
    interrupt.left_[0] = np.inf
    assert_same(model.fit(*data), trained_anew, data)


def test_a_fit_that_the_user_interrupts_goes_on(data, trained_anew, tmp_path):
    interrupt = Interrupt(error=KeyboardInterrupt)
    model = with_interrupt(TRAINED_ANEW, interrupt, tmp_path)
    interrupt.left_[0] = 2
    with pytest.warns(ConvergenceWarning, match="after epoch 2 by the user"):
        model.fit(*data)
    assert model.n_iter_ == 2
    interrupt.left_[0] = np.inf
    assert_same(model.fit(*data), trained_anew, data)


def test_an_ended_fit_is_not_trained_again(data, tmp_path):
    model = clone(TRAINED_ANEW).set_params(checkpoint_dir=tmp_path).fit(*data)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        f"sklearn_ple_{name}" for name in ("fit.json", "training_1.pt", "training_2.pt")
    }
    again = clone(model).set_params(verbose=1, n_jobs=1).fit(*data)
    assert_same(again, model, data)
    # Even how long it took.
    assert again.history_ == model.history_
    assert_same(again.partial_fit(*data), model.partial_fit(*data), data)


def test_a_training_whose_file_is_deleted_is_repeated(data, tmp_path):
    model = clone(TRAINED_ANEW).set_params(checkpoint_dir=tmp_path).fit(*data)
    (tmp_path / "sklearn_ple_training_2.pt").unlink()
    assert_same(clone(model).fit(*data), model, data)


def test_progress_is_shown_from_where_it_stopped(data, tmp_path, capsys):
    interrupt = Interrupt()
    model = with_interrupt(MODELS["one training"], interrupt, tmp_path).set_params(verbose=1)
    interrupt.left_[0] = 2
    with pytest.raises(StopFitError):
        model.fit(*data)
    capsys.readouterr()
    interrupt.left_[0] = np.inf
    model.fit(*data)
    assert "| 3.0/3 " in capsys.readouterr().err


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folder of fits in another process, which orders sets, for one, otherwise."""
    if sys.platform == "win32":
        pytest.skip("needs SIGKILL")
    folder = tmp_path_factory.mktemp("killed")
    paths = [*map(str, KILLED.parents[:2]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, str(KILLED), str(folder), str(N_KILLS)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.startswith(f"{N_KILLS} kills")
    return folder


@pytest.mark.nightly
def test_killed_fits_end_the_same(killed):
    script = runpy.run_path(str(KILLED))
    model = script["make_model"](killed / "unfinished").fit(*script["make_data"]())
    alone = torch.load(killed / "alone.pt", weights_only=True)
    torch.testing.assert_close(
        dict(model.module_.state_dict()), dict(alone["weights"]), rtol=1e-3, atol=1e-4
    )


@pytest.mark.nightly
def test_another_process_finds_the_same_fingerprints(killed):
    own = fingerprints()
    assert own.keys() == PARAMETERS.keys() | TABLES.keys() | SPLITS.keys()
    assert json.loads((killed / "fingerprints.json").read_text()) == own


@pytest.mark.parametrize("error", [OSError, RuntimeError])
def test_a_write_that_fails_leaves_the_earlier_checkpoint(error, data, tmp_path, monkeypatch):
    model = flagship(early_stopping=False, checkpoint_dir=tmp_path)
    n_written, save = [], torch.save

    def half(state, file):
        n_written.append(file)
        save(state, file)
        if len(n_written) == 3:
            file.truncate(1000)
            raise error("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", half)
        with pytest.raises(OSError, match=f"checkpoint_dir='{tmp_path}' cannot .*No space"):
            model.fit(*data)
    assert not hasattr(model, "net_")
    kept = torch.load(tmp_path / "sklearn_ple_training_1.pt", weights_only=True)
    assert kept["n_epochs"] == 2
    assert_same(model.fit(*data), flagship(early_stopping=False).fit(*data), data)


# -- seeds ----------------------------------------------------------------------------------------


def test_without_a_random_state_the_seed_that_was_drawn_is_kept(data, tmp_path):
    interrupt = Interrupt()
    model = with_interrupt(TRAINED_ANEW, interrupt, tmp_path)
    model.set_params(random_state=None)
    interrupt.left_[0] = 2
    with pytest.raises(StopFitError):
        model.fit(*data)
    interrupt.left_[0] = np.inf
    seed = json.loads((tmp_path / "sklearn_ple_fit.json").read_text())["seed"]
    alone = clone(TRAINED_ANEW).set_params(random_state=seed).fit(*data)
    assert_same(model.fit(*data), alone, data)


def test_a_random_state_object_is_compared_by_its_state(data, tmp_path):
    model = flagship(early_stopping=False, random_state=np.random.RandomState(3))
    alone = clone(model).fit(*data)
    model.set_params(checkpoint_dir=tmp_path)
    first = clone(model).fit(*data)
    assert_same(first, alone, data)
    assert_same(clone(model).fit(*data), alone, data)
    with pytest.raises(ValueError, match="differs in random_state"):
        first.fit(*data)


# -- other fits -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ended(data, tmp_path_factory):
    """A fit that has ended, and its folder."""
    folder = tmp_path_factory.mktemp("ended")
    return flagship(early_stopping=False, checkpoint_dir=folder).fit(*data)


def changed(frame, column, row, value):
    frame = frame.copy()
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda X, y: (changed(X, "b", 3, 0.5), y), "X"),
        (lambda X, y: (changed(X, "b", 3, np.nan), y), "X"),
        (lambda X, y: (changed(X, "d", 3, "u" if X["d"][3] == "v" else "v"), y), "X"),
        (lambda X, y: (X.rename(columns={"a": "e"}), y), "X"),
        (lambda X, y: (X.astype({"a": np.float32}), y), "X"),
        (lambda X, y: (X, changed(y, "number", 3, 0.5)), "y"),
        (lambda X, y: (X, changed(y, "class", 3, not y["class"][3])), "y"),
        (lambda X, y: (X, y.rename(columns={"number": "other"})), "y"),
        (lambda X, y: (X, y, np.arange(N) + 1), "sample_weight"),
    ],
)
def test_other_data_are_refused(change, name, data, ended):
    with pytest.raises(ValueError, match=rf"to another fit, which differs in {name}\. "):
        clone(ended).fit(*change(*data))


def test_rows_that_differ_are_all_that_is_refused(data, ended):
    X, y = data
    for options in ({"sample_weight": np.full(N, 3.0)}, {}):
        again = clone(ended).fit(X.set_index(np.arange(N) + 5), y, **options)
        assert_same(again, ended, data)


@pytest.mark.parametrize(
    ("params", "shown"),
    [
        ({"max_epochs": 5}, r"max_epochs \(3 there, 5 here\)"),
        ({"random_state": 1}, r"random_state \(0 there, 1 here\)"),
        ({"random_state": None}, r"random_state \(0 there, None here\)"),
        ({"dropout": 0.25}, r"dropout \('auto' there, 0.25 here\)"),
        ({"expert_hidden_units": [8, 8]}, r"expert_hidden_units \(\[8\] there, \[8, 8\] here\)"),
        ({"task_types": {"number": Quantile()}}, "task_types"),
        ({"optimizer": torch.optim.NAdam}, "optimizer"),
        ({"balancing": RandomWeights()}, "balancing"),
        ({"callbacks": [Interrupt()]}, "callbacks"),
        ({"net_params": {"optimizer__betas": (0.8, 0.9)}}, "net_params"),
        ({"dropout": 0.25, "n_levels": 2}, r"dropout \(.*\), n_levels \(.*\)"),
    ],
)
def test_other_parameters_are_refused(params, shown, data, ended):
    folder = ended.checkpoint_dir
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match=f"differs in {shown}\\. To continue"):
        clone(ended).set_params(**params).fit(*data)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_other_options_within_parameters_are_refused(data, tmp_path):
    def fit(level, limit):
        tasks = {"number": Quantile(levels=(level, 0.9))}
        callbacks = [Interrupt(), ("limit", Limit(limit))]
        options = {"early_stopping": False, "max_epochs": 1, "checkpoint_dir": tmp_path}
        return flagship(task_types=tasks, callbacks=callbacks, **options).fit(*data)

    class Limit(Callback):
        def __init__(self, limit):
            self.limit = limit

    fit(0.1, 1)
    fit(0.1, 1)
    with pytest.raises(ValueError, match="differs in task_types"):
        fit(0.2, 1)
    with pytest.raises(ValueError, match="differs in callbacks"):
        fit(0.1, 2)


def test_other_versions_and_estimators_are_refused(data, tmp_path, monkeypatch):
    X, y = data[0], data[1][["number"]].fillna(0)
    options = OPTIONS | {"max_epochs": 1, "checkpoint_dir": tmp_path}
    PLERegressor(**options).fit(X, y)
    with pytest.raises(ValueError, match="differs in the class of the estimator"):
        PLEClassifierRegressor(**options).fit(X, y)
    fingerprint = sys.modules["sklearn_ple.training.fingerprint"]
    other = fingerprint.versions() | {"torch": "1.0"}
    monkeypatch.setattr(fingerprint, "versions", lambda: other)
    with pytest.raises(ValueError, match=r"the version of torch \('.*' there, '1.0' here\)"):
        PLERegressor(**options).fit(X, y)


def test_sparse_data_are_compared_too(data, tmp_path):
    numbers = np.random.RandomState(0).rand(N, 5)
    X = sparse.csr_matrix(np.where(numbers < 0.3, numbers, 0))
    model = flagship(early_stopping=False, max_epochs=1, checkpoint_dir=tmp_path).fit(X, data[1])
    clone(model).fit(X.tocsc(), data[1])
    X.data[3] += 1
    with pytest.raises(ValueError, match="differs in X"):
        clone(model).fit(X, data[1])


def test_a_cross_validation_is_refused_and_says_so(data, tmp_path):
    X, y = data[0], data[1]["class"]
    model = flagship(max_epochs=1, checkpoint_dir=tmp_path)
    with pytest.raises(ValueError, match="in a cross-validation, leave checkpoint_dir=None"):
        cross_val_score(model, X, y, cv=2, error_score="raise")


def test_a_warm_start_is_a_fit_of_its_own(data, tmp_path):
    interrupt = Interrupt()
    first = with_interrupt(TRAINED_ANEW, interrupt, tmp_path / "first")
    saved = pickle.dumps(first.set_params(warm_start=True).fit(*data))
    with pytest.raises(ValueError, match="differs in the fitted model to start from"):
        first.fit(*data)
    first.set_params(checkpoint_dir=None)
    alone = first.fit(*data)

    def second():
        return pickle.loads(saved).set_params(
            callbacks=[interrupt], checkpoint_dir=tmp_path / "second"
        )

    interrupt.left_[0] = 2
    with pytest.raises(StopFitError):
        second().fit(*data)
    interrupt.left_[0] = np.inf
    assert_same(second().fit(*data), alone, data)
    assert alone.n_iter_ == 2 * OPTIONS["max_epochs"]


def test_partial_fit_leaves_the_folder_alone(data, tmp_path):
    flagship(checkpoint_dir=tmp_path / "folder").partial_fit(*data)
    assert not (tmp_path / "folder").exists()


# -- what is no checkpoint ------------------------------------------------------------------------


@pytest.fixture
def kept(ended, tmp_path):
    """A copy of the ended fit's folder."""
    return Path(shutil.copytree(ended.checkpoint_dir, tmp_path / "kept"))


class Evil:
    def __reduce__(self):
        return pytest.fail, ("Code was executed.",)


@pytest.mark.parametrize(
    "content",
    [b"", b"text", b"PK" + b"\0" * 100, pickle.dumps({"fit": 1}), pickle.dumps(Evil())],
    ids=["empty", "text", "zip", "pickle", "code"],
)
def test_a_foreign_training_is_an_error_that_names_the_file(content, kept, data, ended):
    path = kept / "sklearn_ple_training_1.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{path} is damaged.*Delete it to start anew"):
        clone(ended).set_params(checkpoint_dir=kept).fit(*data)


@pytest.mark.parametrize("state", [Evil(), {"fit": Evil()}, {}, [1]])
def test_a_training_of_torch_is_read_as_tensors_alone(state, kept, data, ended):
    path = kept / "sklearn_ple_training_1.pt"
    torch.save(state, path)
    with pytest.raises(ValueError, match=rf"{path} is damaged"):
        clone(ended).set_params(checkpoint_dir=kept).fit(*data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("states", "optimizer", "state", 0), []),
        *((("states", "optimizer", "state", 0, "exp_avg"), torch.zeros(n)) for n in (0, 1)),
        (("states", "optimizer", "state", 0, "step"), torch.zeros(3)),
        (("states", "optimizer", "state", 0, "step"), "1"),
        (("states", "optimizer", "state", 99), {"step": torch.zeros(())}),
        (("states", "optimizer", "param_groups", 0, "params", 0), 1.5),
        (("states", "optimizer", "param_groups", 0, "lr"), "fast"),
        (("states", "optimizer", "param_groups", 0, "fused"), "yes"),
        (("states", "draws", "cpu"), torch.zeros(3, dtype=torch.uint8)),
        (("states", "module"), {}),
        (("n_epochs",), "1"),
        (("best_epoch",), 1.5),
        (("history",), "[1]"),
    ],
)
def test_a_training_of_another_form_is_an_error_that_names_the_file(path, value, kept, data):
    """Kernels of torch would read and write beyond the state of an optimizer."""
    file = edit(kept, path, value)
    with pytest.raises(ValueError, match=rf"{file} is damaged"):
        flagship(early_stopping=False, checkpoint_dir=kept).fit(*data)


@pytest.mark.parametrize(
    "path", [("average", "n_steps"), ("callback Schedule", "step"), ("optimizer", "state")]
)
def test_parts_of_an_interrupted_training_are_checked(path, data, tmp_path):
    interrupt = Interrupt()
    model = with_interrupt(MODELS["one training"], interrupt, tmp_path)
    interrupt.left_[0] = 2
    with pytest.raises(StopFitError):
        model.fit(*data)
    file = edit(tmp_path, ("states", *path), "many")
    with pytest.raises(ValueError, match=rf"{file} is damaged"):
        model.fit(*data)


def edit(folder, path, value):
    """Replace a value in the file of the first training, and return the file."""
    file = folder / "sklearn_ple_training_1.pt"
    training = entry = torch.load(file, weights_only=True)
    for name in path[:-1]:
        entry = entry[name]
    entry[path[-1]] = value
    torch.save(training, file)
    return file


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"fit": 2, "seed": null}'])
def test_a_foreign_description_is_an_error_that_names_the_file(text, kept, data, ended):
    path = kept / "sklearn_ple_fit.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"{path} is damaged.*Delete it to start anew"):
        clone(ended).set_params(checkpoint_dir=kept).fit(*data)


def find_contents(path):
    """Return the positions of the bytes of all arrays and objects in a file of torch."""
    whole, found = path.read_bytes(), []
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if "/data" in member.filename:
                # The lengths of the name and of what follows it stand before the name.
                lengths = struct.unpack_from("<HH", whole, member.header_offset + 26)
                first = member.header_offset + 30 + sum(lengths)
                found += range(first, first + member.file_size)
    return found


def test_damage_is_noticed_or_does_not_matter(kept, data, ended):
    path, rng = kept / "sklearn_ple_training_1.pt", np.random.default_rng(0)
    model, whole = clone(ended).set_params(checkpoint_dir=kept), path.read_bytes()

    def error_of(content):
        path.write_bytes(content)
        try:
            assert_same(model.fit(*data), ended, data)
        except ValueError as error:
            return str(error)
        return None

    kept_bytes = find_contents(path)
    places = [*rng.integers(len(whole), size=10), *rng.choice(kept_bytes, 10)]
    for place in places:
        content = bytearray(whole)
        content[place] ^= 1 << rng.integers(8)
        error = error_of(content)
        if error is None:
            # Not all bytes of headers matter.
            assert place not in kept_bytes
        else:
            assert f"{path} is damaged" in error
    assert f"{path} is damaged" in error_of(whole[: len(whole) // 2])


def test_a_training_of_another_fit_is_refused(kept, data, tmp_path, ended):
    other = flagship(early_stopping=False, max_epochs=1, checkpoint_dir=tmp_path / "other")
    other.fit(*data)
    path = kept / "sklearn_ple_training_1.pt"
    shutil.copy(tmp_path / "other" / path.name, path)
    with pytest.raises(ValueError, match=f"{path} is of another fit than this one: delete it"):
        clone(ended).set_params(checkpoint_dir=kept).fit(*data)


def test_two_fits_that_begin_at_once_do_not_share_a_folder(data, tmp_path):
    class Another(Callback):
        def on_train_begin(self, net, **_):
            flagship(max_epochs=1, checkpoint_dir=tmp_path).fit(*data)

    with pytest.raises(ValueError, match="belongs to another fit"):
        flagship(checkpoint_dir=tmp_path, callbacks=[Another()]).fit(*data)
    kept = torch.load(tmp_path / "sklearn_ple_training_1.pt", weights_only=True)
    assert kept["n_epochs"] == 1


def test_two_fits_of_a_folder_do_not_mix_their_seeds(data, tmp_path):
    """Without a random state each draws a seed, but the folder keeps that of one."""
    ended = []

    class Another(Callback):
        def on_train_begin(self, net, **_):
            if not ended:
                ended.append(None)
                ended[0] = fit()

    def fit():
        options = {"early_stopping": False, "max_epochs": 1, "random_state": None}
        return flagship(**options, callbacks=[Another()], checkpoint_dir=tmp_path).fit(*data)

    with pytest.raises(ValueError, match="another fit, which began at the same time"):
        fit()
    assert_same(fit(), ended[0], data)


def test_a_folder_without_a_name_is_an_error(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="The .checkpoint_dir. parameter"):
        flagship(checkpoint_dir="").fit(*data)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("below", ["", "folder"])
def test_a_file_in_the_folder_s_place_is_an_error(below, data, tmp_path):
    path = tmp_path / "file"
    path.write_text("mine")
    with pytest.raises(ValueError, match=f"checkpoint_dir='{path / below}' cannot be written to"):
        flagship(checkpoint_dir=path / below).fit(*data)
    assert path.read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs the modes of POSIX")
def test_a_folder_that_cannot_be_written_to_is_an_error(data, tmp_path):
    # To the superuser only the kernel's folders are closed.
    folder = tmp_path if os.geteuid() else Path("/proc/folder")
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match=f"checkpoint_dir='{folder}' cannot be written to"):
        flagship(checkpoint_dir=folder).fit(*data)


def test_a_fit_to_bad_data_leaves_the_folder_to_others(data, tmp_path):
    X, y = data
    model = flagship(max_epochs=1, checkpoint_dir=tmp_path)
    with pytest.raises(ValueError, match="infinity"):
        model.fit(changed(X, "a", 0, np.inf), y)
    model.fit(X, y)


# -- parts of a user's own ------------------------------------------------------------------------


class Count(Callback):
    """Counts epochs, and goes on counting."""

    def __init__(self):
        self.n_, self.seen_ = 0, []

    def on_epoch_end(self, net, **_):
        self.n_ += 1
        self.seen_.append(self.n_)

    def state_dict(self):
        return {"n": self.n_}

    def load_state_dict(self, state):
        self.n_ = state["n"]


def test_a_callback_with_a_state_goes_on(data, tmp_path):
    interrupt, count = Interrupt(), Count()
    model = flagship(callbacks=[interrupt, count], checkpoint_dir=tmp_path)
    interrupt.left_[0] = 2
    with pytest.raises(StopFitError):
        model.fit(*data)
    interrupt.left_[0] = np.inf
    model.fit(*data)
    assert count.seen_ == [1, 2, 3]


class Remembering(RandomWeights):
    def get_extra_state(self):
        return Path("somewhere")

    def set_extra_state(self, state):
        pass


class Recording(Callback):
    def __init__(self, value):
        self.value = [value]

    def on_epoch_end(self, net, **_):
        net.history.record("mine", self.value[0])


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"balancing": Remembering()}, "state_dict of optimizers, balancers"),
        ({"callbacks": [Recording(object())]}, "The history of training holds <object"),
    ],
)
def test_what_cannot_be_kept_is_an_error_after_the_first_epoch(params, error, data, tmp_path):
    model = flagship(**params, checkpoint_dir=tmp_path)
    with pytest.raises((ValueError, TypeError), match=error):
        model.fit(*data)
    assert not hasattr(model, "net_")
    assert not (tmp_path / "sklearn_ple_training_1.pt").exists()


def test_numbers_of_numpy_in_the_history_are_kept(data, tmp_path):
    def fit():
        callbacks = [Recording(np.float32(0.1))]
        return flagship(callbacks=callbacks, checkpoint_dir=tmp_path).fit(*data)

    fit()
    assert fit().net_.history[-1]["mine"] == np.float32(0.1)
