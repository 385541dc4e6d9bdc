"""Every Python block of the pages in docs/ runs, and what a page shows as output is printed.

A page's blocks run in order and share their names. Those of the guide, and of pages that say so,
start from the first block of docs/guide/index.rst. So that this takes seconds, the data are 160
rows and 12 columns of the survey, a training has one epoch and two members, and boosting five
trees.
`SKLEARN_PLE_PAGES=full` runs them as they stand.

Comments before a block, which readers do not see, say what is special about it:

- `.. skip: REASON`: it is not run;
- `.. output: of the whole training`: the output below is compared in full runs only. Numbers are
  compared to one in their last digit.

A block that imports a package of `OPTIONAL` which is not installed is left out.
"""

import ast
import importlib.util
import os
import re
import textwrap
import warnings
from inspect import unwrap
from pathlib import Path

import pytest
import torch
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.pipeline import Pipeline
from torch.torch_version import TorchVersion

from sklearn_ple import datasets
from sklearn_ple.ensemble import per_task
from sklearn_ple.inspection import MultiTaskReport, compare
from sklearn_ple.training import fit
from sklearn_ple.training.choosing import defaults

DOCS = Path(__file__).parents[1] / "docs"
FULL = os.environ.get("SKLEARN_PLE_PAGES") == "full"
BLOCK = re.compile(
    r"(?:^\.\. (?P<mark>skip|output): (?P<words>.*)\n\n)?"
    r"^\.\. code-block:: (?P<language>python|text)\n\n(?P<code>(?: {3}.*\n|\n)+)",
    re.MULTILINE,
)
PAGES = sorted(
    page.relative_to(DOCS).as_posix()
    for folder in (".", "guide")
    for page in (DOCS / folder).glob("*.rst")
    if ".. code-block:: python" in page.read_text(encoding="utf-8")
)
OPTIONAL = {"deepctr_torch", "mlflow", "optuna", "shap", "skrub", "tensorboard", "torch_rechub"}
OPTIONAL |= {"onnxruntime", "pyarrow", "safetensors", "skops", "torchjd"}
# What the code of a page needs beside its module's own name.
NEEDS = {"export": "safetensors", "torch.utils.tensorboard": "tensorboard"}


def blocks(page):
    """Return the page's blocks: where each begins, its code, and its match."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        # Blank lines above make the line numbers of an error those of the page.
        above = "\n" * text.count("\n", 0, match.start("code"))
        yield match, above + textwrap.dedent(match["code"])


def missing(code):
    """Return the first module that a block imports and that is not there, of those optional."""
    for node in ast.walk(ast.parse(code)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module, *(alias.name for alias in node.names)]
        for name in names:
            name = NEEDS.get(name, name)
            root = name if name in OPTIONAL else name.partition(".")[0]
            if root in OPTIONAL and not is_there(root):
                return root
    return None


def is_there(module):
    """Whether a module is there, and with it what the package's use of it needs."""
    if module == "onnxruntime" and TorchVersion(torch.__version__) < "2.6":
        return False
    return importlib.util.find_spec(module) is not None


@pytest.fixture
def quick(monkeypatch, request):
    """Make trainings short, and the survey small; paint no report."""
    if FULL:
        return
    request.getfixturevalue("unpainted")
    resolve = fit.resolve_split
    # What is saved must have as many members as its parameters say.
    n_most = 8 if (page := request.getfixturevalue("page")) == "guide/saving.rst" else 2

    def resolve_to_little(*args, **options):
        settings = resolve(*args, **options)
        return settings.replace(max_epochs=1, n_members=min(settings.n_members, n_most))

    monkeypatch.setattr(fit, "resolve_split", resolve_to_little)
    make_boosting = per_task.make_boosting

    def make_few_trees(*args):
        boosting = make_boosting(*args)
        last = boosting[-1] if isinstance(boosting, Pipeline) else boosting
        last.set_params(max_iter=5)
        return boosting

    monkeypatch.setattr(per_task, "make_boosting", make_few_trees)
    monkeypatch.setattr(defaults, "LEAST_ROWS_TO_SET_ASIDE", 100)
    report = MultiTaskReport.from_estimator.__func__
    for function, name, few in ((report, "n_bootstrap", 20), (compare, "cv", 2)):
        monkeypatch.setitem(unwrap(function).__kwdefaults__, name, few)
    load = datasets.load_nhefs
    # The first page compares boosting and a blend, which fit a model for each task.
    n_tasks = 4 if page == "index.rst" else None

    def load_few(**options):
        X, y = load(**options)
        # The first twelve columns are those that the pages name.
        return X.iloc[:160, :12], y.iloc[:160, :n_tasks]

    monkeypatch.setattr(datasets, "load_nhefs", load_few)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.filterwarnings("ignore")
def test_the_blocks_of_a_page_run(page, quick, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(DOCS / "extending")
    _, start = next(blocks("guide/index.rst"))
    names = {"__name__": "__page__"}
    exec(start, names)
    printed, left_out = "", None
    for match, code in blocks(page):
        if match["mark"] == "skip":
            continue
        if match["language"] == "text":
            if left_out is None and (FULL or match["mark"] != "output"):
                check_shown(match["code"].split(), printed.split())
            continue
        if left_out := missing(code):
            warnings.warn(f"{page}: a block needs {left_out}", stacklevel=1)
            continue
        capsys.readouterr()
        exec(compile(code, str(DOCS / page), "exec"), names)
        printed = capsys.readouterr().out


def check_shown(shown, printed):
    """Check words, and numbers to one in their last digit, which rounding elsewhere may change."""
    assert len(shown) == len(printed), printed
    for ours, theirs in zip(shown, printed, strict=True):
        if re.fullmatch(r"-?\d*\.\d+", ours):
            unit = 10.0 ** -len(ours.partition(".")[2])
            assert abs(float(ours) - float(theirs)) <= 1.001 * unit, (ours, theirs)
        else:
            assert ours == theirs


@pytest.mark.parametrize("page", PAGES)
def test_what_is_special_about_a_block_is_said_rightly(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    for mark in re.findall(r"^\.\. (?:skip|output): .*\n+.*", text, re.MULTILINE):
        assert re.search(r"\n\n\.\. code-block:: (python|text)$", mark), mark
    assert text.count(".. code-block:: python") == sum(
        match["language"] == "python" for match, _ in blocks(page)
    )


def test_the_names_of_other_projects_have_a_reference_and_exist():
    """Names in the pages are links by docs/references.txt, which is made by hand."""
    lines = (DOCS / "references.txt").read_text(encoding="utf-8").splitlines()
    listed = {line.split()[1] for line in lines}
    pattern = re.compile(r":(?:class|func|mod|meth):`(?:[^`<]*<)?~?(sklearn\.[\w.]+)>?`")
    named = {
        name
        for page in [*DOCS.glob("*.rst"), *DOCS.glob("guide/*.rst")]
        for name in pattern.findall(page.read_text(encoding="utf-8"))
    }
    assert named <= listed
    for name in named:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name
