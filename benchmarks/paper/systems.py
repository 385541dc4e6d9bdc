"""The ten systems of the paper, of one size: that of PLE with two levels."""

import sklearn_ple
from sklearn_ple.capacity import equal_capacity

REFERENCE = "single-task"
SYSTEMS = {
    "single-task": ("SingleTaskClassifierRegressor", {}),
    "hard sharing": ("SharedBottomClassifierRegressor", {}),
    "asymmetric": ("AsymmetricSharingClassifierRegressor", {}),
    "customized": ("CustomizedSharingClassifierRegressor", {}),
    "MMoE": ("MMoEClassifierRegressor", {"n_experts": 3}),
    "ML-MMoE": ("MMoEClassifierRegressor", {"n_experts": 3, "n_levels": 2}),
    "cross-stitch": ("CrossStitchClassifierRegressor", {"hidden_units": (64, 64)}),
    "sluice": ("SluiceClassifierRegressor", {"hidden_units": (64, 64)}),
    "CGC": ("CGCClassifierRegressor", {}),
    "PLE": ("PLEClassifierRegressor", {"n_levels": 2}),
}


def systems(X, y, names=SYSTEMS, **params):
    """Make the systems, each with as many parameters as PLE has for these data.

    As in the paper they have no linear path; all would gain from it alike.
    """
    made = {}
    for name in dict.fromkeys([*names, "PLE"]):
        kind, own = SYSTEMS[name]
        made[name] = getattr(sklearn_ple, kind)(linear_path=False, **own, **params)
    sized = equal_capacity(made, X, y, reference="PLE")
    return {name: sized[name] for name in names}
