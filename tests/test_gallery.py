"""Examples whose data are not at hand show what was kept of a run with them."""

import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize("name", ["census_income", "compare_systems"])
def test_without_its_data_an_example_shows_what_was_kept(name, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("SKLEARN_PLE_DATA", raising=False)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    monkeypatch.chdir(EXAMPLES)
    found = runpy.run_path(f"plot_{name}.py")
    assert found["X"] is None
    assert "these results were kept" in capsys.readouterr().out
    assert len(plt.get_fignums()) == 2
    plt.close("all")
