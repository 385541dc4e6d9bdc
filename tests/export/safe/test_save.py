"""Files of models: what is loaded predicts what was saved, to the last bit."""

import datetime
import os
import re
import subprocess
import sys
import warnings
from decimal import Decimal

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from aitm import CalibratedLogits
from makers import mostly_nightly
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.utils.fixes import parse_version
from twins import (
    ESTIMATORS,
    FRAME,
    KINDS,
    LABELS,
    RNG,
    N,
    Narrow,
    Root,
    Scaled,
    Squares,
    assert_equal,
    assert_same,
    fitted,
    labels_for,
    made,
)

from sklearn_ple import (
    ESMMClassifier,
    PLEClassifier,
    PLEClassifierRegressor,
    PLERegressor,
    SluiceClassifierRegressor,
    export,
)
from sklearn_ple.encoding.numeric import NUMERIC_EMBEDDINGS
from sklearn_ple.export.safe import save as of_save
from sklearn_ple.tasks import Quantile, Regression

#: By day these stand for the other networks, whose parts are saved alike.
REPRESENTATIVE = {
    PLEClassifierRegressor,
    PLEClassifier,
    PLERegressor,
    ESMMClassifier,
    SluiceClassifierRegressor,
}


def twin_of(model, tmp_path, **trusted):
    path = tmp_path / "model.safetensors"
    export.save(model, path, **trusted)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return export.load(path, **trusted)


@pytest.mark.parametrize("cls", mostly_nightly(ESTIMATORS, REPRESENTATIVE))
def test_every_estimator_predicts_the_same(cls, tmp_path):
    y = labels_for(cls)
    own = {"task_types": {name: KINDS[name] for name in KINDS if name in y}}
    model = fitted(FRAME, y, cls, **own)
    twin = twin_of(model, tmp_path)
    assert_same(model, twin, y=y)
    # It is as good as any fitted estimator.
    assert twin.partial_fit(FRAME, y).n_iter_ == 2


def test_training_goes_on_from_the_same_random_state(tmp_path):
    model = fitted()
    twins = [twin_of(model, tmp_path).partial_fit(FRAME, LABELS) for _ in range(2)]
    assert_equal(*(twin.predict(FRAME) for twin in twins))
    # Only the optimizer starts anew, and that of this kind has no state.
    model = fitted(optimizer="sgd", lr_schedule="constant")
    twin = twin_of(model, tmp_path).partial_fit(FRAME, LABELS)
    assert_equal(twin.predict(FRAME), model.partial_fit(FRAME, LABELS).predict(FRAME))
    assert twin.fit(FRAME, LABELS).n_iter_ == 1
    assert_equal(twin.predict(FRAME), clone(model).fit(FRAME, LABELS).predict(FRAME))


def test_a_calibrated_model_predicts_the_same(tmp_path):
    model = fitted(task_types=KINDS).calibrate(FRAME, LABELS)
    twin = twin_of(model, tmp_path)
    assert_same(model, twin)
    assert twin.temperatures_.keys() == {"binary", "multiclass", "ordinal"}


@pytest.mark.parametrize(
    ("embedding", "sparse_X"), [(None, True), *((kind, False) for kind in NUMERIC_EMBEDDINGS)]
)
def test_every_embedding_of_numbers_predicts_the_same(embedding, sparse_X, tmp_path):
    X = RNG.normal(size=(N, 3)) * (RNG.random((N, 3)) < 0.5)
    X[0, 0] = np.nan
    X = sparse.csr_matrix(X) if sparse_X else X
    y = LABELS["regression"].fillna(0.0).to_numpy()
    model = fitted(X, y, PLERegressor, numeric_embedding=embedding)
    assert_same(model, twin_of(model, tmp_path), X, y)


def test_what_validation_measured_is_kept(tmp_path):
    X, y = RNG.normal(size=(600, 2)), RNG.normal(size=(600, 2))
    model = fitted(X, y, PLERegressor, n_members=4, max_epochs=2)
    assert model._deviations is not None and "valid_loss" in model.history_[0]
    assert_same(model, twin_of(model, tmp_path), X, y)


CATEGORIES = {
    "text": ["a", "b"],
    "integers": [1, 2],
    "floats": [0.5, 1.5],
    "bools": [True, False],
    "types": ["a", 1],
    "dates": [pd.Timestamp("2020-01-01"), pd.Timestamp("2021-06-01 12:00")],
    "zone": [pd.Timestamp("2020", tz="Europe/Berlin"), pd.Timestamp("2021", tz="Europe/Berlin")],
    "spans": [pd.Timedelta("1h"), pd.Timedelta("2s")],
    "periods": [pd.Period("2020-01", "M"), pd.Period("2020-02", "M")],
    "intervals": [pd.Interval(0, 1), pd.Interval(1, 2.5)],
    "days": [datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)],
    "times": [datetime.time(12), datetime.time(13, 30)],
    "decimals": [Decimal("1.10"), Decimal("2.20")],
    **{
        f"{kind} of Arrow": pd.array(values, dtype=pd.ArrowDtype(kind))
        for kind, values in [
            (pa.timestamp("us"), [datetime.datetime(2020, 1, 1), datetime.datetime(2021, 6, 1)]),
            (pa.timestamp("us", tz="UTC"), pd.to_datetime(["2020", "2021"], utc=True)),
            (pa.timestamp("s", tz="+01:00"), pd.to_datetime(["2020", "2021"], utc=True)),
            (pa.date32(), [datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)]),
            (pa.duration("us"), [datetime.timedelta(1), datetime.timedelta(2)]),
        ]
    },
    "all": ["a", pd.Timestamp("2020-01-01"), pd.Timedelta("1h"), datetime.timedelta(1)],
}


def test_categories_of_every_type_are_kept(tmp_path):
    X = {}
    for name, values in CATEGORIES.items():
        codes = RNG.integers(0, len(values), N)
        X[f"{name}, declared"] = pd.Categorical.from_codes(codes, pd.Index(values))
        if pd.Series(values).dtype != object:
            X[name] = pd.Series(values).iloc[codes].reset_index(drop=True)
    X = pd.DataFrame(X)
    y = RNG.random(N) < 0.5
    model = fitted(X, y, PLEClassifier, categorical_features=list(X))
    twin = twin_of(model, tmp_path)
    assert_same(model, twin, X, y)
    for column, other in zip(
        model._encoder.features.columns_, twin._encoder.features.columns_, strict=True
    ):
        pair = column.categories, other.categories
        if parse_version(pd.__version__) < parse_version("3") and getattr(pair[0], "tz", None):
            # Offsets of pytz become those of Python.
            pair = [index.tz_convert("UTC") for index in pair]
        pd.testing.assert_index_equal(*pair, exact=True)
        assert column.n_codes == other.n_codes


def test_codes_that_follow_from_categories_are_not_read_from_a_file(tmp_path):
    X = pd.DataFrame({"a": pd.Categorical(["x", "y"] * (N // 2), categories=["y", "x", "z"])})
    y = RNG.normal(size=N)
    model = fitted(X, y, PLERegressor)
    expected = model.predict(X)
    (column,) = model._encoder.features.columns_
    vars(column)["_declared_codes"] = np.empty(0, dtype=int)
    np.testing.assert_array_equal(twin_of(model, tmp_path).predict(X), expected)


def test_dtypes_of_pandas_are_kept(tmp_path):
    codes = pd.Series(RNG.integers(0, 2, N))
    X = pd.DataFrame(
        {
            **{name: codes.astype(str).astype(name) for name in ("string", "string[pyarrow]")},
            **{name: codes.astype(name) for name in ("Int64", "boolean", "int64[pyarrow]")},
            "text of Arrow": codes.astype(str).astype(pd.ArrowDtype(pa.string())),
            "bytes in another order": codes.astype(">i8"),
        }
    )
    y = X.add_prefix("y ").assign(other=RNG.normal(size=N))
    model = fitted(X, y, categorical_features=list(X))
    assert_same(model, twin_of(model, tmp_path), X, y)


def test_loading_does_not_warn_that_labels_are_too_few_for_intervals(tmp_path):
    y = LABELS["quantile"]
    model = made(PLERegressor, early_stopping=True)
    model.fit(FRAME[6:], y[6:], X_val=FRAME[:6], y_val=y[:6])
    twin_of(model, tmp_path)
    with pytest.warns(UserWarning, match="has only 6 validation labels"):
        model.predict_interval(FRAME)


def test_dictionaries_of_arrow_are_kept(tmp_path):
    kind = pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))
    y = pd.DataFrame({"a": pd.Series(RNG.choice(["u", "v"], N)).astype(kind)})
    model = fitted(FRAME, y, PLEClassifier)
    assert_same(model, twin_of(model, tmp_path), y=y)


def test_polars_models_return_polars_frames(tmp_path):
    X = pl.DataFrame({"n": FRAME["number"].to_numpy(), "t": RNG.choice(["a", "b"], N)})
    y = pl.DataFrame(
        {
            "enum": pl.Series(RNG.choice(["u", "v"], N), dtype=pl.Enum(["u", "v"])),
            "categorical": pl.Series(RNG.choice(["u", "v"], N), dtype=pl.Categorical),
            "text": RNG.choice(["u", "v", "w"], N),
            "number": pl.Series(RNG.normal(size=N), dtype=pl.Float32),
            "decimal": pl.Series([Decimal("1.10"), Decimal("2.20")] * (N // 2)),
            "flag": RNG.random(N) < 0.5,
        }
    )
    model = fitted(X, y)
    twin = twin_of(model, tmp_path)
    assert_same(model, twin, X, y)
    assert twin.predict(X).schema == model.predict(X).schema


@pytest.mark.parametrize("of_text", [True, False])
def test_one_task_of_one_dimension(of_text, tmp_path):
    y = LABELS["multiclass" if of_text else "count"].to_numpy()
    model = fitted(FRAME.drop(columns="text").to_numpy(float), y, PLEClassifier, n_members=1)
    X = FRAME.drop(columns="text").to_numpy(float)
    assert_same(model, twin_of(model, tmp_path), X, y)


def test_columns_without_names_are_kept(tmp_path):
    y = pd.DataFrame({0: LABELS["regression"], ("a", 1): LABELS["count"] * 0.5})
    model = fitted(FRAME, y)
    assert_same(model, twin_of(model, tmp_path), FRAME, y)


@pytest.mark.parametrize(
    "parameters",
    [
        {"task_types": {"quantile": Quantile([0.2]), "count": Regression}},
        {"task_weights": {"count": 2.0}, "task_weight_decay": [0.9] * 6},
        {"class_weight": {"multiclass": {"x": np.float64(2.0)}}},
        {"categorical_features": np.array(["text", "flag"]), "min_frequency": np.int64(3)},
        {"categorical_features": FRAME.columns[2:], "min_frequency": 0.1},
        {"expert_hidden_units": range(8, 10), "tower_hidden_units": np.array([4, 4])},
        {"random_state": np.random.RandomState(3), "clip_numbers": None},
        {"optimizer": torch.optim.NAdam, "net_params": {"optimizer__betas": (0.8, 0.9)}},
        {"dtype": "float64", "embedding_dim": 3, "linear_path": False, "feature_dropout": 0.0},
        {"n_levels": 2, "n_specific_experts": {"count": 3}},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_parameters_of_every_type_are_kept(parameters, tmp_path):
    model = fitted(**parameters)
    assert_same(model, twin_of(model, tmp_path))


def test_set_output_is_kept(tmp_path):
    model = fitted().set_output(transform="pandas")
    assert_same(model, twin_of(model, tmp_path))


def test_the_folder_of_checkpoints_stays_on_its_machine(tmp_path):
    model = fitted(checkpoint_dir=tmp_path / "fit")
    twin = twin_of(model, tmp_path)
    assert twin.checkpoint_dir is None
    pd.testing.assert_frame_equal(twin.predict(FRAME), model.predict(FRAME))


def test_arrays_that_joblib_maps_are_saved(tmp_path):
    joblib.dump(fitted(), tmp_path / "model.joblib")
    model = joblib.load(tmp_path / "model.joblib", mmap_mode="c")
    assert twin_of(model, tmp_path).predict(FRAME).equals(model.predict(FRAME))


def test_models_of_partial_fit_predict_the_same(tmp_path):
    X, y = RNG.normal(size=(N, 2)), np.arange(N) % 2
    model = made(PLEClassifier).partial_fit(X, y, classes=np.array([0, 1, 2]))
    twin = twin_of(model, tmp_path)
    assert_same(model, twin, X, y)
    assert twin.partial_fit(X, y + 1).predict_proba(X).shape == (N, 3)


def test_a_model_of_a_gpu_loads_without_one(tmp_path, monkeypatch):
    model = fitted(device="cpu", dtype="float64")
    model.device_ = "cuda:1"
    model.dtype = "float32"
    model.net_.module_.float()
    path = tmp_path / "model.safetensors"
    export.save(model, path)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    twin = export.load(path)
    assert twin.device_ == twin.net_.device == "cpu"
    assert {part.device.type for part in twin.module_.state_dict().values()} == {"cpu"}
    model.net_.dtype = torch.float32
    assert_equal(twin.predict(FRAME), model.predict(FRAME))


def test_a_model_whose_training_went_on_in_another_dtype(tmp_path):
    model = fitted(warm_start=True, n_members=1).set_params(dtype="float64").fit(FRAME, LABELS)
    assert_same(model, twin_of(model, tmp_path))


@pytest.mark.nightly
def test_a_process_that_loads_predicts_and_fits_does_without_torchs_compiler(tmp_path):
    twin_of(fitted(), tmp_path)
    pd.to_pickle((FRAME, LABELS), tmp_path / "table")
    code = """
import sys
import pandas as pd
from sklearn_ple.export import load
X, y = pd.read_pickle("table")
model = load("model.safetensors")
model.predict(X)
model.fit(X, y)
assert not {"torch._dynamo", "sympy"} & set(sys.modules)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)


def test_a_model_of_half_precision_loads_where_that_is_slow(tmp_path, monkeypatch):
    model = fitted()
    model.dtype = "bfloat16"
    monkeypatch.setattr("sklearn_ple.training.device._has_bfloat16", lambda _: False)
    twin = twin_of(model, tmp_path)
    assert twin.module_.product_dtype == torch.bfloat16
    assert_equal(twin.predict(FRAME), model.predict(FRAME))


def test_models_of_half_precision_predict_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_ple.training.device._has_bfloat16", lambda _: True)
    model = fitted(dtype="bfloat16", n_members=1, max_epochs=1)
    assert_same(model, twin_of(model, tmp_path))
    monkeypatch.setattr("sklearn_ple.training.device._has_bfloat16", lambda _: False)
    with pytest.raises(ValueError, match="dtype='bfloat16' would be no faster here"):
        model.partial_fit(FRAME, model.predict(FRAME))


# -- classes of one's own -----------------------------------------------------------------------


OWN = [
    (
        {"task_types": {"count": Root()}},
        Root,
        "Parameter 'task_types'['count'] contains an object of ",
    ),
    ({"task_types": {"count": Root}}, Root, "Parameter 'task_types'['count'] contains the class "),
    (
        {"numeric_embedding": Squares()},
        Squares,
        "Parameter 'numeric_embedding' contains an object ",
    ),
    ({"balancing": Scaled(2)}, Scaled, "Parameter 'balancing' contains an object of "),
    ({"cls": Narrow}, Narrow, "The model contains the class "),
]


@pytest.mark.parametrize(("parameters", "cls", "message"), OWN)
def test_classes_of_ones_own_need_trust(parameters, cls, message, tmp_path):
    path = tmp_path / "model.safetensors"
    model = fitted(**parameters)
    with pytest.raises(TypeError, match=re.escape(message) + rf".*trusted=\[{cls.__name__}\]"):
        export.save(model, path)
    assert not path.exists()
    export.save(model, path, trusted=[cls])
    with pytest.raises(ValueError, match=rf"{path.name}.*{cls.__name__}.*trusted=\["):
        export.load(path)
    twin = export.load(path, trusted={cls})
    assert type(twin) is type(model)
    assert_equal(model.predict(FRAME), twin.predict(FRAME))
    assert_equal(
        [part.tolist() for part in model.net_.criterion_.parameters()],
        [part.tolist() for part in twin.net_.criterion_.parameters()],
    )
    twin.partial_fit(FRAME, LABELS)


def test_trust_is_in_classes_of_different_names():
    with pytest.raises(TypeError, match="trusted contains 'Root': it must contain classes"):
        export.load("unread", trusted=["Root"])
    with pytest.raises(TypeError, match="'trusted' parameter .* Got <class .*Root'>"):
        export.load("unread", trusted=Root)
    with pytest.raises(ValueError, match="trusted contains two classes with the name 'Root'"):
        export.load("unread", trusted=[Root, type("Root", (), {})])


@pytest.mark.parametrize("ours", [PLEClassifierRegressor, Quantile])
def test_a_trusted_class_may_have_the_name_of_one_of_the_package(ours, tmp_path):
    own = type(ours.__name__, (ours,), {"__module__": __name__})
    plain = {"cls": PLEClassifierRegressor, "task_types": {"count": Quantile}}
    which = "cls" if ours is PLEClassifierRegressor else "task_types"
    model = fitted(**plain | {which: own if which == "cls" else {"count": own}})
    path = tmp_path / "model.safetensors"
    with pytest.raises(TypeError, match=rf"trusted=\[{ours.__name__}\]"):
        export.save(model, path)
    export.save(model, path, trusted=[own])
    with pytest.raises(ValueError, match=rf"names the class '{ours.__name__}'"):
        export.load(path)
    twin = export.load(path, trusted=[own])
    assert type(twin) is type(model) and twin.task_types == model.task_types
    assert_equal(twin.predict(FRAME), model.predict(FRAME))
    # A file of the package's own class does not become one of the user's.
    export.save(fitted(**plain), path)
    assert export.load(path, trusted=[own]).task_types == {"count": Quantile}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("callbacks", [lambda: None]),
        ("net_params", {"optimizer__foreach": print}),
        ("net_params", {"x": {1, 2}}),
        ("random_state", np.random.default_rng(0)),
    ],
)
def test_what_no_file_holds_is_refused_by_its_name(name, value, tmp_path):
    model = fitted(n_members=1)
    setattr(model, name, value)
    path = tmp_path / "model.safetensors"
    path.write_text("earlier")
    with pytest.raises((TypeError, ValueError), match=f"'{name}'"):
        export.save(model, path)
    assert path.read_text() == "earlier" and os.listdir(tmp_path) == [path.name]


def test_what_holds_itself_is_refused(tmp_path):
    model = fitted(n_members=1)
    model.net_params = {"x": []}
    model.net_params["x"].append(model.net_params)
    with pytest.raises(TypeError, match="Parameter 'net_params'.* contains itself"):
        export.save(model, tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    "changed",
    [
        *({"n_members": 3}, {"specific_share": 0.2}, {"clip_numbers": 2.0}, {"dtype": "float64"}),
        *({"n_bins": 99}, {"categorical_features": None}, {"task_types": "huber"}),
    ],
)
def test_another_network_than_the_fitted_one_is_refused(changed, tmp_path):
    model = fitted(n_members=2).set_params(**changed)
    (name,) = changed
    with pytest.raises(ValueError, match=f"changed since fit.*{name}=.* in fit"):
        export.save(model, tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"balancing": "uncertainty"}, "balancing='uncertainty': its arrays do not fit"),
        ({"optimizer": "sgd"}, r"optimizer='SGD' \('AdamW' in fit\)"),
        ({"task_weights": {"new": 1.0}}, r"task_weights names \['new'\]"),
        ({"net_params": {"unknown": 1}}, "net_params {'unknown': 1} do not fit"),
        ({"depends_on": None}, "depends_on=None .*'click'.* in fit"),
        ({"depends_on": {"buy": "like"}}, "depends_on={'buy': 'like'} .*'click'.* in fit"),
    ],
)
def test_what_could_not_be_loaded_is_refused(changed, message, tmp_path):
    click = FRAME["number"] > 0
    y = pd.DataFrame({"click": click, "buy": click & (RNG.random(N) < 0.5)})
    model = fitted(y=y, n_members=1, depends_on={"buy": "click"}, task_types="auto")
    path = tmp_path / "model.safetensors"
    before = model.get_params()
    with pytest.raises(ValueError, match=f"changed since fit.*{message}.*[Ss]et them back"):
        export.save(model.set_params(**changed), path)
    assert not path.exists()
    assert_same(model.set_params(**before), twin_of(model, tmp_path), FRAME, y)


def test_another_loss_of_the_network_is_refused_by_the_part_that_computes_it(
    tmp_path, monkeypatch
):
    model = fitted(FRAME, labels_for(ESMMClassifier), ESMMClassifier)
    monkeypatch.setattr(ESMMClassifier, "make_link", lambda _, *pairs: CalibratedLogits(*pairs))
    message = r"changed since fit.*: link='CalibratedLogits' \('JointLogits' in fit\)\."
    with pytest.raises(ValueError, match=message):
        export.save(model, tmp_path / "model.safetensors")


def test_penalties_may_have_changed(tmp_path):
    model = fitted(cls=SluiceClassifierRegressor).set_params(orthogonality=0.5)
    assert_same(model, twin_of(model, tmp_path))


def test_parameters_of_training_may_have_changed(tmp_path):
    model = fitted(expert_hidden_units=(4,)).set_params(
        max_epochs=7, learning_rate=1e-9, verbose=3
    )
    model.set_params(dropout=0.01, feature_dropout=0.02)
    model.set_params(expert_hidden_units=np.array(model.expert_hidden_units))
    assert_same(model, twin_of(model, tmp_path))


def test_only_fitted_estimators_of_the_package_are_saved(tmp_path):
    path = tmp_path / "model.safetensors"
    with pytest.raises(TypeError, match="type LinearRegression: only networks of this package"):
        export.save(LinearRegression(), path)
    with pytest.raises(NotFittedError):
        export.save(PLERegressor(), path)


def test_another_version_is_named(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(of_save, "versions", lambda: {"torch": "1.0"})
        export.save(fitted(), path)
    message = "PLEClassifierRegressor was saved with .*torch 1.0 \\(now"
    with pytest.warns(InconsistentVersionWarning, match=message) as caught:
        export.load(path)
    assert caught[0].filename == __file__
