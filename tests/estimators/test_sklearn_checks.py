"""scikit-learn's own check suite."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_ple import PLEClassifier, PLEClassifierRegressor, PLERegressor

CLASSES = [PLEClassifierRegressor, PLEClassifier, PLERegressor]


@parametrize_with_checks([cls(dtype="float64", random_state=0) for cls in CLASSES])
def test_checks_float64(estimator, check):
    check(estimator)


@parametrize_with_checks([cls(random_state=0) for cls in CLASSES])
def test_checks_float32(estimator, check):
    check(estimator)
