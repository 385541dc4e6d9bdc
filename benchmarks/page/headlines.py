"""What the page begins with: a picture, and what was found in about ten lines."""

from collections import Counter

import pandas as pd
import texts
from frontier import BEFORE
from peers import N_SETTINGS, TUNED_PEERS
from tuning import N_SETTINGS as OUR_SETTINGS

from page.cost import (
    CHEAPEST,
    DEFAULT,
    compare,
    draw_all_sets,
    fewer_members,
    on_common_sets,
    picture_in_words,
    runs_beside_tuned,
    runs_on_test_rows,
    untuned_runs,
)
from page.rst import (
    change,
    compared_fits,
    cost,
    counted,
    fits_as_now,
    image,
    is_there,
    listed,
    load,
    short,
    table,
    title_of,
)
from page.scores import ranks_in_words, slow_in_words
from page.training import growth_in_words
from page.using import latency_in_words

ACCURATE = "CatBoost"
#: Texts of the table of sources: whether the fits of a section are as now.
FITS = {True: "as now", False: "others", None: "not compared"}


def headlines(images):
    """Draw the picture and write the lines, from what results there are."""
    text = ""
    if is_there("frontier"):
        runs, tuned = runs_on_test_rows(), runs_beside_tuned()
        shown, beside_tuned = draw_all_sets(runs, tuned, images)
        text = image("overall", picture_in_words(shown, beside_tuned))
        text += bullets(from_frontier(runs, shown))
        if beside_tuned is not None:
            text += bullets([from_tuned(tuned, beside_tuned)])
    parts = (
        ("accuracy", ranks_in_words),
        ("accuracy", slow_in_words),
        ("growth", growth_in_words),
        ("latency", latency_in_words),
    )
    return text + bullets(words() for name, words in parts if is_there(name))


def bullets(lines):
    """Make a list of the lines, without empty ones."""
    return "".join(f"- {line}\n" for line in lines if line)


def from_frontier(runs, shown):
    """Write the lines about the picture; `shown` has a row for each model, the best first."""
    rivals = shown.loc[[name for name in shown.index if not name.startswith("PLE")]]
    n_tasks = int(runs.groupby("data")["n_tasks"].first().sum())
    n_sets, n_common = runs["data"].nunique(), on_common_sets(runs)["data"].nunique()
    yield (
        "**Compared**: PLE, one estimator for all tasks of a data set, with "
        f"{listed([short(name) for name in rivals.index])}, most of which fit each task alone; on "
        f"{n_sets} data sets with {n_tasks} tasks. {texts.SCORED}"
        + (
            " `Accuracy`_ describes the models, and :doc:`scores` the sets."
            if is_there("accuracy")
            else ""
        )
    )
    order = shown.loc[[DEFAULT, *rivals.index], "score"].sort_values(ascending=False)
    own = [f"{short(name)} {score:.2f}" for name, score in order.items()]
    yield (
        f"**Best score: {short(order.index[0])}.** If the lowest score on a task counts 0 and the "
        f"highest 1, the means over the {n_common} sets on which all ran are {listed(own)}."
    )
    for name in (ACCURATE, CHEAPEST):
        if name in set(runs["model"]):
            more, ratio = compare(runs, DEFAULT, name)
            yield (
                f"**Compared with {short(name)}**, a fit of PLE takes {cost(ratio)}. It scores "
                f"more on {(more > 0).sum()} of {len(more)} sets; the median difference is "
                f"{change(more.median())}."
            )
    yield f"**Fewer members.** {fewer_members(runs)}"
    yield losses(untuned_runs())


def from_tuned(runs, shown):
    """Write the line about the picture's second panel."""
    n_sets = counted(runs["data"].nunique(), "small set")
    n_tasks = int(runs.groupby("data")["n_tasks"].first().sum())
    searched = [short(name).removesuffix(" tuned") for name in TUNED_PEERS if name in shown.index]
    own = [f"{short(name)} {score:.2f}" for name, score in shown["score"].items()]
    return (
        f"**With tuning.** On {n_sets} with {n_tasks} tasks, ensembles of {N_SETTINGS} random "
        f"settings of {listed(searched)} were fitted too, and the best of {OUR_SETTINGS} settings "
        f"of PLE. Scaled in the same way, the scores are {listed(own)}."
    )


def losses(runs):
    """Name the sets on which another model scores more than PLE by default, the worst first."""
    means = runs.groupby(["data", "model"])["score"].mean().unstack()
    ours = means[DEFAULT].dropna()
    others = means.loc[ours.index, [name for name in means if not name.startswith("PLE")]]
    lost = (others.max(axis=1) - ours).sort_values(ascending=False)
    lost = lost[lost.round(3) > 0]
    if lost.empty:
        return f"**Where PLE loses**: on none of the {len(ours)} sets."
    best = others.loc[lost.index].idxmax(axis=1)
    cells = [
        f"{title_of(name)} ({ours[name]:.3f}, {short(model)} {others.loc[name, model]:.3f})"
        for name, model in best.items()
    ]
    return (
        "**Where PLE loses**: another model is ahead by .001 or more on "
        f"{len(cells)} of {len(ours)} sets. With the scores of PLE and of the best model, the "
        f"greatest difference first: {listed(cells)}."
    )


# -- commits --------------------------------------------------------------------------------------


def commits(names, ours=False):
    """Return the commits of each file of results, in their order; or those of our fits alone."""
    found = {}
    for name in names:
        record = load(name)
        rows = pd.DataFrame(record["results"])
        if "model" in rows:
            # The earlier defaults are shown among the trials alone, with their commit.
            rows = rows[rows["model"] != BEFORE]
            rows = rows[rows["model"].str.startswith("PLE")] if ours else rows
        own = rows["commit"].dropna() if "commit" in rows else []
        found[name] = list(dict.fromkeys(own)) or record["commit"].split(", ")
    return found


def caveat(names):
    """Name the commits of the numbers, and state whether they fit the same models as now."""
    of_file = commits(names)
    main, _ = Counter(commit for own in of_file.values() for commit in own).most_common(1)[0]
    others = [
        f"*{texts.SECTIONS[name]}* ({', '.join(own)})"
        for name, own in of_file.items()
        if own != [main]
    ]
    text = f"The numbers on this page are of commit {main}"
    text += f", but for those of {listed(others)}." if others else "."
    alike = {name: fits_as_now(own) for name, own in commits(names, ours=True).items()}
    if None not in alike.values():
        unlike = [f"*{texts.SECTIONS[name]}*" for name, same in alike.items() if not same]
        text += f" {texts.ALIKE[bool(others)].format(**compared_fits())}"
        text += f", but for those of {listed(unlike)}." if unlike else "."
    return f"\n.. note::\n\n   {text} {texts.RUN_AGAIN}\n"


def sources(names):
    """Make the last section: the script, the commits and the processor of each section."""
    of_file = commits(names)
    records = {name: load(name) for name in names}
    every = {commit for own in of_file.values() for commit in own}
    text = "All numbers are of one commit." if len(every) == 1 else texts.SOURCES
    shown = pd.DataFrame(
        {
            "script": [f"``benchmarks/{name}.py``" for name in names],
            "commits": [", ".join(own) for own in of_file.values()],
            "processor": [records[name].get("processor", "not recorded") for name in names],
        },
        index=pd.Index([texts.SECTIONS[name] for name in names], name="section"),
    )
    if is_there("same_fits"):
        text += texts.FITS.format(**compared_fits())
        shown["fits"] = [FITS[fits_as_now(own)] for own in commits(names, ours=True).values()]
    libraries = {}
    for record in records.values():
        for library, number in ({"Python": record["python"]} | record["versions"]).items():
            libraries.setdefault(library, {})[number] = None
    installed = ", ".join(f"{name} {' and '.join(own)}" for name, own in libraries.items())
    return f"{text}\n{table(shown)}\nThese versions were installed: {installed}.\n"
