"""The README's Python examples run as they stand."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = README.read_text(encoding="utf-8")
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    assert blocks
    namespace = {"__name__": "__readme__"}
    for block in blocks:
        # Blank lines before a block make the line numbers of an error those of the README.
        above = "\n" * text.count("\n", 0, block.start(1))
        exec(compile(above + block[1], README, "exec"), namespace)
