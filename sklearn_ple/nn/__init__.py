"""The networks, in pure torch: they know nothing of missing labels, data frames or names."""

from .adatt import AdaTT
from .axes import Axis, ByTask
from .body import Body
from .bottoms import AsymmetricSharing, CustomizedSharing, SharedBottom, SingleTask
from .diagram import Node
from .dropout import MemberDropout
from .embeddings import CategoricalEmbedding, NumericEmbedding
from .gates import Gates, mix
from .inputs import Column, InputLayer
from .linear_path import LinearPath
from .links import EventLink, JointLogits
from .mlp import ACTIVATIONS, BatchedLinear, BatchedMLP
from .mmoe import MMoE
from .names import ExpertNames, GateNames
from .ple import PLE
from .stitched import CrossStitch, Sluice
from .tabular import TabularNetwork, TaskOrder
from .towers import Towers

__all__ = [
    "ACTIVATIONS",
    "PLE",
    "AdaTT",
    "AsymmetricSharing",
    "Axis",
    "BatchedLinear",
    "BatchedMLP",
    "Body",
    "ByTask",
    "CategoricalEmbedding",
    "Column",
    "CrossStitch",
    "CustomizedSharing",
    "EventLink",
    "ExpertNames",
    "GateNames",
    "Gates",
    "InputLayer",
    "JointLogits",
    "LinearPath",
    "MMoE",
    "MemberDropout",
    "Node",
    "NumericEmbedding",
    "SharedBottom",
    "SingleTask",
    "Sluice",
    "TabularNetwork",
    "TaskOrder",
    "Towers",
    "mix",
]
