"""How often `compare` finds a difference of two models: where there is none, and where there is.

Two models of one kind read ten columns each, whose effects on the target are the same, so that in
the mean over tables neither is better. Then the effects of the second model's columns are three
tenths smaller. The intervals of `compare` are judged, those by the differences between folds
alone, and those of the gain's true standard error, which no estimate can know: what these find of
normal gains is about the most that can be found.
"""

from itertools import product

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklearn_ple.inspection import Comparison, compare

from .measuring import measure_all, parser_of

#: The share of the target's variance that is noise, and that of the positives.
KINDS = {
    "number, little noise": (0.2, None),
    "number, much noise": (0.8, None),
    "two classes": (0.5, 0.5),
    "rare class": (0.5, 0.1),
}
MODELS = {
    "linear": (LogisticRegression(), Ridge()),
    "tree": (
        DecisionTreeClassifier(max_depth=4, random_state=0),
        DecisionTreeRegressor(max_depth=4, random_state=0),
    ),
}
SIZES = (200, 500)
#: The loss of effects, and the number of tables.
TABLES = ((0.0, 120), (0.3, 60))
N_COLUMNS, N_FOLDS = 10, 5


def make_table(rng, kind, n_rows, loss):
    """Make a table, in which the second half of the columns has effects smaller by `loss`."""
    noise, share = KINDS[kind]
    X = rng.normal(size=(n_rows, 2 * N_COLUMNS))
    effects = np.linspace(1, 0.1, N_COLUMNS)
    signal = X @ np.concatenate([effects, (1 - loss) * effects])
    scale = np.sqrt(2 * (effects**2).sum() * noise / (1 - noise))
    target = signal + scale * rng.normal(size=n_rows)
    if share is not None:
        target = np.where(target > np.quantile(target, 1 - share), "yes", "no")
    return pd.DataFrame(X), pd.DataFrame({"target": target})


def judge(rng, kind, model, n_rows, n_repeats, loss):
    """Return the gain of one table, and whether either interval excludes zero."""
    X, y = make_table(rng, kind, n_rows, loss)
    is_number = KINDS[kind][1] is None
    model = MODELS[model][is_number]
    columns = np.arange(2 * N_COLUMNS)
    halves = {"second": columns[N_COLUMNS:], "first": columns[:N_COLUMNS]}
    models = {
        name: make_pipeline(make_column_transformer(("passthrough", half)), model)
        for name, half in halves.items()
    }
    seed = int(rng.integers(2**31))
    splitter = RepeatedKFold if is_number else RepeatedStratifiedKFold
    cv = splitter(n_splits=N_FOLDS, n_repeats=n_repeats, random_state=seed)
    found = compare(X, y, models, cv=cv, random_state=seed, verbose=0)
    of_folds = Comparison.from_scores(
        found.scores, reference=found.reference, overlap=1 / (N_FOLDS - 1)
    )
    gains = [result.gains.iloc[0] for result in (found, of_folds)]
    return [gains[0]["mean"], *(gain["low"] > 0 or gain["high"] < 0 for gain in gains)]


def measure(kind, model, n_rows, n_repeats, loss, n_tables):
    rng = np.random.default_rng(n_rows)
    judged = [judge(rng, kind, model, n_rows, n_repeats, loss) for _ in range(n_tables)]
    gains, by_rows, by_folds = np.transpose(judged)
    ratio = gains.mean() / gains.std(ddof=1)
    values = {
        "gain": gains.mean(),
        "found": by_rows.mean(),
        "found_by_folds": by_folds.mean(),
        "found_at_best": norm.sf(norm.ppf(0.975) - [ratio, -ratio]).sum(),
    }
    return {name: round(float(value), 4) for name, value in values.items()}


def main():
    parser_of(__doc__).parse_args()
    cases = [*product(MODELS, SIZES, [1]), ("tree", SIZES[0], 3)]
    runs = [(kind, *case, *tables) for tables, case, kind in product(TABLES, cases, KINDS)]
    key = ("kind", "model", "n_rows", "n_repeats", "loss", "n_tables")
    measure_all("verdicts", key, runs, measure)


if __name__ == "__main__":
    main()
