"""Progressive Layered Extraction as scikit-learn estimators."""

from typing import Any

from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from ..base import MultiTaskEstimator, class_weight, with_parameters
from ..utils.types import ClassWeight
from .extraction import Extraction
from .network_fields import count, specific_share


@with_parameters
class _Progressive(Extraction):
    """Base class of the PLE estimators, which may have several levels."""

    n_levels: int = count(search=(1, 3), published=2)
    specific_share: float | None = specific_share()


@with_parameters
class PLEClassifierRegressor(_Progressive):
    """Progressive Layered Extraction for tasks of any kind: classes, numbers, counts.

    Each column of y is a task, and one network learns all tasks together. Its experts are small
    networks: at each level some are shared by all tasks, and others belong to one task. The gate
    of a task computes a weighted sum of the task's own experts and the shared ones. After the last
    level, the tower of the task, another small network, computes the prediction. A label may be
    missing (NaN): the row is still used for the tasks whose labels it has.

    The joint loss is a weighted sum of the losses of the tasks. The loss of a task is a mean over
    its labels that are not missing: of the cross-entropy for classes, of the squared error of the
    standardised label for regressions, of the pinball loss for quantiles, and of half the Poisson
    deviance for counts. For ordinal classes, the cross-entropy is that of the questions "above
    this class?". The user guide lists all losses. Predictions have the form of y: class labels,
    and numbers in their own units.

    Parameters
    ----------
    n_levels : int, default=1
        Number of levels of experts.
    n_shared_experts : int, default=1
        Number of experts that all tasks share, at each level. With 0, the tasks share nothing but
        the embeddings of the features.
    n_specific_experts : int, list of int, dict or "auto", default="auto"
        Number of experts of each task, at each level: one number for all tasks, a list in the
        order of y's columns, or a dict by name (1 for a task that is not named). With "auto" it is
        1, and 0 with 100 tasks or more: experts of so many tasks would take most of the time, and
        predict no better than one wide expert that all share. It stays 1 if the labels clearly
        depend on interactions of numeric columns; a warning says that this takes time.
    expert_hidden_units : sequence of int or of sequences of int, or "auto", default="auto"
        Widths of the layers of every expert, the same at all levels; or a sequence of widths for
        each level, such as ``((128, 64), (32,))``. With "auto" they are (64, 64) if the labels
        clearly depend on interactions of numeric columns, as a probe of some rows shows, and (48,)
        otherwise. It is (192,) where ``n_specific_experts="auto"`` is 0.
    specific_share : float or None, default=0.5
        Sum of the weights of a task's own experts in its gate at the start, between 0 and 1; the
        rest goes to the shared experts. A small share starts near one network for all tasks, which
        may gain where tasks are many. Gates change slowly: their logits have a factor of 0.03,
        without which gates that read many features soon fit noise. With None, gates are those of
        the paper: equal weights at the start, and no factor.
    tower_hidden_units : sequence of int or "auto", default="auto"
        Widths of the hidden layers of every task's tower; empty for linear towers. With "auto"
        they are (64,) if a task has more than six classes, and (32,) otherwise. Towers are linear
        where ``n_specific_experts="auto"`` is 0.
    dropout : float or "auto", default="auto"
        Share of the activations of experts and towers that are set to zero in training, on average
        over the members. With four members or more, the shares of the members are spread evenly
        from 0 to twice the average. With "auto" it is 0 if the labels clearly depend on
        interactions of numeric columns, and 0.3 otherwise.
    n_members : int, default=8
        Number of networks in the ensemble. They are trained on the same batches, each with its own
        embeddings, experts and towers, and their predictions are averaged. With early stopping,
        members with lower validation losses have larger weights in the average. Time and memory
        grow with the number of members.
    task_types : str, list or dict, default="auto"
        The kind of every task: one for all, a list in the order of y's columns, or a dict by
        column name. A column that the dict does not name is "auto". Some kinds have an option,
        with which they form a tuple.

        - "binary" and "multiclass": classes;
        - "ordinal": classes in an order;
        - "regression": numbers;
        - "log": positive numbers with errors in proportion to their size, such as costs. Their
          logarithms are learnt, and their means predicted. ``("log", [0.1, 0.9])`` sets the
          quantiles that are predicted in addition to the median;
        - "huber": numbers with outliers. ``("huber", 1.345)`` sets the error, in standard
          deviations, above which the loss is linear;
        - "quantile": numbers whose quantiles are predicted, too. ``("quantile", [0.1, 0.9])`` sets
          the quantiles to learn in addition to the median, by default 0.05 and 0.95;
        - "count": counts, with the Poisson deviance as loss;
        - "tweedie": amounts that may be zero. ``("tweedie", 1.5)`` sets the power of the mean,
          between 1 and 2, to which the variance is proportional;
        - "hurdle": amounts of which many are zero;
        - "survival": times until an event. The label is t for an event at time t, and -t if no
          event had happened by time t. ``("survival", 20)`` sets the number of intervals of time;
        - "ignore", in a list or dict: the column of y is left out. It is not a task: it has no
          prediction, and no entry in other parameters that have one for each task. Methods accept
          a y with or without it;
        - "auto": the kind follows from the labels. Strings, categories and bools are classes; they
          are ordinal if the column is an ordered categorical with more than two. Integers are
          classes if at most 10 are distinct and they do not look like counts, else a regression.
          Floats are a regression, unless only two whole numbers occur, such as 0.0 and 1.0. A
          regression becomes "log" where positive labels clearly have errors in proportion to their
          size. Warnings name these, and doubtful columns: integers that are a regression, and
          floats with 3 to 10 distinct values, all whole.
    depends_on : "previous", dict or None, default=None
        For a binary task, the name of the task that it depends on, such as ``{"purchase":
        "click"}``: the event of the first task (its second class) can happen only if that of the
        other task does. With "previous", each task depends on the one before it in y. The output
        of the task is then the probability given the other event, and its loss is that of the
        joint event on all rows, as in the entire-space model of Ma et al. (SIGIR 2018). Missing
        labels that follow from others are filled in, also those whose weight is zero: without a
        click there is no purchase.
    class_weight : "balanced", dict, list or None, default=None
        Weights of the classes in the loss. A list in the order of y's columns, or a dict by column
        name, has one entry per task: "balanced", a dict from label to weight, or None. "balanced"
        gives the classes of a task the same total weight, including that of ``sample_weight``: in
        ``partial_fit`` by the labels of each call, and in ``X_val`` by its own. By itself it
        applies to all tasks with classes, and a dict from label to weight to a single task.
        Weights change labels and probabilities: a class of twice the weight has twice the odds,
        and the mean probability is no longer the share of the class. ``calibrate`` takes this
        back.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Which columns of X are categories: names, positions or a boolean mask of all of them; None
        for no column. "from_dtype" selects categorical and string columns, but not dates as text,
        nor more than 100 strings of which more than 90 % are distinct. A missing value is a
        category of its own. Rare categories, and those that are not seen in fit, share one.
    min_frequency : int or float, default=None
        A category is rare if it has fewer rows than this or, for a float, a smaller share of the
        rows. With None there is no such limit.
    target_statistics : "auto", bool or array-like, default="auto"
        Which categorical columns have target statistics in addition to their embeddings. Such a
        statistic is the difference between the mean label of the row's category and the mean of
        all labels, for each task with numbers or two classes, and for each class of a task with
        more. It is shrunk towards 0, and more so if there are few labels (Bühlmann and Straub
        1970). The row's own label is not used (ordered statistics, Prokhorenkova et al., NeurIPS
        2018). "auto" selects columns of 256 categories or more with at least two rows each on
        average, such as ids of users or items. True selects all categorical columns, False none.
        Or pass names, positions or a mask.
    embedding_dim : int or "auto", default="auto"
        Width of the learnt embedding of every categorical column. "auto" makes it grow with n, the
        number of the column's categories plus two: ``1.6 * n**0.56`` to the nearest whole number,
        at least 2 and at most 32. Each member has n embeddings of this width for a column. In
        training every number in them needs 16 bytes (4 for itself, 12 for its gradient and AdamW's
        two moments), and 4 more for each copy of the weights, averaged or best.
    numeric_embedding : str, EmbeddingMaker or None, default="auto"
        What the network reads of each number in addition to its standardised value:

        - "auto": "piecewise_linear+bins", or None if labels are clearly learnt better without
          embeddings, as from pixels and spectra. Two kernel regressions of up to 600 rows, with
          the neural tangent kernel of a network (Jacot, Gabriel and Hongler, NeurIPS 2018),
          decide: embeddings must raise the leave-one-out error by four standard errors;
        - "bins": a learnt embedding of the bin that contains the number;
        - "piecewise_linear": a learnt embedding that is a continuous function of the number,
          linear in each bin;
        - "piecewise_linear+bins": the sum of both. If no value of a column is shared by a tenth of
          the rows, the part that jumps between bins has a factor, which grows from 0 in the first
          member to 1 in the last (0.5 in a single member);
        - None: nothing.

        Shares are those of the rows, whatever their weights.

        The width of embeddings is ``embedding_dim``. If that is "auto", the width is 8 for up to 4
        numbers, 4 from 8 numbers on, and less beyond 200, at least 2. Sparse X has no embeddings.
        Piecewise-linear embeddings are those of Gorishniy, Rubachev and Babenko (NeurIPS 2022).
    n_bins : int or "auto", default="auto"
        Largest number of bins of each number. "auto" is half the square root of the number of
        rows, from 16 to 256. The edges of the bins are the thresholds of a small decision tree
        that predicts all tasks, and quantiles of the distinct values.
    linear_path : bool, default=True
        Whether to add a linear function of the numbers, and of the indicators of missing ones, to
        the outputs of each task. It is learnt together with the network, like the wide part of
        Cheng et al. (DLRS 2016). For tasks of kind "regression" its initial weights are those of
        ridge regression, with a penalty chosen by generalized cross-validation: in full in the
        first member, less in each further one, and zero in the last (half in a single member). For
        other tasks, and for sparse X, they are zero.
    feature_dropout : float or "auto", default="auto"
        Share of the features, including coordinates of embeddings, that are set to zero in
        training, on average over the members as for ``dropout``. With "auto" it is 0 if the labels
        clearly depend on interactions of numeric columns, and 0.1 otherwise.
    clip_numbers : float or None, default=5.0
        The limit c of numbers, in standard deviations. Experts, gates and the linear path read a
        standardised number x as ``x / sqrt(1 + (x / c)**2)``, which is close to x for small
        numbers and whose absolute value never exceeds c. An outlier thus cannot outweigh
        everything else (Holzmüller, Grinsztajn and Steinwart, NeurIPS 2024). Embeddings of numbers
        are not clipped. Pass None for no clipping, for example if targets are linear in the
        numbers. c must be at least 0.001.
    task_weights : "labels", list of float, dict or None, default="labels"
        Weights of the tasks in the joint loss at epoch 0. With "labels", every label counts the
        same: the weight of a task is its number of labels (the sum of their sample weights),
        divided by that of the task with the most. A task with rare extreme numbers counts as one
        with fewer labels, see :doc:`/guide/labels`. Or pass a list in the order of y's columns, or
        a dict by name (1 for a task that is not named). With None, all weights are 1.
    task_weight_decay : float, list of float or dict, default=1.0
        Factor gamma by which the weight of a task is multiplied after every epoch: the weight at
        epoch t is ``w(t) = w(0) * gamma**t``. One number above 0 for all tasks, a list in the
        order of y's columns, or a dict by name (1 for a task that is not named).
    balancing : str or Balancer, default="equal"
        How the losses of the tasks are combined into one step of training. "equal" is their
        weighted sum. These methods use the losses: "uncertainty", "famo" and "geometric" (the
        geometric mean). These use the gradients with respect to the input of the towers:
        "aligned_mtl" and "imtl_g"; they need ``pip install 'sklearn-ple[balancing]'``. Or pass an
        aggregator of TorchJD that weighs gradients, or an instance of a subclass of
        :class:`~sklearn_ple.balancing.Balancer`; every training uses a copy of it.
    optimizer : {"adamw", "adam", "sgd"} or class, default="adamw"
        The optimizer: its name, or a subclass of :class:`torch.optim.Optimizer`. Its options have
        torch's defaults, such as AdamW's weight decay of 0.01, and ``net_params`` sets others:
        ``{"optimizer__weight_decay": 0.1}``. Embeddings and biases do not decay.
    learning_rate : float or "auto", default="auto"
        The learning rate; with a schedule, the highest one. "auto" is meant for AdamW: it is 6e-3
        for batches of 512 rows or more, and for smaller ones proportional to the square root of
        their size.
    lr_schedule : {"decay", "constant"}, default="decay"
        How the learning rate changes. With "decay" it rises over the first 100 steps, is stable as
        long as the validation loss decreases, and then falls to zero over a fifth of the steps so
        far, which ends the training. Without early stopping it falls over the last sixth of
        ``max_epochs``. With "constant" it never changes.
    weight_averaging : float, default=0.1
        Share of the steps so far, the most recent ones, over which the weights are averaged for
        validation and prediction. With 0, the last weights are used.
    batch_size : int or "auto", default="auto"
        Greatest number of rows in a step of training; the batches of an epoch have the same size
        up to one row. "auto" is 3 % of the rows, but at least 64, and for more than 10,000 rows
        three times the square root of their number, at most 2048.
    max_epochs : int or "auto", default="auto"
        Largest number of passes over the data. With early stopping, "auto" is the number that make
        20,000 steps, which validation ends long before. Without it, "auto" is the number of epochs
        that make 120 steps, but at least 10; 25 * sqrt(10,000 / n_rows), but at least 4, from
        60,000 rows on.
    max_time : float or None, default=None
        Seconds that ``fit`` may take, from reading X to the end of a second training. If the
        validation loss still decreases when time runs short, the learning rate begins to fall, so
        that it is zero in time. If time does not suffice for an epoch, training sees a part of the
        rows, in random order, with a ConvergenceWarning. If steps become slower later, training
        ends when the time is over, with the best weights so far, and a ConvergenceWarning.
        ``partial_fit`` has no limit.
    early_stopping : bool, "auto" or str, default="auto"
        Whether to stop when the joint validation loss no longer decreases, and to return to the
        best weights. With the name of a task, its validation loss alone decides. "auto" stops
        early from 24 rows on if each member leaves out rows of its own, from 500 rows on if rows
        are set aside for all members, and if ``fit`` is passed ``X_val``.
    validation_fraction : float or "auto", default="auto"
        Share of the rows that early stopping sets aside; whole groups that have about this share
        if ``fit`` is passed ``groups``. With "auto" and four members or more, no rows are set
        aside for all members. Instead each member leaves out a twelfth of the rows (with more than
        12 members, one part in ``n_members``), at most 600, and is validated on them, while other
        members are trained on them. With fewer members, with ``validation_split="last"`` or for a
        dataset, "auto" sets aside a tenth, but at most 3,000 rows.
    validation_split : {"random", "last"} or splitter, default="random"
        Which rows are set aside for validation. "random" draws them, or whole groups if ``fit`` is
        passed ``groups``. "last" sets aside the last rows, for rows in the order of time. Or pass
        a splitter of scikit-learn, such as :class:`~sklearn.model_selection.GroupShuffleSplit`: it
        gets the ``groups``, and the test rows of its first split are set aside. Only ``refit``
        uses rows that are in neither part of that split. To validate on rows that are not in X,
        pass them to ``fit`` as ``X_val`` and ``y_val``.
    n_iter_no_change : int or "auto", default="auto"
        Number of epochs without a decrease of the validation loss after which the learning rate
        begins to fall. Epochs in which the rate still rises do not count. "auto" waits for 75
        steps, or for a quarter of the steps so far if these are more. After 800 steps, only a
        decrease by 4 % counts: a quarter more time must gain at least this.
    refit : bool or "auto", default="auto"
        Whether to train a second network on all rows of X, for the number of epochs that
        validation found best. If ``fit`` is passed ``X_val``, the first training has already used
        all rows, and there is no second one. The weights of the members in the average, and
        ``history_``, remain those of the first training. The second training doubles the time.
        "auto" refits up to 30,000 rows if rows were set aside, unless there are ``callbacks``,
        which may rely on validation rows.
    warm_start : bool, default=False
        Whether another call of ``fit`` starts from the learnt weights, with the classes, scales
        and categories of the first call. It trains once: if rows are set aside, they are not
        trained on, and ``refit`` has no effect. Rows validate by their position: pass the same
        rows in the same order, perhaps with new ones after them. Otherwise the network may have
        been trained on rows that now validate it.
    warm_start_from : FrozenEstimator, estimator or None, default=None
        A fitted estimator with the same network, from whose weights a fit starts: those of the
        embeddings, of the parts that all tasks share, and of tasks with the same name. Its scales,
        categories and bins are used too, so X must have the same columns. The linear path is not
        copied. Wrap the estimator in :class:`sklearn.frozen.FrozenEstimator`, because otherwise
        ``clone``, for example in a grid search, would return it unfitted. The parameters of the
        network must be the same. So a list or dict with an entry for each task suits only the same
        tasks.
    checkpoint_dir : str, path-like or None, default=None
        A folder, created if it does not exist, in which ``fit`` saves its progress after every
        epoch. If ``fit`` is interrupted or its process is killed, the next ``fit`` with the same
        data and parameters continues from there. It ends with the same weights as a fit without
        interruption. The files remain after a fit has ended, and the same fit then returns its
        result at once; delete them to start again. A fit with other data, parameters or versions,
        or from other weights with ``warm_start``, raises an error: each needs its own folder.
        ``n_jobs`` and ``verbose`` may differ. ``partial_fit`` does not use the folder. With None
        nothing is saved.
    n_jobs : int or None, default=None
        Number of cores, or of workers of joblib's backend; -1 for all, -2 for all but one. None,
        outside of :class:`joblib.parallel_config`, is one core while steps are small, since
        several cores would hardly be faster, and torch's own number of threads for large steps.

        In ``fit``, joblib divides the members among this number of jobs, of at least two members,
        which run in processes, or on several machines with
        ``joblib.parallel_config(backend="dask")``. The fitted estimator is the same for every
        ``n_jobs``, up to rounding.

        Where members cannot be divided, any number means one core: with fewer than four members,
        ``callbacks``, ``dtype="bfloat16"``, ``balancing`` by gradients, your own classes of
        networks, tasks, balancers or embeddings, and in ``partial_fit`` and ``add_task``. Threads
        would wait for each other, on busy cores many times as long as they compute. Predictions of
        many rows use up to this number of threads.

        In a worker process, such as those of :class:`~sklearn.model_selection.GridSearchCV` with
        its own ``n_jobs``, no more than its share of the cores is used.
    device : str, default="auto"
        The device for training and prediction, such as "cpu", "cuda", "cuda:1" or "mps"; "auto"
        for a GPU if there is one. The data are copied to it as a whole if they fit.
    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network. "bfloat16" is faster: in training, matrices are multiplied in
        bfloat16, while weights, losses, the optimizer's state and predictions are float32. It is
        an error if the processor has no instructions for bfloat16.
    callbacks : list of skorch callbacks, default=None
        Additional callbacks, see :class:`skorch.callbacks.Callback`. Every training uses copies of
        them, but not of the objects that they refer to.
    net_params : dict, default=None
        Additional parameters of :class:`skorch.net.NeuralNet`, which take precedence over the
        parameters of this class. The learning-rate schedule uses ``lr``, ``batch_size`` and
        ``max_epochs`` if they are set here.
    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the rows, dropout and the validation rows.
        With an int, the result on a CPU is always the same. Global random states are not changed.
    verbose : int, default=0
        Whether to show a progress bar, which moves with each step and has the time left, and the
        validation losses and scores; 0 shows nothing.

    Attributes
    ----------
    task_names_ : list of str
        Names of the tasks: y's columns, or "y0", "y1" and so on; "y" for a 1-D y without a name.
    task_types_ : dict
        Kind of every task by name.
    ignored_targets_ : list of int
        Positions in y of the columns that ``task_types`` ignores.
    tasks_ : list of Task
        The fitted tasks, instances of `sklearn_ple.tasks.Task`, in the order of ``task_names_``.
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
        ``learning_rate``, ``seconds``, unless ``balancing`` is "equal" also ``balancing_weights``
        and, with early stopping, ``valid_loss`` (weighted by the tasks' weights at epoch 0, or of
        the task that ``early_stopping`` names), ``valid_task_losses``, ``valid_score`` and
        ``valid_task_scores`` (those of ``score``).
    module_ : torch.nn.Module
        The network.
    temperatures_ : dict of str to float
        The numbers by which ``calibrate`` divides logits, by task; empty after fit.
    intercepts_ : dict of str to list of float
        The numbers that ``calibrate`` then adds to each logit, by task; empty after fit.
    net_ : skorch.NeuralNet
        The skorch net that contains the network.
    device_ : str
        The device that training used.

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
        If a loss is no longer finite: training stops and the best weights so far are kept. If
        Ctrl-C or ``max_time`` ends the training: the best weights so far are kept or, in the first
        epoch, those after its last step. If ``max_time`` allows less than an epoch.
    UserWarning
        If it is unclear whether a column of y contains classes or numbers; if strings in y may be
        numbers, ids or missing labels; if a target is constant; if it has no label among the rows
        to train on, or among the validation rows; if X has columns with the names of targets, or
        its rows in another order than y; if strings in a column of X may be numbers or dates, or
        are nearly all different.

    See Also
    --------
    PLEClassifier : For tasks with classes only; a scikit-learn classifier.
    PLERegressor : For tasks that are numbers only; a scikit-learn regressor.
    PLEClassifierRegressor.as_published : The network of the paper, with nothing added.
    SingleTaskClassifierRegressor : A separate network for each task, to measure the effect of
        sharing.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = PLEClassifierRegressor(n_members=1, max_epochs=1)
    >>> model = model.fit(X[:200], y[:200])
    >>> model.task_types_
    {'death': 'binary', 'wt82_71': 'regression'}
    >>> model.predict(X.tail(2)).columns.tolist()
    ['death', 'wt82_71']
    """

    class_weight: ClassWeight = class_weight()


@with_parameters
class CGCClassifierRegressor(Extraction):
    """Customized Gate Control: Progressive Layered Extraction with a single level.

    The gate of a task, a softmax, weighs the task's own experts and the shared ones, and the tower
    of the task reads the weighted sum. The prediction for task k is
    ``y_k = h_k(sum_i softmax(W_k x)_i f_i(x))``, where ``h_k`` is the tower and ``f_i`` are the
    experts of task k and those that all tasks share.

    See Also
    --------
    PLEClassifierRegressor : The same with any number of levels; lists the errors and warnings of
        all estimators.
    MMoEClassifierRegressor : All experts are shared by all tasks.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn_ple import CGCClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = CGCClassifierRegressor(n_members=1, max_epochs=1)
    >>> model = model.fit(X[:200], y[:200])
    >>> list(model.gate_weights(X)[0]["death"])
    ['death 1', 'shared 1']
    """

    specific_share: float | None = specific_share()
    class_weight: ClassWeight = class_weight()


def _is_single_task(estimator: "PLEClassifier") -> bool:
    """Return whether y was 1-D in fit or, before fit, could be."""
    return not isinstance(getattr(estimator, "classes_", None), list)


@with_parameters
class PLEClassifier(ClassifierMixin, PLEClassifierRegressor):
    """Progressive Layered Extraction for one or several tasks with classes.

    This is a scikit-learn classifier: y may be 1-D, and numbers in y are class labels. See
    `PLEClassifierRegressor` for the model and its loss.

    For a classifier, scikit-learn's cross-validation and searches stratify the folds by y, which
    fails if labels are missing, or if some tasks are text and others numbers. Pass them
    ``cv=MultiTaskKFold(5)`` of `sklearn_ple.model_selection` instead of a number.

    Raises
    ------
    ValueError
        If a target has no label, has only one class, or contains fractions.

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
    >>> model = PLEClassifier(n_members=1, learning_rate=0.01, random_state=0)
    >>> model = model.fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    """

    family = "class"
    score = MultiTaskEstimator.score

    @available_if(_is_single_task)
    def decision_function(self, X: Any) -> Any:
        """Compute the logits of the classes.

        This method exists only if y was 1-D: scikit-learn expects one array from it, and tasks
        with different numbers of classes do not fit into one.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            With two classes, one number for each row, the logit of the second class.
        """
        return super().decision_function(X)


@with_parameters
class PLERegressor(RegressorMixin, _Progressive):
    """Progressive Layered Extraction for one or several tasks that are numbers.

    This is a scikit-learn regressor: y may be 1-D. A task is of kind "regression" unless
    ``task_types`` sets "huber", "quantile", "count", "tweedie", "hurdle" or "survival". See
    `PLEClassifierRegressor` for the model and its loss.

    Raises
    ------
    ValueError
        If a target has no label or contains strings.

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
    >>> model = PLERegressor(max_epochs=2, random_state=0).fit(X, y)
    >>> model.predict(X).columns.tolist()
    ['Weight', 'Waist', 'Pulse']
    """

    family = "number"
    score = MultiTaskEstimator.score
