"""What docs/benchmarks.rst says around its tables."""

HEAD = """Benchmarks
==========

What was measured, by the scripts in ``benchmarks/``, on one thread. Seconds are to be compared
within a table, and all but those of the accuracy come from one run. Results lie beside the scripts
as JSON; ``python benchmarks/render.py`` makes this page. Every table says which commits its
numbers come from. The ablation is of the present defaults. The frontier's PLE clipped numbers at
three standard deviations, not five; the tables of accuracy, tuning, grid search, calibration and
memory are older than the cheaper fits of the frontier.
"""
SPEED = """
Speed of training
-----------------

Rows a second, in thousands, of an epoch of two levels of Progressive Layered Extraction over 263
inputs, by ``benchmarks/speed.py``: medians of {n} runs in turn, of CPU time on one thread. The
estimator is timed whole, with one member and nothing beside the network. Its own steps are
forward, losses, backward and optimizer over batches that were cut before; the plain loop is the
network as one would write it down, with torch's Adam; deepctr-torch and torch-rechub have their
networks in the same loop, which is faster than their own fits. Products are the matrix products of
an epoch and nothing else. The ratio is to the faster of the two libraries, run by run, with its
range.
"""
GRID = """
A grid search
-------------

8 settings × 3 folds and a refit on NHEFS (1,629 rows):
:class:`~sklearn_ple.PLEClassifierRegressor` on all six tasks, against scikit-learn's
``MLPRegressor`` on one; one member, without embeddings of numbers. Batches of 64, at most 100
epochs, early stopping. Median seconds of {n} runs.
"""
ACCURACY = """
Accuracy
--------

:class:`~sklearn_ple.PLEClassifierRegressor` beside boosting and other networks on {n} data sets
with {tasks} tasks, by ``benchmarks/accuracy.py``. Only "PLE" and "CatBoost
MultiRMSEWithMissingValues" learn a data set's tasks together; all others fit a model for each
task, on the rows that have its label. Models have their libraries' defaults, except "LightGBM,
early stopping" (learning rate 0.05, at most 2,000 rounds, patience 50 on a tenth of the training
rows), "PLE, tuned" (the best of 8 random settings on a fifth of the training rows) and RealMLP,
which chooses the epoch by cross-entropy, without label smoothing, as its documentation advises
where probabilities count. On SUPPORT2 the random settings were tried with the defaults before the
present ones. MLP, RealMLP and TabM get missing numbers imputed, with an indicator.
RealMLP and TabM were run where they could be: a fit of TabM takes 350 s of CPU on NHEFS, our
smallest set, and hours on Census-Income. The tables say how many seeds each model had.

Choices were made on training rows. But six earlier sets of PLE's defaults had been scored on the
test rows too, and what was seen there led to trials on training rows: poor results on the
synthetic mixed set to steps that start at zero and later to members that differ in them, poor ones
on River flow and Tox21 to the linear path, the clipping of numbers and narrower embeddings of
many, and those on River flow once more to the start of the linear path (see below). The scores
shown are the first ones of the present defaults.

.. image:: images/{picture}
   :alt: Every model's mean rank, on each data set and in all

Mean ranks of the scores, 1 being best: over all tasks, and over the data sets, so that one with
many tasks counts no more than others. Models that ran on nearly all tasks are ranked among each
other, on the {ranked} tasks on which they all ran; any other among these and itself, on those of
them on which it ran.
"""
SCORES = """
The scores: area under the ROC curve of tasks with two classes, its mean over the classes, each
against the rest, of tasks with more, R² of numbers; mean and standard deviation over the seeds,
the best mean in bold. Seconds are of CPU time on one thread, summed over the tasks, since the
machine had other work in the meantime.
"""
ABLATION = """
What each default is worth
--------------------------

One change of the defaults at a time, by ``benchmarks/ablation.py``: the mean score over a data
set's tasks on a fifth of the training rows, held out, and the CPU seconds of fit and prediction;
the test rows took no part. Seeds: {seeds}. On so small a table as NHEFS, whose fifth are 228
persons, differences below .01 mean little.
{{table}}
Periodic embeddings are above the defaults on NHEFS and SUPPORT2, at 2.2 and 3.5 times the time.
With all rows of Census-Income, on one split, they were below, with earlier defaults: .9715,
defaults .9728. Numbers that are standardised alone are level on these two tables; amounts that are
mostly zero, as those of Census-Income, gain by embeddings (see Numbers).

The defaults were chosen in trials of this kind on several data sets, of one seed each, by the
score on held-out training rows. What they showed:

- **Members.** Eight networks with all parameters of their own gained most: .642 on SUPPORT2, one
  network .629. Eight that shared their embeddings, with adapters in the manner of BatchEnsemble
  and TabM before or within the experts, or with gates and towers of their own alone, had .628 to
  .631 at up to the same cost on a CPU; even sharing the embeddings alone lost the gain (.630). So
  members share nothing.
- **Numbers.** Where amounts are mostly zero, piecewise-linear embeddings need steps beside them:
  income on Census-Income .9501 without, .9511 with. For smooth targets steps are noise (synthetic
  mixed: .776 without, .754 with), less so where they start at zero (.764).
- **Steps of smooth columns.** For columns without a value that a tenth of the rows share, these
  steps were tried for all members, for none, at a quarter, and from none in the first member to
  all in the last, or the other way round. In this order: synthetic mixed .762, .772, .770, .772,
  .765 (two splits, four members); SUPPORT2 .6505, .6540, .6540, .6535, .6526 (three splits); NHEFS
  .316, .315, .315, .315, not tried (four). The logarithm of 1 - R² of River flow is .23, .31, .27
  with two members. Without them the sinusoids fall from .891 to .875 (two members), but not with
  members that differ (.980, .981 before; four members). On Census-Income they make no difference
  (.9540 and .9947 both times), but at a fifth of the rate in all columns income has .9528.
- **Clipping and linear path.** On three chronological splits of River flow's training rows (later
  ones held out, two members) the mean over the gauges of the logarithm of 1 - R² is .32 with
  neither, .26 with clipping, .23 with both, and .31 for LightGBM, .07 for ridge regression. The
  mean score is .314, .317 and .316 on NHEFS (four splits), .823, .826 and .825 on Tox21 (three,
  two members), .889, .884 and .891 on the sinusoids (one, two members); clipping alone has .648 on
  SUPPORT2, without it .649 (three, four members). Three times as fast the linear path overfits:
  .305 on NHEFS, with another way of clipping.
- **Start of the linear path.** From zero in all members, from ridge regression in all, from half
  of it in all, and from all of it in the first member to none in the last. In this order, with
  four members where nothing else is said: the logarithm of 1 - R² of River flow, as above, .33,
  .10 (two members), .05, -.05 to -.12 (three runs); NHEFS (eight members, four
  splits) .299, .295, .297, .300; SUPPORT2 (two) .634, .635, not tried, .634; synthetic mixed
  (four) .769, .767 (two splits only, .769 from zero), .768, .767; the sinusoids .978, not tried,
  not tried, .977, but with two members .895, .802, .904, not tried: where what is linear is taken
  away, a network does not find the direction of the waves. The other way round, from none in the
  first member, River flow has .23. Ridge regression alone has -.09 to -.19 there.
- **Limit of clipping.** At 3, 5 and 10 standard deviations and none: NHEFS .2963, .2960, .2945,
  .2916 (three splits), SUPPORT2 .6371, .6369, .6360, .6355 (two), synthetic mixed .7656, .7653,
  .7647, .7651, the sinusoids .976, .987, .990, not tried, mean R² of River flow -.198, -.202,
  -.258, -.540 (one each), employment .784, .815, .851, .851 (none: one split), air fares .584,
  .577, .575, -.08, complaints .380, .376, .354, .349, spark erosion .440, .440, .437, .435,
  concrete .488, .492, .493, .494, water quality .642, .638, .635, .633 (three each). So it is 5.
- **Levels.** One and two: NHEFS .2963, .2936, SUPPORT2 .6371, .6345, synthetic mixed .7656,
  .7636, River flow -.198, -.212, employment .785, .783, air fares .584, .579, complaints .380,
  .360, spark erosion .440, .428, water quality .642, .634, concrete .488, .498, Census-Income
  .9749, .9751, with as many splits, at 1.1 to 1.7 times the time.
- **Temperature from folds.** Learnt from the mean of the two members that leave a row out, it
  changes the log loss of classes by -.005 to .003 on NHEFS, SUPPORT2, Tox21 and the synthetic
  mixed set (26 tasks and splits), by -.0004 on average: as fitted, probabilities are calibrated.
- **Many numbers.** On Tox21, which has 217, embeddings of 3 have .828, of 8 .825, in two thirds of
  the time. The 100 sinusoids lose by narrower ones (6: .888, 8: .891). So they are 8 up to 100
  numbers, and 800 in all beyond: 4 on Tox21, a width that was not tried apart.
- **Bins.** Large tables gain by many: income .9553 with 64 and .9563 with 128 on one split,
  .9508 and .9515 on another. Small tables do not: SUPPORT2 .649 with 32 or 64, .636 with 128. So
  their number follows the root of the rows.
- **Dropout.** River flow wants none (mean R² .997, with .3 for all members .993), patients and
  respondents want some. Members with rates from none to twice the mean, weighed by their
  validation, had .996.
- **Refit.** On held-out training rows a second training on all rows raised the mean of SUPPORT2
  from .648 to .651 (sfdm2 .786 to .792, totmcst .613 to .618) and of NHEFS from .285 to .288; on
  the synthetic mixed set it made no difference (.766 to .765).
- **Epochs.** On NHEFS and SUPPORT2 15, 20, 28 and 40 epochs at most are level (.288, .286, .288,
  .285; .648 for all); the synthetic mixed set wants more than 20 (.767) for one of its tasks (R²
  .733 with 40, .730 with 30, .721 with 20). So it is 30 for small tables.
- **Schedule.** One cycle of few epochs beat a constant rate with averaged weights on
  Census-Income (.951 to .950) at half the cost. On SUPPORT2 a lower rate was better for its
  smaller batches: .646 with 3e-3, .649 with 1.5e-3 or 1e-3.
- **Averages of weights.** The polynomial one, exponential ones over about 100 and 500 steps, and
  that of the last quarter's steps (SWA), after one cycle and at a constant rate: .297, .290, .297,
  .296, .288 on NHEFS (three splits, four members), .632, .634, .633, .634, .634 on SUPPORT2 (two).
  Schedule-free AdamW had .286 to .288 on NHEFS where one cycle had .288 (three splits).
- **Feature dropout.** Alone (.3, experts' dropout 0) it raised SUPPORT2 from .6505 to .6551, but
  the sinusoids fell from .891 to .831 and River flow got worse (.32; with two experts a task and
  a weight decay of .1 in both). It stays low.
- No clear gain on Census-Income: more or wider experts, experts of 256 (.9541 and .9947, from
  .9540 and .9947, at 2.7 times the cost), two levels, SiLU, wider towers, wider embeddings, label
  smoothing, pooling of rare categories, more weight decay, more epochs.
"""
MEMORY = """
Memory
------

What ``fit`` takes at its peak beyond X and y, for 1,000,000 rows of 50 columns (the sparse matrix:
1,000 columns, 3 % of them filled; the mixed frame has 52) and two tasks: one epoch, batches of
4,096, one member, a process each. More members take more for parameters and batches, which does
not grow with the rows.

The mixed frame takes 1.53 times X, which is small since Arrow holds its strings (with Python's it
was 346 MB), and 1.45 times X and y. Half of it is the encoded table, a quarter training:
embeddings of 100,000 ids, with their gradients, moments and averages.
"""
STREAMING = """
Tables larger than memory
-------------------------

Fits to a Parquet file of 40 columns, numbers and categories, and two tasks, by
``benchmarks/streaming.py``: one member, batches of 4,096, two epochs, on one thread for the
network and others for reading. Peaks are of resident memory over what is held when the libraries
are warm; in memory they include the table. Before training the labels and features are looked
through three times. pyarrow alone reads {scan:,.0f} rows a second. The score is that of
validation, of other rows in files than in memory. The machine had other work in the meantime.
"""
LATENCY = """
Latency
-------

CPU time of predicting the six tasks of one row of NHEFS, by ``benchmarks/latency.py``: 46 columns,
or as an array the 37 that are numbers, by default parameters (eight members) and on one thread.
The ways took turns, on a machine that was busy with other work: ratios are to be relied on more
than times. LightGBM has a model for each task. ONNX Runtime reads the file of ``export.to_onnx``,
with the cells already in arrays.

Of the time of an array's row by ``predict`` the network takes half, of a data frame's a third. It
computes blocks of 16 rows, so that a row's prediction does not depend on its neighbours. The rest
of a data frame is mostly pandas, taking columns apart and putting the answer together.
"""
THROUGHPUT = """
Rows a second by ONNX Runtime, of one member with experts of 64 and towers of 32 units that reads
10 numbers and predicts two tasks, 2,000 rows at once, with bins and without: by the clock, and by
CPU time. Both cores were busy with other work, so that a second thread gained nothing.
"""
CALIBRATION = """
Calibration
-----------

:class:`~sklearn_ple.PLEClassifierRegressor` on Census-Income, calibrated on a fifth of the
training rows that it was not fitted on: expected calibration error (ten bins, equally wide or of
equally many rows, in percentage points), log loss and accuracy on the test rows; {n} seed(s).
"""
COVERAGE = """
Intervals
---------

Which share of the labels lies in intervals that should hold 90 % of them, and how wide these are,
in standard deviations of the labels, by ``benchmarks/coverage.py``: conformal ones of
``predict_interval``, 1.645 standard deviations of ``return_std`` to both sides and, on two sets,
between the .05 and .95 quantiles of tasks of kind "quantile". A quarter of each set's training
rows is held out, {least} to {most} times, and no test row read. Means over a set's tasks, with the
least and the greatest. The rows held out of the river flow are later ones, with floods that those
to train on did not have; no method knows of these. On the smallest set, of 25 rows to train on,
too few labels are inside.
"""
SURVIVAL = """
Censored times
--------------

Days until death in SUPPORT2, a third of them censored, by ``benchmarks/survival.py``: fitted on
three quarters of the training part and scored on the last, mean of {n} seed(s). Concordance is
Harrell's, the greater the better. The Brier score is that of surviving 30, 90, 180, 365 and 730
days, weighted for censoring, the less the better. Cox's model and the forest are those of
scikit-survival; the last row learns six other tasks of the same patients beside the days.
"""
GROWTH = """
Growth
------

How the CPU seconds of a fit grow with the rows, columns, tasks, experts and members, on generated
tasks, numbers and classes in turn, by ``benchmarks/growth.py``: one of these at a time, the others
being 10,000 rows, 30 columns, 3 tasks and our defaults. Slopes are those of straight lines through
all points of a panel, in logarithms of both.

.. image:: images/growth.png
   :alt: CPU seconds against rows, columns, tasks, experts and members, a panel each

With the rows, the score on 10,000 test rows changes too, mean over the tasks, and what the fit
takes in memory at its peak beyond X, y and what was imported. Means of {seeds} seed(s); LightGBM
fits a model for each task, one after the other.
"""
GROWTH_AXES = {
    "rows": "30 columns, 3 tasks",
    "columns": "10,000 rows, 3 tasks",
    "tasks": "10,000 rows, 30 columns",
    "experts": "a task's own, and as many shared",
    "members": "10,000 rows, 30 columns, 3 tasks",
}
FRONTIER = """
Score and cost
--------------

What a score costs, in CPU seconds of a fit on one thread, by ``benchmarks/frontier.py``: the
defaults with 8, 4, 2 and 1 members, the defaults before them, boosting and RealMLP, as in the
tables of accuracy below. Every fit has a process of its own; imports do not count.{rows}
"""
FRONTIER_RANKS = """
.. image:: images/frontier.png
   :alt: Mean ranks, and the scores on every set, against CPU seconds

Ranks are those of the scores, averaged over a set's tasks and then over the sets on which all
models ran: of each of ours among the models of others, and of these among each other and our
defaults. Costs are geometric means over the sets.
"""
FRONTIER_SMALL = """
Six small, wide or heavy-tailed sets of regressions, of Mulan's collection [1]_:

.. image:: images/frontier_small.png
   :alt: The same on six sets of regressions

.. [1] E. Spyromitros-Xioufis et al., "Multi-target regression via input space expansion: treating
   targets as inputs", Machine Learning 104, 2016.
"""
FRONTIER_TABLE = """
Mean score and CPU seconds:
"""
ROWS = {
    "validation": """
Scores are those of validation rows: a quarter of the training rows,
other ones for every seed, of River flow the last in time.""",
    "test": "\nScores are those of the test rows.",
}
MULAN_SETS = {
    "scpf": ("Complaints to cities",),
    "atp7d": ("Air fares",),
    "oes10": ("Employment",),
    "edm": ("Spark erosion",),
    "slump": ("Concrete",),
    "andro": ("Water quality",),
}
DATA_SETS = {
    "nhefs": (
        "NHEFS",
        3,
        "1,140 persons to train on, 489 to test; 46 features. These tasks are hard to predict: "
        "the point is not to overfit.",
    ),
    "support2": (
        "SUPPORT2",
        3,
        "6,373 seriously ill patients to train on, 2,732 to test; 29 features.",
    ),
    "rf1": (
        "River flow",
        3,
        "Eight gauges' flow 48 hours ahead, in R²; 4,108 hours to train on, 5,017 later ones to "
        "test, with floods that the earlier ones did not have; 64 features.",
    ),
    "tox21": (
        "Tox21",
        3,
        "Twelve assays of toxicity, in AUC; 6,404 molecules to train on, 1,602 to test; 217 "
        "descriptors by RDKit.",
    ),
    "synthetic_mixed": (
        "Synthetic, mixed",
        3,
        "10,000 rows to train on, 5,000 to test; 10 numbers and 4 categories with interactions, "
        "a tenth of the cells and 30 % of the labels missing.",
    ),
    "synthetic_sinusoids": (
        "Synthetic, sinusoids",
        3,
        "Two related regressions after the MMoE paper, in R²; 20,000 rows to train on, 10,000 to "
        "test; 100 features.",
    ),
    "census": (
        "Census-Income",
        4,
        "In AUC; 66,508 rows to train on, 33,254 to test; 39 features.",
    ),
    "census_no_education": (
        "Census-Income without education",
        4,
        "As above, without education among the features, as the papers have it.",
    ),
    "users_items": (
        "Users and items",
        3,
        "40,000 generated impressions to train on, 20,000 to test; 8 features, among them ids of "
        "users and items.",
    ),
}
