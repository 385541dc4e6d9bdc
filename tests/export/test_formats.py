"""Files of every format that there was load for ever, and predict what they did."""

import importlib.util
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import InconsistentVersionWarning

from sklearn_ple import export
from sklearn_ple.serialization import FORMAT_VERSION

FILES = Path(__file__).parent / "files"
PATHS = sorted(FILES.glob("*.safetensors"))

spec = importlib.util.spec_from_file_location("make", FILES / "make.py")
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore:No value of column:UserWarning")
@pytest.mark.filterwarnings("ignore:Task 'regression' has only 9 validation:UserWarning")
def test_predicts_what_it_did(path):
    with warnings.catch_warnings():
        # They were written by the versions of their time.
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        model = export.load(path)
    expected = json.loads(path.with_suffix(".json").read_text())
    found = make.predictions(path.stem.partition("-")[2], model)
    assert found.keys() == expected.keys()
    for what, numbers in expected.items():
        np.testing.assert_allclose(found[what][-12:], numbers, rtol=1e-4, atol=1e-5, err_msg=what)


def test_every_format_has_files_and_they_are_small():
    versions = {int(path.stem[1:].partition("-")[0]) for path in PATHS}
    assert versions == set(range(1, FORMAT_VERSION + 1))
    assert max(path.stat().st_size for path in PATHS) < 50_000
