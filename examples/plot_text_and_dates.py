"""
Text and dates
==============

The estimators read numbers, categories and dates. In a pipeline before them,
`skrub <https://skrub-data.org>`_ turns text into numbers. Here the table
consists of orders from a shop, with a review of each.
"""

# %%
# The orders are made up. Some words of a review show whether the box is sent
# back, and orders late in the year take longer. If the customer has not
# answered yet, the label is missing.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from skrub import StringEncoder, TableVectorizer

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.metrics import multitask_scores
from sklearn_ple.model_selection import train_test_split

rng = np.random.RandomState(0)
n = 1500
returned = rng.rand(n) < 0.4
praise = ["great", "lovely", "superb", "as described"]
blame = ["broken", "too small", "awful", "not as shown"]
filler = [
    "the box",
    "came",
    "for my sister",
    "in blue",
    "with a bow",
    "again",
    "on",
    "today",
]
odd = rng.rand(n) < 0.1  # some praise what they return
said = [rng.choice(blame if angry else praise) for angry in returned ^ odd]
reviews = [
    " ".join(rng.permutation([*rng.choice(filler, 5), words]))
    for words in said
]
ordered = pd.Timestamp("2025-01-01") + pd.to_timedelta(
    rng.randint(0, 365, n), "D"
)
X = pd.DataFrame(
    {
        "review": reviews,
        "ordered": ordered,
        "shop": rng.choice(["north", "south", "online"], n),
        "price": rng.gamma(2, 20, n),
    }
)
days = (
    rng.gamma(4, 0.5, n) + 3 * (ordered.month >= 11) + (X["shop"] == "online")
)
y = pd.DataFrame({"returned": returned, "days": days})
y["returned"] = y["returned"].astype("boolean").mask(rng.rand(n) < 0.2)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
X_train.head(3)

# %%
# ``TableVectorizer`` finds out what each column contains. Columns of few
# different strings, such as the shop, and dates are passed on unchanged: the
# estimator embeds categories, and reads the year, month, day and weekday of
# a date. Text becomes thirty numbers, computed from parts of its words.
model = make_pipeline(
    TableVectorizer(
        low_cardinality="passthrough",
        high_cardinality=StringEncoder(n_components=30),
        datetime="passthrough",
    ),
    PLEClassifierRegressor(n_members=2, random_state=0),
)
model.fit(X_train, y_train)
scores = {"by skrub": multitask_scores(model, X_test, y_test)}
model[0].get_feature_names_out()[-5:]

# %%
# Without skrub, the reviews are left out, since nothing can be learnt from
# strings that are all different. The warning about this is suppressed here.
import warnings

plain = PLEClassifierRegressor(n_members=2, random_state=0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    plain.fit(X_train, y_train)
    scores["left out"] = multitask_scores(plain, X_test, y_test)

table = pd.DataFrame(scores).rename(
    {"returned": "returned (AUC)", "days": "days (R²)"}
)
axes = table.plot.barh(figsize=(7, 2.6), xlim=(0, 1), legend=False)
axes.invert_yaxis()
axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
plt.tight_layout()
plt.show()
