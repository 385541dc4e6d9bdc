"""What docs/paper.rst says that does not depend on results."""

HEAD = """The paper's experiments
=======================

Does sharing help each task, and which way of sharing? H. Tang, J. Liu, M. Zhao and X. Gong
("Progressive Layered Extraction (PLE)", RecSys 2020) answer it with ten systems. All ten are
estimators here, and the scripts in ``benchmarks/paper/`` run their experiments again.

There are two kinds of network. *As published* is the network of the paper with nothing added
(:meth:`~sklearn_ple.PLEClassifierRegressor.as_published`): one member and two levels of PLE,
trained by Adam at a constant rate. *By default* has all that this package adds, but four members
instead of eight. In each comparison all systems have as many parameters and as many layers as PLE
with two levels, embeddings apart (:func:`~sklearn_ple.capacity.equal_capacity`).

A gain is the score less that of the single-task network with the same seed, so more is better. Its
interval is that of Student with 95 % confidence over the seeds. So it shows what depends on the
seed, but not what other test rows would change.

What they show:

- **Synthetic tasks: PLE gains as much as in the paper**, +.0072 (.0053 to .0092) and +.0065 (.0024
  to .0106) where all networks are of equal depth. So do ML-MMoE (+.0079, +.0071), MMoE (+.0072,
  +.0070) and CGC (+.0069, +.0062), which five seeds cannot rank; hard sharing is level. With a
  layer a level PLE gains .0118 and .0109, and MMoE and CGC .002 to .004: a good third of PLE's
  gain is its second layer.
- **Census-Income: sharing does not pay on income.** Nine systems in seven settings, five seeds
  each, make 63 intervals on income or college. Three exclude zero, as many as chance makes:
  cross-stitch loses .0010 on all rows, customized sharing and sluice gain .0008 and .0009 by
  default without education. The greatest mean gain is .0009, where the paper has .0077 for PLE. On
  never married some systems gain beyond chance, by .0002 at most. By default all networks are
  .005 to .009 better than as published, single-task ones included.
- **SUPPORT2: every way of sharing pays by default.** The mean over the six tasks is .638 for
  single-task networks and .641 to .643 for the nine systems that share (PLE .6426), each beyond
  chance over five seeds. As published it is .620, and hard sharing (+.0028) and asymmetric sharing
  (+.0026) alone gain beyond chance; PLE is level (+.0002).
- **Ali-CCP's format: sharing costs.** On clicks MMoE and PLE lose .03, beyond chance over five
  seeds; on purchases they are level. ESMM, which shares embeddings alone, is level too. The
  original is another matter.
- **Gates: on Census-Income MMoE's tasks read different experts** (.86 apart on average over five
  seeds), which contradicts the paper; in PLE and CGC each task reads mostly its own, or one task
  has the shared expert to itself.
- **Shared experts**: one is better than none on 10 of 13 sets, by .002 in the median; two are
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
        "Cannot be run, because the billion samples of Tencent's video recommender were never "
        "published. :ref:`SUPPORT2 <paper-support2>` stands in, its tasks being of mixed kinds "
        "too."
    ),
    "Table 3: online A/B test": (
        "Cannot be run, because it needs the users of Tencent's recommender for four weeks."
    ),
    "Figure 7: synthetic tasks": None,
    "Table 5: Census-Income": None,
    "Table 5: Ali-CCP": None,
    "Figure 8: use of experts": None,
}
CENSUS_IN_PAPERS = """
With 199,523 rows to train on and without education among the features, the papers have, in AUC of
income / never married:

- PLE paper: single-task .9445 / .9923, MMoE .9393 / .9928, PLE .9522 / .9945. The gain that it
  prints for MMoE on income, +.0048, contradicts these figures: .9393 is .0052 less than .9445.
- MMoE paper, the best of its runs: single-task .9398 / .9933, hard sharing .9361 / .9915,
  cross-stitch .9406 / .9917, MMoE .9410 / .9926. The mean of its runs on income is .9337 of the
  single-task network and .9359 of MMoE.
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
        "without education. The published part to train on was at hand without its seven numbers, "
        "age among them, so all scores are lower.",
    ),
    "support2": (
        "SUPPORT2",
        "Six tasks of three kinds with missing labels, in place of the paper's private tables: "
        "AUC of hospdead, death and (mean over the classes) sfdm2, R² of the logarithms of slos, "
        "totcst and totmcst; 6,373 rows to train on, 2,732 to test. A star: the interval excludes "
        "zero.",
    ),
}
SYNTHETIC = """
Synthetic regressions
---------------------

Two regressions whose weights have a given cosine, after the MMoE paper
(:func:`~sklearn_ple.datasets.make_multitask`), for networks as published: {rows:,} rows to train
on, 50,000 to test, 512 features; {n} seeds, the small dots, and their means. Gains are in mean
squared error, of which the noise alone has .01. The PLE paper has 1.4 million rows; its gains are
about .0054 / .0035 for PLE and .0040 / .0008 for MMoE, on average over the correlations.

PLE and ML-MMoE have two levels. With a layer a level, as networks are often drawn, all others are
a layer less deep, and gains are in part those of depth. The paper compares networks of equal
depth.

.. image:: images/paper_synthetic.png
   :alt: Gain on each task by the correlation of the tasks, with equal depth and a layer a level
"""
ALI_CCP = """
Ali-CCP
-------

Clicks, and purchases after them: CTR is the AUC of clicks, CVR that of purchases among clicked
impressions, CTCVR that of purchases among all. Networks learn purchases from clicked impressions
alone, as in the paper, but for :class:`~sklearn_ple.ESMMClassifier`, which learns them from all
impressions. It has the layers of the single-task network, and shares embeddings.

The original has 84 million impressions, and its page asks for a login. So files in its format were
made, by a law that is known: ids of 20,000 users and 10,000 items by Zipf's law, groups of both,
histories, and hidden tastes. As in the original 4 % are clicked; 10 % of these are bought and not
.5 %, since half a million impressions would have a hundred purchases otherwise. The known
probabilities themselves have AUCs too, which networks can exceed only by chance. A star: the 95 %
interval of a gain excludes zero.

With the original's files (see :func:`~sklearn_ple.datasets.fetch_ali_ccp`) in the folder
``ali_ccp`` of ``PATH``, this is the command; fewer impressions are the first ones, half of them to
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

Does sharing experts pay at all? PLE by default, mean score over the tasks of validation rows: a
quarter of the training rows, other ones in each split ({n} at most). Without shared experts tasks
still share embeddings; "2 own" puts a second expert of each task in the place of the shared one.
Gains are over "none shared", with a star where the 95 % interval over the splits excludes zero.
"""
EXPERTS = """
How gates use experts
---------------------

Mean and standard deviation, over test rows, of the weights of every task's gate, for networks as
published, with one expert of each task's own and one shared at every level (MMoE: three shared).
Pictures are of one seed; distances and shares are means over all.
"""
LEVELS = """
What a level costs, and what it brings, which the paper leaves open: PLE with one to four levels of
experts as wide. Separation is the distance of two tasks' gates (total variation, a mean over pairs
of tasks and rows; experts of one's own are not the other's), level by level: 0 if both weigh the
shared experts alone and alike. Milliseconds are for a batch of 1,024 rows on one thread.
"""
