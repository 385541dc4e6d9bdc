"""The MMoE paper's synthetic regressions: what sharing gains if tasks are more or less related.

All networks are as published and have equal sizes. Either they have equal depths too, or PLE and
ML-MMoE are one layer deeper than the others, as in drawings with one layer per level. The papers
have 1.4 million rows for each correlation.
"""

from common import parser_of
from sklearn.metrics import mean_squared_error

from paper.systems import REFERENCE, run, systems
from sklearn_ple.datasets import make_multitask

CORRELATIONS = (0.2, 0.4, 0.5, 0.75, 1.0)
NAMES = (REFERENCE, "hard sharing", "MMoE", "ML-MMoE", "CGC", "PLE")
DEPTHS = {"equal depth": True, "a layer a level": False}
#: Those with two levels are the same networks at either depth.
DEEP = ("ML-MMoE", "PLE")
#: Chosen in a few trials on other such tasks: by default, a constant rate has too few steps.
TRAINING = {"batch_size": 512, "max_epochs": 30}
N_TEST = 50_000


def prepare(setting):
    correlation, depth, rows = setting.split(", ")
    n_rows = int(rows.removesuffix(" rows"))
    X, y = make_multitask(n_rows + N_TEST, correlation=float(correlation), random_state=0)
    X = X.astype("float32")
    train, test = slice(n_rows), slice(n_rows, None)
    own = {"equal_depth": DEPTHS[depth], "task_types": "regression"} | TRAINING
    names = [name for name in NAMES if DEPTHS[depth] or name not in DEEP]
    return (X[train], y[train], X[test], y[test]), systems(X[:1000], y[:1000], names, **own)


def evaluate(system, data):
    """Compute the negative squared errors, so that more is better for all scores."""
    *_, X, y = data
    errors = mean_squared_error(y, system.predict(X), multioutput="raw_values")
    return {"scores": {f"task {k}": -float(error) for k, error in enumerate(errors, start=1)}}


def main():
    parser = parser_of(__doc__, n_seeds=5, depths=DEPTHS)
    parser.add_argument("--rows", type=int, default=100_000, help="to train on")
    options = parser.parse_args()
    settings = [
        f"{correlation}, {depth}, {options.rows} rows"
        for depth in options.depths
        for correlation in CORRELATIONS
    ]
    run("paper_synthetic", settings, options.seeds, prepare, evaluate)


if __name__ == "__main__":
    main()
