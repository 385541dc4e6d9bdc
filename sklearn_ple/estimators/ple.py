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

    Learns all columns of y together: experts that the tasks share and experts of their own, mixed
    by gates, level by level, then a tower for each task. A label may be missing (NaN): the row
    still teaches the tasks whose labels it has.

    The joint loss is the weighted sum over the tasks of the mean loss of the labels that are
    there: cross-entropy for classes (of "above this class?" for ordinal ones), squared error of
    the standardised label for regressions, its pinball loss for quantiles, half the Poisson
    deviance for counts, and so on as the user guide lists. Predictions come back as y came: class
    labels, and numbers in their own units.

    Parameters
    ----------
    n_levels : int, default=1
        Levels of experts.
    n_shared_experts : int, default=1
        Experts that all tasks share, at each level. With none the tasks learn independently.
    n_specific_experts : int, list of int or dict, default=1
        Experts of each task alone, at each level. One number for all tasks, or in the order of y's
        columns, or by name (1 for a task not named).
    expert_hidden_units : sequence of int or of sequences of int, default=(64,)
        Widths of the layers of every expert. ``((128, 64), (32,))`` has those of each level.
    linear_experts : bool, default=False
        Whether the experts' last layer is linear, not activated. Experts of one layer are then
        linear, and so is every level except its gates.
    gate_hidden_units : sequence of int, default=()
        Widths of the hidden layers of every gate; empty for the paper's linear gates.
    gate : {"softmax", "dselect_k"}, default="softmax"
        How a gate weighs experts: by a softmax, or by DSelect-k, which chooses ``gate_k`` of them
        for every row and yet is smooth, so that it is trained like all else; see
        `sklearn_ple.nn.DSelectKGates`. Not in the paper.
    gate_k : int, default=2
        How many experts a DSelect-k gate chooses.
    gate_entropy : float, default=1e-3
        Factor of a penalty on the entropy of the choices of DSelect-k gates: the greater, the
        sooner a gate settles on ``gate_k`` experts.
    load_balancing : float, default=0.0
        Factor of a penalty on gates that use their experts unevenly: the squared coefficient of
        variation of the experts' summed weights, in every batch, as in Shazeer et al. (ICLR 2017).
        It trains the gates alone. Try 0.01 to 0.1 where experts are not used.
    residual : bool, default=False
        Whether a level adds its input to its output, where both are as wide. Not in the paper.
    stop_gradient : bool, default=False
        Whether a task's gate weighs the experts of all tasks, but without a gradient to those of
        other tasks, as in `STEMClassifierRegressor`: a task uses what others learn, and trains
        only its own and the shared experts. Not in the paper.
    tower_hidden_units : sequence of int, default=(32,)
        Widths of the hidden layers of every task's tower; empty for linear towers.
    activation : {"relu", "gelu", "silu", "elu", "tanh"}, default="relu"
        Activation of experts, towers and hidden layers of gates.
    dropout : float, default=0.3
        Share of the activations of experts and towers that are dropped in training, on average
        over the members. With four members or more, their shares lie evenly around it, from none
        to twice as much.
    n_members : int, default=8
        Networks that are trained side by side, each with embeddings, experts and towers of its
        own, on the same batches. Their predictions are averaged, with early stopping by weights
        that follow from their losses of validation. Time and memory grow with their number.
    task_types : str, list or dict, default="auto"
        Kind of every task: "binary", "multiclass", "ordinal" (classes in an order), "regression",
        "huber" (numbers with outliers), "quantile", "count" (Poisson), "tweedie" (amounts that may
        be zero), "hurdle" (amounts, many of them zero) or "survival" (times until an event, t
        where it is seen at t, -t where nothing had happened until t). One kind for all, a list in
        the order of y's columns, or a dict by column name; a column that the dict does not name is
        "auto". In a list or dict, ``("quantile", [0.1, 0.9])`` says which quantiles to learn
        beside the median; "quantile" alone are those of 0.05 and 0.95. Likewise
        ``("huber", 1.345)`` says from which error on, in standard deviations, the loss is linear,
        ``("tweedie", 1.5)`` which power of the mean the variance follows, between 1 and 2, and
        ``("survival", 20)`` how many intervals of time have probabilities. "auto" looks at the
        observed labels: strings, categories and bools are classes, ordinal if there are more than
        two in an ordered categorical column; integers are classes if there are at most 10 distinct
        ones, else a regression; floats are a regression, but for two whole numbers, as 0.0 and
        1.0. A warning names what is doubtful: integers of more than 10 values, and whole floats of
        3 to 10. "ignore", in a list or dict, leaves a column of y out: it is no task, has no
        prediction and no entry in what else is given by task, and methods take a y with or
        without it.
    depends_on : "previous", dict or None, default=None
        For a binary task, the name of the one that it depends on, as ``{"purchase": "click"}``: it
        can hold (its second class) only where the other does. "previous": each task depends on the
        one before it in y. Its output is then the probability given the other event, and its loss
        that of the joint event on all rows, as in the entire-space model of Ma et al. (SIGIR
        2018). Labels that follow from others are filled in.
    class_weight : "balanced", dict, list or None, default=None
        Weights of the classes in the loss. A list in the order of y's columns or a dict by column
        name holds one entry per task: "balanced", a dict from label to weight, or None. "balanced"
        alone holds for all tasks with classes, a dict from label to weight for a single task.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Which columns of X are categories: names, positions or a boolean mask; None for no column.
        "from_dtype" takes categorical and string columns. A missing value counts as a category of
        its own. Rare categories, and those never seen in fit, share one.
    max_categories : int, default=None
        Largest number of categories of a column, including the one that rare categories share;
        None for any number.
    min_frequency : int or float, default=None
        A category with fewer rows than this, or with a smaller share of the rows if it is a float,
        is rare.
    target_statistics : "auto", bool or array-like, default="auto"
        Which categorical columns the network reads target statistics of, beside their embeddings:
        how far the mean label of the row's category is from that of all, for each task of numbers
        or two classes, and for each class of one with more. It is shrunken towards 0, the more,
        the fewer labels there are (Bühlmann and Straub 1970), and a row's own label is never in
        its own (ordered statistics, Prokhorenkova et al., NeurIPS 2018). "auto": those of 256
        categories or more that have two rows each on average, as ids of users or items. True: all
        categorical columns; False: none; or names, positions or a mask.
    embedding_dim : int or "auto", default="auto"
        Width of the learnt embedding of every categorical column. "auto" lets it grow with the
        number of codes n, the column's categories and two more: ``1.6 * n**0.56`` to the nearest
        whole number, at least 2 and at most 32. All columns are in one table of the greatest
        width: n rows each, ``n_members`` times that width and, in training, 16 bytes a number (4
        for the embedding, 12 for its gradient and AdamW's two moments) and 4 for each copy of the
        weights, averaged or best, that is kept.
    numeric_embedding : str, EmbeddingMaker or None, default="piecewise_linear+bins"
        What the network reads of each number beside its standardised value: "bins", an embedding
        of the bin that it falls into; "piecewise_linear", an embedding that is linear in each bin
        and continuous; "piecewise_linear+bins", their sum, in which the steps of columns without a
        value that a tenth of the rows share count from not at all in the first member to fully in
        the last; "periodic", an embedding of sines and cosines of learnt frequencies; "quantile",
        its normal score; None for nothing. As wide as ``embedding_dim`` says; if that is "auto",
        8, but less from 100 numbers on, 2 at the least. Sparse X has none. Piecewise-linear and
        periodic embeddings are those of Gorishniy, Rubachev and Babenko (NeurIPS 2022).
    n_bins : int or "auto", default="auto"
        Bins of each number, at most; "auto" takes half the root of the number of rows, from 16 to
        256. Their edges are the cuts of a small decision tree that predicts all tasks, and
        quantiles of the distinct values.
    linear_path : bool, default=True
        Whether to add a linear function of the numbers and the indicators of missing ones to each
        task's outputs, learnt with the network, as the wide part of Cheng et al. (DLRS 2016) is.
        For tasks of kind "regression" it starts from ridge regression, whose penalty generalized
        cross-validation chooses: wholly in the first member, less and less in further ones, from
        zero in the last. Elsewhere, and for sparse X, it starts at zero.
    feature_dropout : float, default=0.1
        Share of the features, coordinates of embeddings included, that are dropped in training, on
        average over the members as for ``dropout``.
    clip_numbers : float or None, default=5.0
        Where the network's numbers end, in standard deviations c: experts, gates and the linear
        path read a standardised number x as ``x / sqrt(1 + (x / c)**2)``, which is near x for
        small ones and never beyond c, so that an outlier does not outweigh all else (Holzmüller,
        Grinsztajn and Steinwart, NeurIPS 2024). Embeddings of numbers read them unclipped. None
        for no clipping, where targets go on growing with the numbers. 0.001 at least.
    task_weights : list of float or dict, default=None
        Weights of the tasks in the joint loss at epoch 0, in the order of y's columns or by name;
        1 for a task that is not named.
    task_weight_decay : float, list of float or dict, default=1.0
        Factor gamma by which a task's weight changes with every epoch t:
        ``w(t) = w(0) * gamma**t``. One for all tasks, or in the order of y's columns, or by name
        (1 for a task not named).
    balancing : str or Balancer, default="equal"
        How the tasks' losses become one step of training. "equal": by their weighted sum. By the
        losses: "uncertainty", "dwa" (dynamic weight averaging), "famo", "geometric" (their
        geometric mean), "random". By the gradients at what the towers read: "upgrad",
        "aligned_mtl", "pcgrad", "cagrad", "imtl_g", "nash_mtl"; all but "cagrad" and "nash_mtl"
        take the extra ``balancing``. Or an object of a subclass of
        :class:`~sklearn_ple.balancing.Balancer`, or an aggregator of TorchJD that weighs
        gradients; every training uses a copy of it.
    optimizer : {"adamw", "adam", "sgd"} or class, default="adamw"
        The optimizer, or a subclass of :class:`torch.optim.Optimizer`.
    learning_rate : float or "auto", default="auto"
        The learning rate, the highest one where there is a schedule. "auto" is meant for AdamW:
        6e-3 for batches of 512 rows or more, and for smaller ones by the root of their size.
    lr_schedule : {"constant", "cosine", "one_cycle"}, default="one_cycle"
        How the learning rate changes over ``max_epochs``: not at all, down to zero along half a
        cosine, or up over the first 30 % of the steps and down to zero after them.
    weight_decay : float, default=1e-2
        Weight decay of optimizers that have one. Embeddings and biases are left alone.
    weight_averaging : float, default=0.1
        About which share of the steps so far the weights are averaged over, for validation and
        prediction; 0 for the last weights alone.
    batch_size : int or "auto", default="auto"
        Rows in a step of training. "auto" takes 64 of a table of up to 2,000 rows, then a power
        of two near three times their root, 2048 at most.
    max_epochs : int or "auto", default="auto"
        Passes over the data, at most; the schedule of the learning rate is laid out for as many.
        "auto" takes 25 up to 10,000 rows, 11 for 50,000 and 4 for half a million or more. Without
        early stopping it takes as many as make 120 steps, but 10 at least.
    early_stopping : bool or "auto", default="auto"
        Whether to stop when the joint loss of validation no longer decreases, and to return to
        the best weights. "auto" does so from 500 rows on, and with ``X_val`` in ``fit``.
    validation_fraction : float or "auto", default="auto"
        Share of the rows that early stopping sets aside; with ``groups`` in ``fit``, of the
        groups. With "auto", each of four or more members leaves a twelfth of the rows out, 600 at
        most, which the others are trained on: none are set aside. With fewer members, and with
        ``validation_split="last"``, a tenth are, but 3,000 rows at most.
    validation_split : {"random", "last"} or splitter, default="random"
        Which rows to validate on. "random" draws them, whole groups where ``fit`` is passed
        ``groups``. "last" sets the last rows aside, for rows in the order of time. A splitter of
        scikit-learn, as :class:`~sklearn.model_selection.GroupShuffleSplit`, sets aside what its
        first split tests on, and is asked with ``groups``; what it neither trains nor tests on is
        used by ``refit`` alone. Rows of their own are passed to ``fit`` as ``X_val`` and ``y_val``
        instead.
    n_iter_no_change : int or "auto", default="auto"
        Epochs without an improvement after which early stopping ends the training. "auto" waits
        for a fifth of ``max_epochs``, at least for 3.
    tol : float, default=0.0
        Decrease of the joint loss of validation that counts as an improvement.
    refit : bool or "auto", default="auto"
        Whether to train anew on all rows of X, for the number of epochs that validation found
        best. With ``X_val`` in ``fit`` they are trained on already, and there is no second time.
        The members keep their weights of validation, and ``history_`` is that of the training with
        validation. Takes as long again. "auto" does so if rows were set aside, up to 30,000 rows,
        unless there are ``callbacks``, which may count on rows of validation.
    warm_start : bool, default=False
        Whether a further call of fit goes on from the weights learnt, with the classes, scales and
        categories of the first call.
    warm_start_from : FrozenEstimator, estimator or None, default=None
        A fitted estimator of the same network, from whose weights a fit starts anew: embeddings,
        what tasks share, and what is of a task of the same name. Its scales, categories and bins
        are taken over, so that X must have its columns; the linear path starts anew. Wrap it in
        :class:`sklearn.frozen.FrozenEstimator`, since ``clone``, as of a grid search, would make
        another estimator unfitted. The network's parameters must be those that it was fitted with.
    checkpoint_dir : str, path-like or None, default=None
        A folder, made if it does not exist, in which ``fit`` saves its progress after every epoch.
        Where it was interrupted or its process was killed, the next ``fit`` with the same data and
        parameters goes on from there, and ends with the weights of a fit that nothing interrupted:
        on a CPU bit for bit. The files stay when a fit has ended, and the same fit again returns
        its result at once; delete them to start anew. A fit with other data, parameters or
        versions, or from other weights by ``warm_start``, is refused: each needs a folder of its
        own. ``n_jobs`` and ``verbose`` may differ. ``partial_fit`` neither reads nor writes there.
        None keeps nothing.
    n_jobs : int or None, default=None
        How many cores of the CPU, or workers of joblib's backend, may be used; -1 for all, -2 for
        all but one. None, outside of :class:`joblib.parallel_config`, is one while a step is
        small, which several would hardly make faster, and torch's own number for large ones. In
        fit the members are trained in as many groups, of two members at least, by joblib: in
        processes, or on several machines by ``joblib.parallel_config(backend="dask")``. The fitted
        estimator is that of ``n_jobs=1``, bit for bit. Prediction uses as many threads, and so
        does fit where it trains all members together: with fewer than four members, ``callbacks``,
        ``dtype="bfloat16"``, ``balancing`` by gradients, parts of your own or
        ``numeric_embedding="periodic"``, in ``partial_fit`` and ``add_task``. Then rounding
        differs, as on another processor. In a worker process, as those of
        :class:`~sklearn.model_selection.GridSearchCV` with its own ``n_jobs``, no more than its
        share of the cores is used.
    device : str, default="auto"
        Where to train and predict: "cpu", "cuda", "cuda:1", "mps"; "auto" for a GPU if there is
        one. The data lie on it when they fit.
    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network. "bfloat16" is for speed: in training, matrices are multiplied in
        it; weights, losses, the optimizer's state and predictions stay float32. An error where
        there are no instructions for it.
    callbacks : list of skorch callbacks, default=None
        Further callbacks, see :class:`skorch.callbacks.Callback`. Every training uses copies
        of them, though not of what they hold.
    net_params : dict, default=None
        Further parameters of :class:`skorch.net.NeuralNet`, which take precedence over those here:
        ``lr``, ``batch_size`` and ``max_epochs`` in the schedule too.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, the order of the rows, dropout and the rows of validation. An
        int makes the same result every time on a CPU. Global random states are left alone.
    verbose : int, default=0
        Whether to show a progress bar, with the losses and scores of validation.

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
        The sorted class labels of every task, None for a task without; a plain array for 1-D y.
        They are sorted for ordinal tasks too, as scikit-learn wants them: the order of a task is
        ``task.classes[task.order]``, and that of ``predict_proba_frame``'s columns.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, if they are all strings.
    n_iter_ : int
        Number of epochs trained.
    history_ : list of dict
        One dict an epoch: ``epoch``, ``loss``, ``task_losses``, ``task_weights``,
        ``learning_rate``, ``seconds`` and, with early stopping, ``valid_loss`` (weighted by the
        tasks' weights at epoch 0), ``valid_task_losses``, ``valid_score`` and
        ``valid_task_scores`` (those of ``score``).
    module_ : torch.nn.Module
        The network.
    calibrators_ : dict
        What ``calibrate`` learnt, by task: ``temperature_``, or ``regressions_``; empty after fit.
    net_ : skorch.NeuralNet
        The skorch net that holds it.
    device_ : str
        The device that training ran on.

    Raises
    ------
    ValueError
        If a target has no label or, being classes, one class only; if X or y hold infinity; if a
        parameter names a task that is not there; if the device is not there, or ``n_jobs`` cannot
        serve on it; if ``checkpoint_dir`` belongs to another fit, is damaged or cannot be written
        to; if what says which rows to validate on is incomplete, contradictory or leaves none.
    TypeError
        If a column of X or y holds what is neither number nor label.

    Warns
    -----
    ConvergenceWarning
        If a loss is no longer finite: training stops and the best weights so far are kept.
    UserWarning
        If it is in doubt whether a column of y holds classes or numbers, or if one is constant; if
        y_val has no label of a task.

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
