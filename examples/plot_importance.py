"""
Which columns matter
====================

A model of several tasks may rely on other columns for each of them.
Permutation importance shows which: a column is shuffled among the rows, and
the scores of all tasks are computed again. By how much they fall is how much
the tasks need the column.
"""

# %%
# Six tasks of NHEFS, learnt together. The rows of the test are not seen in
# training, so that what was merely learnt by heart does not count.
import matplotlib.pyplot as plt

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.datasets import load_nhefs
from sklearn_ple.inspection import ImportanceDisplay, multitask_importance
from sklearn_ple.metrics import multitask_scores
from sklearn_ple.model_selection import train_test_split

X, y = load_nhefs(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
task_types = dict.fromkeys(["sbp", "dbp", "cholesterol"], "regression")
model = PLEClassifierRegressor(
    task_types=task_types, n_members=2, random_state=0
)
model.fit(X_train, y_train)
print(
    {
        task: round(score, 2)
        for task, score in multitask_scores(model, X_test, y_test).items()
    }
)

# %%
# One pass over the columns serves all tasks. Without other ``metrics``, the
# numbers are drops of the area under the ROC curve for classes, and of R² for
# numbers. Age and the years of smoking predict death, and how active somebody
# is predicts how much they exercise.
importance = multitask_importance(
    model, X_test, y_test, n_repeats=3, random_state=0
)
ImportanceDisplay.from_importance(importance, max_features=15)
plt.show()

# %%
# The same numbers as a table, with the bounds of intervals. These cover what
# is due to the shuffling, not what other rows or another training would
# change.
death = importance.frame.query("task == 'death'")
death.sort_values("mean", ascending=False).head(5).round(3)

# %%
# Where columns say nearly the same, the model may do without either, and
# neither seems to matter. Groups are shuffled together: of the two columns on
# smoking, what are they worth to each task? In a group only the links between
# its columns and the others are cut, not those within it.
groups = {
    "smoking": ["smokeintensity", "smokeyrs"],
    "body": ["ht", "wt71"],
    "alcohol": ["alcoholpy", "alcoholfreq", "alcoholtype", "alcoholhowmuch"],
    "age": "age",
    "sex": "sex",
}
ImportanceDisplay.from_estimator(
    model,
    X_test,
    y_test,
    groups_of_columns=groups,
    n_repeats=10,
    random_state=0,
)
plt.show()
