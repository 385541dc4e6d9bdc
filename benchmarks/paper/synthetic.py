"""The MMoE paper's synthetic regressions: what sharing gains if tasks are more or less related.

All networks are as published, and have equal sizes and depths. The papers have 1.4 million rows of
512 features for each correlation.
"""

from sklearn.metrics import mean_squared_error

from sklearn_ple.datasets import make_multitask

from ..measuring import parser_of
from .systems import STOP, run, systems

N_TEST = 50_000


def prepare(setting):
    correlation, rows, features = setting.split(", ")
    n_rows, n_features = (int(part.partition(" ")[0]) for part in (rows, features))
    X, y = make_multitask(
        n_rows + N_TEST,
        n_features,
        correlation=float(correlation),
        as_frame=True,
        random_state=0,
    )
    train, test = slice(n_rows), slice(n_rows, None)
    # At a constant learning rate losses go up and down: with five epochs, some fits end too early.
    own = STOP | {"n_iter_no_change": 15, "task_types": "regression", "batch_size": 256}
    return (X[train], y[train], X[test], y[test]), systems(X[:1000], y[:1000], **own)


def evaluate(system, data):
    """Compute the negative squared errors, so that more is better for all scores."""
    *_, X, y = data
    errors = mean_squared_error(y, system.predict(X), multioutput="raw_values")
    return {"scores": {f"task {k}": -float(error) for k, error in enumerate(errors, start=1)}}


def main():
    parser = parser_of(__doc__, n_seeds=5)
    parser.add_argument("--correlations", type=float, nargs="+", default=[0.2])
    parser.add_argument("--rows", type=int, default=20_000, help="to train on")
    parser.add_argument("--features", type=int, default=32)
    options = parser.parse_args()
    size = f"{options.rows} rows, {options.features} features"
    settings = [f"{correlation}, {size}" for correlation in options.correlations]
    run("paper_synthetic", settings, options.seeds, prepare, evaluate)


if __name__ == "__main__":
    main()
