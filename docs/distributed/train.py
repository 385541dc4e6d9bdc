"""Train one model, by as many processes as a launcher starts."""

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.datasets import load_nhefs
from sklearn_ple.distributed import data_parallel
from sklearn_ple.export import save


def main(**parameters):
    X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    with data_parallel() as state:
        model = PLEClassifierRegressor(random_state=0, **parameters).fit(X, y)
        if state.is_main_process:
            save(model, "model.safetensors")
    return model


if __name__ == "__main__":
    main()
