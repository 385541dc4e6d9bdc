"""What the pages of the benchmarks say around what render.py computes from the results."""

from page.sets import DATA_SETS, FURTHER_SETS, MULAN_SETS

HEAD = """Benchmarks
==========

"""
RUN_AGAIN = (
    "One command, ``python benchmarks/all.py``, runs everything again on the code as it is. The "
    "last section lists the commits."
)
OLDER_ACCURACY = "There PLE tuned was tuned with still earlier defaults on SUPPORT2."
SOURCES = "Numbers of one section come from one script, and may be of other commits than the next."
#: The results of the page and of its appendix in their order, each with the title of its section.
SECTIONS = {
    "frontier": "Score and cost",
    "accuracy": "Accuracy",
    "ablation": "What each default is worth",
    "growth": "Growth",
    "memory": "Memory",
    "streaming": "Tables larger than memory",
    "speed": "Speed of training",
    "grid_search": "A grid search",
    "latency": "Latency",
    "calibration": "Calibration",
    "coverage": "Intervals",
    "survival": "Censored times",
}
APPENDICES = """
Appendices
----------

:doc:`scores` has the score of every model on every task. :doc:`trials` says how the defaults were
chosen, and what was tried and was no better.

.. toctree::
   :maxdepth: 1

   scores
   trials
"""
SCORES_HEAD = """Scores, set by set
==================

The tables behind :doc:`benchmarks`.
"""

# -- score and cost -------------------------------------------------------------------------------

SCORED = {
    "validation": (
        "A score is the AUC of classes or the R² of numbers, on rows held out of the training "
        "part."
    ),
    "test": "A score is the AUC of classes or the R² of numbers, on the test rows.",
}
FRONTIER = {
    "validation": """
Each panel is a data set. Scores are means over the set's tasks, on a quarter of the training rows
that was held out: other rows for every seed, and for River flow the last in time. The cost is the
CPU time of a fit on one thread, of all tasks together. Every fit had a process of its own, and
imports do not count.
""",
    "test": """
Each panel is a data set. Scores are means over the set's tasks, on the test rows. The cost is the
CPU time of a fit on one thread, of all tasks together. Every fit had a process of its own, and
imports do not count.
""",
}
FRONTIER_TABLES = """
The two tables have our default and one with fewer members, and the four models of others with the
best scores over all sets. :doc:`scores` has all models. The best score is bold; a dash means that
a model was not run.
"""
ALL_MODELS = """
Mean score over a set's tasks, and CPU seconds of a fit, for all models of the first picture.
"""
BEFORE = """
The present defaults train more cheaply than the ones before them. A fit takes {ratio:.2f} times as
long as a fit before, in the geometric mean of {n} sets. The score is higher on {wins} of them, and
changes by {median:+.3f} in the median. Seconds are CPU time on one thread.
"""

# -- accuracy -------------------------------------------------------------------------------------

#: A model's name in tables and pictures, and what it is.
MODELS = {
    "PLE": ("PLE", "This package by default: one estimator for all tasks."),
    "PLE, tuned": ("PLE tuned", "The best of 8 random settings on a fifth of the training rows."),
    "PLE, 8 members (default)": ("PLE", "This package by default: one estimator for all tasks."),
    "LightGBM": ("LightGBM-100", "LightGBM by its defaults, 100 rounds; a model a task."),
    "LightGBM, early stopping": (
        "LightGBM",
        "Learning rate 0.05, at most 2,000 rounds, and it stops after 50 rounds without progress "
        "on a tenth of the training rows; a model a task.",
    ),
    "CatBoost": ("CatBoost", "By its defaults, 1,000 rounds; a model a task."),
    "CatBoost MultiRMSEWithMissingValues": (
        "CatBoost joint (numbers)",
        "Its loss MultiRMSEWithMissingValues: one model for all tasks, if all are numbers.",
    ),
    "CatBoost MultiLogloss": (
        "CatBoost joint (labels)",
        "Its loss MultiLogloss: one model for all tasks, if all have two classes and no label is "
        "missing.",
    ),
    "XGBoost": ("XGBoost", "By its defaults; a model a task."),
    "HistGradientBoosting": ("HistGB", "scikit-learn's HistGradientBoosting; a model a task."),
    "Random forest": (
        "Random forest",
        "scikit-learn's: one forest for all tasks if they are of one kind and no label is "
        "missing, else one a task.",
    ),
    "MLP": ("MLP", "scikit-learn's network with early stopping; a model a task."),
    "RealMLP": (
        "RealMLP",
        "pytabkit's network by its defaults; for classes it chooses the epoch by cross-entropy, "
        "as its documentation advises where probabilities count; a model a task.",
    ),
    "TabM": ("TabM", "pytabkit's network by its defaults; a model a task."),
    "CatBoost, tuned and ensembled": (
        "CatBoost tuned",
        "pytabkit's search over 20 random settings, which it weighs as an ensemble; a model a "
        "task.",
    ),
    "RealMLP, tuned and ensembled": ("RealMLP tuned", "The same with RealMLP."),
    "TabM, tuned and ensembled": ("TabM tuned", "The same with TabM."),
}
ACCURACY = """
Here models were fitted to all training rows and scored on the test rows, which took no part in the
choice of the present defaults. Test scores of some earlier defaults were seen, though:
:doc:`trials` says which. A model that takes minutes or hours was run on small sets only, or with
fewer seeds.
"""
RANKS = """
A rank is that of a model's score on a task among the models that ran on nearly all tasks: 1 is
best. The upper part has the mean ranks over {n} sets. A red bar joins models whose difference may
be chance: Friedman's test of all models (p = {p}), then Nemenyi's of each pair, at level
{level:g}. For it a model's mean rank over a set's tasks is ranked again, so that each set counts
once, and Census-Income without education is left out, since it is nearly the same set as
Census-Income. The lower part has the mean rank on every set.

"By task" is the mean over all tasks. "By data set" is the mean of the set's means, so that a set
of many tasks counts no more than another.
"""
SOME_TASKS = """
In this table each of them is ranked among the models above and itself, on its own tasks. So two of
these ranks do not compare.
"""
SET_MEANS = """
The mean score over each set's tasks, for the models with the best ranks; the best score is bold.
:doc:`scores` has every task and model:
"""
SCORES = """
Scores are the AUC of tasks with two classes, the mean of the AUC of each class against the rest
where there are more, and the R² of numbers. Each is the mean over the seeds, ± the standard
deviation; the best mean is bold. Models are in the order of their mean rank on the set. CPU
seconds are of one thread and of all tasks together.
"""

# -- training -------------------------------------------------------------------------------------

ABLATION = """
A row changes one default. Scores are means over a set's tasks, on a fifth of the training rows
that was held out, with {seeds}; the seconds beside them are the CPU time of fit and prediction.
That fifth of NHEFS is 228 persons: differences below .01 mean little there. The last rows change
many defaults at once. :doc:`trials` has what was tried beside these.
"""
GROWTH = """
Each panel changes one size and leaves the others at 10,000 rows, 30 columns, 3 tasks and the
defaults. Tasks are generated, numbers and classes in turn. A slope is that of a straight line
through the points, in logarithms of both: with slope 1 twice the size takes twice the time.
"""
GROWTH_ROWS = """
The score by the number of rows is the mean over the tasks on 10,000 test rows. Extra memory is the
peak of the fit beyond X, y and the imported libraries. Means of {seeds}:
"""
GROWTH_AXES = {
    "rows": "30 columns, 3 tasks",
    "columns": "10,000 rows, 3 tasks",
    "tasks": "10,000 rows, 30 columns",
    "experts": "a task's own, and as many shared",
    "members": "10,000 rows, 30 columns, 3 tasks",
}
MEMORY = """
X has 1,000,000 rows of 50 columns; the sparse matrix has 1,000 columns, 3 % of them filled, and
the mixed frame 52. There are two tasks, one member and one epoch with batches of 4,096, and every
fit had a process of its own. More members take more memory for parameters and batches, which does
not grow with the rows.

The mixed frame looks costly because Arrow holds its strings in little memory. About half of what
it takes is the encoded table, and a quarter the training: embeddings of 100,000 ids with their
gradients, moments and averages.
"""
STREAMING = """
The Parquet file has 40 columns, numbers and categories, and two tasks. There is one member, and
two epochs with batches of 4,096. The network runs on one thread and other threads read. A peak is
the resident memory beyond that of the libraries; in memory it includes the table. Before the
training the file is read three times, to learn labels and features. pyarrow alone reads
{scan:,.0f} rows a second. Scores are of validation rows, which are others in files than in memory.
The machine had other work in the meantime.
"""
IMPRESSIONS = """
Clicks, and purchases among all impressions, in files generated in the format of Ali-CCP: {n}
impressions, half of them to test. Fits are of one member, of ids embedded in 8 numbers each, for
four epochs with batches of 512. With the probabilities that the labels were drawn from, the areas
under the curves are {click} and {purchase}: no model can do better.
"""
SPEED = """
Thousands of rows a second, by CPU time on one thread, of an epoch of PLE with two levels over 263
inputs: medians of {n} runs, which took turns. A column is a network: experts of each task + shared
ones; units of the experts / of the towers; rows of a batch.

- *estimator*: this package as it is used, with one member and nothing beside the network;
- *its own steps*: forward, losses, backward and optimizer over batches that were cut before;
- *plain loop*: the network as one would write it down, with torch's Adam;
- *deepctr-torch*, *torch-rechub*: their networks in that loop, which is faster than their own fit;
- *products*: the matrix products of an epoch and nothing else;
- *ratio*: estimator to the faster of the two libraries, median over the runs and range.
"""
GRID = """
Both searches try 8 settings on 3 folds of NHEFS (1,629 rows) and fit the best one again. PLE
learns all six tasks, with one member and without embeddings of numbers; scikit-learn's
``MLPRegressor`` learns one. Batches of 64, at most 100 epochs, early stopping; medians of {n}
runs.
"""

# -- a fitted model -------------------------------------------------------------------------------

LATENCY = """
These are CPU times on one thread for a row of NHEFS: 46 columns as a data frame, and as an array
the 37 that are numbers. PLE has its defaults; LightGBM has a model for each task. ONNX Runtime
runs the file of ``export.to_onnx`` on cells that are arrays already. The ways took turns on a busy
machine, so that ratios are more reliable than times.

The network takes half of the time for an array and a third of that for a data frame. It computes
blocks of 16 rows, so that a prediction does not depend on the rows beside it. The rest of a data
frame's time goes mostly to pandas, which takes columns apart and puts the answer together.
"""
THROUGHPUT = """
Many rows at once, by ONNX Runtime: one member with experts of 64 and towers of 32 units, which
reads 10 numbers and predicts two tasks, 2,000 rows at a time. "Default" has embeddings of numbers,
"none" has not. Both cores were busy with other work, so that a second thread gained nothing.
"""
CALIBRATION = """
The models were fitted to Census-Income without a fifth of the training rows, calibrated on this
fifth, and scored on the test rows ({seeds}). The expected calibration error has ten bins, of equal
widths or of equal numbers of rows, and is in percentage points.
"""
COVERAGE = """
Coverage is the share of labels inside the intervals, and width is in standard deviations of the
labels: means over a set's tasks, with the least and the greatest.

- *conformal*: ``predict_interval``;
- *standard deviation*: 1.645 times ``return_std`` to both sides;
- *quantiles*: between the .05 and .95 quantiles of tasks of kind "quantile", on two sets.

A quarter of each set's training rows was held out, {least} to {most} times; no test row was read.
For River flow these are later rows, with floods that the earlier ones did not have, and no method
foresees them. Water quality has 25 rows to train on.
"""
SURVIVAL = """
The task is the days until death in SUPPORT2, a third of them censored. Models were fitted to three
quarters of the training part and scored on the rest, mean of {seeds}. Concordance is Harrell's;
more is better. The Brier score is that of surviving 30, 90, 180, 365 and 730 days, weighted for
censoring; less is better. Cox's model and the forest are scikit-survival's. The last row learns
six other tasks of the same patients too.
"""

SETS = DATA_SETS | MULAN_SETS | FURTHER_SETS
