"""How the losses of several tasks become one step: weights over time, and the joint loss."""

from .joint_loss import JointLoss
from .task_weights import TaskWeights

__all__ = ["JointLoss", "TaskWeights"]
