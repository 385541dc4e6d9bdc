"""The README's Python examples run as they stand, and its links lead somewhere."""

import importlib.metadata
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
SITE = "https://sklearn-ple.readthedocs.io/en/latest/"


def links(text):
    return re.findall(r'(?<=\]\()[^)\s]+|(?<=src=")[^"]+|(?<=srcset=")[^"]+', text)


def test_links_are_to_files():
    relative = [link for link in links(README.read_text(encoding="utf-8")) if ":" not in link]
    assert len(relative) > 10
    assert [link for link in relative if not (ROOT / link).exists()] == []


def test_links_hold_on_an_index_page_too():
    """There they are links to the documentation, whose pages are made from files in docs."""
    metadata = importlib.metadata.metadata("sklearn-ple")
    # The backport importlib_metadata, once imported, moves the text into a header.
    shown = links(metadata.get_payload() or metadata["Description"])
    assert len(shown) == len(links(README.read_text(encoding="utf-8")))
    assert [link for link in shown if not link.startswith("https://")] == []
    for link in shown:
        page = link.removeprefix(SITE)
        # Some pages have no source: they are made from docstrings and examples.
        if link.startswith(SITE) and not page.startswith(("generated/", "auto_examples/")):
            path = ROOT / "docs" / page.removeprefix("_")
            sources = [path.with_suffix(end) for end in (".rst", ".md", path.suffix)]
            assert any(source.exists() for source in sources), page


def test_the_words_are_at_most_300():
    """Code, what it prints, pictures with their captions, badges and addresses do not count."""
    text = README.read_text(encoding="utf-8")
    apart = r"```.*?```|<picture>.*?</picture>(?:\n\n\*.*?\*\n)?|^\[!.*?$|\]\(.*?\)"
    assert 200 < len(re.sub(apart, "", text, flags=re.DOTALL | re.MULTILINE).split()) <= 300


def test_the_first_page_lists_the_extras():
    metadata = importlib.metadata.metadata("sklearn-ple")
    extras = set(metadata.get_all("Provides-Extra")) - {"dev", "docs", "lint", "tests"}
    page = (ROOT / "docs" / "index.rst").read_text(encoding="utf-8")
    assert set(re.findall(r"^``([a-z]+)``  ", page, re.MULTILINE)) == extras


def test_the_examples_are_those_of_the_documentation():
    page = (ROOT / "docs" / "index.rst").read_text(encoding="utf-8")
    for _, *blocks in examples():
        for block in blocks:
            assert textwrap.indent(block, "   ") in page


# The second one takes a minute; its code runs by day on few rows, on the first page of docs/.
@pytest.mark.parametrize("number", [0, pytest.param(1, marks=pytest.mark.nightly)])
def test_an_example_runs_and_prints_what_the_readme_shows(number, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    above, code, shown = examples()[number]
    # Blank lines above the code make the line numbers of an error those of the README.
    exec(compile("\n" * above + code, README, "exec"), {"__name__": "__readme__"})
    check_shown(shown.split(), capsys.readouterr().out.split())


def examples():
    """Return each example: the lines above it, its code and what it prints."""
    text = README.read_text(encoding="utf-8")
    pattern = r"^```python\n(.*?)^```$\n\n^```text\n(.*?)^```$"
    found = re.finditer(pattern, text, re.DOTALL | re.MULTILINE)
    return [(text.count("\n", 0, block.start(1)), *block.groups()) for block in found]


def check_shown(shown, printed):
    """Check words, and numbers roughly, which rounding elsewhere may change.

    Scores may differ by one in their last digit, gains, which have a sign, by .03.
    """
    assert len(shown) == len(printed)
    for ours, theirs in zip(shown, printed, strict=True):
        try:
            number, theirs = (float(word.strip("().")) for word in (ours, theirs))
        except ValueError:
            assert ours == theirs
        else:
            unit = 0.03 if ours[0] in "+-" else 0.01 if abs(number) < 1 else 1
            assert abs(number - float(theirs)) <= 1.001 * unit, (ours, theirs)
