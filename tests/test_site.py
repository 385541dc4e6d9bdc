"""The pages with pictures as a browser shows them, without running the examples."""

import inspect
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from browser import WIDTHS, look_at, needs_browser
from sphinx.cmd.build import main as build

from sklearn_ple import PLEClassifierRegressor

ROOT = Path(__file__).parents[1]

# The texts that a picture covers by more than two pixels, and how far the page reaches.
LOOK = """(inner, page) => {
  const overlap = (a, b) =>
    Math.min(Math.min(a.right, b.right) - Math.max(a.left, b.left),
             Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));
  const pictures = [...page.querySelectorAll("article img")];
  const texts = page.createTreeWalker(page.querySelector("article"), NodeFilter.SHOW_TEXT);
  const covered = [];
  while (texts.nextNode()) {
    const text = texts.currentNode, range = page.createRange();
    range.selectNodeContents(text);
    const isShown = text.parentElement.checkVisibility({checkOpacity: true});
    if (!isShown || !text.data.trim()) continue;
    for (const picture of pictures) {
      const place = picture.getBoundingClientRect();
      if ([...range.getClientRects()].some(line => overlap(line, place) > 2))
        covered.push(text.data.trim());
    }
  }
  return {
    width: inner.innerWidth,
    room: page.documentElement.clientWidth,
    scroll: page.documentElement.scrollWidth,
    pictures: pictures.length,
    broken: pictures.filter(image => !image.complete || !image.naturalWidth).length,
    covered,
  };
}"""


# How far the page reaches, and the room for it.
SCROLL = """(inner, page) =>
  [page.documentElement.scrollWidth, page.documentElement.clientWidth]"""

# Whether the description of each parameter is open before and after a link to one of them.
FOLDED = """(inner, page) => {
  const open = () => [...page.querySelectorAll("dt[id^=parameter-] + dd > details")]
    .map(details => [details.parentElement.previousElementSibling.id, details.open]);
  const before = open();
  inner.location.hash = "#parameter-n-members";
  inner.dispatchEvent(new Event("hashchange"));
  const after = open();
  page.querySelectorAll("details").forEach(details => details.open = false);
  inner.location.hash = "";
  return [Object.fromEntries(before), Object.fromEntries(after)];
}"""

#: A page of estimators, whose members and parameters are folded.
ESTIMATORS = """Estimators
==========

.. currentmodule:: sklearn_ple

.. autoclass:: PLEClassifierRegressor
   :members:
   :inherited-members:

.. autoclass:: SluiceClassifierRegressor

.. list-table::
   :header-rows: 1

   * -
     - trees
     - networks
   * - fit
     - quick
     - slow
   * - predict
     -
     - quick
"""

# The texts of a table's cells as they are shown.
CELLS = """(inner, page) =>
  [...page.querySelectorAll("article table td")].map(cell => cell.innerText.trim())"""

#: Where the notebooks of the examples are.
PLACE = "owner/repository/blob/main/notebooks"


def copy_pages(folder, *left_out):
    """Copy the sources of the pages to a folder, without some files and folders."""
    if not os.access(ROOT / "docs", os.W_OK):
        pytest.skip("the configuration of the pages writes into docs/_build")
    ignored = shutil.ignore_patterns("_build", "auto_examples", "generated", "*.py", *left_out)
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=ignored)
    shutil.copytree(ROOT / "examples", folder / "examples")
    for page in ROOT.glob("*.md"):
        shutil.copy(page, folder)


def build_pages(folder):
    sources, out = str(folder / "docs"), str(folder / "html")
    options = ["-Q", "-c", str(ROOT / "docs"), "-D", "plot_gallery=0", "-D", f"notebooks={PLACE}"]
    assert build([*options, sources, out]) == 0
    return folder / "html"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the pages with pictures, and those that list others."""
    folder = tmp_path_factory.mktemp("site")
    copy_pages(folder, "api.rst")
    for page in [*folder.glob("docs/*.*"), *folder.glob("docs/guide/*.rst")]:
        if not re.search("(?:image|figure|toctree)::", page.read_text(encoding="utf-8")):
            page.unlink()
    (folder / "docs" / "estimators.rst").write_text(ESTIMATORS, encoding="utf-8")
    return build_pages(folder)


def test_each_example_opens_in_colab_and_installs_the_package(site):
    names = [page.stem for page in (ROOT / "examples").glob("plot_*.py")]
    for name in names:
        page = (site / "auto_examples" / f"{name}.html").read_text(encoding="utf-8")
        assert f'href="https://colab.research.google.com/github/{PLACE}/{name}.ipynb"' in page
        (file,) = site.glob(f"_downloads/*/{name}.ipynb")
        first = json.loads(file.read_text(encoding="utf-8"))["cells"][0]
        assert "".join(first["source"]).startswith('%pip install "sklearn-ple')
    assert "colab" not in (site / "auto_examples" / "index.html").read_text(encoding="utf-8")


def test_an_estimator_describes_each_parameter_once_with_type_and_default(site):
    page = (site / "estimators.html").read_text(encoding="utf-8")
    flagship, other = page.split('id="sklearn_ple.SluiceClassifierRegressor"')
    found = re.findall(r'<dt id="parameter-([\w-]+)">(.*?)</dt>', flagship, re.S)
    names = [name.replace("-", "_") for name, _ in found]
    assert sorted(names) == sorted(inspect.signature(PLEClassifierRegressor).parameters)
    for name, (_, head) in zip(names, found, strict=True):
        assert re.sub("<.*?>", "", head).startswith(name)
        assert "default=" in head
    # Another estimator links to those that it shares.
    linked = re.findall(r'href="#parameter-([\w-]+)"', other)
    assert {name.replace("-", "_") for name in linked} <= set(names)
    assert "n-members" in linked


def test_long_names_break_between_their_words(site):
    page = (site / "estimators.html").read_text(encoding="utf-8")
    beside = page.partition('id="pst-page-toc-nav"')[2].partition("</nav>")[0]
    assert "Sluice<wbr>Classifier<wbr>Regressor" in beside
    assert "predict_<wbr>conditional_<wbr>proba()" in beside
    assert "predict_proba()" in beside


@needs_browser
def test_a_link_opens_the_description_of_its_parameter(site, tmp_path):
    (seen,) = look_at([site / "estimators.html"], FOLDED, tmp_path)
    for before, after in seen:
        assert before["parameter-n-members"] is False
        assert after == before | {"parameter-n-members": True}


@needs_browser
def test_no_picture_covers_text_or_is_wider_than_its_page(site, tmp_path):
    pages = [
        page
        for page in sorted(site.rglob("*.html"))
        if "<img" in page.read_text(encoding="utf-8").partition("<article")[2]
    ]
    seen = dict(zip(pages, look_at(pages, LOOK, tmp_path), strict=True))
    assert [found["pictures"] for found in seen[site / "auto_examples" / "index.html"]] == [15, 15]
    for page, of_widths in seen.items():
        for width, found in zip(WIDTHS, of_widths, strict=True):
            assert found["width"] == width
            assert found["scroll"] <= found["room"], (page, width)
            assert found["broken"] == 0, (page, width)
            assert found["covered"] == [], (page, width)


@needs_browser
def test_cells_below_each_other_have_the_names_of_their_columns(site, tmp_path):
    ((phone, laptop),) = look_at([site / "estimators.html"], CELLS, tmp_path)
    assert laptop == ["fit", "quick", "slow", "predict", "", "quick"]
    assert phone == ["fit", "trees: quick", "networks: slow", "predict", "", "networks: quick"]


@pytest.mark.nightly
@needs_browser
def test_no_page_scrolls_sideways(tmp_path):
    copy_pages(tmp_path)
    site = build_pages(tmp_path)
    pages = [page for page in sorted(site.rglob("*.html")) if "_static" not in page.parts]
    assert len(pages) > 150
    for page, of_widths in zip(pages, look_at(pages, SCROLL, tmp_path), strict=True):
        for width, (reach, room) in zip(WIDTHS, of_widths, strict=True):
            assert reach <= room, (page, width)
