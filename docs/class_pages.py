"""Pages of classes, which describe the parameters and members that estimators share only once.

`help` shows all parameters of an estimator in full. On the pages, that of `PLEClassifierRegressor`
describes all of its parameters and members. The page of another class describes its own ones, and
links to the others.
"""

import importlib
import inspect

from numpydoc.docscrape import NumpyDocString, Parameter

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
        "min_frequency",
        "task_weight_decay",
        "optimizer",
        "lr_schedule",
        "weight_averaging",
        "callbacks",
        "net_params",
    ),
}

#: The modules with classes that have members of `PLEClassifierRegressor`.
MODULES = "sklearn_ple", "sklearn_ple.base", "sklearn_ple.ensemble"
#: The title of a class's own parameters, which are in no group.
OWN = "Experts and gates"
#: What stands before the links to shared parameters.
SHARED = "The {} of all estimators, described on the page of `PLEClassifierRegressor`."

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


def public_class(fullname):
    """Return the class of the package with this dotted name, or None."""
    module, _, name = fullname.rpartition(".")
    found = getattr(importlib.import_module(module), name, None)
    return found if isinstance(found, type) else None


def is_ours(member):
    """Return whether a member of a class is a method or property that this package defines."""
    function = member.fget if isinstance(member, property) else member
    ours = (getattr(function, "__module__", None) or "").startswith("sklearn_ple")
    return ours and inspect.isroutine(function)


def shared_members():
    """Return by class which methods and properties it has from `PLEClassifierRegressor`.

    They are dicts from the name to whether an object has it by default: for example, an estimator
    without gates has no ``gate_weights``.
    """
    modules = map(importlib.import_module, MODULES)
    names = [f"{module.__name__}.{name}" for module in modules for name in module.__all__]
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
        if (cls := public_class(fullname)) not in (None, flagship)
    }


def label(name):
    return f"parameter-{name.replace('_', '-')}"


def by_group(names):
    """Return the names in the groups, and those in no group, by the title of their group."""
    shared = {name for group in GROUPS.values() for name in group}
    grouped = {group: [name for name in GROUPS[group] if name in names] for group in GROUPS}
    first, *others = grouped.items()
    return dict([first, (OWN, [name for name in names if name not in shared]), *others])


def link_shared(app, what, name, obj, options, lines):
    """Replace the shared parameters of an estimator by links, before numpydoc reads its text."""
    cls = public_class(name) if what == "class" else None
    if cls is PLEClassifierRegressor:
        replace_section(lines, "Parameters", [*map(with_published, describe(cls).values())])
    elif cls is not None and issubclass(cls, MultiTaskEstimator) and "Parameters" in lines:
        entries, mine = describe(cls), own(cls)
        links = [f":ref:`{name} <{label(name)}>`" for name in entries if name not in mine]
        text = [SHARED.format(len(links)), "", ", ".join(links) + "."]
        rest = Parameter("Shared parameters", "", text)
        replace_section(lines, "Parameters", [*map(entries.get, mine), rest])
        shared = describe(PLEClassifierRegressor, "Attributes")
        attributes = describe(cls, "Attributes").items()
        own_ones = [entry for name, entry in attributes if entry != shared.get(name)]
        replace_section(lines, "Attributes", own_ones)


def with_published(entry):
    """Add to the description of a parameter what `as_published` sets, if it is no default."""
    found = PLEClassifierRegressor.as_published().get_params()[entry.name]
    if found == default(PLEClassifierRegressor, entry.name):
        return entry
    return entry._replace(desc=[*entry.desc, f"`as_published` sets ``{found!r}``."])


def replace_section(lines, section, entries):
    """Replace the entries of a section of a docstring; without entries it goes."""
    start = lines.index(section)
    underlines = (i for i in range(start + 2, len(lines)) if lines[i].startswith("---"))
    end = next(underlines, len(lines) + 1) - 1
    text = [section, "-" * len(section)] if entries else []
    for name, kind, description in entries:
        text += [f"{name} : {kind}" if kind else name, *("    " + line for line in description)]
    lines[start:end] = [*text, ""]


def setup(app):
    app.connect("autodoc-process-docstring", link_shared, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
