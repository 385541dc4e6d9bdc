"""
In a pipeline, tuned by grid search
===================================

The estimator is one step of a :class:`~sklearn.pipeline.Pipeline`, and
:class:`~sklearn.model_selection.GridSearchCV` searches its parameters. The
labels are of different kinds, and some are missing.
"""

# %%
# The data
# --------
# Three tasks of NHEFS: a class, and two numbers with missing labels.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.model_selection import GridSearchCV, KFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.datasets import load_nhefs

X, y = load_nhefs(tasks=["death", "wt82_71", "sbp"], return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
y_train.isna().sum()

# %%
# The pipeline
# ------------
# The estimator needs no preparation of X, but a step before it can use what is
# known about the data. Here a step transforms skewed numbers to a normal
# distribution. The other columns, including categories, pass unchanged: with
# pandas output they keep their dtypes, by which the estimator recognises them.
to_normal = QuantileTransformer(output_distribution="normal", n_quantiles=200)
prepare = make_column_transformer(
    (to_normal, make_column_selector(dtype_include="number")),
    remainder="passthrough",
    verbose_feature_names_out=False,
).set_output(transform="pandas")

pipeline = make_pipeline(
    prepare,
    PLEClassifierRegressor(
        task_types={"sbp": "regression"},
        n_members=2,
        max_epochs=20,
        random_state=0,
    ),
)

# %%
# The search
# ----------
# The name of a parameter starts with the name of its step. Two members and 20
# epochs, fewer than by default, make the 25 fits fast; the learning rate rises
# and falls within these epochs. ``refit`` fits the best network to all
# training rows. The score is the mean over the tasks of accuracy or R².
grid = {
    "pleclassifierregressor__n_levels": [1, 2],
    "pleclassifierregressor__n_shared_experts": [0, 1],
    "pleclassifierregressor__numeric_embedding": [
        None,
        "piecewise_linear+bins",
    ],
}
search = GridSearchCV(
    pipeline, grid, cv=KFold(3, shuffle=True, random_state=0)
)
search.fit(X_train, y_train)
search.best_params_

# %%
# The results
# -----------
# A large dot is the mean over the folds; the small dots are the folds.
results = pd.DataFrame(search.cv_results_).sort_values(
    "mean_test_score", ignore_index=True
)
names = [
    f"{levels} level{'s'[: levels - 1]}, {shared} shared, "
    f"{embedding or 'no embedding'}"
    for levels, shared, embedding in map(dict.values, results["params"])
]
folds = results[[f"split{fold}_test_score" for fold in range(3)]]

figure, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
places = np.arange(len(results))
ax.plot(folds, places, "o", color="tab:gray", alpha=0.4, markersize=4)
ax.plot(
    results["mean_test_score"], places, "o", color="tab:blue", markersize=8
)
ax.set_yticks(places, names)
ax.set_xlabel("mean over the tasks of accuracy or R², in cross-validation")
ax.grid(alpha=0.3)
plt.show()

# %%
# Embeddings of the numbers help here with every network. Levels and shared
# experts matter less than the choice of the fold: on such a small table, the
# best candidate of the grid is partly best by chance. A smaller network whose
# score is within the range of the folds would be as good a choice.
#
# The score on the test rows, which were not used in the search:
round(search.score(X_test, y_test), 3)

# %%
# Predictions of the whole pipeline are a data frame like y.
search.predict(X_test).head()
