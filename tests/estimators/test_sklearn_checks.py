"""scikit-learn's own check suite."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_ple import PLEClassifier, PLEClassifierRegressor, PLERegressor

CLASSES = [PLEClassifierRegressor, PLEClassifier, PLERegressor]

_ROUNDING = (
    "Weighing a row and repeating it round differently in float32, and a hundred epochs amplify "
    "that beyond the check's tolerance of 1e-7; with float64 both are equal."
)
FLOAT32_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": _ROUNDING,
    "check_sample_weight_equivalence_on_sparse_data": _ROUNDING,
}


# More members do the same again.
SMALL = {"n_members": 2, "random_state": 0}


@parametrize_with_checks([cls(dtype="float64", **SMALL) for cls in CLASSES])
def test_checks_float64(estimator, check):
    check(estimator)


@parametrize_with_checks(
    [cls(**SMALL) for cls in CLASSES],
    expected_failed_checks=lambda _: FLOAT32_FAILURES,
)
def test_checks_float32(estimator, check):
    check(estimator)
