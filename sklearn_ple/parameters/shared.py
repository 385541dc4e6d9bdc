"""The parameters that all estimators share: a row each of default, constraint and search range.

A row also states what the papers have in place of the default, if that is something else.
What they mean stands in the docstring of `PLEClassifierRegressor`.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from os import PathLike
from typing import Any, Self

import torch
from sklearn.base import BaseEstimator

from .._sklearn import HasMethods, RealNotInt, StrOptions
from ..balancing import BALANCERS, Balancer
from ..encoding import NUMERIC_EMBEDDINGS, EmbeddingMaker
from ..nn import ACTIVATIONS
from ..tasks import Task
from ..training import LR_SCHEDULES, OPTIMIZERS
from .constraints import Aggregator, Listed, Number, Splitter, Widths
from .fields import parameter, published, search_space, with_parameters

_AUTO = StrOptions({"auto"})
_COUNT = Number(Integral, 1, None, closed="left")
_SHARE = Number(Real, 0, 1, closed="left")
_POSITIVE = Number(Real, 0, None, closed="neither")
_NOT_NEGATIVE = Number(Real, 0, None, closed="left")

#: Where to search for widths of layers.
WIDTHS = [(64,), (128,), (64, 64)]


def class_weight() -> Any:
    """Declare ``class_weight``, for an estimator that takes tasks with classes.

    Returns
    -------
    field
        The parameter, after ``depends_on`` in the signature.

    Examples
    --------
    >>> from typing import Any
    >>> from sklearn_ple.base import MultiTaskEstimator, class_weight, with_parameters
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
class Parameters(BaseEstimator):
    """What is set before fit."""

    tower_hidden_units: Any = parameter(
        default=(32,), constraint=[Widths()], search=[(), (32,), (64,), (64, 32)], network=True
    )
    activation: str = parameter(
        default="relu", constraint=[StrOptions(set(ACTIVATIONS))], network=True
    )
    dropout: float = parameter(default=0.3, constraint=[_SHARE], search=(0.0, 0.5), published=0.0)
    n_members: int = parameter(default=8, constraint=[_COUNT], published=1, network=True)
    task_types: Any = parameter(
        default="auto", constraint=[str, list, tuple, dict, Task, type], network=True
    )
    depends_on: dict | str | None = parameter(
        default=None, constraint=[StrOptions({"previous"}), dict, None], network=True
    )
    categorical_features: Any = parameter(
        default="from_dtype", constraint=[StrOptions({"from_dtype"}), Listed(), None], network=True
    )
    max_categories: int | None = parameter(default=None, constraint=[_COUNT, None], network=True)
    min_frequency: float | None = parameter(
        default=None,
        constraint=[_COUNT, Number(RealNotInt, 0, 1, closed="neither"), None],
        network=True,
    )
    target_statistics: Any = parameter(
        default="auto",
        constraint=[_AUTO, "boolean", Listed()],
        published=False,
        network=True,
    )
    embedding_dim: int | str = parameter(default="auto", constraint=[_AUTO, _COUNT], network=True)
    numeric_embedding: Any = parameter(
        default="piecewise_linear+bins",
        constraint=[StrOptions(set(NUMERIC_EMBEDDINGS)), EmbeddingMaker, None],
        search=[None, *NUMERIC_EMBEDDINGS],
        published=None,
        network=True,
    )
    n_bins: int | str = parameter(
        default="auto", constraint=[_AUTO, Number(Integral, 2, None, closed="left")], network=True
    )
    linear_path: bool = parameter(
        default=True, constraint=["boolean"], published=False, network=True
    )
    feature_dropout: float = parameter(
        default=0.1, constraint=[_SHARE], search=(0.0, 0.3), published=0.0
    )
    clip_numbers: float | None = parameter(
        default=5.0,
        # Far below, a number of the mean would be 0 / 0 in float32.
        constraint=[Number(Real, 1e-3, None, closed="left"), None],
        search=[3.0, 5.0, 10.0, None],
        published=None,
        network=True,
    )
    task_weights: Any = parameter(default=None, constraint=[Listed(), dict, None])
    task_weight_decay: Any = parameter(default=1.0, constraint=[_POSITIVE, Listed(), dict])
    balancing: Any = parameter(
        default="equal", constraint=[StrOptions(set(BALANCERS)), Balancer, Aggregator()]
    )
    optimizer: Any = parameter(
        default="adamw", constraint=[StrOptions(set(OPTIMIZERS)), type], published="adam"
    )
    learning_rate: float | str = parameter(
        default="auto",
        constraint=[_AUTO, _POSITIVE],
        search=(3e-4, 1e-2, "log"),
        published=1e-3,
    )
    lr_schedule: str = parameter(
        default="one_cycle", constraint=[StrOptions(set(LR_SCHEDULES))], published="constant"
    )
    weight_decay: float = parameter(
        default=1e-2, constraint=[_NOT_NEGATIVE], search=(1e-4, 1e-1, "log"), published=0.0
    )
    weight_averaging: float = parameter(default=0.1, constraint=[_SHARE], published=0.0)
    batch_size: int | str = parameter(default="auto", constraint=[_AUTO, _COUNT])
    max_epochs: int | str = parameter(default="auto", constraint=[_AUTO, _COUNT])
    early_stopping: Any = parameter(default="auto", constraint=[_AUTO, "boolean"])
    validation_fraction: float | str = parameter(
        default="auto", constraint=[_AUTO, Number(Real, 0, 1, closed="neither")]
    )
    validation_split: Any = parameter(
        default="random", constraint=[StrOptions({"random", "last"}), Splitter()]
    )
    n_iter_no_change: int | str = parameter(default="auto", constraint=[_AUTO, _COUNT])
    tol: float = parameter(default=0.0, constraint=[_NOT_NEGATIVE])
    refit: bool | str = parameter(default="auto", constraint=[_AUTO, "boolean"])
    warm_start: bool = parameter(default=False, constraint=["boolean"])
    warm_start_from: Any = parameter(
        default=None, constraint=[HasMethods(["fit", "predict"]), None]
    )
    checkpoint_dir: Any = parameter(default=None, constraint=[str, PathLike, None])
    n_jobs: int | None = parameter(
        default=None, constraint=[_COUNT, Number(Integral, None, -1, closed="right"), None]
    )
    device: str = parameter(default="auto", constraint=[str])
    dtype: str = parameter(
        default="float32", constraint=[StrOptions({"float32", "float64", "bfloat16"})]
    )
    callbacks: Any = parameter(default=None, constraint=[list, tuple, None])
    net_params: Any = parameter(default=None, constraint=[dict, None])
    random_state: Any = parameter(default=None, constraint=["random_state"])
    verbose: int = parameter(default=0, constraint=["verbose"])

    @classmethod
    def as_published(cls, **parameters: Any) -> Self:
        """Make an estimator of the network as published, with nothing added.

        A single network (``n_members=1``) reads only standardised numbers and embeddings of
        categories: ``linear_path``, ``numeric_embedding``, ``clip_numbers``, ``dropout`` and
        ``feature_dropout`` are off. Progressive Layered Extraction has two levels; ESMM has
        embeddings of width 18 and towers of (200, 80); STEM has the widths of its authors' code;
        cross-stitch networks mix each activation of a layer by numbers of its own; MultiTab-Net
        has embeddings of width 16, towers of (64,) and GELU. Training is by Adam at a constant
        ``learning_rate`` of 1e-3, with ``weight_decay`` and ``weight_averaging`` off.

        All other parameters have their defaults: the number and widths of experts, which papers
        choose for the data, and the length of training. From 500 rows on, early stopping sets rows
        aside, and ``refit`` trains the same network again on all rows. With
        ``early_stopping=False`` and ``max_epochs`` it is trained once, for so many epochs.

        Parameters
        ----------
        **parameters : dict
            Parameters of the estimator, which take precedence: ``n_levels=2`` makes ML-MMoE of
            MMoE.

        Returns
        -------
        estimator : estimator of this class
            Not fitted.

        Raises
        ------
        TypeError
            If the estimator has no such parameter.

        See Also
        --------
        sklearn_ple.base.parameter : States what a network of one's own has as published.

        Examples
        --------
        >>> from sklearn_ple import PLEClassifierRegressor
        >>> model = PLEClassifierRegressor.as_published(expert_hidden_units=(128,))
        >>> model.n_levels, model.n_members, model.linear_path, model.optimizer
        (2, 1, False, 'adam')
        """
        return cls(**(published(cls) | parameters))

    @classmethod
    def search_space(
        cls, backend: str = "sklearn"
    ) -> dict[str, Any] | Callable[[Any], dict[str, Any]]:
        """Return where to search for good parameters.

        These are the parameters that matter most for accuracy, with values that are worth trying
        and valid in any combination. Parameters that trade accuracy for time, such as
        ``n_members``, are not among them.

        Parameters
        ----------
        backend : {"sklearn", "optuna"}, default="sklearn"
            The library that searches.

        Returns
        -------
        space : dict or callable
            For scikit-learn a dict, by parameter, of lists and of distributions of `scipy.stats`,
            as :class:`~sklearn.model_selection.RandomizedSearchCV` takes it. For Optuna a function
            from a trial to the dict of the parameters that it suggests; from the best trial, it
            returns the best parameters.

        Raises
        ------
        ValueError
            If the backend is unknown.
        """
        return search_space(cls, backend)

    @property
    def _torch_dtype(self) -> torch.dtype:
        """Dtype of the tensors; that of products in training may be less precise."""
        return torch.float64 if self.dtype == "float64" else torch.float32
