"""docs/trials.rst: how the defaults were chosen. What is not in results/ is written here."""

import pandas as pd

from page.cost import defaults_before
from page.rst import is_there, section, table

HEAD = """How the defaults were chosen
============================

This page lists what was tried for each default, and what it scored. All trials were scored on
held-out training rows, never on test rows. They were made one after the other, with the defaults
of their time. So compare scores only within a table or a sentence, and treat a difference of a few
thousandths as noise. Unless stated otherwise, a score is the mean over the tasks of a set (AUC of
classes, R² of numbers), and more is better.

Test rows were seen, though, before the present defaults: six earlier versions were scored on the
test rows of the sets in "Accuracy" of :doc:`benchmarks`. The results led to trials on training
rows:

- poor scores on the synthetic mixed set led to steps (embeddings of the bins of a number) that
  start at zero, and later to members with different steps;
- poor scores on River flow and Tox21 led to the linear path, to the clipping of numbers and to
  narrower embeddings of many numbers;
- poor scores on River flow led, once more, to the present start of the linear path.
"""
#: The logarithm of 1 - R² instead of the mean R², which one bad gauge would dominate.
RIVER = "River flow, log(1 - R²)"


def columns(name, head, **rows):
    """Make a table of numbers as they were noted."""
    shown = pd.DataFrame.from_dict(rows, orient="index", columns=head.split(" | "))
    return table(shown.rename_axis(name))


def rows_of(name, head, rows):
    return columns(name, head, **{title: cells.split() for title, cells in rows.items()})


def members():
    return section(
        "Members",
        """
Eight networks that share nothing have the best score. So members share nothing.

On SUPPORT2 eight such networks scored .642, and one network .629. Eight that shared their
embeddings scored .630. Eight that shared more scored .628 to .631 and cost up to as much on a CPU:
networks with adapters like those of BatchEnsemble and TabM, before or within the experts, or with
only their own gates and towers.
""",
    )


def numbers():
    text = """
Numbers that are mostly zero need steps (bins) in addition to piecewise-linear embeddings: income
on Census-Income scored .9501 without steps and .9511 with them. Smooth numbers do not: the
synthetic mixed set scored .776 without, .754 with, and .764 with steps that start at zero.

Periodic embeddings were better than the defaults on two small sets (see "What each default is
worth" in :doc:`benchmarks`), but cost more. On one split of all rows of Census-Income they scored
.9715, and the defaults of the time .9728.

In "smooth" columns no value is shared by a tenth of the rows. There, steps were tried in all
members, in none, with a quarter of the learning rate, and with a gradual change from the first
member to the last. For River flow less is better. With the present defaults the first member has
no steps, and the last all of them.
"""
    shown = rows_of(
        "set (splits, members)",
        "all | none | a quarter | none to all | all to none",
        {
            "Synthetic, mixed (2, 4)": ".762 .772 .770 .772 .765",
            "SUPPORT2 (3, –)": ".6505 .6540 .6540 .6535 .6526",
            "NHEFS (4, –)": ".316 .315 .315 .315 –",
            f"{RIVER} (3, 2)": ".23 .31 .27 – –",
        },
    )
    rest = """
Without steps, the sinusoids fell from .891 to .875 with two equal members. With four members that
differ they scored .980 without steps, and .981 with them. On Census-Income steps in smooth columns
made no difference (.9540 and .9947). With steps in all columns that learn at a fifth of the rate,
income scored .9528.
"""
    widths = """
Tox21 has 217 numbers. There, embeddings of 3 units scored .828 in two thirds of the time of 8
units, which scored .825. The sinusoids, with 100 numbers, lose with narrower ones (6 units .888, 8
units .891). So the defaults of that time had 8 units for up to 100 numbers, and 800 units in all
for more. For Tox21 this meant 4 units, a width that was not itself tried.

Large tables gain from many bins: on one split income scored .9553 with 64 bins and .9563 with 128,
on another .9508 and .9515. Small tables do not: SUPPORT2 scored .649 with 32 or 64, and .636 with
128. So the number of bins is proportional to the square root of the number of rows.
"""
    return section("Embeddings of numbers", text) + shown + rest + widths


def clipping():
    text = """
The linear path and the clipping of numbers help if later rows are beyond the range of the training
rows, and change little otherwise. On three splits of River flow in the order of time, log(1 - R²),
where less is better, was .32 with neither, .26 with clipping and .23 with both (two members).
LightGBM had .31, and ridge regression .07.
"""
    three = rows_of(
        "set (splits, members)",
        "neither | clipping | both",
        {
            "NHEFS (4, –)": ".314 .317 .316",
            "Tox21 (3, 2)": ".823 .826 .825",
            "Synthetic, sinusoids (1, 2)": ".889 .884 .891",
            "SUPPORT2 (3, 4)": ".649 .648 –",
        },
    )
    limit = """
With three times the learning rate, the linear path overfits: NHEFS scored .305, with another way
of clipping.

Numbers are clipped at five standard deviations. Clipping at three scores a little more on most
sets, and at ten much more on Employment. Five is between the two:
"""
    limits = rows_of(
        "set (splits)",
        "3 | 5 | 10 | not clipped",
        {
            "NHEFS (3)": ".2963 .2960 .2945 .2916",
            "SUPPORT2 (2)": ".6371 .6369 .6360 .6355",
            "Synthetic, mixed (1)": ".7656 .7653 .7647 .7651",
            "Synthetic, sinusoids (1)": ".976 .987 .990 –",
            "River flow (1)": "-.198 -.202 -.258 -.540",
            "Employment (3; not clipped: 1)": ".784 .815 .851 .851",
            "Air fares (3)": ".584 .577 .575 -.08",
            "Complaints to cities (3)": ".380 .376 .354 .349",
            "Spark erosion (3)": ".440 .440 .437 .435",
            "Concrete (3)": ".488 .492 .493 .494",
            "Water quality (3)": ".642 .638 .635 .633",
        },
    )
    return section("Clipping and the linear path", text) + three + limit + limits


def start():
    text = """
The linear path starts from ridge regression in the first member and from zero in the last, because
that is best on River flow and does not cost anything on other sets. If all members start from
ridge regression, a network does not find the direction of the sinusoids, because their linear part
has been removed.
"""
    shown = rows_of(
        "set (splits, members)",
        "zero | ridge | half of it | ridge to zero",
        {
            "NHEFS (4, 8)": ".299 .295 .297 .300",
            "SUPPORT2 (2, 4)": ".634 .635 – .634",
            "Synthetic, mixed (4, 4)": ".769 .767 .768 .767",
            "Synthetic, sinusoids (–, 4)": ".978 – – .977",
            "Synthetic, sinusoids (–, 2)": ".895 .802 .904 –",
        },
    )
    river = """
On the synthetic mixed set, ridge regression was tried on two splits, on which zero also scored
.769. On River flow log(1 - R²) was .33 from zero, .10 from ridge (two members), .05 from half of
it, -.05 to -.12 from ridge to zero (three runs) and .23 from zero to ridge. Ridge regression alone
had -.09 to -.19. There were four members unless stated otherwise.
"""
    return section("Start of the linear path", text) + shown + river


def levels():
    text = """
One level of experts scores at least as much as two on most sets, and two take 1.1 to 1.7 times as
long. So the default is one. The splits are those of the last table in `Clipping and the linear
path`_.
"""
    shown = rows_of(
        "set",
        "1 level | 2 levels",
        {
            "NHEFS": ".2963 .2936",
            "SUPPORT2": ".6371 .6345",
            "Synthetic, mixed": ".7656 .7636",
            "River flow": "-.198 -.212",
            "Employment": ".785 .783",
            "Air fares": ".584 .579",
            "Complaints to cities": ".380 .360",
            "Spark erosion": ".440 .428",
            "Water quality": ".642 .634",
            "Concrete": ".488 .498",
            "Census-Income": ".9749 .9751",
        },
    )
    return section("Levels", text) + shown


def training():
    text = """
- **Epochs.** With at most 15, 20, 28 and 40 epochs NHEFS scored .288, .286, .288 and .285, and
  SUPPORT2 .648 each time. One task of the synthetic mixed set needs more than 20: its R² was .721
  with 20, .730 with 30 and .733 with 40.
- **Schedule.** On Census-Income, one cycle of few epochs scored .951, and a constant rate with
  averaged weights .950 at twice the cost. SUPPORT2, with smaller batches, needs a lower rate: .646
  with 3e-3, .649 with 1.5e-3 or 1e-3.
- **Dropout.** River flow needs none: its mean R² is .997, and .993 with a dropout of .3 in all
  members. NHEFS and SUPPORT2 need some. Members with rates from zero to twice the mean, weighed by
  their validation loss, scored .996 on River flow. So members differ in their dropout.
- **Feature dropout** is low. By itself (.3, and none in the experts) it raised SUPPORT2 from .6505
  to .6551, but the sinusoids fell from .891 to .831, and log(1 - R²) of River flow was .32. The
  last two had two experts per task and a weight decay of .1.
- **Refit.** A second training on all rows raised SUPPORT2 from .648 to .651 and NHEFS from .285 to
  .288, and did not help on the synthetic mixed set (.766 and .765). Now members leave out folds of
  their own, and with four or more there is no second training.
- **Temperature from folds.** A temperature learnt from the two members that leave a row out
  changes the log loss of classes by -.005 to .003, and by -.0004 on average, over 26 tasks and
  splits of NHEFS, SUPPORT2, Tox21 and the synthetic mixed set. So probabilities are not calibrated
  by default.

Different averages of the weights score about the same, after one cycle and with a constant rate.
"About 100" and "about 500" are exponential averages over so many steps, and SWA is the mean over
the last quarter:
"""
    shown = rows_of(
        "set (splits)",
        "polynomial | about 100 | about 500 | SWA | constant rate",
        {
            "NHEFS (3, four members)": ".297 .290 .297 .296 .288",
            "SUPPORT2 (2)": ".632 .634 .633 .634 .634",
        },
    )
    rest = """
On NHEFS schedule-free AdamW scored .286 to .288, and one cycle .288 (three splits).
"""
    return section("Training", text) + shown + rest


def no_gain():
    return section(
        "What was not better",
        """
On Census-Income there was no clear gain from more experts, wider experts (256 units: .9541 and
.9947 instead of .9540 and .9947, at 2.7 times the cost), two levels, SiLU, wider towers, wider
embeddings, label smoothing, pooling of rare categories, more weight decay or more epochs.
""",
    )


def page():
    before = defaults_before() if is_there("frontier") else ""
    parts = (members, numbers, clipping, start, levels, training, no_gain)
    return HEAD + "".join(part() for part in parts) + before
