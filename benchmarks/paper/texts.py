"""What docs/paper.rst says that does not depend on results."""

HEAD = """The paper's experiments
=======================

H. Tang, J. Liu, M. Zhao and X. Gong ("Progressive Layered Extraction (PLE)", RecSys 2020) ask
whether sharing helps each task, and which way of sharing helps most. They compare ten systems. All
ten are estimators of this package, and the scripts in ``benchmarks/paper/`` repeat their
experiments. To run one of them again, use for example ``SKLEARN_PLE_RESULTS=FOLDER python -m
paper.synthetic`` in the folder ``benchmarks``.

In short, PLE gains as much on the paper's synthetic tasks as the paper reports, but simpler
systems gain as much there. On Census-Income sharing does not help to predict income. On SUPPORT2
every way of sharing helps with the defaults of this package.

Words used on this page:

- *As published* is the network of the paper with nothing added
  (:meth:`~sklearn_ple.PLEClassifierRegressor.as_published`): one member, two levels of PLE,
  trained by Adam at a constant rate.
- *By default* is the network with everything that this package adds, but four members instead of
  eight.
- A *gain* is the score minus that of the single-task network with the same seed. More is better.
- An *interval* contains the mean gain with 95 % confidence (Student's, over the seeds). It shows
  how much depends on the seed, but not what other test rows would change.
- A gain is *beyond chance* if its interval excludes zero.

In each comparison all systems have as many parameters, not counting embeddings, and as many layers
as PLE with two levels (:func:`~sklearn_ple.capacity.equal_capacity`).

What the experiments show:

- **Synthetic tasks: PLE gains as much as in the paper**, +.0071 (.0053 to .0090) and +.0064 (.0023
  to .0104) if all networks have the same depth. ML-MMoE (+.0081, +.0073), MMoE (+.0072, +.0070)
  and CGC (+.0070, +.0063) gain as much: five seeds cannot rank them, although the interval of
  MMoE's second gain just includes zero (-.0002 to .0141). Hard sharing gains nothing.
  With one layer per level, PLE gains .0112 and .0106, and MMoE and CGC .002 to .004. More than a
  third of PLE's gain is then due to its second layer.
- **Census-Income: sharing does not help to predict income.** Nine systems in seven settings, with
  five seeds each, have 63 intervals on income or college. One excludes zero, where chance alone
  would make about three: CGC loses .0008 as published. The largest mean gain is .0008, while PLE
  gains .0077 in the paper. On never married some systems gain beyond chance, but by .0002 at most,
  and asymmetric sharing loses .0002 as published without education. On income and college all
  networks, single-task ones too, score .005 to .010 more by default than as published.
- **SUPPORT2: every way of sharing helps by default.** The mean score over the six tasks is .638
  for single-task networks, and .641 to .643 for the nine systems that share (PLE .6418). All these
  gains are beyond chance over five seeds. As published, single-task networks score .621. Only CGC
  (+.0028) gains beyond chance, and PLE does not (+.0020).
- **Data in the format of Ali-CCP: sharing experts hurts.** On clicks MMoE and PLE lose .04, and
  MMoE loses .03 on purchases among all impressions, beyond chance over five seeds. No change on
  purchases after clicks is beyond chance. ESMM, which shares only embeddings, neither gains nor
  loses. These data are generated: the original may differ.
- **Gates: on Census-Income MMoE's tasks read different experts**, which contradicts the paper. The
  distance between their gates is .88 on average over five seeds (0: alike, 1: nothing in common).
  In PLE and CGC each task mostly reads its own experts, or one task has the shared expert to
  itself.
- **Shared experts.** One is better than none on 8 of 14 sets, by .0005 in the median; two are
  better than none on 11, by .0018. A second expert of each task's own, which shares nothing, is
  better on 10, by .0009. So part of the gain is due to more experts, not to sharing. Few of these
  gains are beyond chance over three splits.
"""
ANSWERS = """
The paper's tables and figures
------------------------------
"""
#: The paper's items in its order, and why those without a result have none.
ITEMS = {
    "Figures 1, 2 and 4 to 6: drawings of ten systems, of Tencent's recommender and of samples": (
        "No experiments. The tests compare the networks with the equations, and "
        ":class:`~sklearn_ple.inspection.NetworkDiagram` draws them."
    ),
    "Tables 1, 2 and 4, Figure 3: two to four of VTR, VCR, CTR, shares and comments": (
        "Cannot be run: the billion samples of Tencent's video recommender were never published. "
        ":ref:`SUPPORT2 <paper-support2>` replaces them, because its tasks are also of several "
        "kinds."
    ),
    "Table 3: online A/B test": ("Cannot be run: it needs Tencent's users for four weeks."),
    "Figure 7: synthetic tasks": None,
    "Table 5: Census-Income": None,
    "Table 5: Ali-CCP": None,
    "Figure 8: use of experts": None,
}
CENSUS_IN_PAPERS = """
The papers train on 199,523 rows, without education as a feature. They report these AUCs of income
/ never married:

- PLE paper: single-task .9445 / .9923, MMoE .9393 / .9928, PLE .9522 / .9945. The paper prints a
  gain of +.0048 for MMoE on income. According to its own AUCs, this is a loss of .0052.
- MMoE paper, best of its runs: single-task .9398 / .9933, hard sharing .9361 / .9915, cross-stitch
  .9406 / .9917, MMoE .9410 / .9926. The means of its runs on income are .9337 for the single-task
  network and .9359 for MMoE.
"""
SETS = {
    "census": (
        "Census-Income",
        "The tasks are income and never married, and scores are AUCs. The split is that of "
        ":doc:`benchmarks`: 66,508 rows to train on, 33,254 to test.",
    ),
    "census_no_education": (
        "Census-Income without education",
        "The same tasks, without education as a feature, as in the papers.",
    ),
    "census_college": (
        "Census-Income, college",
        "The second pair of tasks of the MMoE paper: at least college education, and never "
        "married. Education is not a feature. The rows are those above.",
    ),
    "census_published_split": (
        "Census-Income, all rows",
        "Income and never married on the rows of the papers, 199,523 to train on and 99,762 to "
        "test, without education. Our copy of the training part does not have the seven numeric "
        "columns, such as age, so all scores are lower.",
    ),
    "support2": (
        "SUPPORT2",
        "Six tasks of three kinds with missing labels, instead of the paper's private tables. "
        "Scores are the AUC of hospdead, death and (mean over the classes) sfdm2, and the R² of "
        "the logarithms of slos, totcst and totmcst. 6,373 rows to train on, 2,732 to test. A "
        "star marks a gain beyond chance.",
    ),
}
SYNTHETIC = """
Synthetic regressions
---------------------

{answer}

There are two regressions, whose weights have a given cosine ("correlation"), after the MMoE paper
(:func:`~sklearn_ple.datasets.make_multitask`): {rows:,} rows to train on, 50,000 to test, 512
features. Networks are as published. In the picture, the small dots are {n} seeds, and the lines
their means. Gains are in mean squared error, of which the noise alone is .01. The PLE paper has
1.4 million rows, and gains of about .0054 / .0035 for PLE and .0040 / .0008 for MMoE, on average
over the correlations.

PLE and ML-MMoE have two levels. With "one layer per level", as networks are often drawn, the
others have one layer less, so that gains are partly due to depth. The paper compares networks of
equal depth.

.. image:: images/paper_synthetic.png
   :alt: Gain on each task by the correlation of the tasks, for equal depth and one layer per level
"""
ALI_CCP = """
Ali-CCP
-------

{answer}

The tasks are clicks, and purchases after clicks. CTR is the AUC of clicks, CVR that of purchases
among clicked impressions, and CTCVR that of purchases among all impressions. Networks learn
purchases from clicked impressions, as in the paper. Only :class:`~sklearn_ple.ESMMClassifier`
learns them from all impressions; it has the layers of the single-task network, and shares
embeddings.

The original has 84 million impressions, and its page asks for a login. So files in its format were
generated: ids of 20,000 users and 10,000 items by Zipf's law, groups of both, histories, and
hidden tastes. As in the original, 4 % of the impressions are clicked. 10 % of the clicks lead to a
purchase, instead of .5 %, because otherwise half a million impressions would have only a hundred
purchases. The probabilities of the generator are known. The last line has their AUCs, which a
network exceeds only by chance. A star marks a gain beyond chance.

If you have the original files (see :func:`~sklearn_ple.datasets.fetch_ali_ccp`) in the folder
``ali_ccp`` of ``PATH``, run this command. A smaller number takes the first impressions, half of
them to train on::

    cd benchmarks
    python -m paper.ali_ccp --data PATH --impressions 84000000
"""
ALI_CCP_IN_PAPER = """
The paper on the original, CTR / CVR: single-task .6088 / .6040, MMoE .6094 / .5738, PLE .6112 /
.6097.
"""
SHARED = """
Shared experts
--------------

{answer}

The table shows the mean score over the tasks for PLE by default, on a held-out quarter of the
training rows, in up to {n} splits. Without shared experts, the tasks still share embeddings. With
"2 own", each task has a second expert instead of the shared one. Gains are over "none shared", and
a star marks a gain beyond chance over the splits.
"""
EXPERTS = """
How gates use experts
---------------------

{answer}

The pictures show the weights in the gate of every task, for one seed: means and standard
deviations over the test rows. Networks are as published, with one expert of each task and one
shared expert at every level; MMoE has three shared experts. Distances and shares in the text are
means over all seeds.
"""
LEVELS = """
The paper does not say what a level costs and gains. These tables show PLE with one to four levels,
with experts of equal width. "Separation" is the distance between the gates of two tasks, for each
level (total variation, averaged over pairs of tasks and rows). It is 0 if both tasks weigh the
shared experts alike and do not use their own, and 1 if they have nothing in common. Milliseconds
are for a batch of 1,024 rows on one thread. Other programs ran at the same time, so compare them
with each other only.
"""
