"""The ten systems of the paper, of one size: that of PLE with two levels."""

import sklearn_ple
from sklearn_ple.capacity import equal_capacity

REFERENCE = "single-task"
#: The networks as their papers have them, or with all that the package adds.
BASES = {"as published": True, "by default": False}
SYSTEMS = {
    "single-task": ("SingleTaskClassifierRegressor", {}),
    "hard sharing": ("SharedBottomClassifierRegressor", {}),
    "asymmetric": ("AsymmetricSharingClassifierRegressor", {}),
    "customized": ("CustomizedSharingClassifierRegressor", {}),
    "cross-stitch": ("CrossStitchClassifierRegressor", {"hidden_units": (64, 64)}),
    "sluice": ("SluiceClassifierRegressor", {"hidden_units": (64, 64)}),
    "MMoE": ("MMoEClassifierRegressor", {"n_experts": 3}),
    "ML-MMoE": ("MMoEClassifierRegressor", {"n_experts": 3, "n_levels": 2}),
    "CGC": ("CGCClassifierRegressor", {}),
    "PLE": ("PLEClassifierRegressor", {"n_levels": 2}),
}


def systems(X, y, names=SYSTEMS, *, published=True, equal_depth=True, **params):
    """Make the systems, as published or by default, each with as many parameters as PLE."""
    made = {}
    for name in dict.fromkeys([*names, "PLE"]):
        kind, own = SYSTEMS[name]
        system = getattr(sklearn_ple, kind)
        made[name] = (system.as_published if published else system)(**own, **params)
    sized = equal_capacity(made, X, y, reference="PLE", equal_depth=equal_depth)
    return {name: sized[name] for name in names}
