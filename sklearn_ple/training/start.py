"""Where a fit starts from: anew, the last fit, another model, or a model of fewer tasks."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import Tensor, nn

from ..encoding.encoder import Encoded, TableEncoder
from ..encoding.growth import encode_grown, grow
from ..nn.transfer import take_over, transfer
from ..parameters.same_network import (
    check_same_network,
    describe_network,
    list_differences,
    other_network,
)
from ..parameters.settings import Settings
from ..predictions.intervals import Deviations
from ..tables.reading import Header
from ..tables.table import Table, TableReader
from ..tasks import TaskTypes
from ..utils.types import RandomStateLike
from .build import make_encoder, make_first_net
from .choosing.validation_rows import Split
from .inference import compute_outputs
from .net import MultiTaskNet
from .random_state import choose_random_state
from .read import Arguments, FitRows, read
from .rows import TableRows, TrainingRows

# Number of rows on which two networks are compared, and the tolerance for rounding.
_ROWS_COMPARED = 256
_RTOL, _ATOL = 1e-3, 1e-4
# Parameters of the network that name tasks, and may differ in ``warm_start_from``.
_OF_TASKS = {"task_types", "depends_on"}

#: The encoder, and the encoded rows.
Encoding = tuple[TableEncoder, Encoded]
#: Which entries of weights training must not change, by the names of the weights.
Held = dict[str, Tensor]


class Fitted(NamedTuple):
    """The result of a fit, which a later fit may start from.

    Attributes
    ----------
    net : MultiTaskNet
        The trained net.
    encoder : TableEncoder
        The encoder of the rows that the network reads.
    deviations : Deviations or None
        Deviations of predicted numbers; None without numbers or validation rows.
    rng : RandomState
        The random state after the fit.
    device : str
        The device.
    network : dict of str to str
        The parameters of the network, see `describe_network`.
    split_seed : int
        Seed of the choice of validation rows. Fits that start from this one draw the same rows,
        because the network has been trained on the others.
    header : Header
        The columns of X.
    calibration : tuple of dict
        The temperatures and the intercepts of the tasks by name, see `calibrate`.
    """

    net: MultiTaskNet
    encoder: TableEncoder
    deviations: Deviations | None
    rng: np.random.RandomState
    device: str
    network: dict[str, str]
    split_seed: int
    header: Header
    calibration: tuple[dict[str, float], dict[str, list[float]]]


class Start:
    """A first fit: it learns everything from the table, and starts from random weights.

    Parameters
    ----------
    fitted : Fitted, optional
        The model that a subclass starts from. If rows were chosen to validate it, the same are
        chosen again.
    """

    #: Whether the fit goes on with a network that was trained for the same tasks.
    goes_on: ClassVar[bool] = False
    #: Whether the members may be trained in jobs.
    divides: ClassVar[bool] = True

    def __init__(self, fitted: Fitted | None = None):
        self.fitted: Any = fitted
        self.split_seed = None if fitted is None else fitted.split_seed

    def read(self, arguments: Arguments, settings: Settings) -> FitRows:
        """Read the arguments; see `read`."""
        reader = TableReader(settings.owner.__name__, settings.task_types)
        return read(arguments, settings, reader)

    def encode(self, rows: FitRows, settings: Settings, classes: Any) -> Encoding:
        """Encode the table, with an encoder that learns from it or has learnt before."""
        encoder = make_encoder(settings, classes)
        return encoder, encoder.learn(rows.table, settings.class_weight)

    def draw(self, random_state: RandomStateLike) -> np.random.RandomState:
        """Return the random state from which the fit draws."""
        return check_random_state(random_state)

    def make_net(
        self, settings: Settings, encoder: TableEncoder, device: str, names: Sequence[str]
    ) -> tuple[MultiTaskNet, Held]:
        """Make the net with its initial weights, some of which training must not change."""
        net = make_first_net(settings, encoder, device, names)
        return net, self._set_weights(net, encoder)

    def _set_weights(self, net: MultiTaskNet, encoder: TableEncoder) -> Held:
        """Set the initial weights of a net, which are random, and say which stay as they are."""
        return {}

    @contextmanager
    def hold(self, net: MultiTaskNet, rows: TrainingRows, held: Held) -> Iterator[None]:
        """Keep the weights that training must not change as they are, within the context."""
        yield

    def keep_earlier(self, result: Fitted) -> Fitted:
        """Return the result of the fit, with what is kept of an earlier one."""
        return result


class OtherModel(Start):
    """A first fit that starts from the weights of another model, perhaps for other tasks.

    Scales, categories, bins and statistics are those of the other model.

    Parameters
    ----------
    fitted : Fitted
        The other model.
    owner : type
        Class of its estimator.
    """

    def __init__(self, fitted: Fitted, owner: type):
        super().__init__(fitted)
        self.owner = owner

    def read(self, arguments: Arguments, settings: Settings) -> FitRows:
        """Read the arguments, and check that network and columns are those of the other model."""
        rows = super().read(arguments, settings)
        self._check_network(settings)
        now, then = rows.table.header, self.fitted.header
        if now != then:
            raise ValueError(
                "X has other columns than the model of warm_start_from was fitted with: they "
                f"would be {now}, but are {then} there. Pass the same columns."
            )
        return rows

    def _check_network(self, settings: Settings) -> None:
        now = describe_network(settings.owner, settings.parameters)
        before = self.fitted.network
        if now.keys() != before.keys():
            raise ValueError(
                f"warm_start_from is a {self.owner.__name__}, whose network is not that of a "
                f"{settings.owner.__name__}: pass an estimator with the same network."
            )
        # The tasks may differ: `transfer` copies the weights of tasks that have the same name.
        now = {name: text for name, text in now.items() if name not in _OF_TASKS}
        if changed := list_differences(now, before, "in warm_start_from"):
            raise ValueError(
                "The network cannot start from that of warm_start_from, which is different: "
                f"{changed}. Use the same parameters as that model, or fit without "
                "warm_start_from."
            )

    def encode(self, rows: FitRows, settings: Settings, classes: Any) -> Encoding:
        """Encode the table, whose features are encoded as those of the other model."""
        encoder = make_encoder(settings, classes)
        encoder.encode_features_as(self.fitted.encoder)
        return encoder, encoder.learn(rows.table, settings.class_weight)

    def _set_weights(self, net: MultiTaskNet, encoder: TableEncoder) -> Held:
        """Copy the weights that the two networks have in common."""
        module, other = net.module_, self.fitted.net.module_
        if type(module.body) is not type(other.body):
            raise ValueError(
                f"The network is a {type(module.body).__name__}, but that of warm_start_from a "
                f"{type(other.body).__name__}: pass a model of the same network."
            )
        names, names_there = (
            [each.targets.names[k] for k in each.order] for each in (encoder, self.fitted.encoder)
        )
        transfer(module, other, names, names_there)
        return {}


class LastFit(Start):
    """A fit that goes on with the network of the last one, by a new optimizer."""

    goes_on = True

    def read(self, arguments: Arguments, settings: Settings) -> FitRows:
        """Read the arguments in the form of those of the last fit, for the same network."""
        check_same_network(settings.owner, settings.parameters, self.fitted.network)
        like = self.fitted.header, self.fitted.encoder.targets.form
        reader = TableReader(settings.owner.__name__, settings.task_types, *like)
        return read(arguments, settings, reader)

    def encode(self, rows: FitRows, settings: Settings, classes: Any) -> Encoding:
        """Encode the table with the encoder of the last fit, whose tasks may learn anew."""
        encoder = copy.copy(self.fitted.encoder)
        encoder.targets = encoder.targets.copy()
        return encoder, encoder.apply_again(rows.table, settings.class_weight)

    def _set_weights(self, net: MultiTaskNet, encoder: TableEncoder) -> Held:
        """Copy all weights and the history.

        The state of the balancer is copied too, if both balancers have the same class and options.
        """
        last = self.fitted.net
        if _list_shapes(net.module_) != _list_shapes(last.module_):
            raise other_network("its weights differ in shape")
        net.module_.load_state_dict(last.module_.state_dict())
        now, before = _list_shapes(net.criterion_), _list_shapes(last.criterion_)
        fits = all(before[name] == now[name] for name in now.keys() & before.keys())
        if fits and repr(net.criterion_) == repr(last.criterion_):
            net.criterion_.load_state_dict(last.criterion_.state_dict(), strict=False)
        net.history = copy.deepcopy(last.history)
        return {}


class LastStep(LastFit):
    """A fit that goes on with the network and the optimizer of the last one."""

    divides = False

    def draw(self, random_state: RandomStateLike) -> np.random.RandomState:
        """Return the random state of the last fit."""
        return choose_random_state(self.fitted.rng, random_state)

    def make_net(
        self, settings: Settings, encoder: TableEncoder, device: str, names: Sequence[str]
    ) -> tuple[MultiTaskNet, Held]:
        """Copy the net, so that a failure leaves it as it was."""
        net = copy.deepcopy(self.fitted.net)
        net.n_jobs = settings.n_jobs
        return net, {}


class FewerTasks(Start):
    """A fit of a network of fewer tasks, the first ones; the weights of added tasks are random.

    Parameters
    ----------
    fitted : Fitted
        The result of the fit of the first tasks.
    task_types : object
        Kinds of the new tasks, see `MultiTaskEstimator.add_task`.
    freeze : bool
        Whether all weights that belong to the first tasks, or are shared by them, stay as they
        are. Otherwise only the weights of the members do, for tasks without labels to train on.
    """

    divides = False

    def __init__(self, fitted: Fitted, task_types: TaskTypes | None, freeze: bool):
        super().__init__(fitted)
        self.task_types = task_types
        self.freeze = freeze

    def read(self, arguments: Arguments, settings: Settings) -> FitRows:
        """Read the rows of the new tasks, and learn these tasks."""
        encoder, weights = self.fitted.encoder, settings.task_weights
        options: dict[str, Any] = {"task_weights": weights, "new_alone": self.freeze}
        columns = settings.owner.__name__, self.fitted.header
        grown, table = grow(encoder, *columns, *arguments.rows, self.task_types, **options)
        added = grown.targets.names[len(encoder.tasks) :]
        check_same_network(settings.owner, settings.parameters, self.fitted.network, added)
        chosen_by = arguments.X, arguments.y, arguments.groups
        return FitRows(table, Split.choose(settings, table, *chosen_by), grown)

    def encode(self, rows: FitRows, settings: Settings, classes: Any) -> Encoding:
        """Encode the rows of all tasks."""
        table, _, grown = cast("tuple[Table, Split, TableEncoder]", rows)
        return grown, encode_grown(grown, table, settings.class_weight)

    def draw(self, random_state: RandomStateLike) -> np.random.RandomState:
        """Return the random state of the last fit."""
        return choose_random_state(self.fitted.rng, random_state)

    def _set_weights(self, net: MultiTaskNet, encoder: TableEncoder) -> Held:
        """Copy the weights of the first tasks, and those that they share."""
        module = net.module_
        try:
            earlier = take_over(module, self.fitted.net.module_)
        except ValueError as error:
            name = type(module.body).__name__
            raise ValueError(f"{name} cannot take another task: {error}") from error
        if self.freeze:
            return earlier
        weights = module.mean.weights
        unlabelled = torch.as_tensor(encoder.n_labels == 0, device=weights.device)
        return {"mean.weights": unlabelled.expand_as(weights)}

    def keep_earlier(self, result: Fitted) -> Fitted:
        """Keep the calibration and the deviations of the first tasks, if they are frozen."""
        if not self.freeze:
            return result
        result = result._replace(calibration=self.fitted.calibration)
        if (earlier := self.fitted.deviations) is None:
            return result
        mean, targets = result.net.module_.mean, result.encoder.targets
        deviations = result.deviations or Deviations.for_mean(mean, targets)
        return result._replace(deviations=deviations.keep(earlier))

    @contextmanager
    def hold(self, net: MultiTaskNet, rows: TrainingRows, held: Held) -> Iterator[None]:
        """Keep the weights of the first tasks unchanged in every step."""
        state = net.module_.state_dict(keep_vars=True)
        pairs = [(state[name], mask) for name, mask in held.items() if mask.any()]
        before = [(tensor, mask, tensor.detach().clone()) for tensor, mask in pairs]
        whole = [tensor for tensor, mask in pairs if tensor.requires_grad and mask.all()]
        # If only some entries of a weight are held, the optimizer must step on the others. Weight
        # decay and momentum then change the held ones too, which are restored after each step.
        moved = [each for each in before if each[0].requires_grad and not each[1].all()]
        first = rows.head(_ROWS_COMPARED)
        self._check_unmoved(net, first)
        for tensor in whole:
            tensor.requires_grad_(False)
        hook = net.optimizer_.register_step_post_hook(lambda *_: _put_back(moved))
        try:
            yield
        finally:
            hook.remove()
            for tensor in whole:
                tensor.requires_grad_(True)
        _put_back(before)
        mean = net.module_.mean
        for task, other in mean.dependent:
            mean.weights[:, task] = mean.weights[:, other]
        self._check_unmoved(net, first)

    def _check_unmoved(self, net: MultiTaskNet, rows: TableRows) -> None:
        """Check, if the first tasks are frozen, that their outputs have not changed."""
        if not self.freeze:
            return
        earlier = self.fitted.net
        if earlier.dtype != net.dtype:
            # The rows are in the data type of the new net, so the earlier one computes in it, too.
            earlier = copy.deepcopy(earlier)
            earlier.module_.to(net.dtype)
        before = compute_outputs(earlier, rows)
        now = compute_outputs(net, rows)[..., : before.shape[-1]]
        if not torch.allclose(now, before, rtol=_RTOL, atol=_ATOL):
            raise ValueError(
                f"{type(net.module_.body).__name__} cannot take another task with the rest "
                "frozen: the outputs of earlier tasks depend on the new parts. Pass freeze=False."
            )


@torch.no_grad()
def _put_back(kept: list[tuple[Tensor, Tensor, Tensor]]) -> None:
    """Restore the masked entries of tensors."""
    for tensor, mask, values in kept:
        tensor.copy_(torch.where(mask, values, tensor))


def _list_shapes(module: nn.Module) -> dict[str, torch.Size]:
    """Return the shapes of a module's weights, by name."""
    return {name: tensor.shape for name, tensor in module.state_dict().items()}
