"""PLE as one of the models that AutoGluon tries, within its time limit."""

from autogluon.core.models import AbstractModel

from sklearn_ple import PLEClassifier, PLERegressor


class PLEModel(AbstractModel):
    """A PLE of AutoGluon's single target, with its hyperparameters."""

    ag_key = ag_name = "PLE"

    def _fit(self, X, y, X_val=None, y_val=None, time_limit=None, **kwargs):
        is_number = self.problem_type == "regression"
        estimator = PLERegressor if is_number else PLEClassifier
        params = {"random_state": 0} | self._get_model_params()
        self.model = estimator(**params, max_time=time_limit)
        if X_val is not None:
            X_val = self.preprocess(X_val)
        self.model.fit(self.preprocess(X), y, X_val=X_val, y_val=y_val)

    @classmethod
    def supported_problem_types(cls):
        return ["binary", "multiclass", "regression"]

    def _get_default_auxiliary_params(self):
        params = super()._get_default_auxiliary_params()
        params["valid_raw_types"] = ["int", "float", "bool", "category"]
        return params
