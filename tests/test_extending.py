"""The page on extending: its files work where nothing but the package is installed."""

import importlib
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import (
    ClassifierMixin,
    RegressorMixin,
    clone,
    is_classifier,
    is_regressor,
)
from sklearn.model_selection import GridSearchCV, cross_val_score
from torch.nn import functional as F

from sklearn_ple import PLEClassifierRegressor, PLERegressor, export
from sklearn_ple.balancing import Balancer
from sklearn_ple.base import MultiTaskEstimator, with_parameters
from sklearn_ple.inspection import (
    GateUtilizationDisplay,
    MultiTaskReport,
    NetworkDiagram,
    compare,
)
from sklearn_ple.metrics import multitask_scores
from sklearn_ple.nn import EventLink, SharedBottom
from sklearn_ple.tasks.mean import MemberMean

FILES = Path(__file__).parents[1] / "docs" / "extending"
N = 240


@pytest.fixture(scope="module", autouse=True)
def outside(tmp_path_factory):
    """Make the page's files modules of a folder that knows nothing of the sources."""
    folder = tmp_path_factory.mktemp("outside")
    for file in FILES.glob("*.py"):
        shutil.copy(file, folder)
    names = [file.stem for file in FILES.glob("*.py")]
    # Other tests have imported them from where they are.
    others = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder
    for name in names:
        sys.modules.pop(name, None)
    sys.modules.update(others)


def make_data(seed=0):
    """A class, a number and an angle; three of ten labels are missing."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(N, 3)), columns=list("abc"))
    X["d"] = pd.Categorical(rng.choice(list("uvw"), N))
    wind = np.arctan2(X["a"], X["b"]) + 0.3 * rng.normal(size=N)
    y = pd.DataFrame(
        {
            "late": X["a"] + 0.3 * rng.normal(size=N) > 0,
            "weight": 70 + 5 * X["b"] + rng.normal(size=N),
            "wind": np.degrees(wind) % 360,
        }
    ).astype({"late": "category"})
    return X, y.mask(rng.random(y.shape) < 0.3)


@pytest.fixture(scope="module")
def data():
    return make_data()


def load(module, name):
    return getattr(importlib.import_module(module), name)


def aitm(**params):
    defaults = {"n_members": 2, "max_epochs": 5, "random_state": 0}
    return load("aitm", "AITMClassifierRegressor")(**(defaults | params))


# -- a network --------------------------------------------------------------------------------


def test_multitab_net_predicts_and_goes_on_after_a_file(data, tmp_path):
    X, y = data
    MultiTabNet = load("multitab", "MultiTabNetClassifierRegressor")
    options = {"hidden_units": (8, 8), "n_members": 2, "max_epochs": 2, "random_state": 0}
    model = MultiTabNet(**options, linear_path=False).fit(X, y)
    # Attention is between the tokens of a row, and not between rows.
    predictions = model.predict(X)
    np.testing.assert_allclose(
        model.predict(X[7:8])["weight"], predictions["weight"][7:8], rtol=1e-5
    )
    export.save(model, tmp_path / "model.safetensors", trusted=[MultiTabNet])
    again = export.load(tmp_path / "model.safetensors", trusted=[MultiTabNet])
    pd.testing.assert_frame_equal(again.predict(X), predictions)
    with pytest.raises(ValueError, match="token_dim=16 is not a multiple of n_heads=3"):
        MultiTabNet(n_heads=3).fit(X, y)


@pytest.mark.usefixtures("unpainted")
def test_the_network_has_all_that_the_package_has(tmp_path, seed):
    X, y = make_data(seed)
    model = aitm(random_state=seed).fit(X, y)
    predictions = model.predict(X)
    assert list(predictions) == list(y) and model.task_types_["late"] == "binary"
    assert multitask_scores(model, X, y)["weight"] > 0.2

    assert clone(model).get_params()["hidden_units"] == (64,)
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(model)).predict(X), predictions)
    assert 'aria-label="Network of AITMClassifierRegressor"' in model._repr_html_()
    assert "body AITM" in NetworkDiagram.from_estimator(model)._repr_svg_()
    assert not hasattr(model, "gate_weights") and not hasattr(aitm(), "gate_weights")
    MultiTaskReport.from_estimator(model, X, y, n_bootstrap=5).to_html(tmp_path / "report.html")
    assert "AITMClassifierRegressor" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert model.transform(X).shape == (N, 3 * 2 * 64)


def test_the_network_is_searched_and_compared(data):
    X, y = data
    grid = {"hidden_units": [(4,), (8,)], "dropout": [0.0, 0.3]}
    search = GridSearchCV(aitm(max_epochs=1), grid, cv=2).fit(X, y)
    assert search.best_params_["hidden_units"] in grid["hidden_units"]
    assert {"hidden_units", "dropout"} <= set(aitm().search_space())

    ple = PLEClassifierRegressor(expert_hidden_units=(64,), n_members=2, max_epochs=1)
    systems = {"PLE": ple, "AITM": aitm(max_epochs=1)}
    gain = compare(X, y, systems, cv=2, reference="PLE", random_state=0)
    assert set(gain.gains["model"]) == {"AITM"} and len(gain.gains) == 3


def test_the_networks_docstring_is_completed():
    doc = load("aitm", "AITMClassifierRegressor").__doc__
    assert doc.index("hidden_units : ") < doc.index("tower_hidden_units : ")
    assert "n_members : int, default=8" in doc and "history_ : list of dict" in doc


@pytest.mark.parametrize("hidden_units", [None, 3])
def test_the_networks_own_parameters_are_checked(hidden_units, data):
    with pytest.raises(ValueError, match="The 'hidden_units' parameter of AITMClassifier"):
        aitm(hidden_units=hidden_units).fit(*data)


def test_a_network_of_another_shape_is_an_error(data):
    AITM = load("aitm", "AITM")

    class Flat(AITM):
        def represent(self, inputs):
            return super().represent(inputs)[:, :, :1]

    class Model(load("aitm", "AITMClassifierRegressor")):
        def make_network(self, in_features, tasks, **towers):
            return Flat(in_features, [task.n_outputs for task in tasks], **towers)

    with pytest.raises(ValueError, match=r"Flat.represent returned .* but its towers read"):
        Model(n_members=2).fit(*data)


def test_a_class_without_a_network_is_an_error(data):
    @with_parameters
    class NoClassifierRegressor(MultiTaskEstimator):
        pass

    with pytest.raises(TypeError, match="NoClassifierRegressor has no network: set the attribute"):
        NoClassifierRegressor().fit(*data)


def test_a_network_that_is_no_body_is_an_error(data):
    class Bare(load("aitm", "AITMClassifierRegressor")):
        def make_network(self, in_features, tasks, **towers):
            return torch.nn.Linear(2, 2)

    with pytest.raises(TypeError, match="Bare.make_network returned a Linear: it must"):
        Bare().fit(*data)


def test_the_networks_own_parameters_must_stay_the_same(data, tmp_path):
    from aitm import AITMClassifierRegressor

    X, y = data
    options = {"hidden_units": (8,), "n_members": 1, "max_epochs": 1, "warm_start": True}
    fitted = AITMClassifierRegressor(**options).fit(X, y[["late", "weight"]])
    fitted.set_params(hidden_units=(16,))
    message = r"hidden_units=\(16,\) \(\(8,\) in"
    for learn in (fitted.fit, fitted.partial_fit):
        with pytest.raises(ValueError, match=message):
            learn(X, y[["late", "weight"]])
    with pytest.raises(ValueError, match=message):
        fitted.add_task(X, y["wind"])
    with pytest.raises(ValueError, match=message):
        export.save(fitted, tmp_path / "model.safetensors", trusted=[AITMClassifierRegressor])
    assert fitted.set_params(hidden_units=(8,)).partial_fit(X, y[["late", "weight"]]).n_iter_ == 2


def test_what_is_wrong_with_a_network_is_named(data):
    class Base(MultiTaskEstimator):
        def make_network(self, in_features, tasks, **towers):
            return SharedBottom(in_features, [1] * len(tasks), **towers)

    class WithoutTowers(MultiTaskEstimator):
        def make_network(self, in_features, tasks, **towers):
            return SharedBottom(in_features, [task.n_outputs for task in tasks])

    X, y = data
    y = y.assign(size=pd.Categorical(np.arange(N) % 3))
    with pytest.raises(ValueError, match=r"outputs of the tasks, which need 'late' 1.*'size' 3"):
        with_parameters(Base)(n_members=1, max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match=r"of 1 members instead of 2: pass \*\*towers on"):
        with_parameters(WithoutTowers)(n_members=2, max_epochs=1).fit(X, y)


@pytest.mark.parametrize(
    ("penalty", "found"),
    [
        (None, "NoneType"),
        (torch.ones(2, requires_grad=True), r"Tensor and shape \(2,\)"),
        (torch.ones(1, 1), r"Tensor and shape \(1, 1\)"),
    ],
)
def test_a_penalty_that_is_no_number_is_an_error(data, penalty, found):
    class Penalised(SharedBottom):
        def penalty(self):
            return penalty

    @with_parameters
    class Model(MultiTaskEstimator):
        def make_network(self, in_features, tasks, **towers):
            return Penalised(in_features, [task.n_outputs for task in tasks], **towers)

    message = (
        rf"Penalised.penalty returned a value of type {found}; expected a tensor of shape \(\)"
    )
    with pytest.raises(ValueError, match=message):
        Model(n_members=2, max_epochs=1).fit(*data)


@pytest.mark.parametrize(
    ("forward", "add", "message"),
    [
        (
            lambda outputs: outputs[..., :1],
            None,
            r"forward .* \(2, 64, 1\); .* \(2, 64, 2\)",
        ),
        (lambda outputs: None, None, "forward returned a value of type NoneType"),
        (lambda outputs: outputs, 0, "added_losses returned a value of type int"),
        (
            lambda outputs: outputs,
            torch.ones(64, 1),
            r"added_losses .* shape \(64, 1\); .* \(2, 64, 2\)",
        ),
    ],
)
def test_outputs_of_a_link_of_another_shape_are_an_error(data, forward, add, message):
    class Link(EventLink):
        def forward(self, outputs):
            return forward(outputs)

        def added_losses(self, outputs, targets, weights):
            return add

    @with_parameters
    class Model(MultiTaskEstimator):
        def make_network(self, in_features, tasks, **towers):
            return SharedBottom(in_features, [task.n_outputs for task in tasks], **towers)

        def make_link(self, columns, positions):
            return Link(columns, positions)

    X = data[0][:64]
    y = pd.DataFrame({"click": X["a"] > 0, "sale": X["a"] > 1})
    with pytest.raises(ValueError, match=f"Link.{message}"):
        Model(depends_on="previous", n_members=2, max_epochs=1, batch_size=64).fit(X, y)


def test_what_is_wrong_with_a_class_is_named(data):
    class WithInit(MultiTaskEstimator):
        width: int = 8

        def __init__(self, width=8, **others):
            super().__init__(**others)

    class NotInitialised(Balancer):
        def __init__(self, rate=1.0):
            self.rate = rate

        def weigh(self, batch):
            return torch.ones_like(batch.losses)

    with pytest.raises(TypeError, match="WithInit defines __init__, which with_param"):
        with_parameters(WithInit)
    model = PLEClassifierRegressor(balancing=NotInitialised(), n_members=1, max_epochs=1)
    with pytest.raises(TypeError, match=r"NotInitialised.__init__ must begin with super"):
        model.fit(*data)


def test_an_embedding_without_out_features_is_an_error(data):
    class Bare(load("fourier", "FourierFeatures")):
        def make(self, n_columns, width, members, views):
            return torch.nn.Identity()

    with pytest.raises(TypeError, match="of type Identity without the attribute out_fea"):
        PLEClassifierRegressor(numeric_embedding=Bare()).fit(*data)


def test_with_a_mixin_and_a_family_it_is_a_classifier_or_a_regressor(data):
    @with_parameters
    class Regressor(RegressorMixin, load("aitm", "AITMClassifierRegressor")):
        family = "number"
        score = MultiTaskEstimator.score

    @with_parameters
    class Classifier(ClassifierMixin, load("aitm", "AITMClassifierRegressor")):
        family = "class"
        score = MultiTaskEstimator.score

    X, y = data
    regressor, classifier = (kind(n_members=1, max_epochs=2) for kind in (Regressor, Classifier))
    assert is_regressor(regressor) and is_classifier(classifier)
    late = y["late"].dropna().astype(bool)
    scores = [
        cross_val_score(regressor, X, y[["weight", "wind"]], cv=2),
        cross_val_score(classifier, X.loc[late.index], late, cv=2, scoring="roc_auc"),
    ]
    assert np.isfinite(scores).all()
    with pytest.raises(ValueError, match="'late' is of kind 'binary', which this estimator does"):
        regressor.fit(X, y)


@pytest.mark.usefixtures("unpainted")
def test_a_network_with_gates_has_gate_weights_and_displays(data, tmp_path):
    X, y = data
    Gated = load("gated", "OwnGatesClassifierRegressor")
    assert hasattr(Gated(), "gate_weights")
    model = Gated(n_members=2, max_epochs=2, random_state=0).fit(X, y)
    (gates,) = model.gate_weights(X)
    assert list(gates) == list(y)
    for weights in gates.values():
        assert list(weights) == ["expert 1", "expert 2", "expert 3"]
        np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-5)
    assert len(GateUtilizationDisplay.from_estimator(model, X).axes_) == 1
    # Its gates are not described one by one: the drawing does without their weights.
    drawing = NetworkDiagram.from_estimator(model, X)._repr_svg_()
    assert drawing == NetworkDiagram.from_estimator(model)._repr_svg_()
    MultiTaskReport.from_estimator(model, X, y, n_bootstrap=5).to_html(tmp_path / "report.html")
    assert "expert 3" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_gates_that_are_named_wrongly_are_an_error(data):
    class TwoExperts(load("gated", "OwnGates")):
        def gate_names(self, tasks):
            ((own,),) = super().gate_names(tasks)
            return [[own._replace(experts=[["one", "two"]] * len(tasks))]]

    @with_parameters
    class Model(MultiTaskEstimator):
        network = TwoExperts

    fitted = Model(n_members=1, max_epochs=1).fit(*data)
    message = (
        r"names 3 gates with \[2, 2, 2\] experts, but Gates computes .* 3 gates with 3 experts"
    )
    with pytest.raises(ValueError, match=message):
        fitted.gate_weights(data[0])


def test_the_networks_gates_are_those_of_the_equations():
    torch.manual_seed(0)
    network = load("gated", "OwnGates")(5, [1, 1], n_experts=3, width=4).double()
    x = torch.randn(7, 5, dtype=torch.float64)
    experts, bottoms = network.experts.layers[0], network.bottoms.layers[0]
    bank = [F.relu(x @ experts.weight[i].T + experts.bias[i]) for i in range(3)]
    for task, actual in enumerate(network.representations(x)):
        own = F.relu(x @ bottoms.weight[task].T + bottoms.bias[task])
        weights = (own @ network.gates.logits.weight[task].T).softmax(dim=1)
        expected = sum(weights[:, [i]] * bank[i] for i in range(3))
        torch.testing.assert_close(actual, expected)


# -- a kind of task ---------------------------------------------------------------------------


def angle():
    return load("angle", "Angle")


def test_the_angle_is_predicted_across_its_seam(seed):
    X, y = make_data(seed)
    options = {"n_members": 2, "max_epochs": 30, "early_stopping": True, "random_state": seed}
    kinds = {"wind": angle()()}
    model = PLEClassifierRegressor(task_types=kinds, refit=False, **options).fit(X, y)
    there = y["wind"].notna()
    predicted = model.predict(X)["wind"]
    off = np.radians(predicted[there] - y["wind"][there])
    assert model.task_types_ == {"late": "binary", "weight": "regression", "wind": "angle"}
    assert multitask_scores(model, X, y)["wind"] == pytest.approx(np.cos(off).mean())
    assert np.cos(off).mean() > 0.7
    assert predicted.between(0, 360).all() and (predicted < 20).any() and (predicted > 340).any()
    deviations = model.predict(X, return_std=True)[1]
    assert deviations.isna().all().tolist() == [True, False, True]
    assert not angle()().name
    # The class does as well as an instance.
    model.set_params(task_types={"wind": angle()}, max_epochs=1)
    assert clone(model).fit(X, y).task_types_["wind"] == "angle"
    twin = pickle.loads(pickle.dumps(model))
    pd.testing.assert_frame_equal(twin.predict(X), model.predict(X))


def test_the_angles_loss_is_a_distance_in_the_plane():
    task = angle()()
    outputs, degrees = np.random.default_rng(0).normal(size=(6, 2)), np.linspace(-90, 700, 6)
    points = np.exp(1j * np.radians(degrees))
    expected = np.abs(outputs[:, 0] + 1j * outputs[:, 1] - points) ** 2
    targets = torch.from_numpy(task.encode(degrees))
    np.testing.assert_allclose(task.loss(torch.from_numpy(outputs), targets), expected)


def test_the_angles_mean_is_that_of_what_members_point_to():
    task = angle()()
    degrees = np.radians([350.0, 30.0])
    members = torch.from_numpy(np.stack([np.cos(degrees), np.sin(degrees)], axis=1)[:, None])
    mean = MemberMean([task], 2).double()(members).numpy()
    np.testing.assert_allclose(task.predict(mean), 10.0)


@pytest.mark.usefixtures("unpainted")
def test_the_angle_is_in_the_report(data, tmp_path):
    X, y = data
    model = aitm(task_types={"wind": angle()()}, n_members=1).fit(X, y)
    report = MultiTaskReport.from_estimator(model, X, y, n_bootstrap=5)
    assert report.scores["kind"].tolist() == ["binary", "regression", "angle"]
    report.to_html(tmp_path / "report.html")
    assert "an angle" in (tmp_path / "report.html").read_text(encoding="utf-8")


# -- a balancer, an embedding -----------------------------------------------------------------


def test_the_balancer_learns_its_variances(data):
    X, y = data
    model = aitm(balancing=load("balancer", "Uncertainty")(), early_stopping=True).fit(X, y)
    learnt = model.net_.criterion_.log_variances
    assert learnt.shape == (model.n_members, 3) and (learnt != 0).all()
    groups = model.net_.optimizer_.param_groups
    (decay,) = [g["weight_decay"] for g in groups if any(p is learnt for p in g["params"])]
    assert decay == 0.0
    # It is no part of the network.
    assert "log_variances" not in dict(model.module_.named_parameters())


def test_the_embedding_learns_waves(seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-3, 3, size=(600, 1))
    y = np.sin(4 * X[:, 0])
    fourier = load("fourier", "FourierFeatures")
    options = {"n_members": 1, "max_epochs": 25, "early_stopping": False, "random_state": seed}
    options |= {"batch_size": 100, "learning_rate": 0.01}
    scores = {
        name: PLERegressor(numeric_embedding=embedding, **options).fit(X, y).score(X, y)
        for name, embedding in (("waves", fourier(scale=5.0)), ("none", None))
    }
    assert scores["waves"] > 0.9 > scores["none"]
    assert not hasattr(fourier(), "deviations")


def test_objects_are_searched_over_and_left_alone(data):
    X, y = data
    uncertainty, fourier = load("balancer", "Uncertainty")(), load("fourier", "FourierFeatures")()
    grid = {
        "balancing": ["equal", uncertainty],
        "numeric_embedding": [None, fourier],
        "task_types": [{"wind": angle()()}],
    }
    search = GridSearchCV(PLEClassifierRegressor(n_members=1, max_epochs=1), grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert not list(uncertainty.parameters()) and not hasattr(fourier, "deviations")


# -- from outside -----------------------------------------------------------------------------

LOAD = """
import pickle
import numpy as np
model, X, expected = pickle.load(open("model.pickle", "rb"))
np.testing.assert_allclose(model.predict(X), expected, atol=1e-3)
print(model.task_types_)
"""


@pytest.mark.nightly
def test_all_of_it_is_fitted_in_one_process_and_loaded_in_another(outside):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = np.column_stack([X[:, 0] > 0, 90 * X[:, 1]])
    model = aitm(
        task_types=["binary", angle()()],
        balancing=load("balancer", "Uncertainty")(),
        numeric_embedding=load("fourier", "FourierFeatures")(),
        max_epochs=2,
    ).fit(X, y)
    (outside / "model.pickle").write_bytes(pickle.dumps((model, X, model.predict(X))))
    command = [sys.executable, "-c", LOAD]
    done = subprocess.run(command, cwd=outside, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "{'y0': 'binary', 'y1': 'angle'}"


def test_the_page_shows_every_file():
    page = (FILES.parent / "extending.rst").read_text(encoding="utf-8")
    for file in FILES.glob("*.py"):
        assert f".. literalinclude:: extending/{file.name}" in page
