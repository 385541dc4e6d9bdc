"""The parameters that all estimators share, with default, constraint and search range.

``published`` is the value in the papers, if it differs from the default. The docstring of
`PLEClassifierRegressor` describes the parameters.
"""

import os
from collections.abc import Callable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

from sklearn.base import BaseEstimator

from ..balancing import BALANCERS, Balancer, weighs_gradients
from ..encoding.numeric import NUMERIC_EMBEDDINGS, EmbeddingMaker
from ..tasks import NumberByTask, Task, TaskTypes
from ..utils._sklearn import HasMethods, RealNotInt, StrOptions
from ..utils.constraints import (
    BETWEEN_0_AND_1,
    COUNT,
    LAYER_WIDTHS,
    LISTED,
    N_JOBS,
    PATH,
    POSITIVE,
    SPLITTER,
    Condition,
    NumberInterval,
    at_least,
    check_arguments,
)
from ..utils.types import RandomStateLike
from .fields import parameter, published, with_parameters
from .optimizers import LR_SCHEDULES, OPTIMIZERS
from .search import search_space

if TYPE_CHECKING:
    from torchjd.aggregation import GramianWeightedAggregator

_AUTO = StrOptions({"auto"})
_SHARE = NumberInterval(Real, 0, 1, closed="left")
_AGGREGATOR = Condition(
    "an aggregator of TorchJD that weighs gradients, such as MGDA()", weighs_gradients
)

#: Choices for the widths of layers in hyperparameter search.
WIDTHS = [(64,), (128,), (64, 64)]


def class_weight() -> Any:
    """Declare the parameter ``class_weight``, for an estimator that accepts tasks with classes.

    Returns
    -------
    field
        The parameter, which comes after ``depends_on`` in the signature.

    Examples
    --------
    >>> from typing import Any
    >>> from sklearn_ple.base import (
    ...     MultiTaskEstimator,
    ...     class_weight,
    ...     with_parameters,
    ... )
    >>> @with_parameters
    ... class Weighted(MultiTaskEstimator):
    ...     class_weight: Any = class_weight()
    >>> "class_weight" in Weighted._get_param_names()
    True
    """
    return parameter(
        default=None,
        constraint=[StrOptions({"balanced"}), dict, list, tuple, None],
        after="depends_on",
    )


@with_parameters
class SharedParameters:
    """The parameters that all estimators share."""

    tower_hidden_units: Sequence[int] | str = parameter(
        default="auto",
        constraint=[LAYER_WIDTHS, _AUTO],
        search=[(), (32,), (64,), (64, 32)],
        network=True,
    )
    dropout: float | str = parameter(
        default="auto", constraint=[_AUTO, _SHARE], search=(0.0, 0.5), published=0.0
    )
    n_members: int = parameter(default=8, constraint=[COUNT], published=1, network=True)
    task_types: TaskTypes = parameter(
        default="auto", constraint=[str, list, tuple, dict, Task, type], network=True
    )
    depends_on: dict | str | None = parameter(
        default=None, constraint=[StrOptions({"previous"}), dict, None], network=True
    )
    categorical_features: str | Sequence[Any] | None = parameter(
        default="from_dtype", constraint=[StrOptions({"from_dtype"}), LISTED, None], network=True
    )
    min_frequency: float | None = parameter(
        default=None,
        constraint=[COUNT, NumberInterval(RealNotInt, 0, 1, closed="neither"), None],
        network=True,
    )
    target_statistics: str | bool | Sequence[Any] = parameter(
        default="auto", constraint=[_AUTO, "boolean", LISTED], published=False, network=True
    )
    embedding_dim: int | str = parameter(default="auto", constraint=[_AUTO, COUNT], network=True)
    numeric_embedding: str | EmbeddingMaker | None = parameter(
        default="auto",
        constraint=[StrOptions(set(NUMERIC_EMBEDDINGS)), EmbeddingMaker, None],
        search=[None, *NUMERIC_EMBEDDINGS],
        published=None,
        network=True,
    )
    n_bins: int | str = parameter(default="auto", constraint=[_AUTO, at_least(2)], network=True)
    linear_path: bool = parameter(
        default=True, constraint=["boolean"], published=False, network=True
    )
    feature_dropout: float | str = parameter(
        default="auto", constraint=[_AUTO, _SHARE], search=(0.0, 0.3), published=0.0
    )
    clip_numbers: float | None = parameter(
        default=5.0,
        # If c were much smaller, a number equal to the mean would become 0 / 0 in float32.
        constraint=[NumberInterval(Real, 1e-3, None, closed="left"), None],
        search=[3.0, 5.0, 10.0, None],
        published=None,
        network=True,
    )
    task_weights: NumberByTask = parameter(
        default="labels", constraint=[StrOptions({"labels"}), LISTED, dict, None], published=None
    )
    task_weight_decay: NumberByTask = parameter(default=1.0, constraint=[POSITIVE, LISTED, dict])
    balancing: "str | Balancer | GramianWeightedAggregator" = parameter(
        default="equal", constraint=[StrOptions(set(BALANCERS)), Balancer, _AGGREGATOR]
    )
    optimizer: str | type = parameter(
        default="adamw", constraint=[StrOptions(set(OPTIMIZERS)), type], published="adam"
    )
    learning_rate: float | str = parameter(
        default="auto", constraint=[_AUTO, POSITIVE], search=(3e-4, 1e-2, "log"), published=1e-3
    )
    lr_schedule: str = parameter(
        default="decay", constraint=[StrOptions(set(LR_SCHEDULES))], published="constant"
    )
    weight_averaging: float = parameter(default=0.1, constraint=[_SHARE], published=0.0)
    batch_size: int | str = parameter(default="auto", constraint=[_AUTO, COUNT])
    max_epochs: int | str = parameter(default="auto", constraint=[_AUTO, COUNT])
    max_time: float | None = parameter(default=None, constraint=[POSITIVE, None])
    early_stopping: bool | str = parameter(default="auto", constraint=["boolean", str])
    validation_fraction: float | str = parameter(
        default="auto", constraint=[_AUTO, BETWEEN_0_AND_1]
    )
    validation_split: Any = parameter(
        default="random", constraint=[StrOptions({"random", "last"}), SPLITTER]
    )
    n_iter_no_change: int | str = parameter(default="auto", constraint=[_AUTO, COUNT])
    refit: bool | str = parameter(default="auto", constraint=[_AUTO, "boolean"])
    warm_start: bool = parameter(default=False, constraint=["boolean"])
    warm_start_from: Any = parameter(
        default=None, constraint=[HasMethods(["fit", "predict"]), None]
    )
    checkpoint_dir: str | os.PathLike[str] | None = parameter(
        default=None, constraint=[PATH, None]
    )
    n_jobs: int | None = parameter(default=None, constraint=N_JOBS)
    device: str = parameter(default="auto", constraint=[str])
    dtype: str = parameter(
        default="float32", constraint=[StrOptions({"float32", "float64", "bfloat16"})]
    )
    callbacks: Sequence[Any] | None = parameter(default=None, constraint=[list, tuple, None])
    net_params: dict[str, Any] | None = parameter(default=None, constraint=[dict, None])
    random_state: RandomStateLike = parameter(default=None, constraint=["random_state"])
    verbose: int = parameter(default=0, constraint=["verbose"])


@with_parameters
class Parameters(SharedParameters, BaseEstimator):
    """Base class of the estimators, with the parameters that all share."""

    @classmethod
    def as_published(cls, **parameters: Any) -> Self:
        """Create an estimator whose network is that of the paper, with nothing added.

        There is a single network (``n_members=1``), which reads only standardised numbers and
        embeddings of categories: ``linear_path``, ``numeric_embedding``, ``target_statistics``,
        ``clip_numbers``, ``dropout`` and ``feature_dropout`` are off. Progressive Layered
        Extraction has two levels. It and the networks that its paper compares have towers of
        (256, 128, 64). AdaTT has two levels, with two experts for each task. ESMM has
        embeddings of width 18 and towers of (200, 80). Cross-stitch networks have mixing matrices
        for each activation of a layer. Training uses Adam with a constant ``learning_rate`` of
        1e-3, without ``weight_averaging``.

        All other parameters have their defaults, because the papers leave them open: the number
        and widths of experts and bottoms, the size of batches, and the length of training. From
        500 rows on, early stopping sets rows aside, and ``refit`` trains the same network again
        on all rows. With ``early_stopping=False`` the network is trained once, for ``max_epochs``
        epochs. All tasks have the same weight in the loss, however many labels they have.

        Parameters
        ----------
        **parameters : dict
            Parameters of the estimator, which take precedence over the published ones. For
            example, MMoE with ``n_levels=2`` is ML-MMoE.

        Returns
        -------
        estimator : estimator of this class
            The estimator, not fitted.

        Raises
        ------
        TypeError
            If the estimator has no such parameter.

        See Also
        --------
        sklearn_ple.base.parameter : Declares published values for your own network.

        Examples
        --------
        >>> from sklearn_ple import PLEClassifierRegressor
        >>> model = PLEClassifierRegressor.as_published(
        ...     expert_hidden_units=(128,)
        ... )
        >>> model.n_levels, model.n_members, model.linear_path, model.optimizer
        (2, 1, False, 'adam')
        """
        return cls(**(published(cls) | parameters))

    @classmethod
    @check_arguments(backend=[StrOptions({"sklearn", "optuna"})])
    def search_space(
        cls, backend: str = "sklearn"
    ) -> dict[str, Any] | Callable[[Any], dict[str, Any]]:
        """Return a space of values for hyperparameter search.

        It contains the parameters that matter most for accuracy, with values that are worth trying
        and that can be combined freely. It does not contain parameters that trade accuracy for
        time, such as ``n_members``.

        Parameters
        ----------
        backend : {"sklearn", "optuna"}, default="sklearn"
            The library that is used for the search.

        Returns
        -------
        space : dict or callable
            For scikit-learn, a dict from the name of a parameter to a list or a distribution of
            `scipy.stats`, as accepted by :class:`~sklearn.model_selection.RandomizedSearchCV`. For
            Optuna, a function that is called with a trial and returns the dict of suggested
            parameters. Called with the best trial, it returns the best parameters.

        Raises
        ------
        ValueError
            If the backend is unknown.
        """
        return search_space(cls, backend)
