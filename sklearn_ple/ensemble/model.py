"""What models of several tasks that hold fitted estimators have in common."""

from ..encoding.targets import TargetEncoder
from ..predictions.multi_task import MultiTaskModel


class EnsembleModel(MultiTaskModel):
    """Base class of models of several tasks that hold fitted estimators.

    Attributes
    ----------
    _target_encoder : TargetEncoder
        The encoder of the targets.
    """

    # scikit-learn's HTML display links to this page.
    _doc_link_module = "sklearn_ple"
    _doc_link_template = (
        "https://sklearn-ple.readthedocs.io/en/latest/generated/"
        "sklearn_ple.ensemble.{estimator_name}.html"
    )
    _target_encoder: TargetEncoder

    @property
    def _targets(self) -> TargetEncoder:
        return self._target_encoder
