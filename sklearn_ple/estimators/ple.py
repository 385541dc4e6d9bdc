"""Progressive Layered Extraction as scikit-learn estimators."""
# The hooks are documented in MultiTaskEstimator.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, ClassVar

from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from ..base import WIDTHS, MultiTaskEstimator, class_weight, parameter, with_parameters
from ..nn import PLE
from ..nn.ple import ExtractionNetwork
from ..parameters import Listed, Number, Widths
from ..tasks import Task, by_task
from .gated import Gated

_SEVERAL = [Number(Integral, 0, None, closed="left")]
_BY_LEVEL = [Widths(by_level=True)]


@with_parameters
class Extraction(Gated):
    """What PLE, CGC and STEM have in common: experts of each task and shared ones."""

    n_shared_experts: int = parameter(default=1, constraint=_SEVERAL, search=(1, 4), network=True)
    n_specific_experts: Any = parameter(
        default=1, constraint=[*_SEVERAL, Listed(), dict], search=(1, 4), network=True
    )
    expert_hidden_units: Any = parameter(
        default=(64,), constraint=_BY_LEVEL, search=WIDTHS, network=True
    )
    linear_experts: bool = parameter(default=False, constraint=["boolean"], network=True)
    stop_gradient: bool = parameter(default=False, constraint=["boolean"], network=True)

    network: ClassVar[Callable[..., ExtractionNetwork]] = PLE

    def treats_tasks_alike(self) -> bool:
        # A list of numbers is in the order of y's columns.
        return isinstance(self.n_specific_experts, (Integral, dict))

    def make_network(
        self, in_features: int, tasks: Sequence[Task], **options: Any
    ) -> ExtractionNetwork:
        return self.network(
            in_features,
            [task.n_outputs for task in tasks],
            n_shared_experts=self.n_shared_experts,
            n_specific_experts=self._n_specific([task.name for task in tasks]),
            expert_hidden_units=tuple(self.expert_hidden_units),
            linear_experts=self.linear_experts,
            n_added=sum(task.added for task in tasks),
            stop_gradient=self.stop_gradient,
            **self._gate_options(),
            **options,
        )

    def _n_specific(self, names: list[str]) -> list[int]:
        """Return the number of every task's own experts."""
        numbers = by_task(self.n_specific_experts, names, "n_specific_experts", default=1)
        for name, n in numbers.items():
            if not _SEVERAL[0].is_satisfied_by(n):
                raise ValueError(
                    f"n_specific_experts of task {name!r} is {n!r}: it must be a whole number, 0 "
                    "or more."
                )
            if self.n_shared_experts + n == 0:
                raise ValueError(
                    f"n_shared_experts and n_specific_experts of task {name!r} are both 0: a task "
                    "needs an expert."
                )
        return list(numbers.values())


@with_parameters
class _Progressive(Extraction):
    """Several levels."""

    n_levels: int = parameter(
        default=1,
        constraint=[Number(Integral, 1, None, closed="left")],
        search=(1, 3),
        published=2,
        network=True,
    )
    residual: bool = parameter(
        default=False, constraint=["boolean"], after="gate_hidden_units", network=True
    )

    def make_network(
        self, in_features: int, tasks: Sequence[Task], **towers: Any
    ) -> ExtractionNetwork:
        options = {"n_levels": self.n_levels, "residual": self.residual}
        return super().make_network(in_features, tasks, **options, **towers)


@with_parameters
class PLEClassifierRegressor(_Progressive):
    """Progressive Layered Extraction for tasks of any kind: classes, numbers, counts.

    All columns of y are learnt together. At each level, gates mix experts that the tasks share and
    experts of their own, and at the end each task has a tower. A label may be missing (NaN): the
    row still trains the tasks whose labels it has.

    The joint loss is the weighted sum over the tasks of the mean loss of the labels that are
    there. The loss is cross-entropy for classes (of "above this class?" for ordinal ones), the
    squared error of the standardised label for regressions, the pinball loss for quantiles and
    half the Poisson deviance for counts; the user guide lists all. Predictions have the form of y:
    class labels, and numbers in their own units.

    Parameters
    ----------
    n_levels : int, default=1
        Levels of experts.
    n_shared_experts : int, default=1
        Experts that all tasks share, at each level. With none the tasks learn independently.
    n_specific_experts : int, list of int or dict, default=1
        Experts of each task, at each level: one number for all tasks, a list in the order of y's
        columns, or a dict by name (1 for a task that is not named).
    expert_hidden_units : sequence of int or of sequences of int, default=(64,)
        Widths of the layers of every expert; ``((128, 64), (32,))`` sets them for each level.
    linear_experts : bool, default=False
        Whether the last layer of the experts is linear, without activation. If experts have one
        layer, every level is then linear except for its gates.
    gate_hidden_units : sequence of int, default=()
        Widths of the hidden layers of every gate; empty for the paper's linear gates.
    gate : {"softmax", "dselect_k"}, default="softmax"
        How a gate weighs experts: by a softmax, or by DSelect-k, which chooses ``gate_k`` of them
        for every row. DSelect-k is smooth, so it is trained like the rest of the network; see
        `sklearn_ple.nn.DSelectKGates`. It is not in the paper.
    gate_k : int, default=2
        How many experts a DSelect-k gate chooses.
    gate_entropy : float, default=1e-3
        Factor of a penalty on the entropy of the choices of DSelect-k gates. The greater it is,
        the sooner a gate settles on ``gate_k`` experts.
    load_balancing : float, default=0.0
        Factor of a penalty on gates that use their experts unevenly: the squared coefficient of
        variation of the experts' summed weights, in every batch, as in Shazeer et al. (ICLR 2017).
        It trains only the gates. Try 0.01 to 0.1 if experts are not used.
    residual : bool, default=False
        Whether a level adds its input to its output, if both have the same width. Not in the
        paper.
    stop_gradient : bool, default=False
        Whether a task's gate weighs the experts of all tasks, but without a gradient to those of
        other tasks, as in `STEMClassifierRegressor`. A task then uses what others learn, and
        trains only its own experts and the shared ones. Not in the paper.
    tower_hidden_units : sequence of int, default=(32,)
        Widths of the hidden layers of every task's tower; empty for linear towers.
    activation : {"relu", "gelu", "silu", "elu", "tanh"}, default="relu"
        Activation of experts, towers and hidden layers of gates.
    dropout : float, default=0.3
        Share of the activations of experts and towers that is dropped in training, on average over
        the members. With four members or more, the shares of the members are spread evenly from
        zero to twice the average.
    n_members : int, default=8
        Number of networks that are trained on the same batches, each with its own embeddings,
        experts and towers. Their predictions are averaged; with early stopping, their weights
        follow from their validation losses. Time and memory grow with their number.
    task_types : str, list or dict, default="auto"
        The kind of every task: one for all, a list in the order of y's columns, or a dict by
        column name. A column that the dict does not name is "auto".

        - "binary" and "multiclass": classes;
        - "ordinal": classes in an order;
        - "regression": numbers;
        - "huber": numbers with outliers. ``("huber", 1.345)`` sets the error, in standard
          deviations, from which on the loss is linear;
        - "quantile": numbers. ``("quantile", [0.1, 0.9])`` sets the quantiles to learn besides the
          median, by default 0.05 and 0.95;
        - "count": counts, by the Poisson deviance;
        - "tweedie": amounts that may be zero. ``("tweedie", 1.5)`` sets the power of the mean that
          the variance follows, between 1 and 2;
        - "hurdle": amounts of which many are zero;
        - "survival": times until an event, t for an event at t and -t if nothing had happened
          until t. ``("survival", 20)`` sets the number of intervals of time;
        - "ignore", in a list or dict: the column of y is left out. It is not a task, and has no
          prediction and no entry in anything else that is passed by task. Methods take a y with or
          without it;
        - "auto": the kind follows from the labels that are there. Strings, categories and bools
          are classes, which are ordinal if an ordered categorical column has more than two.
          Integers are classes if at most 10 are distinct, else a regression. Floats are a
          regression, except for two whole numbers, such as 0.0 and 1.0. A warning names doubtful
          columns: integers of more than 10 values, and whole floats of 3 to 10.
    depends_on : "previous", dict or None, default=None
        For a binary task, the name of the task that it depends on, such as ``{"purchase":
        "click"}``: its event, the second class, can happen only if the other does. With
        "previous", each task depends on the one before it in y. The output of the task is then the
        probability given the other event, and its loss is that of the joint event on all rows, as
        in the entire-space model of Ma et al. (SIGIR 2018). Labels that follow from others are
        filled in.
    class_weight : "balanced", dict, list or None, default=None
        Weights of the classes in the loss. A list in the order of y's columns, or a dict by column
        name, has one entry per task: "balanced", a dict from label to weight, or None. "balanced"
        by itself applies to all tasks with classes, and a dict from label to weight to a single
        task.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Which columns of X are categories: names, positions or a boolean mask; None for no column.
        "from_dtype" takes categorical and string columns. A missing value is a category of its
        own. Rare categories, and those that are not seen in fit, share one.
    max_categories : int, default=None
        Largest number of categories of a column, including the one that rare categories share;
        None for any number.
    min_frequency : int or float, default=None
        A category with fewer rows than this, or with a smaller share of the rows if it is a float,
        is rare.
    target_statistics : "auto", bool or array-like, default="auto"
        Which categorical columns have target statistics in addition to their embeddings: how far
        the mean label of the row's category is from the mean of all labels, for each task with
        numbers or two classes, and for each class of a task with more. It is shrunk towards 0, and
        more so if there are few labels (Bühlmann and Straub 1970). A row's own label is not part
        of it (ordered statistics, Prokhorenkova et al., NeurIPS 2018). "auto" takes columns of 256
        categories or more with two rows each on average, such as ids of users or items. True takes
        all categorical columns, False none. Or pass names, positions or a mask.
    embedding_dim : int or "auto", default="auto"
        Width of the learnt embedding of every categorical column. "auto" lets it grow with the
        number of codes n, the column's categories and two more: ``1.6 * n**0.56`` to the nearest
        whole number, at least 2 and at most 32. All columns are in one table, as wide as the
        widest embedding times ``n_members``, with n rows for each column. In training it takes 16
        bytes per number (4 for the embedding, 12 for its gradient and AdamW's two moments), and 4
        for each copy of the weights that is kept, averaged or best.
    numeric_embedding : str, EmbeddingMaker or None, default="piecewise_linear+bins"
        What the network reads of each number besides its standardised value:

        - "bins": an embedding of the bin that it is in;
        - "piecewise_linear": an embedding that is linear in each bin, and continuous;
        - "piecewise_linear+bins": the sum of both. In columns without a value that a tenth of the
          rows share, the steps do not count in the first member, and count more in each further
          one, fully in the last;
        - "periodic": an embedding of sines and cosines of learnt frequencies;
        - "quantile": its normal score;
        - None: nothing.

        Embeddings are as wide as ``embedding_dim``. If that is "auto", the width is 8 for up to 4
        numbers, 4 from 8 numbers on, and less beyond 200, at least 2. Sparse X has no embeddings.
        Piecewise-linear and periodic embeddings are those of Gorishniy, Rubachev and Babenko
        (NeurIPS 2022).
    n_bins : int or "auto", default="auto"
        Largest number of bins of each number. "auto" is half the square root of the number of
        rows, from 16 to 256. Their edges are the cuts of a small decision tree that predicts all
        tasks, and quantiles of the distinct values.
    linear_path : bool, default=True
        Whether to add a linear function of the numbers, and of the indicators of missing ones, to
        the outputs of each task. It is learnt with the network, as the wide part of Cheng et al.
        (DLRS 2016). For tasks of kind "regression" it starts from ridge regression, with a penalty
        chosen by generalized cross-validation: fully in the first member, less in each further
        one, and from zero in the last. For other tasks, and for sparse X, it starts from zero.
    feature_dropout : float, default=0.1
        Share of the features, including coordinates of embeddings, that is dropped in training, on
        average over the members as for ``dropout``.
    clip_numbers : float or None, default=5.0
        The limit c of numbers, in standard deviations. Experts, gates and the linear path read a
        standardised number x as ``x / sqrt(1 + (x / c)**2)``, which is close to x for small
        numbers and never exceeds c. So an outlier cannot outweigh everything else (Holzmüller,
        Grinsztajn and Steinwart, NeurIPS 2024). Embeddings of numbers are not clipped. Pass None
        for no clipping, if targets go on growing with the numbers. c must be at least 0.001.
    task_weights : list of float or dict, default=None
        Weights of the tasks in the joint loss at epoch 0, in the order of y's columns or by name;
        1 for a task that is not named.
    task_weight_decay : float, list of float or dict, default=1.0
        Factor gamma by which the weight of a task changes with every epoch t: ``w(t) = w(0) *
        gamma**t``. One for all tasks, a list in the order of y's columns, or a dict by name (1 for
        a task that is not named).
    balancing : str or Balancer, default="equal"
        How the losses of the tasks become one step of training. "equal" is their weighted sum.
        These use the losses: "uncertainty", "dwa" (dynamic weight averaging), "famo", "geometric"
        (the geometric mean) and "random". These use the gradients at what the towers read:
        "upgrad", "aligned_mtl", "pcgrad", "cagrad", "imtl_g" and "nash_mtl"; all but "cagrad" and
        "nash_mtl" need the extra ``balancing``. Or pass an object of a subclass of
        :class:`~sklearn_ple.balancing.Balancer`, or an aggregator of TorchJD that weighs
        gradients, of which every training uses a copy.
    optimizer : {"adamw", "adam", "sgd"} or class, default="adamw"
        The optimizer, or a subclass of :class:`torch.optim.Optimizer`.
    learning_rate : float or "auto", default="auto"
        The learning rate; with a schedule, the highest one. "auto" is meant for AdamW: 6e-3 for
        batches of 512 rows or more, and for smaller ones proportional to the square root of their
        size.
    lr_schedule : {"constant", "cosine", "one_cycle"}, default="one_cycle"
        How the learning rate changes over ``max_epochs``: it is constant, or falls to zero along
        half a cosine, or rises over the first 30 % of the steps and then falls to zero.
    weight_decay : float, default=1e-2
        Weight decay, for optimizers that have one. Embeddings and biases do not decay.
    weight_averaging : float, default=0.1
        Validation and prediction use the mean of the weights over about this share of the steps so
        far, the last ones; with 0, the last weights.
    batch_size : int or "auto", default="auto"
        Rows in a step of training. "auto" is 64 for up to 2,000 rows, and then a power of two near
        three times the square root of their number, at most 2048.
    max_epochs : int or "auto", default="auto"
        Largest number of passes over the data, for which the schedule of the learning rate is
        made. "auto" is 25 for up to 10,000 rows, 11 for 50,000 and 4 for half a million or more.
        Without early stopping it is the number that makes 120 steps, but at least 10.
    early_stopping : bool or "auto", default="auto"
        Whether to stop when the joint validation loss no longer decreases, and to return to the
        best weights. "auto" stops early from 500 rows on, and if ``fit`` is passed ``X_val``.
    validation_fraction : float or "auto", default="auto"
        Share of the rows that early stopping sets aside, or of the groups if ``fit`` is passed
        ``groups``. With "auto" and four members or more, no rows are set aside: each member leaves
        out a twelfth of the rows, at most 600, on which others are trained. With fewer members, or
        with ``validation_split="last"``, "auto" sets aside a tenth, but at most 3,000 rows.
    validation_split : {"random", "last"} or splitter, default="random"
        The validation rows. "random" draws them, or whole groups if ``fit`` is passed ``groups``.
        "last" sets aside the last rows, for rows in the order of time. Of a splitter of
        scikit-learn, such as :class:`~sklearn.model_selection.GroupShuffleSplit`, which gets the
        ``groups``, the test rows of the first split are set aside; rows in neither part are used
        by ``refit`` alone. To validate on rows that are not in X, pass them to ``fit`` as
        ``X_val`` and ``y_val``.
    n_iter_no_change : int or "auto", default="auto"
        Number of epochs without improvement after which early stopping ends the training. "auto"
        is a fifth of ``max_epochs``, but at least 3.
    tol : float, default=0.0
        Decrease of the joint validation loss that counts as an improvement.
    refit : bool or "auto", default="auto"
        Whether to train a second network on all rows of X, for the number of epochs that
        validation found best. If ``fit`` is passed ``X_val``, all rows are trained on already, and
        there is no second training. The weights of the members and ``history_`` stay those of the
        first training. The second one doubles the time. "auto" refits up to 30,000 rows if rows
        were set aside, unless there are ``callbacks``, which may rely on validation rows.
    warm_start : bool, default=False
        Whether another call of ``fit`` starts from the learnt weights, with the classes, scales
        and categories of the first call.
    warm_start_from : FrozenEstimator, estimator or None, default=None
        A fitted estimator with the same network, from whose weights a fit starts: embeddings, what
        the tasks share, and the parts of a task of the same name. Its scales, categories and bins
        are taken over, so X must have the same columns. The linear path starts anew. Wrap the
        estimator in :class:`sklearn.frozen.FrozenEstimator`, because ``clone``, for example in a
        grid search, would return it unfitted otherwise. The parameters of the network must be the
        same.
    checkpoint_dir : str, path-like or None, default=None
        A folder, made if it does not exist, in which ``fit`` saves its progress after every epoch.
        If it is interrupted or its process is killed, the next ``fit`` with the same data and
        parameters continues from there, and ends with the same weights as a fit without
        interruption, on a CPU bit for bit. The files remain when a fit has ended, and the same fit
        then returns its result at once; delete them to start anew. A fit with other data,
        parameters or versions, or from other weights by ``warm_start``, is refused: each needs its
        own folder. ``n_jobs`` and ``verbose`` may differ. ``partial_fit`` does not use the folder.
        With None nothing is saved.
    n_jobs : int or None, default=None
        The number of cores, or of workers of joblib's backend; -1 for all, -2 for all but one.
        None, outside of :class:`joblib.parallel_config`, is one core while steps are small, which
        several cores would hardly make faster, and torch's own number for large steps.

        In ``fit``, joblib trains the members in as many groups, of at least two members, in
        processes, or on several machines with ``joblib.parallel_config(backend="dask")``. The
        fitted estimator is the same as with ``n_jobs=1``, bit for bit.

        Prediction uses as many threads. So does ``fit`` where it trains all members together: with
        fewer than four members, ``callbacks``, ``dtype="bfloat16"``, ``balancing`` by gradients,
        parts of your own or ``numeric_embedding="periodic"``, and so do ``partial_fit`` and
        ``add_task``. Then results are rounded differently, as on another processor.

        In a worker process, such as those of :class:`~sklearn.model_selection.GridSearchCV` with
        its own ``n_jobs``, no more than its share of the cores is used.
    device : str, default="auto"
        Where to train and predict, such as "cpu", "cuda", "cuda:1" or "mps"; "auto" for a GPU if
        there is one. The data are kept there if they fit.
    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network. "bfloat16" is for speed: in training, matrices are multiplied in
        it, while weights, losses, the optimizer's state and predictions stay float32. It is an
        error if the processor has no instructions for it.
    callbacks : list of skorch callbacks, default=None
        Additional callbacks, see :class:`skorch.callbacks.Callback`. Every training uses copies of
        them, but not of the objects that they refer to.
    net_params : dict, default=None
        Additional parameters of :class:`skorch.net.NeuralNet`, which take precedence over those
        here. The schedule respects ``lr``, ``batch_size`` and ``max_epochs``, too.
    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the rows, dropout and the validation rows.
        With an int, the result on a CPU is always the same. Global random states are not changed.
    verbose : int, default=0
        Whether to show a progress bar, with validation losses and scores.

    Attributes
    ----------
    task_names_ : list of str
        Names of the tasks: y's columns, or "y0", "y1" and so on; "y" for a 1-D y without a name.
    task_types_ : dict
        Kind of every task by name.
    ignored_targets_ : list of int
        Positions in y of the columns that ``task_types`` ignores.
    tasks_ : list of Task
        The fitted tasks, in the order of ``task_names_``.
    classes_ : ndarray or list
        The sorted class labels of every task, or None for a task without classes; a single array
        for a 1-D y. They are sorted for ordinal tasks, too, as scikit-learn expects. The order of
        an ordinal task is ``task.classes[task.order]``, which is also that of the columns of
        ``predict_proba_frame``.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, if they are all strings.
    n_iter_ : int
        Number of epochs trained.
    history_ : list of dict
        One dict for each epoch, with ``epoch``, ``loss``, ``task_losses``, ``task_weights``,
        ``learning_rate``, ``seconds`` and, with early stopping, ``valid_loss`` (weighted by the
        tasks' weights at epoch 0), ``valid_task_losses``, ``valid_score`` and
        ``valid_task_scores`` (those of ``score``).
    module_ : torch.nn.Module
        The network.
    calibrators_ : dict
        What ``calibrate`` learnt, by task: ``temperature_``, or ``regressions_``; empty after fit.
    net_ : skorch.NeuralNet
        The skorch net that contains the network.
    device_ : str
        The device that training ran on.

    Raises
    ------
    ValueError
        If a target has no label, or a task with classes has only one; if X or y contain infinity;
        if a parameter names an unknown task; if the device does not exist, or does not allow
        ``n_jobs``; if ``checkpoint_dir`` belongs to another fit, is damaged or cannot be written
        to; if the choice of validation rows is incomplete or contradictory, or leaves no rows.
    TypeError
        If a column of X or y contains objects that are neither numbers nor labels.

    Warns
    -----
    ConvergenceWarning
        If a loss is no longer finite: training stops and the best weights so far are kept.
    UserWarning
        If it is unclear whether a column of y contains classes or numbers; if a target is
        constant; if y_val has no label of a task.

    See Also
    --------
    PLEClassifier : Every task has classes.
    PLERegressor : Every task is a number.
    PLEClassifierRegressor.as_published : The network of the paper, with nothing added.
    SingleTaskClassifierRegressor : The same without sharing, to measure what sharing is worth.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = PLEClassifierRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> model.task_types_
    {'death': 'binary', 'wt82_71': 'regression'}
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    class_weight: Any = class_weight()


@with_parameters
class CGCClassifierRegressor(Extraction):
    """Customized Gate Control: one level of Progressive Layered Extraction.

    A task's gate weighs the task's own experts and the shared ones; its tower reads their sum.
    With the experts ``f_i`` of task k and those that all share,
    ``y_k = h_k(sum_i softmax(W_k x)_i f_i(x))``.

    See Also
    --------
    PLEClassifierRegressor : Any number of levels; lists the errors and warnings of all.
    MMoEClassifierRegressor : All experts are shared.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn_ple import CGCClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = CGCClassifierRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> list(model.gate_weights(X)[0]["death"])
    ['death 1', 'shared 1']
    """

    class_weight: Any = class_weight()


def _is_single_task(estimator: PLEClassifier) -> bool:
    """Whether y was, or before fit could be, 1-D."""
    return not hasattr(estimator, "classes_") or not isinstance(estimator.classes_, list)


@with_parameters
class PLEClassifier(ClassifierMixin, PLEClassifierRegressor):
    """Progressive Layered Extraction for one or several tasks with classes.

    A scikit-learn classifier: y may be 1-D, and numbers in y are classes. See
    `PLEClassifierRegressor` for the model and its loss.

    Raises
    ------
    ValueError
        If a target has no label or one class only, or holds fractions.

    See Also
    --------
    PLEClassifierRegressor : Tasks of any kind.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ple import PLEClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = PLEClassifier(learning_rate=0.01, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    """

    family = "class"
    score = MultiTaskEstimator.score

    @available_if(_is_single_task)
    def decision_function(self, X: Any) -> Any:
        """Compute the scores behind the classes: logits.

        Only for 1-D y: of a classifier with several targets, scikit-learn expects one array here,
        which tasks with different numbers of classes do not have.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            One number a row where there are two classes.
        """
        return super().decision_function(X)


@with_parameters
class PLERegressor(RegressorMixin, _Progressive):
    """Progressive Layered Extraction for one or several tasks that are numbers.

    A scikit-learn regressor: y may be 1-D. A task is a "regression" unless ``task_types`` says
    "huber", "quantile", "count", "tweedie", "hurdle" or "survival". See
    `PLEClassifierRegressor` for the model and its loss.

    Raises
    ------
    ValueError
        If a target has no label or holds strings.

    See Also
    --------
    PLEClassifierRegressor : Tasks of any kind.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from sklearn_ple import PLERegressor
    >>> X, y = load_linnerud(return_X_y=True, as_frame=True)
    >>> model = PLERegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> model.predict(X).columns.tolist()
    ['Weight', 'Waist', 'Pulse']
    """

    family = "number"
    score = MultiTaskEstimator.score
