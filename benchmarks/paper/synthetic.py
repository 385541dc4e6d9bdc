"""The MMoE paper's synthetic regressions: sharing by how closely two tasks are related.

Like the papers' networks these read the features alone: no embeddings of numbers, no dropout, one
member. The papers have 1.4 million rows a setting, here it is fewer.
"""

from common import parser_of
from sklearn.metrics import mean_squared_error

from paper.runs import run
from paper.systems import REFERENCE, systems
from sklearn_ple.datasets import make_multitask

CORRELATIONS = (0.2, 0.4, 0.5, 0.75, 1.0)
NAMES = (REFERENCE, "hard sharing", "MMoE", "ML-MMoE", "CGC", "PLE")
N_TEST = 50_000
PLAIN = {
    "n_members": 1,
    "numeric_embedding": None,
    "dropout": 0.0,
    "feature_dropout": 0.0,
    "task_types": "regression",
}


def main():
    parser = parser_of(__doc__, n_seeds=3)
    parser.add_argument("--rows", type=int, default=100_000, help="to train on")
    options = parser.parse_args()

    def prepare(correlation):
        n_rows = options.rows + N_TEST
        X, y = make_multitask(n_rows, correlation=correlation, random_state=0)
        X = X.astype("float32")
        train, test = slice(options.rows), slice(options.rows, None)
        sized = systems(X[:1000], y[:1000], NAMES, **PLAIN)
        return (X[train], y[train], X[test], y[test]), sized

    run("paper_synthetic", CORRELATIONS, options.seeds, prepare, evaluate)


def evaluate(system, data):
    """Compute the negative squared errors, so that more is better for all scores."""
    *_, X, y = data
    errors = mean_squared_error(y, system.predict(X), multioutput="raw_values")
    return {"scores": {f"task {k}": -float(error) for k, error in enumerate(errors)}}


if __name__ == "__main__":
    main()
