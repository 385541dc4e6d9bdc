"""The networks, in pure torch: they know nothing of missing labels, data frames or names."""

from .adatt import AdaTT
from .aitm import AITM
from .asymmetric_sharing import AsymmetricSharing
from .axes import Axis, ByTask
from .body import Body
from .columns import Column
from .cross_stitch import CrossStitch
from .customized_sharing import CustomizedSharing
from .diagram import Node
from .dropout import MemberDropout
from .embeddings import (
    CategoricalEmbedding,
    NumericEmbedding,
    PeriodicEmbedding,
)
from .gates import Gates, mix
from .home import HoME
from .inputs import InputLayer
from .linear_path import LinearPath
from .links import CalibratedLogits, DebiasedLogits, EventLink, JointLogits
from .mlp import ACTIVATIONS, BatchedLinear, BatchedMLP
from .mmoe import MMoE
from .multitab import MultiTabNet
from .names import ExpertNames, GateNames
from .order import TaskOrder
from .ple import PLE
from .shared_bottom import SharedBottom
from .single_task import SingleTask
from .sluice import Sluice
from .stem import STEM
from .tabular import TabularNetwork
from .towers import Towers

__all__ = [
    "ACTIVATIONS",
    "AITM",
    "PLE",
    "STEM",
    "AdaTT",
    "AsymmetricSharing",
    "Axis",
    "BatchedLinear",
    "BatchedMLP",
    "Body",
    "ByTask",
    "CalibratedLogits",
    "CategoricalEmbedding",
    "Column",
    "CrossStitch",
    "CustomizedSharing",
    "DebiasedLogits",
    "EventLink",
    "ExpertNames",
    "GateNames",
    "Gates",
    "HoME",
    "InputLayer",
    "JointLogits",
    "LinearPath",
    "MMoE",
    "MemberDropout",
    "MultiTabNet",
    "Node",
    "NumericEmbedding",
    "PeriodicEmbedding",
    "SharedBottom",
    "SingleTask",
    "Sluice",
    "TabularNetwork",
    "TaskOrder",
    "Towers",
    "mix",
]
