"""
Which columns matter
====================

A model of several tasks may rely on different columns for each of them.
Permutation importance shows which: the values of a column are shuffled among
the rows, and all tasks are scored again. The more the score of a task falls,
the more the model relies on the column for this task.
"""

# %%
# Six tasks of NHEFS, learnt together. The importances are measured on test
# rows, so that what the model has merely memorised does not count.
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
# A single pass over the columns measures the importances for all tasks. With
# the default ``metrics``, they are drops of the area under the ROC curve for
# classes, and of R² for numbers. Death is predicted from age and the years of
# smoking, and exercise from how active a person is otherwise.
importance = multitask_importance(
    model, X_test, y_test, n_repeats=3, random_state=0
)
importance.plot(max_features=15)
plt.show()

# %%
# The same importances as a table, with the bounds of their intervals. The
# intervals reflect only the randomness of shuffling, not what would change
# with other rows or another training.
death = importance.frame.query("task == 'death'")
death.sort_values("mean", ascending=False).head(5).round(3)

# %%
# If two columns contain nearly the same information, the model may need only
# one of them, and neither seems to matter. The columns of a group are shuffled
# together. So the group "smoking" shows how much both of its columns matter to
# each task. Shuffling a group breaks the relations between its columns and all
# others, but not those within the group.
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
