"""Numbers from the results: gains with intervals, ranks and their tests, scores and costs."""

import json

import numpy as np
import pandas as pd
from scipy import stats

from sklearn_ple.inspection import Comparison

from .data_sets import LAWS, LEARNABLE
from .measuring import RESULTS

#: The level of the tests.
LEVEL = 0.05
#: Mean scores of a set that differ by less count as equal in the Bayesian test, as in its paper.
MARGIN = 0.01
#: A model that was not fitted to some sets, because its fits take too long.
SLOW = "TabM"
OURS, TUNED, BLEND = "PLE", "PLE, tuned", "blend"
#: Our boosting per task, whose number of rounds is chosen by folds.
BOOSTING = "boosting"
TUNED_PEERS = [
    f"{name}, tuned and ensembled" for name in ("CatBoost", "LightGBM", "RealMLP", SLOW)
]
#: The name of PLE by default in members.json.
DEFAULT = "PLE, 8 members (default)"
FEWER = ("PLE, 4 members", "PLE, 2 members", "PLE, 1 member")
CHEAPEST = "LightGBM, early stopping"
#: Nearly the same set as another: it would count twice.
ALIKE = "census_no_education"
#: Held-out rows for each row to train on, of splits that `data_sets.without_test_rows` makes.
OF_SPLITS = 1 / 3
#: Sets with little noise, where there is much to learn.
LITTLE_NOISE = (*LEARNABLE, *LAWS)
#: Tables with more rows to train on are large.
LARGE = 2000
#: The models of the pictures of score and cost.
SHOWN = (OURS, BLEND, BOOSTING, CHEAPEST, "CatBoost", "HistGradientBoosting", "XGBoost")
SHOWN += ("CatBoost MultiRMSEWithMissingValues", "CatBoost MultiLogloss", SLOW, "RealMLP")
SHOWN += ("XGBoost multi-output trees", "Random forest")


def results(name):
    """Return the rows of a file of results."""
    return pd.DataFrame(json.loads((RESULTS / f"{name}.json").read_text())["results"])


# -- gains ----------------------------------------------------------------------------------------


def task_scores(rows, column="scores"):
    """Return the scores of runs by system and seed, with a column for each task."""
    index = pd.MultiIndex.from_frame(rows[["system", "seed"]])
    return pd.DataFrame(rows[column].tolist(), index=index).dropna(axis=1, how="all")


def mean_task_scores(rows):
    """Return the means over the tasks by system and seed, as the only column."""
    return task_scores(rows).mean(axis=1).to_frame("mean")


def gains(scores, reference, overlap=0.0):
    """Compute the gains of systems over a reference with the same seed, task by task.

    If seeds are splits of the same rows, which overlap, `overlap` is the number of held-out rows
    for each row to train on (see `compare`).

    Returns
    -------
    DataFrame
        For each (system, task) the mean gain, and both ends of its 95 % interval (Student's).
    """
    tall = scores.rename_axis(columns="task").stack().rename("score").reset_index()
    tall = tall.rename(columns={"seed": "repeat", "system": "model"})
    found = Comparison.from_scores(tall, reference=reference, overlap=overlap).gains
    found = found.rename(columns={"model": "system"}).set_index(["system", "task"])
    return found[["mean", "low", "high"]]


# -- ranks ----------------------------------------------------------------------------------------


def mean_scores(runs, column="scores"):
    """Return means over the seeds: a row for each model, a column for each (data, task)."""
    of_set = {
        name: pd.DataFrame(run[column].tolist()).groupby(run["model"].to_numpy()).mean()
        for name, run in runs.groupby("data", sort=False)
    }
    return pd.concat(of_set, axis=1, names=["data", "task"])


def ran_nearly_everywhere(means):
    """Return which models have a value in nearly all of the columns."""
    there = means.notna().sum(axis=1)
    return there > 0.9 * there.max()


def mean_ranks(means):
    """Rank the models in each column of means, which is a (data, task); 1 is best.

    Models that have nearly all columns are ranked among each other, on the columns that all of
    them have. Each other model is ranked together with these, where it has a value.
    """
    complete = means[ran_nearly_everywhere(means)].dropna(axis=1)
    ranks = complete.rank(ascending=False)
    for model in means.index.difference(complete.index, sort=False):
        own = means.loc[[model], complete.columns].dropna(axis=1)
        among = pd.concat([complete[own.columns], own]).rank(ascending=False)
        ranks = pd.concat([ranks, among.loc[[model]]])
    by_data = ranks.T.groupby(level="data", sort=False).mean().T
    summary = pd.DataFrame({"by task": ranks.mean(axis=1), "by set": by_data.mean(axis=1)})
    summary["tasks"] = ranks.notna().sum(axis=1)
    order = summary["by set"].sort_values(kind="stable").index
    return summary.loc[order].rename_axis("model"), by_data.loc[order]


def differing(by_data):
    """Return which pairs of models differ beyond chance, by their mean ranks on every data set.

    Friedman's test of all models, and Nemenyi's of each pair (J. Demšar, "Statistical Comparisons
    of Classifiers over Multiple Data Sets", JMLR 7, 2006). Each set counts once.
    """
    import scikit_posthocs

    p_values = scikit_posthocs.posthoc_nemenyi_friedman(by_data.T.to_numpy()).to_numpy()
    # Pairs are compared only if the models differ at all.
    differ = stats.friedmanchisquare(*by_data.to_numpy()).pvalue < LEVEL
    return pd.DataFrame((p_values < LEVEL) & differ, by_data.index, by_data.index)


def ranked(scores):
    """Return the ranks, by set too, and which models differ among those that ran everywhere."""
    summary, by_data = mean_ranks(scores)
    everywhere = summary["tasks"] == summary["tasks"].max()
    return summary, by_data, differing(by_data[everywhere].drop(columns=ALIKE, errors="ignore"))


# -- pairs of models ------------------------------------------------------------------------------


def means_of_sets(means, model, other):
    """Return the mean scores of two models for each set, over the tasks that both have.

    The set `ALIKE` is left out.
    """
    pair = means.loc[[model, other]].dropna(axis=1).drop(columns=ALIKE, level=0, errors="ignore")
    by_set = pair.T.groupby(level="data", sort=False).mean()
    return by_set[model], by_set[other]


def against(means, control):
    """Compare each model with a control by their mean scores on every set.

    Wilcoxon's signed ranks, with Holm's correction for the number of models. Whether a pair
    differs does not depend on the other models, as it does by mean ranks (A. Benavoli, G. Corani,
    F. Mangili, "Should We Really Use Post-Hoc Tests Based on Mean-Ranks?", JMLR 17, 2016).

    Returns
    -------
    DataFrame
        For each other model the number of sets, the median by which the control's score is higher,
        the p-value, and the chances of `chances`.
    """
    # It comes with scikit-posthocs.
    from statsmodels.stats.multitest import multipletests

    rows = {}
    for model in means.index.drop(control):
        ours, theirs = means_of_sets(means, control, model)
        more = ours - theirs
        rows[model] = {"sets": len(more), "median": more.median()}
        rows[model] |= {"p": stats.wilcoxon(more).pvalue} | chances(more)
    found = pd.DataFrame(rows).T
    found["p"] = multipletests(found["p"], method="holm")[1]
    return found


def chances(differences, margin=MARGIN, n_draws=50_000):
    """Compute the chances that a model is better, equal or worse, from differences on sets.

    The Bayesian signed-rank test (A. Benavoli, G. Corani, J. Demšar, M. Zaffalon, "Time for a
    Change", JMLR 18, 2017) with its prior: half an observation of no difference. It asks what is
    most probable for the mean of two differences: above, within or below the margin.
    """
    values = np.append(differences, 0.0)
    draws = np.random.default_rng(0).dirichlet([1.0] * (len(values) - 1) + [0.5], n_draws)
    means = (values[:, None] + values) / 2
    better, worse = (
        ((draws @ side) * draws).sum(axis=1) for side in (means > margin, means < -margin)
    )
    most_probable = np.stack([better, 1 - better - worse, worse]).argmax(axis=0)
    shares = np.bincount(most_probable, minlength=3) / n_draws
    return dict(zip(("better", "equal", "worse"), shares.tolist(), strict=True))


# -- scores and costs -----------------------------------------------------------------------------


def runs_on_test_rows(runs, sizes):
    """Return the runs of all models, with mean scores, CPU seconds and the sizes of their sets."""
    runs = runs.assign(
        score=[np.mean(list(own.values())) for own in runs["scores"]],
        seconds=runs["fit_cpu_seconds"],
    )
    runs = runs.drop(columns=sizes.columns, errors="ignore").join(sizes, on="data")
    return runs[runs["data"] != ALIKE]


def runs_beside_tuned(runs):
    """Return the runs on the sets of every tuned model; the time of our search is added."""
    models = [TUNED, *TUNED_PEERS]
    n_models = runs[runs["model"].isin(models)].groupby("data")["model"].nunique()
    sets = n_models.index[n_models == len(models)]
    runs = runs[runs["model"].isin((*SHOWN, *models)) & runs["data"].isin(sets)]
    return runs.assign(seconds=runs["seconds"] + runs["search_seconds"].fillna(0))


def on_common_sets(runs):
    """Keep the models that ran on nearly all sets, and the sets that they all ran on."""
    spent = runs.groupby(["model", "data"])["seconds"].mean().unstack()
    common = spent[ran_nearly_everywhere(spent)].dropna(axis=1)
    return runs[runs["model"].isin(common.index) & runs["data"].isin(common.columns)]


def overall(runs):
    """Compute every model's scores and costs over the sets on which all ran.

    Returns
    -------
    DataFrame
        A row for each model, the best first. "score": on every task the lowest score of a model
        counts 0 and the highest 1; a set's score is the mean over its tasks. "gap": by how much
        the mean score of a set is below that of its best model, as the mean over the sets.
        "seconds": the sum of the CPU seconds. "cost": their ratio to LightGBM's, as the geometric
        mean over the sets, and that of `LARGE` ones.
    """
    runs = on_common_sets(runs)
    scores = mean_scores(runs)
    low, high = scores.min(), scores.max()
    scaled = ((scores - low) / (high - low)).fillna(1)
    of_sets, spent = (
        runs.groupby(["model", "data"])[column].mean().unstack() for column in ("score", "seconds")
    )
    ratios = np.log(spent / spent.loc[CHEAPEST])
    is_large = runs.groupby("data")["n_rows"].first() > LARGE
    found = {
        "score": scaled.T.groupby(level="data").mean().mean(),
        "gap": (of_sets.max() - of_sets).mean(axis=1),
        "seconds": spent.sum(axis=1),
        "cost": np.exp(ratios.mean(axis=1)),
        "cost, large": np.exp(ratios.loc[:, is_large].mean(axis=1)),
    }
    return pd.DataFrame(found).sort_values("score", ascending=False)


def by_noise(runs):
    """Divide runs into those on sets as they are found, and those on sets with little noise."""
    little = runs["data"].isin(LITTLE_NOISE)
    return runs[~little], runs[little]


def compare(runs, model, other):
    """Compare two models where both ran.

    Returns
    -------
    Series
        By how much the first one's mean score is higher, for each set.
    Series
        The same for each task.
    float
        How many times as long its fits take, in the geometric mean over the sets.
    """
    runs = runs[runs["model"].isin([model, other])]
    means = runs.groupby(["model", "data"])[["score", "seconds"]].mean().unstack().dropna(axis=1)
    tasks = mean_scores(runs).loc[[model, other]].dropna(axis=1)
    ratio = np.exp(np.log(means["seconds"].loc[model] / means["seconds"].loc[other]).mean())
    scores = means["score"]
    return scores.loc[model] - scores.loc[other], tasks.loc[model] - tasks.loc[other], ratio
