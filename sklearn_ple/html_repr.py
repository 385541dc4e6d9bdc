"""How notebooks show an estimator: as scikit-learn does and, once fitted, its network."""

from __future__ import annotations

from typing import Any

from .nn.drawing import Outline, network_html


class HTMLRepr:
    """Adds a drawing of the network to scikit-learn's HTML representation."""

    def _repr_html_inner(self) -> str:
        return super()._repr_html_inner() + self._network_html()  # type: ignore[misc]

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
        if "text/html" in bundle:
            bundle["text/html"] += self._network_html()
        return bundle

    def _network_html(self) -> str:
        # Before fit the tasks are not known.
        return network_html(Outline.of(self)) if hasattr(self, "net_") else ""
