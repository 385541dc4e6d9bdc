"""What the tests of data sets that come from files have in common."""

import pytest


@pytest.fixture(autouse=True)
def nothing_elsewhere(request, monkeypatch, tmp_path):
    """Folders with nothing in them, wherever files would be looked for."""
    if "real" in request.fixturenames:
        return
    monkeypatch.delenv("SKLEARN_PLE_DATA", raising=False)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "sklearn"))
