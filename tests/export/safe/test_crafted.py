"""Files that somebody made on purpose: each value is checked before NumPy or torch reads it."""

import copy
import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy

from sklearn_ple import PLEClassifierRegressor, export
from sklearn_ple.export.safe import container

STATE = "state['{}']"


SGD = {"$class": "torch.optim.SGD"}
#: Kinds of tasks that cannot be guessed.
KINDS = {"h": "huber", "v": "count", "t": "survival"}


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"n": rng.normal(size=30), "c": rng.choice(["a", "b"], 30)})
    y = pd.DataFrame({"m": rng.choice(["p", "q", "r"], 30), "h": rng.normal(size=30)})
    y["v"], y["t"] = rng.poisson(2, size=30), 1 + np.arange(30.0)
    small = {"expert_hidden_units": (3,), "tower_hidden_units": (2,), "n_bins": 2, "n_members": 1}
    random_state = np.random.RandomState(3)
    return PLEClassifierRegressor(
        **small, task_types=KINDS, max_epochs=1, random_state=random_state
    ).fit(X, y)


@pytest.fixture(scope="module")
def contents(model, tmp_path_factory):
    """The header and the arrays of a safe file."""
    path = tmp_path_factory.mktemp("models") / "model"
    export.save(model, path)
    return container.read(path)


@pytest.fixture
def craft(contents, tmp_path):
    """Return a function that loads the model from a file that another function has edited."""

    def load(edit):
        content = copy.deepcopy(contents)
        edit(*content)
        container.write(tmp_path / "model", *content)
        return export.load(tmp_path / "model")

    return load


def find(header, path):
    for key in path:
        header = header[key]
    return header


def test_what_is_not_edited_loads(craft):
    craft(lambda header, arrays: None)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *((2, value) for value in (100_000_000, 625, -1, 1.0, True, None)),
        *((3, value) for value in (2, "1")),
        *((4, value) for value in (0, {"$float": ["nan"]})),
        *((1, value) for value in ([1] * 624, "key")),
    ],
)
def test_a_random_state_that_would_be_read_out_of_bounds_is_refused(craft, place, value):
    def edit(header, arrays):
        find(header, ("state", "_rng"))["$random_state"][place] = value

    with pytest.raises(ValueError, match=r"cannot be loaded: its random state is none of NumPy"):
        craft(edit)


@pytest.mark.parametrize(
    "key", [np.ones(623, np.uint32), np.ones(624), np.zeros(624, np.uint32), np.eye(624)]
)
def test_the_words_of_a_random_state_are_checked(craft, key):
    """From words without a bit NumPy would draw for ever."""

    def edit(header, arrays):
        arrays[header["state"]["_rng"]["$random_state"][1]["$array"]] = key

    with pytest.raises(ValueError, match=r"cannot be loaded: its random state is none of NumPy"):
        craft(edit)


def test_bools_are_true_or_false(craft):
    """Of others, NumPy selects another number of entries than it counts."""

    def edit(header, arrays):
        name = STATE.format("_encoder.features") + ".scaler_.missing_"
        arrays[name] = np.full(arrays[name].shape, 7, np.uint8).view(bool)

    with pytest.raises(ValueError, match="holds bools that are neither true nor false"):
        craft(edit)


@pytest.mark.parametrize(
    ("dtype", "letter", "message"),
    [
        ("U1", 2**31, "an array of text holds what is no letter"),
        (np.dtype("U1").newbyteorder().str, 97, "an array of .U1 is stored as uint32"),
    ],
)
def test_text_consists_of_letters(craft, dtype, letter, message):
    def edit(header, arrays):
        arrays["text"] = np.array([letter, 97], np.uint32)
        header["state"]["feature_names_in_"] = {"$entries": [dtype, [2], {"$array": "text"}]}

    with pytest.raises(ValueError, match=message):
        craft(edit)


def test_an_array_is_used_once(craft):
    """A small file could have a large array copied a thousand times."""

    def edit(header, arrays):
        arrays["large"] = np.arange(3)
        index = {"$index": [{"$dtype": ["numpy", "f8"]}, {"$array": "large"}]}
        header["parameters"]["net_params"] = {"x": [index, index]}

    with pytest.raises(ValueError, match="lacks the array 'large', or uses it twice"):
        craft(edit)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("other",), [], "it contains 'other', which is unknown"),
        (("state", "feature_names_in_", "$entries", 2, 0), None, "columns are not text"),
        (("state", "net_.batch_size"), 0, "net_.batch_size is no number of 1 or more"),
        (("state", "net_.batch_size"), 10**30, "net_.batch_size is no number of 1 or more"),
        (("state", "net_.lr"), {"$float": ["nan"]}, "net_.lr of the state is of type float"),
        (("state", "net_.lr"), {"$float": ["-1.0"]}, "net_.lr is not above zero"),
        (("state", "temperatures_"), {"$dict": [["m", {"$float": ["0.0"]}]]}, "not above zero"),
        (("state", "intercepts_"), {"$dict": [["m", []]]}, "one intercept for each output"),
        (("task", 1, "delta"), "wide", "delta of a Huber is of type str"),
        (("task", 1, "predict"), 3, "a Huber does not have the attributes"),
        (("task", 1, "mean"), {"$float": ["inf"]}, "mean of a Huber is of type float"),
        (("task", 3, "edges"), {"$array": "later"}, "the task 't' do not increase from zero"),
        (("form", "columns", 0), {"$entries": ["O", [1], [[1]]]}, "names of the columns of y"),
        (("features", "zones_"), ["UTC"], "all parts of each date"),
        (("features", "scaler_", "$object", 1, "parts"), ["year"], "all parts of each date"),
        (("features", "scaler_", "$object", 1, "parts"), [], "one mean and scale for each column"),
        (("parameters", "class_weight"), {"$tuple": []}, "class_weight has 0 entries"),
        (("task", 1, "scale"), 0, "the unit of the task 'h' is not above zero"),
        (("task", 2, "mean"), 0, "the unit of the task 'v' is not above zero"),
        *(
            (("state", "net_.history", 0, "train_loss"), value, "else than numbers")
            for value in ({"$class": "Binary"}, {}, [1.0])
        ),
        *(
            (("state", "net_.history", 0, "train_task_losses"), value, "else than numbers")
            for value in (1.0, [1.0], [[1.0]] * 4)
        ),
        (
            ("parameters", "task_types"),
            {"$object": [SGD, {}]},
            "SGD, a class that files only name",
        ),
        (("task", 1, "classes"), [1, 2], "has classes, but its labels are numbers"),
        (("task", 0, "classes", "$entries", 2, 0), "q", "several classes, each once"),
        (("task", 0, "classes", "$entries", 2, 0), {"$class": "Binary"}, "cannot be loaded"),
    ],
)
def test_values_of_another_type_or_place_are_refused(craft, path, value, message):
    if path[0] == "task":
        tasks = ("state", "_encoder.targets", "$object", 1, "tasks")
        path = (*tasks, path[1], "$object", 1, *path[2:])
    if path[0] == "features":
        path = ("state", "_encoder.features", "$object", 1, *path[1:])
    if path[0] == "form":
        path = ("state", "_encoder.targets", "$object", 1, "form", "$object", 1, *path[1:])

    def edit(header, arrays):
        arrays["later"] = np.array([0.0, 2.0, 1.0])
        find(header, path[:-1])[path[-1]] = value

    with pytest.raises(ValueError, match=message):
        craft(edit)


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("categorical_positions_", "the positions of its columns are not whole numbers"),
        ("positions", "the positions of its columns are not whole numbers"),
        ("missing_", "of each column whether numbers are missing"),
    ],
)
def test_positions_are_whole_numbers_and_what_is_missing_bools(craft, attribute, message):
    def edit(header, arrays):
        (name,) = (name for name in arrays if name.endswith(attribute))
        arrays[name] = arrays[name].astype(np.float64)

    with pytest.raises(ValueError, match=message):
        craft(edit)


@pytest.mark.parametrize(
    ("read_by", "message"),
    [(np.ones((3, 2)), "which members read it"), (np.ones((3, 7), bool), "which members read it")],
)
def test_columns_that_members_read_are_those_of_the_members(contents, tmp_path, read_by, message):
    header, arrays = copy.deepcopy(contents)
    features = find(header, ("state", "_encoder.features", "$object", 1))
    assert features["read_by_"] is None
    arrays["read"] = read_by
    features["read_by_"] = {"$array": "read"}
    container.write(tmp_path / "model", header, arrays)
    with pytest.raises(ValueError, match=message):
        export.load(tmp_path / "model")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(craft, value):
    def edit(header, arrays):
        name = STATE.format("net_.module_") + "['body.towers.heads.1.bias'][0]"
        arrays[name] = np.full_like(arrays[name], value)

    with pytest.raises(ValueError, match="outputs of the task '.' are not finite"):
        craft(edit)


def test_a_header_of_very_many_lists_is_refused_before_it_is_read(contents, tmp_path):
    header, arrays = copy.deepcopy(contents)
    header["parameters"]["net_params"] = {"x": [[]] * (2**20 + 1)}
    with pytest.raises(ValueError, match="more than 1,048,576 lists and objects"):
        container.write(tmp_path / "model", header, arrays)
    text = json.dumps(header)
    data = safetensors.numpy.save(arrays, {"sklearn-ple": text, "sha256": ""})
    (tmp_path / "model").write_bytes(data)
    tracemalloc.start()
    with pytest.raises(ValueError, match="more than 1,048,576 lists and objects"):
        export.load(tmp_path / "model")
    assert tracemalloc.get_traced_memory()[1] < 8 * len(data)
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("correlation", lambda a: a * np.nan, "correlations of its tasks are none"),
        ("correlation", lambda a: 2 * np.ones_like(a), "correlations of its tasks are none"),
        ("correlation", lambda a: a[:1], "as many ways as there are"),
        ("gains", lambda a: a[:1], "as many ways as there are"),
        ("usable", lambda a: a.astype(float), "as many ways as there are"),
        ("gains", lambda a: a[:, None], "as many ways as there are"),
        ("errors", lambda a: a[:, :1], "as many ways as there are"),
        ("orders", lambda a: a[::2].repeat(2)[: len(a)], "the order of the task 'm'"),
        ("factors", lambda a: a[:1], "one deviation for each task"),
        ("units", lambda a: a[:, None], "one deviation for each task"),
        ("values", lambda a: a[:1], "one weight for each error"),
    ],
)
def test_the_dependence_and_the_errors_of_the_tasks_are_checked(tmp_path, name, change, message):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"n": rng.normal(size=60)})
    y = pd.DataFrame({"m": rng.choice(["p", "q", "r"], 60), "h": rng.normal(size=60)})
    model = PLEClassifierRegressor(n_members=1, max_epochs=1, early_stopping=True).fit(X, y)
    deviations = model._deviations
    copula, errors = deviations.copula, deviations.errors[1]
    if name == "orders":
        copula.orders[0] = change(copula.orders[0])
    else:
        owner = next(part for part in (copula, deviations, errors) if hasattr(part, name))
        object.__setattr__(owner, name, change(getattr(owner, name)))
    # A file is loaded before it is put into its place.
    with pytest.raises(ValueError, match=message):
        export.save(model, tmp_path / "model")
