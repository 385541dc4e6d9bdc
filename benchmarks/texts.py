"""What the pages of the benchmarks say around what render.py computes from the results."""

from page.sets import DATA_SETS, FURTHER_SETS, MULAN_SETS

HEAD = """Benchmarks
==========

"""
RUN_AGAIN = "``python benchmarks/all.py`` runs everything again with the present code."
#: Of one commit, and of several.
ALIKE = {
    False: "It fits the same models as the later commit {present}, to the last bit",
    True: "All these commits fit the same models as the later commit {present}, to the last bit",
}
SOURCES = "Each section has its own script. Different sections may come from different commits."
FITS = (
    " The fits of a section are as now if its commits fit the same models as commit {present}, to "
    "the last bit: ``benchmarks/same_fits.py`` compares {n_fits} fits of all networks. Other fits "
    "differ at least in their random numbers, since the order of columns and tasks no longer "
    "matters. Boosting and other libraries are not compared."
)
SAME_FITS = "``benchmarks/same_fits.py`` compares {n_fits} fits."
#: The results of the page and of its appendix in their order, each with the title of its section.
SECTIONS = {
    "frontier": "Score and cost",
    "accuracy": "Accuracy",
    "relative_errors": "Relative errors",
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

:doc:`scores` has the score of every model on every task. :doc:`trials` explains how the defaults
were chosen, and what was tried and was not better.

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

#: What stands above the panels of the first picture.
AXES = "up is better, left is cheaper; one thread, all tasks together"
HOLLOW = "hollow: tuned, the search is in the cost; other data, other scale"
SCORED = "A score is the AUC of classes or the R² of numbers, on the test rows."
FRONTIER = """
Each panel is a data set. Scores are means over the tasks of the set, on the test rows. The cost is
the CPU time of a fit to all tasks, on one thread. The rows, seeds and models are those of
`Accuracy`_. PLE with fewer members was fitted with {seeds} on each set, each fit in a process of
its own, and the default as well. On each set these times are multiplied by the factor between the
two times of the default.
"""
FRONTIER_TABLES = """
The two tables show PLE with its defaults and with fewer members, the three other models with the
best scores over all sets, and LightGBM. :doc:`scores` has all models. The best score is bold; a
dash means that a model was not run.
"""
ALL_MODELS = """
Mean score over a set's tasks, and CPU seconds of a fit. A quarter of the training rows was held
out, other rows by each seed, except on River flow, where the last rows in time were held out. Each
fit ran in its own process. The defaults were chosen by such rows.
"""
BEFORE = """
The present defaults train faster than the earlier ones, with which a fit took {ratio:.2f} times as
long (geometric mean over {n} sets). The score is now higher on {wins} of them, and changed by
{median:+.3f} in the median. Seconds are CPU time on one thread. The present defaults are those of
commit {now}, the earlier ones those of commit {before}.
"""

# -- accuracy -------------------------------------------------------------------------------------

#: A model's name in tables and pictures, and what it is.
MODELS = {
    "PLE": ("PLE", "This package with its defaults: one estimator for all tasks."),
    "PLE, tuned": (
        "PLE tuned",
        "The best of 8 random settings, by a fifth of the training rows. The CPU time is that of "
        "the last fit, without the search.",
    ),
    "PLE, 8 members (default)": (
        "PLE",
        "This package with its defaults: one estimator for all tasks.",
    ),
    "LightGBM": ("LightGBM-100", "LightGBM with its defaults, 100 rounds; one model per task."),
    "LightGBM, early stopping": (
        "LightGBM",
        "Learning rate 0.05, at most 2,000 rounds, stopped after 50 rounds without progress on a "
        "tenth of the training rows; one model per task.",
    ),
    "CatBoost": ("CatBoost", "With its defaults, 1,000 rounds; one model per task."),
    "CatBoost MultiRMSEWithMissingValues": (
        "CatBoost joint (numbers)",
        "Its loss MultiRMSEWithMissingValues: one model for all tasks, if all are numbers.",
    ),
    "CatBoost MultiLogloss": (
        "CatBoost joint (labels)",
        "Its loss MultiLogloss: one model for all tasks, if all have two classes and no label is "
        "missing. MultiCrossEntropy makes the same predictions from such labels.",
    ),
    "XGBoost": ("XGBoost", "With its defaults; one model per task."),
    "HistGradientBoosting": ("HistGB", "scikit-learn's HistGradientBoosting; one model per task."),
    "Random forest": (
        "Random forest",
        "scikit-learn's: one forest for all tasks if they are of one kind and no label is "
        "missing, else one per task.",
    ),
    "MLP": ("MLP", "scikit-learn's network with early stopping; one model per task."),
    "RealMLP": (
        "RealMLP",
        "pytabkit's network with its defaults; for classes it chooses the epoch by cross-entropy, "
        "as its documentation advises if probabilities matter; one model per task.",
    ),
    "TabM": ("TabM", "pytabkit's network with its defaults; one model per task."),
    "CatBoost, tuned and ensembled": (
        "CatBoost tuned",
        "pytabkit's search over 20 random settings, which it weighs as an ensemble; it compares "
        "them by cross-entropy for classes; one model per task.",
    ),
    "RealMLP, tuned and ensembled": ("RealMLP tuned", "The same with RealMLP."),
    "TabM, tuned and ensembled": ("TabM tuned", "The same with TabM."),
}
ACCURACY = """
Here models were fitted to all training rows and scored on the test rows, which were not used to
choose the present defaults. Test scores of some earlier defaults were seen, though: :doc:`trials`
says which. Models that take minutes or hours were run on some of the sets only, or with fewer
seeds. TabICL and TabPFN were not run, because their packages (tabicl 2.2.0 and tabpfn 9.2.0)
contain no trained weights, but download them from elsewhere. The first fit of a process includes
the import of its library, which takes about 2 s for RealMLP and TabM and little for the others.
"""
RANKS = """
On each task, the models that ran on nearly all tasks are ranked by their scores: 1 is best. For
tests of the differences, the mean ranks over the tasks of a set are ranked again, so that each of
the {n} sets counts once. The upper part of the picture shows the means of these second ranks,
which therefore differ a little from those of the table below. An orange bar joins models whose
difference may be chance, by Friedman's test of all models (p = {p}) and then Nemenyi's test of
each pair, at level {level:g}. Census-Income without education is left out, because it is
nearly the same as Census-Income. The lower part shows the mean rank on every set.

"By task" is the mean rank over all tasks. "By data set" is the mean of the means of the sets, so
that a set with many tasks does not count more than another.
"""
SOME_TASKS = """
In this table each of these models is ranked together with the models above, on the tasks that it
ran on. So the ranks of two of them cannot be compared.
"""
SCORES = """
The score of a task is the AUC for two classes, the mean AUC of each class against the rest for
more classes, and R² for numbers. The tables show means over the seeds, ± the standard deviation;
the best mean is bold. Models are in the order of their mean rank on the set. CPU seconds are for
one thread and all tasks together.
"""
RELATIVE_ERRORS = """
The relative error of a task is the root mean squared error divided by that of the mean label of
the training rows. Less is better, and 1 is no better than the mean. The table has means over ten
folds and over the tasks of a set. The paper that collected these sets measures errors in the same
way [1]_, but on other folds. Its baseline is bagged trees, 100 for each task. The folds contain
the test rows of `Accuracy`_; nothing was chosen by these errors.

.. [1] E. Spyromitros-Xioufis, G. Tsoumakas, W. Groves, I. Vlahavas, "Multi-target regression via
   input space expansion: treating targets as inputs", Machine Learning 104, 2016.
"""

AIMS = """
These aims were set before the runs. Defaults are compared with defaults, and tuned models with
tuned models, on test rows. Scores are those of `Accuracy`_.
"""
#: Of an aim that is missed, what was tried, and what might be next.
MISSED = {
    "Tox21: at least CatBoost's": (
        "On validation rows, other widths of the embeddings, the linear path and the clipping of "
        "numbers changed the score by .003 at most (:doc:`trials`). On one split, with four "
        "members, PLE scored .817. It scored .817 with experts of 256 units, .815 with three "
        "shared experts, .818 with gates that favour the shared expert at first, and .819 with a "
        "dropout of .5. A shared bottom of 512 units scored .828, and :doc:`which_network` has "
        "other networks that share more. Next: fewer parameters for each task if there are many "
        "tasks."
    ),
    "Synthetic, mixed: at least every other model's": (
        "On validation rows, jumps in all members lost .010. Jumps in some of them, as in the "
        "present defaults, lost nothing, and the start of the linear path changed the score by "
        ".002 at most (:doc:`trials`). In this set, pairs of categories interact. Next: "
        "embeddings of pairs of categories."
    ),
    "Census-Income, never married: at least 0.9948": (
        "More and wider experts, two levels, wider embeddings, label smoothing and more epochs "
        "were no better (:doc:`trials`)."
    ),
    "CPU time on every set: at most CatBoost's": (
        "Steps are already computed for all members at once. Fewer members cost less: see `Score "
        "and cost`_."
    ),
    "CPU time on every set: at most 10 times LightGBM's": (
        "On tables of a hundred rows a fit takes about a second, most of it in PyTorch's steps of "
        "about 7 ms; LightGBM takes a twentieth of a second. On larger tables fewer members cost "
        "less: see `Score and cost`_."
    ),
}

# -- training -------------------------------------------------------------------------------------

ABLATION = """
Each row changes one default, and the last rows change many. Scores are means over the tasks of a
set, on a fifth of the training rows that was held out, with {seeds}. The seconds are the CPU time
of fit and prediction. A fifth of NHEFS is only 228 persons, so differences below .01 mean little
there. :doc:`trials` lists what else was tried. Since these fits, "quantile" leaves out missing
numbers, which it counted as the mean.
"""
GROWTH = """
Each panel changes one size and keeps the others at 10,000 rows, 30 columns, 3 tasks and the
defaults. The tasks are generated: numbers and classes alternate. A slope is that of a straight
line through the points, with both axes in logarithms: with a slope of 1, twice the size takes
twice the time. The generator needs a column for each task, so 64 tasks have 64 columns.
"""
GROWTH_ROWS = """
This table shows the effect of the number of rows. Scores are means over the tasks on 10,000 test
rows. Extra memory is the peak of a fit in excess of X, y and the imported libraries ({seeds}).
Above 1,000,000 rows, PLE reads its rows from a Parquet file, and LightGBM has them in memory.
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
fit ran in its own process. More members take more memory for parameters and batches, which does
not grow with the number of rows.

The ratio of the mixed frame is high because Arrow stores its strings in little memory. About half
of the extra memory is the encoded table, and a quarter is for training: embeddings of 100,000 ids
with their gradients, moments and averages.
"""
STREAMING = """
The Parquet file has 40 columns, numbers and categories, and two tasks. There is one member, and
two epochs with batches of 4,096. The network runs on one thread, and other threads read. The peak
is the resident memory in excess of the libraries; for rows in memory it includes the table. Before
training, the file is read three times to learn labels and features. pyarrow alone reads
{scan:,.0f} rows a second. Scores are on validation rows, which are different ones for files and
for memory. The machine was busy with other work.
"""
IMPRESSIONS = """
The tasks of this table are clicks, and purchases among all impressions, in generated files in the
format of Ali-CCP: {n} impressions, half of them to test. Each fit has one member, embeddings of
ids of width 8, and four epochs with batches of 512. The true probabilities of the labels have an
AUC of {click} and {purchase}, which a model exceeds only by chance.
"""
SPEED = """
The table shows thousands of rows a second of CPU time on one thread, for an epoch of PLE with two
levels and 263 inputs: medians of {n} runs, in turns. Each column is a network. Its first rows are
the experts of each task + shared experts, the units of experts / towers, and the rows of a batch.

- *estimator*: this package, with one member and nothing added to the network;
- *its own steps*: only forward, losses, backward and optimizer, on batches that were prepared
  before;
- *plain loop*: the network in straightforward code, with torch's Adam;
- *deepctr-torch*, *torch-rechub*: their networks in this loop, which is faster than their own fit;
  torch-rechub normalises the batch in every layer and gate, which cannot be turned off;
- *products*: only the matrix products of an epoch;
- *ratio*: the estimator compared with the faster of the two libraries: median and range over the
  runs.
"""
GRID = """
Both searches try 8 settings on 3 folds of NHEFS (1,629 rows) and fit the best one again. PLE
learns all six tasks, with one member and without embeddings of numbers, and scikit-learn's
``MLPRegressor`` one task. Both have batches of 64, at most 100 epochs and early stopping. The
seconds are medians of {n} runs.
"""

# -- a fitted model -------------------------------------------------------------------------------

LATENCY = """
These are CPU times on one thread for a row of NHEFS: 46 columns as a data frame, and as an array
the 37 that are numbers. PLE has its defaults; LightGBM has a model for each task. ONNX Runtime
runs the file of ``export.to_onnx`` on arrays of cells, so it is compared with LightGBM on an
array. The runs took turns; nothing else ran beside them.

The network takes nearly half of the time, for an array and for a data frame. It computes
blocks of 16 rows, so that a prediction does not depend on the other rows. With a data frame, most
of the other time is spent in pandas, to split the columns and to assemble the result.
"""
THROUGHPUT = """
ONNX Runtime also predicts many rows at once. Here one member, with experts of 64 and towers of 32
units, reads 10 numbers and predicts two tasks, 2,000 rows at a time. "Default" has embeddings of
numbers, and "none" does not. With two threads the process used the time of one core only, though
the other one was free: a second thread gained nothing.
"""
CALIBRATION = """
The models were fitted to four fifths of the training rows of Census-Income, calibrated on the
rest, and scored on the test rows ({seeds}). The expected calibration error has ten bins, of equal
widths or of equal numbers of rows, and is in percentage points.
"""
CALIBRATION_OF_MODELS = """
The next table compares the models that ran on nearly all tasks with classes, on the {tasks} of
{n_sets} sets on which all of them ran, without calibration. The models and rows are those of
`Accuracy`_. Errors have ten bins of equal widths. Log losses and errors are means over the tasks
of each set, and then over the sets.
"""
COVERAGE = """
Coverage is the share of labels inside the intervals: the mean over the tasks of a set, with the
least and the greatest. Width is the mean width, in standard deviations of the labels.

- *conformal*: ``predict_interval``;
- *standard deviation*: the prediction plus and minus 1.645 times that of ``return_std``;
- *quantiles*: between the .05 and .95 quantiles of tasks of kind "quantile", on two sets.

A quarter of the training rows of each set was held out, {splits}. Test rows were
not used. On River flow the held-out rows are later ones, with floods unlike any in the earlier
rows, so errors on earlier rows say little about the errors there. Water quality has 25 rows to
train on.
"""
SURVIVAL = """
The task is the days until death in SUPPORT2, a third of them censored. Models were fitted to three
quarters of the training rows and scored on the rest (mean of {seeds}). Concordance is Harrell's;
more is better. The Brier score is for surviving 30, 90, 180, 365 and 730 days, weighted for
censoring; less is better. Cox's model and the forest are from scikit-survival. The model in the
last row also learns six other tasks of the same patients.
"""

SETS = DATA_SETS | MULAN_SETS | FURTHER_SETS
