"""The page of the parameters that all estimators share, and pages of classes that link to it.

`help` shows all parameters of an estimator in full. The page of a class shows its own ones, and
links to the others, which `docs/parameters.rst` describes once. Members that it has from
`PLEClassifierRegressor` are described on the page of that class.
"""

import inspect

from numpydoc.docscrape import NumpyDocString, Parameter
from sphinx.util.docutils import SphinxDirective

import sklearn_ple
from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.base import MultiTaskEstimator

#: The parameters that estimators share, by what they are for.
GROUPS = {
    "Start here": (
        "task_types",
        "categorical_features",
        "class_weight",
        "validation_split",
        "n_members",
        "max_time",
        "random_state",
        "verbose",
    ),
    "Network": (
        "tower_hidden_units",
        "activation",
        "dropout",
        "depends_on",
        "numeric_embedding",
        "embedding_dim",
        "target_statistics",
        "linear_path",
        "feature_dropout",
        "clip_numbers",
    ),
    "Training": (
        "task_weights",
        "balancing",
        "learning_rate",
        "batch_size",
        "max_epochs",
        "early_stopping",
        "validation_fraction",
        "n_iter_no_change",
        "refit",
        "warm_start",
        "warm_start_from",
    ),
    "Running": ("n_jobs", "device", "dtype", "checkpoint_dir"),
    "Advanced": (
        "n_bins",
        "max_categories",
        "min_frequency",
        "task_weight_decay",
        "optimizer",
        "lr_schedule",
        "weight_decay",
        "weight_averaging",
        "callbacks",
        "net_params",
    ),
}

#: What authors of estimators override; the page of `MultiTaskEstimator` describes it.
HOOKS = (
    "make_link",
    "make_network",
    "network",
    "rate_factors",
    "treats_tasks_alike",
    "views",
)


def describe(cls, section="Parameters"):
    """Return the entries of a section of a class's docstring by name."""
    return {entry.name: entry for entry in NumpyDocString(inspect.getdoc(cls))[section]}


def default(cls, name):
    return inspect.signature(cls).parameters[name].default


def own(cls):
    """Return the parameters that the page of an estimator describes itself.

    They are those in no group, and those with another default or another description.
    """
    shared, entries = describe(PLEClassifierRegressor), describe(cls)
    grouped = {name for names in GROUPS.values() for name in names}
    return [
        name
        for name, entry in entries.items()
        if name not in grouped
        or default(cls, name) != default(PLEClassifierRegressor, name)
        or entry != shared[name]
    ]


def estimator(fullname):
    """Return the estimator of the package with this dotted name, or None."""
    package, _, name = fullname.rpartition(".")
    found = getattr(sklearn_ple, name, None) if package == "sklearn_ple" else None
    return found if isinstance(found, type) and issubclass(found, MultiTaskEstimator) else None


def is_ours(member):
    """Return whether a member of a class is a method or property that this package defines."""
    function = member.fget if isinstance(member, property) else member
    ours = (getattr(function, "__module__", None) or "").startswith("sklearn_ple")
    return ours and inspect.isroutine(function)


def shared_members():
    """Return by estimator which methods and properties it has from `PLEClassifierRegressor`.

    They are dicts from the name to whether the estimator has it by default: for example, one
    without gates has no ``gate_weights``.
    """
    names = [f"sklearn_ple.{name}" for name in sklearn_ple.__all__]
    flagship = PLEClassifierRegressor
    return {
        fullname: {
            name: hasattr(cls(), name) or not hasattr(flagship(), name)
            for name in dir(cls)
            if not name.startswith("_")
            and name not in HOOKS
            and is_ours(getattr(cls, name))
            and inspect.getattr_static(cls, name) is inspect.getattr_static(flagship, name, None)
        }
        for fullname in names
        if (cls := estimator(fullname)) not in (None, flagship)
    }


def link(name):
    return f":ref:`{name} <parameter-{name.replace('_', '-')}>`"


def shorten(app, what, name, obj, options, lines):
    """Replace the shared parameters of an estimator by links, before numpydoc reads its text."""
    cls = estimator(name) if what == "class" else None
    if cls is None:
        return
    entries, mine = describe(cls), own(cls)
    links = [
        f"- {group}: {', '.join(map(link, rest))};"
        for group, names in GROUPS.items()
        if (rest := [name for name in names if name in entries and name not in mine])
    ]
    links[-1] = links[-1].removesuffix(";") + "."
    others = ["See :doc:`/parameters`:", "", *links]
    rest = Parameter("Shared parameters", "", others)
    replace_section(lines, "Parameters", [*map(entries.get, mine), rest])
    if cls is not PLEClassifierRegressor:
        shared = describe(PLEClassifierRegressor, "Attributes")
        attributes = describe(cls, "Attributes").items()
        own_ones = [entry for name, entry in attributes if entry != shared.get(name)]
        replace_section(lines, "Attributes", own_ones)


def replace_section(lines, section, entries):
    """Replace the entries of a section of a docstring; without entries it goes."""
    start = lines.index(section)
    underlines = (i for i in range(start + 2, len(lines)) if lines[i].startswith("---"))
    end = next(underlines, len(lines) + 1) - 1
    text = [section, "-" * len(section)] if entries else []
    for name, kind, description in entries:
        text += [f"{name} : {kind}" if kind else name, *("    " + line for line in description)]
    lines[start:end] = [*text, ""]


class SharedParameters(SphinxDirective):
    """Describe the parameters of a group: their defaults in a table, then each in full."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self):
        entries = describe(PLEClassifierRegressor)
        published = PLEClassifierRegressor.as_published().get_params()
        table = [".. list-table::", "   :class: figures", "   :header-rows: 1", ""]
        table += ["   * - Parameter", "     - Default", "     - As published"]
        texts = []
        for name in GROUPS[self.arguments[0]]:
            values = default(PLEClassifierRegressor, name), published[name]
            cells = [f"``{values[0]!r}``", f"``{values[1]!r}``" if values[0] != values[1] else ""]
            table += [f"   * - {link(name)}", *(f"     - {cell}" for cell in cells)]
            kind = entries[name].type.partition(", default=")[0]
            texts += ["", f".. _parameter-{name.replace('_', '-')}:", "", f"**{name}** : {kind}"]
            texts += ["    " + line for line in entries[name].desc]
        return self.parse_text_to_nodes("\n".join([*table, *texts]))


def setup(app):
    app.add_directive("shared-parameters", SharedParameters)
    app.connect("autodoc-process-docstring", shorten, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
