"""Sections of a report on the model itself: training, gates, parameters and versions."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version
from inspect import signature
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from sklearn import config_context

from ...predictions.inner import tasks_of
from ...utils._sklearn import _changed_params
from ...utils.warn import collected
from ..gates import GateUtilizationDisplay
from ..health import NoGatesError
from ..history import TrainingHistoryDisplay
from .page import Section, code, listing, paragraph, picture, side_by_side, table
from .words import percent_text

_PACKAGES = ("sklearn-ple", "scikit-learn", "torch", "skorch", "numpy", "pandas")
_JOINT = "joint loss"


def training_section(fitted: Any) -> Section:
    """Return the section on the joint loss and the loss of each task over the epochs."""
    names = fitted.task_names_
    pictures = []
    for title, history in _histories(fitted.history_, names):
        figure = Figure(figsize=(3.7, 3.0), layout="constrained")
        display = TrainingHistoryDisplay(history, [title]).plot(figure.subplots())
        what = "The joint loss" if title == _JOINT else f"Loss of {title}"
        first, last = (history[place]["task_losses"][0] for place in (0, -1))
        best = "" if display.best_epoch_ is None else f" The best epoch is {display.best_epoch_}."
        alt = f"{what} over the epochs: in training from {first:.3g} to {last:.3g}.{best}"
        pictures.append(picture(figure, alt))
    notes = [
        f"Training made {len(fitted.history_)} passes over the training rows; each pass is called "
        "an epoch. Training reduces the loss, which measures how far predictions are from the "
        "labels, on a different scale for each task.",
    ]
    if any("valid_loss" in entry for entry in fitted.history_):
        notes.append(
            "Validation uses rows that are left out of training. If the validation loss rises "
            "while the training loss falls, the model begins to memorise its training rows. The "
            "model of the best epoch is kept."
        )
    return Section("training", "Training", [*map(paragraph, notes), side_by_side(pictures)])


def _histories(history: list[dict], names: list[str]) -> Iterator[tuple[str, list[dict]]]:
    """Split the history into one for the joint loss and one for each task, with titles."""

    def take(losses: Callable[[dict, str], float]) -> list[dict]:
        return [
            {key: entry[key] for key in ("epoch", "valid_loss") if key in entry}
            | {
                f"{part}task_losses": [losses(entry, part)]
                for part in ("", "valid_")
                if f"{part}task_losses" in entry
            }
            for entry in history
        ]

    if len(names) > 1:
        yield _JOINT, take(lambda entry, part: entry[f"{part}loss"])
    for k, name in enumerate(names):
        yield name, take(lambda entry, part, k=k: entry[f"{part}task_losses"][k])  # type: ignore[misc]


def gate_sections(estimator: Any, X: Any) -> Iterator[Section]:
    """Yield the section on the weights of the experts in the gates, if there are gates."""
    with collected() as caught:
        try:
            display = GateUtilizationDisplay.from_estimator(estimator, X)
        except NoGatesError:
            return
    rows, texts = [], []
    for (level, gate), own in display.utilization.groupby(["level", "gate"], sort=False):
        shares = ", ".join(
            f"{expert}: {percent_text(mean)}"
            for expert, mean in zip(own["expert"], own["mean"], strict=True)
        )
        rows.append([gate, level, shares])
        texts.append(f"{gate}, level {level}: {shares}")
    notes = [
        "The network contains small networks called experts. Some belong to one task, others are "
        "shared by all tasks. A gate combines the experts that it reads: for each row it gives "
        "each of them a weight, and the weights add up to 100 %. A task that gives most weight "
        "to its own experts shares little with the others.",
    ]
    seen = [str(warning) for warning in caught if type(warning) is UserWarning]
    if seen:
        notes.append(
            "For those who train the model (a gate has collapsed if it uses almost only one "
            "expert, which may be right if the task has nothing to learn from the others):"
        )
    drawing = picture(display.figure_, f"Mean weights. {'; '.join(texts)}.", wide=True)
    plt.close(display.figure_)
    weights = table(["Gate", "Level", "Mean weights"], rows)
    blocks = [*map(paragraph, notes), *([listing(seen)] if seen else []), drawing, weights]
    yield Section("gates", "What the tasks share", blocks)


# -- how it was made --------------------------------------------------------------------------


def making_section(estimator: Any) -> Section:
    """Return the section on the parameters of the estimator and the versions of packages."""
    fitted = tasks_of(estimator)
    defaults = signature(type(fitted)).parameters
    changed = [
        [name, repr(value), repr(defaults[name].default)]
        for name, value in _changed_params(fitted).items()
    ]
    kind = type(fitted).__name__
    blocks = [paragraph(f"The estimator is {kind} of the Python package sklearn-ple.")]
    if changed:
        blocks += [
            paragraph("These parameters differ from the defaults:"),
            table(["Parameter", "Value", "Default"], changed),
        ]
    else:
        blocks.append(paragraph("All parameters have their default values."))
    if estimator is not fitted:
        with config_context(print_changed_only=True):
            # Without this limit, the text would be shortened.
            text = estimator.__repr__(N_CHAR_MAX=10**6)
        blocks += [paragraph("It is part of this pipeline or search:"), code(text)]
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    blocks.append(paragraph(f"Versions: {versions}, Python {platform.python_version()}."))
    return Section("making", "How the model was made", blocks)
