"""`python -m sklearn_ple`: the table, the picture, and what is said when something is missing."""

import os
import runpy
import subprocess
import sys

import numpy as np
import pytest
from makers import make_table

from sklearn_ple import __main__, inspection
from sklearn_ple.__main__ import main
from sklearn_ple.datasets import load_nhefs
from sklearn_ple.inspection import compare_models

TASKS = ["death", "wt82_71", "sbp", "dbp", "cholesterol", "exercise"]


@pytest.fixture
def quick(monkeypatch):
    """An eighth of the rows of NHEFS, and boosting that guesses."""
    few = [part[::8] for part in load_nhefs(return_X_y=True)]
    monkeypatch.setattr(__main__, "load_nhefs", lambda return_X_y: few)
    kept = compare_models.make_models()
    kept["boosting"] = kept["dummy"]
    monkeypatch.setattr(compare_models, "make_models", lambda by_time=False: kept)


# The command on a quarter of the rows, where nothing can be connected to.
OFFLINE = """
import sys

def refuse(event, args):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}:
        raise AssertionError(f"{event} {args}")

sys.addaudithook(refuse)
import socket
try:
    socket.create_connection(("192.0.2.1", 80), timeout=0.1)
except AssertionError:
    pass
else:
    raise SystemExit("connections are not refused")

from sklearn_ple import __main__
from sklearn_ple.datasets import load_nhefs

few = [part[::4] for part in load_nhefs(return_X_y=True)]
__main__.load_nhefs = lambda return_X_y: few
sys.exit(__main__.main())
"""


def test_the_command_prints_a_table_and_draws_a_picture_without_a_network(tmp_path):
    command = [sys.executable, "-c", OFFLINE, "--epochs", "2", "--output", "pictures"]
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
    run = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""  # a progress bar is drawn in a terminal only
    lines = run.stdout.splitlines()
    head = [line.split() for line in lines].index(["dummy", "boosting", "PLE"])
    rows = [line.split() for line in lines[head + 1 : head + 1 + len(TASKS)]]
    assert [row[0] for row in rows] == TASKS
    scores = {task: [float(score) for score in row] for task, *row in rows}
    assert scores["death"][0] == scores["exercise"][0] == 0.5
    assert scores["death"][1] > 0.7
    assert [line.split(":")[0] for line in lines if ": " in line][-7:-1] == TASKS  # verdicts
    picture = tmp_path / "pictures" / "training_history-nhefs.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def without_times(text):
    return [line for line in text.splitlines() if not line.startswith(("fit, CPU s", "a row, ms"))]


def test_the_same_seed_prints_the_same_table_whether_a_picture_can_be_drawn_or_not(
    quick, hide, tmp_path, capsys
):
    command = ["--epochs", "1", "--seed", "3", "--output", str(tmp_path)]
    (tmp_path / "training_history-nhefs.png").mkdir()
    assert main(command) == 1
    table, errors = capsys.readouterr()
    assert errors.splitlines()[-1].startswith("error: ")
    assert all(task in table for task in TASKS)
    hide("matplotlib")
    assert main(command) == 0
    again, _, note = capsys.readouterr().out.partition("No picture")
    assert without_times(again) == without_times(table)
    assert "pip install 'sklearn-ple[plots]'" in note


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_models_are_compared_on_a_file(few_models, ending, tmp_path, capsys):
    X, y = make_table(80)
    path, page = tmp_path / f"rows.{ending}", tmp_path / "page.html"
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    table = X.join(y)
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
    command = ["compare", str(path), "--targets", "late,price", "--cv", "2", "--report", str(page)]
    assert main(command) == 0
    text = capsys.readouterr().out
    for part in (
        "80 rows, 5 features",
        "binary",
        "regression",
        "dummy",
        "PLE",
        "price:",
        "Report on PLE, on ",
    ):
        assert part in text
    assert "How well each task is predicted" in page.read_text("utf-8")


@pytest.mark.usefixtures("unpainted")
def test_columns_rows_and_kinds_can_be_chosen(few_models, tmp_path, capsys):
    X, y = make_table(80)
    X.join(y).to_csv(tmp_path / "rows.csv", index=False)
    command = ["compare", str(tmp_path / "rows.csv"), "--targets", "late,price", "--cv", "2"]
    command += ["--drop", "a,grade", "--sample", "60", "--task-types", "price=huber"]
    assert main([*command, "--report", str(tmp_path / "page.html")]) == 0
    text = capsys.readouterr().out
    assert "60 rows, 3 features" in text and "huber" in text
    assert main([*command[:4], "--drop", "none"]) == 1
    assert "--drop names ['none']" in capsys.readouterr().err.splitlines()[-1]


@pytest.fixture
def calls(monkeypatch):
    """What the models would be compared on; the comparison itself ends in an error."""
    found = []

    def keep(X, y, models, **options):
        found.append((X, y, models, options))
        raise ValueError("kept")

    monkeypatch.setattr(inspection, "compare", keep)
    return found


def test_groups_are_not_divided_and_are_no_feature(calls, tmp_path):
    X, y = make_table(80)
    X.assign(patient=np.arange(80) % 16).join(y).to_csv(tmp_path / "rows.csv", index=False)
    command = ["compare", str(tmp_path / "rows.csv"), "--targets", "late,price"]
    assert main([*command, "--groups", "patient"]) == 1
    ((train, _, _, options),) = calls
    assert "patient" not in train and 0 < len(train) < 80
    patients = train.index.to_numpy() % 16
    assert options["groups"].tolist() == patients.tolist()
    assert (np.bincount(patients)[np.unique(patients)] == 5).all()


def test_rows_in_time_are_validated_and_tested_later(calls, tmp_path):
    X, y = make_table(80)
    X.join(y).to_csv(tmp_path / "rows.csv", index=False)
    command = ["compare", str(tmp_path / "rows.csv"), "--targets", "late,price", "--by-time"]
    assert main(command) == 1
    ((train, _, models, options),) = calls
    assert train.index.tolist() == list(range(60))
    assert all(max(a) < min(b) for a, b in options["cv"].split(train))
    assert models["PLE"].validation_split == models["hard sharing"].validation_split == "last"
    assert models["blend"].get_params()["network__validation_split"] == "last"


def test_a_target_of_texts_that_are_nearly_all_different_ends_in_a_message(
    calls, tmp_path, capsys
):
    X, y = make_table(120)
    price = [f"? {number},5" for number in range(120)]
    X.join(y).assign(price=price).to_csv(tmp_path / "rows.csv", index=False, sep=";")
    command = ["compare", str(tmp_path / "rows.csv"), "--targets", "late,price"]
    assert main(command) == 1 and not calls
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("error: --targets names 'price'") and "'? 0,5'" in message
    # Whoever states the kind knows better.
    assert main([*command, "--task-types", "price=multiclass"]) == 1 and len(calls) == 1


def test_models_are_chosen_by_name(calls, tmp_path, capsys):
    X, y = make_table(20)
    X.join(y).to_csv(tmp_path / "rows.csv", index=False)
    command = ["compare", str(tmp_path / "rows.csv"), "--targets", "late,price", "--models"]
    main([*command, "PLE,hard-sharing, boosting-tuned"])
    assert list(calls[0][2]) == ["PLE", "hard sharing", "boosting, tuned"]
    main(command[:-1])
    assert list(calls[1][2]) == ["dummy", "boosting", "hard sharing", "PLE", "blend"]
    capsys.readouterr()
    assert main([*command, "none"]) == 1
    assert "--models names ['none']: the models are" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--task-types", "price"], "write price=KIND"),
        (["--groups", "none"], "--groups names ['none']"),
        (["--groups", "a", "--by-time"], "drop one"),
    ],
)
def test_options_that_say_nothing_end_in_a_message(calls, options, message, tmp_path, capsys):
    X, y = make_table(20)
    X.join(y).to_csv(tmp_path / "rows.csv", index=False)
    command = ["compare", str(tmp_path / "rows.csv"), "--targets", "late,price"]
    assert main([*command, *options]) == 1
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert calls == []


@pytest.mark.parametrize(
    ("name", "targets", "message"),
    [
        ("rows.csv", "late,none", "--targets names ['none']"),
        ("rows.json", "late", "must be CSV or Parquet"),
        ("other.csv", "late", "other.csv"),
    ],
)
def test_a_file_that_cannot_be_compared_ends_in_a_message(
    name, targets, message, tmp_path, capsys
):
    make_table(20)[1].to_csv(tmp_path / "rows.csv", index=False)
    assert main(["compare", str(tmp_path / name), "--targets", targets]) == 1
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_help_explains_every_option(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["sklearn_ple", "--help"])
    # It is run as if for the first time.
    monkeypatch.delitem(sys.modules, "sklearn_ple.__main__")
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("sklearn_ple", run_name="__main__")
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for part in ["compare", "nhefs", "compare customers.csv"]:
        assert part in text
    for command, options in {
        "nhefs": ["--epochs", "--seed", "--device", "--output"],
        "compare": ["--task-types", "--groups", "--by-time", "--models", "compare customers.csv"],
    }.items():
        with pytest.raises(SystemExit):
            main([command, "--help"])
        text = capsys.readouterr().out
        assert all(option in text for option in options)


def test_a_device_that_is_not_there_ends_in_a_message(quick, tmp_path, capsys):
    assert main(["--device", "cuda:99", "--output", str(tmp_path)]) == 1
    assert "cuda:99" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "parameter"),
    [("--epochs", "0", "max_epochs"), ("--seed", "-1", "random_state")],
)
def test_a_number_of_no_use_ends_in_a_message(quick, option, value, parameter, tmp_path, capsys):
    assert main([option, value, "--output", str(tmp_path)]) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith(f"error: The {parameter!r} parameter") and f"Got {value}" in message


def test_a_folder_that_cannot_be_created_ends_in_a_message(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["--output", str(tmp_path / "file")]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: ") and str(tmp_path / "file") in message
