"""How MLflow loads a model from a file of data, and predicts with it."""

from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from sklearn_ple.export import load


class PLEModel(PythonModel):
    """A model that `sklearn_ple.export.save` wrote."""

    def load_context(self, context):
        self.model = load(context.artifacts["model"])

    def predict(self, context, model_input, params=None):
        # A list of tasks, or None for all.
        tasks = (params or {}).get("tasks") or None
        # Columns that were left out are missing in every row.
        X = model_input.reindex(columns=self.model.feature_names_in_)
        return self.model.predict(X, tasks=tasks)


set_model(PLEModel())
