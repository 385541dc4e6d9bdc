"""What docs/paper.rst says that does not depend on results."""

HEAD = """The paper's experiments
=======================

H. Tang, J. Liu, M. Zhao and X. Gong ("Progressive Layered Extraction (PLE)", RecSys 2020) ask
whether sharing helps each task, and which way of sharing helps most. They compare ten systems. All
ten are estimators here, and the scripts in ``benchmarks/paper/`` run their experiments again.

In short, PLE gains what the paper says on its synthetic tasks; but systems that are simpler gain
as much there. On Census-Income sharing does not pay on income, and on SUPPORT2 every way of
sharing pays with this package's defaults.

Words used on this page:

- *As published* is the network of the paper with nothing added
  (:meth:`~sklearn_ple.PLEClassifierRegressor.as_published`): one member, two levels of PLE,
  trained by Adam at a constant rate.
- *By default* has all that this package adds, but four members instead of eight.
- A *gain* is the score less that of the single-task network with the same seed. More is better.
- An *interval* holds the mean gain with 95 % confidence (Student's, over the seeds). It shows what
  depends on the seed, and not what other test rows would change.
- A gain is *beyond chance* where its interval excludes zero.

In each comparison all systems have as many parameters and as many layers as PLE with two levels,
embeddings apart (:func:`~sklearn_ple.capacity.equal_capacity`).

What the experiments show:

- **Synthetic tasks: PLE gains as much as in the paper**, +.0072 (.0053 to .0092) and +.0065 (.0024
  to .0106) where all networks are of equal depth. ML-MMoE (+.0079, +.0071), MMoE (+.0072, +.0070)
  and CGC (+.0069, +.0062) gain as much: five seeds cannot rank them. Hard sharing gains nothing.
  If each level has one layer, PLE gains .0118 and .0109, and MMoE and CGC .002 to .004. So a good
  third of PLE's gain is then its second layer.
- **Census-Income: sharing does not pay on income.** Nine systems in seven settings, five seeds
  each, make 63 intervals on income or college. Three exclude zero, as many as chance makes:
  cross-stitch loses .0010 on all rows, and without education customized sharing and sluice gain
  .0008 and .0009 by default. The greatest mean gain is .0009; PLE's is .0077 in the paper. On
  never married some systems gain beyond chance, by .0002 at most. All networks are .005 to .009
  better by default than as published, single-task ones too.
- **SUPPORT2: every way of sharing pays by default.** The mean score over the six tasks is .638 for
  single-task networks, and .641 to .643 for the nine systems that share (PLE .6426), all beyond
  chance over five seeds. As published it is .620 for single-task networks; only hard sharing
  (+.0028) and asymmetric sharing (+.0026) gain beyond chance, and PLE does not (+.0002).
- **Ali-CCP's format: sharing costs.** On clicks MMoE and PLE lose .03, beyond chance over five
  seeds. On purchases they neither gain nor lose. Nor does ESMM, which shares embeddings alone.
  These data are generated: the original may differ.
- **Gates: on Census-Income MMoE's tasks read different experts**, which contradicts the paper.
  Their gates are .86 apart on average over five seeds. In PLE and CGC each task reads mostly its
  own experts, or one task has the shared expert to itself.
- **Shared experts**: one is better than none on 10 of 13 sets, by .002 in the median. Two are
  better than one on 4 of 13.
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
        ":ref:`SUPPORT2 <paper-support2>` takes their place, since its tasks are of mixed kinds "
        "too."
    ),
    "Table 3: online A/B test": (
        "Cannot be run: it needs the users of Tencent's recommender for four weeks."
    ),
    "Figure 7: synthetic tasks": None,
    "Table 5: Census-Income": None,
    "Table 5: Ali-CCP": None,
    "Figure 8: use of experts": None,
}
CENSUS_IN_PAPERS = """
The papers train on 199,523 rows, without education among the features. Their AUC of income / never
married:

- PLE paper: single-task .9445 / .9923, MMoE .9393 / .9928, PLE .9522 / .9945. The paper prints a
  gain of +.0048 for MMoE on income. By its own figures that is a loss of .0052.
- MMoE paper, the best of its runs: single-task .9398 / .9933, hard sharing .9361 / .9915,
  cross-stitch .9406 / .9917, MMoE .9410 / .9926. The means of its runs on income are .9337 for the
  single-task network and .9359 for MMoE.
"""
SETS = {
    "census": (
        "Census-Income",
        "Income and never married, in AUC, on the split of :doc:`benchmarks`: 66,508 rows to "
        "train on, 33,254 to test.",
    ),
    "census_no_education": (
        "Census-Income without education",
        "The same, without education among the features, as the papers have it.",
    ),
    "census_college": (
        "Census-Income, college",
        "The second pair of tasks of the MMoE paper: education of college level at least, and "
        "never married. Education is no feature. Rows as above.",
    ),
    "census_published_split": (
        "Census-Income, all rows",
        "Income and never married by the papers' rows, 199,523 to train on and 99,762 to test, "
        "without education. Our copy of the training part lacks its seven numbers, such as age, "
        "so all scores are lower.",
    ),
    "support2": (
        "SUPPORT2",
        "Six tasks of three kinds with missing labels, in place of the paper's private tables. "
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
features. Networks are as published. Small dots are {n} seeds, lines their means. Gains are in mean
squared error; the noise alone has an error of .01. The PLE paper has 1.4 million rows. Its gains
are about .0054 / .0035 for PLE and .0040 / .0008 for MMoE, on average over the correlations.

PLE and ML-MMoE have two levels. With "a layer a level", as networks are often drawn, the others
have one layer less, and gains are partly those of depth. The paper compares networks of equal
depth.

.. image:: images/paper_synthetic.png
   :alt: Gain on each task by the correlation of the tasks, with equal depth and a layer a level
"""
ALI_CCP = """
Ali-CCP
-------

{answer}

There are clicks, and purchases after clicks. CTR is the AUC of clicks, CVR that of purchases among
clicked impressions, CTCVR that of purchases among all impressions. Networks learn purchases from
clicked impressions, as in the paper. Only :class:`~sklearn_ple.ESMMClassifier` learns them from
all; it has the layers of the single-task network, and shares embeddings.

The original has 84 million impressions, and its page asks for a login. So files in its format were
generated: ids of 20,000 users and 10,000 items by Zipf's law, groups of both, histories, and
hidden tastes. As in the original 4 % of impressions are clicked. Of these 10 % are bought instead
of .5 %, since half a million impressions would have only a hundred purchases otherwise. The
probabilities of the generator are known. Their AUCs are the last line: a network exceeds them only
by chance. A star marks a gain beyond chance.

With the original's files (see :func:`~sklearn_ple.datasets.fetch_ali_ccp`) in the folder
``ali_ccp`` of ``PATH``, this is the command. Fewer impressions are the first ones, half of them to
train on::

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

PLE by default, mean score over the tasks, on a quarter of the training rows that was held out:
other rows in each of {n} splits at most. Without shared experts tasks still share embeddings. "2
own" has a second expert of each task in the place of the shared one. Gains are over "none shared";
a star marks a gain beyond chance over the splits.
"""
EXPERTS = """
How gates use experts
---------------------

{answer}

Pictures show the mean and standard deviation, over test rows, of the weights in every task's gate,
for one seed. Networks are as published, with one expert of each task and one shared expert at
every level; MMoE has three shared ones. Distances and shares in the text are means over all seeds.
"""
LEVELS = """
What does a level cost, and what does it bring? The paper does not say. The tables have PLE with
one to four levels of experts of equal width. "Separation" has a figure for each level: how far the
gates of two tasks are apart (total variation, a mean over pairs of tasks and rows). It is 0 if
both tasks weigh the shared experts alike and have no weight on their own, and 1 if they have
nothing in common. Milliseconds are for a batch of 1,024 rows on one thread.
"""
