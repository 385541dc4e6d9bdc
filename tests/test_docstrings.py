"""Public docstrings as users see them: complete by numpydoc's rules, listed in the reference."""

import importlib
import inspect
import re
import tomllib
from pathlib import Path

import pytest
from makers import resolved
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import ERROR_MSGS, validate

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.base import MultiTaskEstimator

ROOT = Path(__file__).parents[1]
PUBLIC_MODULES = [
    "sklearn_ple",
    "sklearn_ple.datasets",
    "sklearn_ple.ensemble",
    "sklearn_ple.distributed",
    "sklearn_ple.export",
    "sklearn_ple.inspection",
    "sklearn_ple.metrics",
    "sklearn_ple.model_selection",
    "sklearn_ple.nn",
]
# Of rooms that are not public as a whole, what one builds upon.
BUILT_UPON = {
    "sklearn_ple.base": ["MultiTaskEstimator", "class_weight", "parameter", "with_parameters"],
    "sklearn_ple.balancing": [
        "Balancer",
        "Batch",
        "FAMO",
        "GeometricMean",
        "GradientBalancer",
        "UncertaintyWeighting",
        "WeightedSum",
    ],
    "sklearn_ple.encoding": ["EmbeddingMaker"],
    "sklearn_ple.tasks": ["Task"],
}


def checks():
    """The checks that pyproject.toml asks for; beside "all" it names those left out."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = set(config["tool"]["numpydoc_validation"]["checks"])
    return set(ERROR_MSGS) - named if "all" in named else named


def public_objects():
    """Public classes and functions by their dotted name."""
    found = {}
    public = {name: importlib.import_module(name).__all__ for name in PUBLIC_MODULES}
    for module_name, names in (public | BUILT_UPON).items():
        module = importlib.import_module(module_name)
        for name in names:
            obj = getattr(module, name)
            if inspect.isclass(obj) or inspect.isfunction(obj):
                found[f"{module_name}.{name}"] = obj
    return found


def public_methods(cls):
    """Names of a class's public methods and properties that this package defines."""
    for name, member in inspect.getmembers(cls):
        function = member.fget if isinstance(member, property) else member
        ours = (getattr(function, "__module__", None) or "").startswith("sklearn_ple")
        # Users see the docstring of the method that it overrides, which is validated there.
        inherits = function.__doc__ is None and inspect.getdoc(function) is not None
        if not name.startswith("_") and ours and not inspect.isclass(member) and not inherits:
            yield name


def documented(objects):
    """Names of objects and their methods; a method that classes share stands there once."""
    names = {}
    for owner, obj in objects.items():
        names[obj] = owner
        for name in public_methods(obj) if inspect.isclass(obj) else ():
            member = inspect.getattr_static(obj, name)
            names.setdefault((member, inspect.getdoc(member)), f"{owner}.{name}")
    return list(names.values())


OBJECTS = public_objects()


@pytest.mark.parametrize("name", documented(OBJECTS))
def test_docstring_is_complete(name):
    wanted = checks()
    if name == "sklearn_ple.base.MultiTaskEstimator":
        # Its parameters are described once, in PLEClassifierRegressor.
        wanted -= {"PR01"}
    errors = validate(name)["errors"]
    assert not [f"{code}: {text}" for code, text in errors if code in wanted]


@pytest.mark.parametrize("name", OBJECTS)
def test_docstring_has_an_example(name):
    assert ">>>" in "\n".join(get_doc_object(OBJECTS[name])["Examples"])


def test_guide_tells_what_auto_takes_by_rows():
    rows = re.findall(
        r"^([\d,]+) +([\d,]+) +([\d,]+) +[\d,]+ rows ",
        (ROOT / "docs" / "guide" / "training.rst").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert rows
    for cells in rows:
        n_rows, *values = (int(cell.replace(",", "")) for cell in cells)
        found = resolved(PLEClassifierRegressor(), n_rows)
        assert values == [found.batch_size, -(-n_rows // found.batch_size)]


@pytest.fixture(scope="module")
def class_pages():
    """The module of docs/ that writes the pages of the estimators."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")
        yield importlib.import_module("class_pages")


def test_each_parameter_is_in_one_group_or_on_the_page_of_its_estimator(class_pages):
    grouped = [name for names in class_pages.GROUPS.values() for name in names]
    shared = set(inspect.signature(MultiTaskEstimator).parameters) | {"class_weight"}
    assert sorted(grouped) == sorted(shared)
    for cls in OBJECTS.values():
        if inspect.isclass(cls) and issubclass(cls, MultiTaskEstimator):
            left_out = set(inspect.signature(cls).parameters) - set(class_pages.own(cls))
            assert left_out <= shared, cls


def test_reference_lists_the_public_names():
    module, listed = None, set()
    for line in (ROOT / "docs" / "api.rst").read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"\.\. currentmodule:: (\S+)", line):
            module = match[1]
        elif match := re.fullmatch(r"   (\w+)", line):
            listed.add(f"{module}.{match[1]}")
    assert listed == set(OBJECTS)
