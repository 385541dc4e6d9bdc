"""The README's Python examples run as they stand."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_examples_run_and_print_what_the_readme_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = README.read_text(encoding="utf-8")
    pattern = r"^```python\n(.*?)^```$(?:\n\n^```text\n(.*?)^```$)?"
    blocks = list(re.finditer(pattern, text, re.DOTALL | re.MULTILINE))
    assert sum(block[2] is not None for block in blocks) == 1
    namespace = {"__name__": "__readme__"}
    for block in blocks:
        # Blank lines before a block make the line numbers of an error those of the README.
        above = "\n" * text.count("\n", 0, block.start(1))
        capsys.readouterr()
        exec(compile(above + block[1], README, "exec"), namespace)
        if block[2]:
            check_shown(block[2].split(), capsys.readouterr().out.split())


def check_shown(shown, printed):
    """Check words, and numbers to one in their last digit, which rounding elsewhere may change."""
    assert len(shown) == len(printed)
    for ours, theirs in zip(shown, printed, strict=True):
        try:
            number = float(ours)
        except ValueError:
            assert ours == theirs
        else:
            unit = 0.01 if abs(number) < 1 else 1
            assert abs(number - float(theirs)) <= 1.001 * unit, (ours, theirs)
