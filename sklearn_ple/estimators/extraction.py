"""The base class of PLE and CGC."""
# The hooks are documented in MultiTaskEstimator.
# ruff: noqa: D102

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, ClassVar

from ..base import MultiTaskEstimator, parameter, with_parameters
from ..nn import PLE, Body
from ..tasks import Task, by_task
from ..utils._sklearn import StrOptions
from ..utils.checks import shown
from ..utils.constraints import COUNT_OR_ZERO, LISTED
from .network_fields import count, towers, widths


@with_parameters
class Extraction(MultiTaskEstimator):
    """Base class of PLE and CGC, which have experts of each task and shared experts."""

    n_shared_experts: int = count(least=0, search=(1, 4))
    n_specific_experts: int | str | Sequence[int] | Mapping[str, int] = parameter(
        default="auto",
        constraint=[StrOptions({"auto"}), COUNT_OR_ZERO, LISTED, dict],
        published=1,
        search=(1, 4),
        network=True,
        of_tasks=True,
    )
    expert_hidden_units: Sequence[int] | Sequence[Sequence[int]] | str = widths(
        default="auto", published=(64,), by_level=True, search=[(32,), (48,), (96,), (64, 64)]
    )
    tower_hidden_units: Sequence[int] | str = towers()

    network: ClassVar[Any] = PLE

    @property
    def treats_tasks_alike(self) -> bool:
        """Whether the order of the tasks has no effect: numbers of experts are named or equal."""
        # A list has one number for each column of y, so tasks differ by their position.
        return isinstance(self.n_specific_experts, (Integral, dict, str))

    def make_network(self, in_features: int, tasks: Sequence[Task], **options: Any) -> Body:
        given = options.pop("n_specific_experts", self.n_specific_experts)
        numbers = self._n_specific(given, [task.name for task in tasks])
        earlier = {n for n, task in zip(numbers, tasks, strict=True) if not task.added}
        if len(earlier) == 1 < len(set(numbers)):
            raise ValueError(
                f"n_specific_experts is {max(earlier)} for all earlier tasks, so an added task "
                f"needs this number, too, but the numbers are {numbers}: change that of the added "
                "task, or fit again."
            )
        return super().make_network(in_features, tasks, n_specific_experts=numbers, **options)

    def _n_specific(self, given: Any, names: list[str]) -> list[int]:
        """Return the number of specific experts of each task."""
        numbers = by_task(given, names, "n_specific_experts", default=1)
        for name, n in numbers.items():
            if not COUNT_OR_ZERO.is_satisfied_by(n):
                raise ValueError(
                    f"n_specific_experts of task {name!r} is {shown(n)}: it must be a whole "
                    "number, 0 or more."
                )
            if self.n_shared_experts + n == 0:
                raise ValueError(
                    f"n_shared_experts and n_specific_experts of task {name!r} are both 0: a task "
                    "needs at least one expert."
                )
        return list(numbers.values())
