"""The package as a whole: what is shipped, who may import whom, how it is tested."""

import ast
import graphlib
import importlib.metadata
import importlib.resources
import io
import re
import tokenize
import tomllib
from pathlib import Path

import pytest

import sklearn_ple

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sklearn_ple"
#: The source of each module by its path within the package.
SOURCES = {
    path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
}
FOLDERS = sorted({Path(path).parent.as_posix() for path in SOURCES} - {"."})

# From the top down: a room imports from the floors below its own only.
FLOORS = [
    {"__main__"},
    {"__init__"},
    {"inspection"},
    {"ensemble"},
    {"estimators"},
    {"base"},
    {"predictor"},
    {"export"},
    {"training"},
    {"parameters", "metrics", "model_selection"},
    {"predictions"},
    {"encoding"},
    {"tables", "balancing"},
    {"tasks"},
    {"nn", "datasets"},
    {"distributed"},
    {"utils"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# Whatever scikit-learn does not make public may move with its next release: one module imports it.
PRIVATE_SKLEARN = "utils/_sklearn.py"
# The networks are pure torch.
MAY_NOT_IMPORT = {"nn": {"sklearn", "skorch", "pandas"}}


def imported_modules(source, package):
    """Dotted names of all that a module in `package` imports, at any depth of its code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = parents[: len(parents) - node.level + 1] if node.level else []
            base += [node.module] if node.module else []
            # `from package import name`: the name may be a module or a thing in the package.
            yield from (".".join([*base, alias.name]) for alias in node.names)


def violations(source, path):
    """The imports of `source`, a module at `path` within the package, that break the rules."""
    room = Path(path).parts[0].removesuffix(".py")
    if room not in FLOOR:
        return [f"{path} is on no floor"]
    package = ".".join(["sklearn_ple", *Path(path).parts[:-1]])
    found = []
    for name in imported_modules(source, package):
        top, _, rest = name.partition(".")
        if top == "sklearn_ple":
            target = rest.split(".")[0]
            # A name that is no room is defined in the package's own __init__.
            target = target if target in FLOOR else "__init__"
            allowed = target == room or FLOOR[target] > FLOOR[room]
        else:
            allowed = top not in MAY_NOT_IMPORT.get(room, set())
        if not allowed:
            found.append(f"{path} imports {name}")
    return found


def test_imports_point_down():
    assert [found for path, source in SOURCES.items() for found in violations(source, path)] == []


def imports_within(folder):
    """Which files and folders of a folder of the package import which others of it."""
    parts = folder.relative_to(PACKAGE).parts
    dotted = ".".join(["sklearn_ple", *parts, ""])
    found = {path.stem: set() for path in folder.iterdir()}
    for path, source in SOURCES.items():
        *above, own = Path(path).with_suffix("").parts[: len(parts) + 1]
        package = ".".join(["sklearn_ple", *Path(path).parts[:-1]])
        for name in imported_modules(source, package) if above == [*parts] else ():
            if name.startswith(dotted):
                found[own] |= {name.removeprefix(dotted).split(".")[0]} & found.keys() - {own}
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_within_a_room_make_no_circle(folder):
    graph = imports_within(PACKAGE / folder)
    assert len([*graphlib.TopologicalSorter(graph).static_order()]) == len(graph)


def rooms_in(text):
    return set(re.findall(r"(\w+)(?:/|\.py)", text))


def test_the_map_shows_every_room_on_its_floor():
    rooms = {Path(path).parts[0].removesuffix(".py") for path in SOURCES}
    assert rooms == FLOOR.keys()
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    floors = text.partition("in this list:\n\n")[2].partition("\n\n")[0]
    assert [rooms_in(line) for line in floors.splitlines()] == FLOORS


def private_imports(source, path):
    """What a module at `path` within the package imports of others' private names.

    Others are scikit-learn and the package's other rooms, but for the module that imports the
    private names of scikit-learn for all.
    """
    own = {Path(path).parts[0].removesuffix(".py")}
    shared = "sklearn_ple." + PRIVATE_SKLEARN.removesuffix(".py").replace("/", ".")
    package = ".".join(["sklearn_ple", *Path(path).parts[:-1]])
    names = [name.split(".") for name in imported_modules(source, package)]
    return [
        ".".join(parts)
        for parts in names
        if (parts[0] == "sklearn" or (parts[0] == "sklearn_ple" and not own & {*parts[1:2]}))
        and not ".".join(parts).startswith(shared)
        and any(part.startswith("_") for part in parts)
    ]


def test_private_names_of_others_are_not_imported():
    found = {path: private_imports(source, path) for path, source in SOURCES.items()}
    assert [path for path, names in found.items() if names] == [PRIVATE_SKLEARN]


def lines_of_code(source):
    """Count the lines that hold code: neither blank, nor comment, nor part of a docstring."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    skipped |= {tokenize.ENCODING, tokenize.ENDMARKER}
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped:
            lines |= set(range(token.start[0], token.end[0] + 1))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            lines -= set(range(docstring.lineno, docstring.end_lineno + 1))
    return len(lines)


def test_modules_are_short():
    assert [path for path, source in SOURCES.items() if lines_of_code(source) > 300] == []


def test_a_class_name_occurs_once():
    trees = map(ast.parse, SOURCES.values())
    names = [n.name for tree in trees for n in ast.walk(tree) if isinstance(n, ast.ClassDef)]
    assert sorted(names) == sorted(set(names))


def test_version_is_that_of_the_distribution():
    assert sklearn_ple.__version__ == importlib.metadata.version("sklearn-ple")


def test_version_is_that_of_the_citation():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {sklearn_ple.__version__}\n" in citation


def test_conda_recipe_asks_for_what_the_project_asks_for():
    recipe = (ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [text.replace("torch>=", "pytorch>=") for text in project["dependencies"]]
    run = recipe.partition("  run:\n")[2].partition("\n\n")[0].replace(" >=", ">=").split("    - ")
    python, *others = map(str.strip, run[1:])
    assert sorted(others) == sorted(wanted)
    assert python == "python>=${{ python_min }}"
    python_min = re.search(r'python_min: "(.+)"', recipe)[1]
    assert project["requires-python"] == f">={python_min}"
    assert f'version: "{sklearn_ple.__version__}"' in recipe


def test_data_templates_and_type_marker_are_shipped():
    assert (importlib.resources.files("sklearn_ple") / "py.typed").is_file()
    data = importlib.resources.files("sklearn_ple.datasets") / "data"
    for name in ("census_income.json", "nhefs.csv.gz", "nhefs.json"):
        assert (data / name).is_file()
    report = importlib.resources.files("sklearn_ple.inspection.report")
    for name in ("blocks.html", "report.css", "report.html"):
        assert (report / name).is_file()


def test_checks_run_the_command_of_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    (command,) = [line.strip() for line in readme if line.strip().endswith("-m pytest")]
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert ".ci/run" in (ROOT / ".github" / "workflows" / "checks.yml").read_text(encoding="utf-8")
