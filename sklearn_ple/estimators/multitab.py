"""MultiTab-Net as a scikit-learn estimator."""

from typing import Any

from ..base import MultiTaskEstimator, class_weight, parameter, with_parameters
from ..nn import MultiTabNet
from .network_fields import count, widths


@with_parameters
class MultiTabNetClassifierRegressor(MultiTaskEstimator):
    """MultiTab-Net: attention between a token for each column and a token for each task.

    A token is a vector. The token of a column is a linear function of its number, its embedding
    and an indicator of missing values. The token of a task is learnt, and the same for all rows.
    The tokens h of a row pass through blocks of two steps, before each of which every token is
    normalised:

    - attention between the tokens, ``a = h + W_o softmax(Q K^T / sqrt(d) + M) V``, where the mask
      ``M`` keeps the tokens of tasks from attending to each other;
    - feed-forward layers, ``h' = a + W_2 act(W_1 a)``.

    After the last block the tower of each task reads the token of its task.

    In the paper, the rows of a batch also attend to each other. This is left out, because the
    prediction for a row would depend on the other rows that are predicted. ``gate_weights``
    returns the attention weights of each task's token.

    Parameters
    ----------
    hidden_units : sequence of int, default=(256,)
        Width of the feed-forward layer in each block; its length is the number of blocks.
    token_dim : int, default=16
        Width of a token, a multiple of ``n_heads``.
    n_heads : int, default=4
        Number of attention heads.

    See Also
    --------
    PLEClassifierRegressor : The main estimator; lists the errors and warnings of all estimators.

    Notes
    -----
    Time and memory grow with the number of columns, which may be at most 1000. If
    ``embedding_dim`` is at least the width of a token, as in ``as_published``, the token of a
    category can be any vector.

    References
    ----------
    D. Sinodinos, J. Y. Wei, N. Armanfard. "MultiTab: A Scalable Foundation for Multitask Learning
    on Tabular Data". AAAI 2026.

    Examples
    --------
    >>> from sklearn_ple import MultiTabNetClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = MultiTabNetClassifierRegressor(
    ...     n_members=1, max_epochs=1
    ... ).fit(X[:200], y[:200])
    >>> (attention,) = model.gate_weights(X)
    >>> attention["death"].columns[-1]
    'token of death'
    """

    hidden_units: Any = widths(default=(256,), search=[(64,), (256,), (64, 64), (256, 256)])
    token_dim: int = count(default=16, search=[8, 16, 32])
    n_heads: int = count(default=4, search=[2, 4, 8])
    class_weight: Any = class_weight()
    tower_hidden_units: Any = parameter(default=(32,), published=(64,))
    activation: str = parameter(default="relu", published="gelu")
    embedding_dim: int | str = parameter(default="auto", published=16, after="min_frequency")

    network = MultiTabNet
    reads_columns = True
    treats_tasks_alike = True
