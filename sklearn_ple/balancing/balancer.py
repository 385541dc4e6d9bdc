"""How the losses of several tasks become one step of training."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Balancer(nn.Module, ABC):
    """Turns the losses of several tasks into the gradients of one step.

    A new method is one subclass with `backward`; the estimators' ``balancing`` takes an object of
    it. Each training starts with a copy of that. Parameters that it has are learnt with those of
    the network. What it remembers from step to step are buffers, which an interrupted fit finds
    again in its ``checkpoint_dir``. Validation, the members' weights and ``history_`` do not go
    through it: they always use the weighted sum of the losses.

    Examples
    --------
    Random loss weighting (Lin, Ye and Zhang, TMLR 2022) draws the weights anew in every step:

    >>> import torch
    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.balancing import Balancer
    >>> class RandomWeights(Balancer):
    ...     def backward(self, task_losses, module):
    ...         weights = len(task_losses) * torch.randn_like(task_losses).softmax(dim=0)
    ...         (weights * task_losses).sum().backward()
    >>> model = PLERegressor(balancing=RandomWeights(), max_epochs=2, random_state=0)
    >>> model.fit([[0.0], [1.0], [2.0]], [[0.1, 3.0], [0.9, 2.0], [2.1, 1.0]]).n_iter_
    2
    """

    def __init__(self) -> None:
        super().__init__()

    def start(self, n_tasks: int) -> None:
        """Prepare for a number of tasks; nothing by default.

        Parameters
        ----------
        n_tasks : int
            Number of tasks. What a balancer learns for each of them is made here.
        """

    @abstractmethod
    def backward(self, task_losses: Tensor, module: nn.Module) -> None:
        """Add a batch's gradients to those of the network's parameters.

        Parameters
        ----------
        task_losses : Tensor of shape (n_tasks,)
            The tasks' losses in the batch, each times its weight in the joint loss: the sum over
            the labels that are there, divided by the weight that a batch of so many rows has on
            average. So the mean over the batches is the joint loss. That of a task without a label
            in the batch is zero, and so is its gradient.
        module : Module
            The network, whose parameters have no gradients yet.
        """


class WeightedSum(Balancer):
    """The joint loss of Progressive Layered Extraction: the weighted sum of the tasks' losses."""

    def backward(self, task_losses: Tensor, module: nn.Module) -> None:
        """Differentiate the sum.

        Parameters
        ----------
        task_losses : Tensor of shape (n_tasks,)
            The weighted losses.
        module : Module
            The network.
        """
        task_losses.sum().backward()
