"""Census-Income: where the files come from, what is refused, and the published figures."""

import gzip
import hashlib
import os
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from sklearn.datasets import get_data_home

from sklearn_ple.datasets import _census_income, fetch_census_income
from sklearn_ple.datasets._base import list_homes, read_codebook

COLUMNS = read_codebook("census_income")["columns"]
TRAIN, TEST = "census-income.data.gz", "census-income.test.gz"

NUMERIC = [
    "age",
    "wage_per_hour",
    "capital_gains",
    "capital_losses",
    "dividends_from_stocks",
    "num_persons_worked_for_employer",
    "weeks_worked_in_year",
]


def text_of(*, n_rows=4, first_age=20, **changes):
    """Rows in the published format, made up but for the values that the tests look at."""
    lines = []
    for row in range(n_rows):
        values = dict.fromkeys(COLUMNS, "Not in universe")
        values |= dict.fromkeys(NUMERIC, "0")
        values |= {
            "age": str(first_age + row),
            "education": ["Children", "High school graduate"][row % 2],
            "marital_stat": ["Never married", "Divorced"][row // 2 % 2],
            "hispanic_origin": "NA",
            "migration_code_change_in_msa": "?",
            "detailed_industry_recode": "06",
            "instance_weight": "1032.38",
            "income": ["- 50000.", "50000+."][row % 2],
        }
        lines.append(", ".join((values | changes).values()) + "\n")
    return "".join(lines)


def publish(name, text):
    """Take a text for the published one."""
    part = {TRAIN: "train", TEST: "test"}[name]
    _census_income._SHA256[part] = hashlib.sha256(text.encode()).hexdigest()


def put(home, name, text, *, published=True):
    path = Path(home) / "census_income" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))
    if published:
        publish(name, text)
    return path


@pytest.fixture(autouse=True)
def small(request, monkeypatch):
    """Files of four rows."""
    if "real" not in request.fixturenames:
        monkeypatch.setattr(_census_income, "_SHA256", {})
        for name in (TRAIN, TEST):
            publish(name, text_of())


class Archive(ThreadingHTTPServer):
    """A server on this machine that sends files from a folder, after it has failed some times."""

    def __init__(self, folder):
        self.folder, self.n_failures, self.n_requests = folder, 0, 0
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=folder))

    def put(self, name, content):
        (self.folder / name).write_bytes(content)


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.n_requests += 1
        if self.server.n_requests <= self.server.n_failures:
            self.send_error(503)
        else:
            super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def archive(monkeypatch, tmp_path):
    """The server that files are downloaded from."""
    folder = tmp_path / "archive"
    folder.mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Archive(folder) as server:
        Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setattr(_census_income, "_BASE_URL", address)
        yield server
        server.shutdown()


def test_a_bunch_has_data_target_weights_and_description(tmp_path):
    path = put(tmp_path, TRAIN, text_of())
    census = fetch_census_income(data_home=tmp_path)
    assert census.filenames == [str(path)]
    assert census.data.shape == (4, 39)
    assert list(census.data) == census.feature_names
    assert list(census.target) == census.target_names == ["income", "never_married"]
    assert list(census.frame) == census.feature_names + census.target_names
    assert census.target["income"].tolist() == [0, 1, 0, 1]
    assert census.target["never_married"].tolist() == [1, 1, 0, 0]
    assert census.instance_weight.tolist() == [1032.38] * 4
    assert "CC BY 4.0" in census.DESCR


def test_seven_features_are_numbers_and_the_others_categories(tmp_path):
    put(tmp_path, TRAIN, text_of())
    X = fetch_census_income(data_home=tmp_path).data
    assert list(X.select_dtypes("float64")) == NUMERIC
    assert X.select_dtypes("category").shape[1] == 32
    assert not X.isna().any(axis=None)
    assert list(X["hispanic_origin"].cat.categories) == ["NA"]
    assert list(X["migration_code_change_in_msa"].cat.categories) == ["?"]
    assert list(X["detailed_industry_recode"].cat.categories) == ["06"]


@pytest.mark.parametrize(
    ("tasks", "names", "back"),
    [
        ("income", ["income"], {"marital_stat", "education"}),
        (["never_married", "income"], ["never_married", "income"], {"education"}),
        ("education", ["education"], {"marital_stat"}),
        ("college", ["college"], {"marital_stat"}),
        (["college", "never_married"], ["college", "never_married"], set()),
        (["college", "education"], ["college", "education"], {"marital_stat"}),
        (None, ["income", "never_married", "college", "education"], set()),
    ],
)
def test_only_selected_tasks_leave_the_features(tmp_path, tasks, names, back):
    put(tmp_path, TRAIN, text_of())
    X, y = fetch_census_income(tasks=tasks, data_home=tmp_path, return_X_y=True)
    assert list(y) == names
    assert set(X) & {"income", "instance_weight", "marital_stat", "education"} == back


def test_arrays_equal_frame(tmp_path):
    put(tmp_path, TRAIN, text_of())
    frames = fetch_census_income(tasks=None, data_home=tmp_path)
    arrays = fetch_census_income(tasks=None, data_home=tmp_path, as_frame=False)
    assert arrays.frame is None
    assert isinstance(arrays.instance_weight, np.ndarray)
    assert arrays.data.dtype == arrays.target.dtype == np.float64
    np.testing.assert_array_equal(arrays.data[:, 0], frames.data["age"])
    assert arrays.target.tolist() == [[0, 1, 0, 0], [1, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 1]]
    assert arrays.target_classes == {"education": ["Children", "High school graduate"]}


@pytest.mark.parametrize(
    ("education", "college"),
    [
        ("Less than 1st grade", 0),
        ("High school graduate", 0),
        ("12th grade no diploma", 0),
        ("Some college but no degree", 1),
        ("Associates degree-occup /vocational", 1),
        ("Bachelors degree(BA AB BS)", 1),
        ("Doctorate degree(PhD EdD)", 1),
    ],
)
def test_college_is_an_education_of_that_level_at_least(tmp_path, education, college):
    put(tmp_path, TRAIN, text_of(education=education))
    y = fetch_census_income(tasks="college", data_home=tmp_path).target
    assert y["college"].tolist() == [college] * 4 and y["college"].dtype == int


def test_all_is_train_then_test(tmp_path):
    put(tmp_path, TRAIN, text_of(first_age=20, race="White"))
    put(tmp_path, TEST, text_of(first_age=60, race="Black"))
    census = fetch_census_income(subset="all", data_home=tmp_path)
    assert census.data["age"].tolist() == [20, 21, 22, 23, 60, 61, 62, 63]
    assert census.data.index.tolist() == list(range(8))
    assert census.data["race"].tolist() == ["White"] * 4 + ["Black"] * 4
    assert census.categories["race"] == ["Black", "White"]


def test_the_first_of_three_folders_that_has_the_file_counts(monkeypatch, tmp_path):
    folders = [tmp_path / name for name in ("given", "environment", "sklearn")]
    monkeypatch.setenv("SKLEARN_PLE_DATA", str(folders[1]))
    paths = [put(folder, TRAIN, text_of()) for folder in folders]
    for path in paths:
        assert fetch_census_income(data_home=folders[0]).filenames == [str(path)]
        path.unlink()


def test_the_home_of_sklearn_is_searched_but_not_made(monkeypatch, tmp_path):
    homes = list(list_homes(None))
    assert not (tmp_path / "sklearn").exists()
    assert homes == [Path(get_data_home())]
    monkeypatch.delenv("SCIKIT_LEARN_DATA")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert list(list_homes(None)) == [Path(get_data_home())]

    def no_home(*_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    assert len(list(list_homes(None))) == 1


def test_data_home_of_sklearn_is_made_only_when_needed(tmp_path):
    put(tmp_path, TRAIN, text_of())
    fetch_census_income(data_home=tmp_path)
    assert not (tmp_path / "sklearn").exists()


@pytest.mark.parametrize("given", [True, False])
def test_a_file_is_downloaded_once(archive, tmp_path, given):
    archive.put(TEST, gzip.compress(text_of().encode()))
    home = tmp_path / ("given" if given else "sklearn")
    census = fetch_census_income(subset="test", data_home=home if given else None)
    assert census.filenames == [str(home / "census_income" / TEST)]
    assert os.listdir(home / "census_income") == [TEST]
    assert len(fetch_census_income(subset="test", data_home=home).data) == 4
    assert archive.n_requests == 1


@pytest.mark.parametrize("damage", ["cut", "rows", "page", "absent", "changed"])
def test_a_bad_download_is_not_kept(archive, tmp_path, damage):
    whole = gzip.compress(text_of().encode())
    content = {
        "cut": whole[:-20],
        "rows": gzip.compress(text_of(n_rows=3).encode()),
        "page": b"<html>Sorry</html>",
        "changed": gzip.compress(text_of(first_age=21).encode()),
    }
    if damage in content:
        archive.put(TRAIN, content[damage])
    with pytest.raises(OSError, match=r"save http:.*The download failed"):
        fetch_census_income(data_home=tmp_path / "home", n_retries=0)
    assert os.listdir(tmp_path / "home" / "census_income") == []


def test_a_changed_download_is_named_by_its_hash(archive, tmp_path):
    changed = text_of(first_age=21).encode()
    archive.put(TRAIN, gzip.compress(changed))
    with pytest.raises(OSError, match=hashlib.sha256(changed).hexdigest()):
        fetch_census_income(data_home=tmp_path, n_retries=0)


def test_a_failed_download_is_tried_again_after_a_delay(archive, tmp_path):
    archive.put(TRAIN, gzip.compress(text_of().encode()))
    archive.n_failures = 2
    start = time.monotonic()
    with pytest.warns(UserWarning, match="Retry downloading from url: http:"):
        census = fetch_census_income(data_home=tmp_path, n_retries=2, delay=0.2)
    assert len(census.data) == 4
    assert archive.n_requests == 3
    # However slow the machine is, it does not wait for less.
    assert time.monotonic() - start >= 2 * 0.2


@pytest.mark.filterwarnings("ignore:Retry downloading")
def test_a_download_that_never_succeeds_ends_in_an_error(archive, tmp_path):
    with pytest.raises(OSError, match="The download failed"):
        fetch_census_income(data_home=tmp_path, delay=0.01)
    assert archive.n_requests == 1 + 3


def test_without_a_download_the_error_says_what_to_save_where(archive, tmp_path):
    archive.put(TEST, gzip.compress(text_of().encode()))
    with pytest.raises(OSError, match="not found") as error:
        fetch_census_income(subset="test", data_home=tmp_path, download_if_missing=False)
    assert _census_income._BASE_URL + TEST in str(error.value)
    assert str(tmp_path / "census_income" / TEST) in str(error.value)


def test_files_come_from_the_archive_by_https():
    assert _census_income._BASE_URL.startswith("https://archive.ics.uci.edu/")


@pytest.mark.parametrize(
    "text",
    [
        text_of(n_rows=3),
        text_of().replace(", 1032.38", ""),
        text_of().replace("22, ", "old, "),
        text_of(first_age=21),
        "",
    ],
)
def test_a_text_that_was_not_published_is_an_error_that_names_the_file(tmp_path, text):
    path = put(tmp_path, TRAIN, text, published=False)
    with pytest.raises(ValueError, match=hashlib.sha256(text.encode()).hexdigest()) as error:
        fetch_census_income(data_home=tmp_path)
    assert str(error.value).startswith(f"{path} is damaged: ")
    assert str(error.value).endswith("Delete it, and it will be downloaded again.")


@pytest.mark.parametrize("keep", [slice(-20), slice(5, None)])
def test_a_damaged_archive_is_an_error_that_names_the_file(tmp_path, keep):
    path = put(tmp_path, TRAIN, text_of())
    path.write_bytes(path.read_bytes()[keep])
    with pytest.raises(ValueError, match="Delete it, and it will be downloaded again") as error:
        fetch_census_income(data_home=tmp_path)
    assert str(error.value).startswith(f"{path} is damaged: ")


def test_what_a_killed_download_left_is_removed(archive, tmp_path):
    folder = tmp_path / "census_income"
    folder.mkdir()
    left = folder / ".sklearn_ple-0123456789abcdef.gz"
    left.touch()
    a_day_ago = time.time() - 86_401
    os.utime(left, (a_day_ago, a_day_ago))
    archive.put(TRAIN, gzip.compress(text_of().encode()))
    fetch_census_income(data_home=tmp_path)
    assert os.listdir(folder) == [TRAIN]


def test_an_unknown_subset_is_an_error():
    with pytest.raises(ValueError, match="'subset' parameter .* Got 'valid'"):
        fetch_census_income(subset="valid")


def test_an_unknown_task_is_an_error():
    with pytest.raises(
        ValueError, match=r"\['sex'\]; existing tasks are \['income', 'never_married'"
    ):
        fetch_census_income(tasks=["income", "sex"])


@pytest.fixture(scope="module")
def real():
    home = os.environ.get("SKLEARN_PLE_DATA")
    if home is None or not (Path(home) / "census_income" / TEST).is_file():
        pytest.skip(f"needs census_income/{TEST} in the folder that SKLEARN_PLE_DATA names")
    return fetch_census_income(subset="test", data_home=home, download_if_missing=False)


def test_the_published_file_has_the_shares_of_the_papers(real):
    assert real.data.shape == (99_762, 39)
    assert real.target.mean().round(3).to_dict() == {"income": 0.062, "never_married": 0.432}
    assert real.target["income"].sum() == 6_186


def test_the_published_file_has_the_documented_values(real):
    assert (real.data["hispanic_origin"] == "NA").sum() == 405
    assert (real.data["migration_code_change_in_msa"] == "?").any()
    assert list(real.data.select_dtypes("number")) == NUMERIC
    assert real.data["age"].between(0, 90).all()
    assert real.data["weeks_worked_in_year"].between(0, 52).all()
    assert real.categories["year"] == ["94", "95"]
    assert real.categories["sex"] == ["Female", "Male"]


@pytest.fixture(scope="module")
def schooling(real):
    """The features and the tasks that the level of education says, or marital status."""
    tasks = ["college", "never_married", "education"]
    (path,) = real.filenames
    return fetch_census_income(
        subset="test", tasks=tasks, data_home=Path(path).parents[1], return_X_y=True
    )


def test_college_is_counted_as_in_the_published_text(real, schooling):
    # Counted from the text itself: levels whose name has a degree or college in it.
    with gzip.open(real.filenames[0], "rt") as lines:
        levels = [line.split(", ")[4] for line in lines]
    n = sum("degree" in level or "college" in level for level in levels)
    assert n == 33_410
    X, y = schooling
    assert X.shape == (99_762, 38) and "education" not in X
    assert y["college"].sum() == n
    means = y[["college", "never_married"]].mean()
    np.testing.assert_allclose(means, [0.335, 0.432], atol=5e-4)
