"""Users who click, buy and rate items.

Users and items are drawn by the Zipf-Mandelbrot law, that is, Zipf's law with a flatter head. Each
user and each item has its own effect on each task, and tastes; the product of the tastes shows how
well a user and an item match. A part of the effects and tastes is common to all tasks. They are
explained in part by the other features: the item's kind and price, the user's age and region, and
the hour. Clicks are rare, a purchase requires a click, and most impressions have no rating.
"""

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit

N_USERS, N_ITEMS, N_KINDS, N_REGIONS, N_TASTES = 4_000, 1_500, 60, 12, 4
CLICKS, PURCHASES, RATED = 0.06, 0.25, 0.3
# How much of an effect or taste the tasks have in common.
CORRELATION = 0.6
KINDS = {"click": "binary", "purchase": "binary", "rating": "regression"}


def zipf(random, n_ids, size):
    """Draw ids, the first ones most often."""
    shares = 1 / (np.arange(n_ids) + 20)
    return random.choice(n_ids, size, p=shares / shares.sum())


def related(random, *shape):
    """Draw one array for each task, of variance one, that have a part in common."""
    common, own = random.normal(size=shape), random.normal(size=(len(KINDS), *shape))
    return np.sqrt(CORRELATION) * common + np.sqrt(1 - CORRELATION) * own


def bias(logits, share, weights=1.0):
    """Find the number to add to logits so that the weighted mean probability is a share."""
    weights = np.broadcast_to(weights, logits.shape)
    return brentq(lambda b: np.average(expit(logits + b), weights=weights) - share, -30, 30)


def draw(n_rows, seed=0):
    """Draw impressions.

    Returns
    -------
    X : DataFrame of shape (n_rows, 8)
        Ids are strings.
    y : DataFrame of shape (n_rows, 3)
        "click", "purchase", and "rating", which is missing for most.
    """
    random = np.random.RandomState(seed)
    user, item = zipf(random, N_USERS, n_rows), zipf(random, N_ITEMS, n_rows)
    kind_of = random.randint(N_KINDS, size=N_ITEMS)
    region_of = random.randint(N_REGIONS, size=N_USERS)
    price_of, age_of = random.normal(size=N_ITEMS), random.normal(size=N_USERS)
    # By tasks: an item's own effect, and those of its kind and price.
    of_items = 0.8 * related(random, N_ITEMS) + 0.6 * related(random, N_KINDS)[:, kind_of]
    of_items -= 0.4 * np.tanh(price_of)
    of_users = 0.8 * related(random, N_USERS) + 0.2 * related(random, N_REGIONS)[:, region_of]
    of_users += 0.3 * np.sin(2 * age_of)
    tastes, looks = random.normal(size=(N_USERS, N_TASTES)), related(random, N_ITEMS, N_TASTES)
    # Items of a kind look alike.
    looks = np.sqrt(0.5) * (looks + related(random, N_KINDS, N_TASTES)[:, kind_of])
    hour, age_of_page = random.uniform(0, 24, n_rows), random.exponential(size=n_rows)
    of_hour = 0.3 * np.cos(2 * np.pi * (hour - 20) / 24) - 0.3 * np.minimum(age_of_page, 3)
    match = np.einsum("nt,knt->kn", tastes[user], looks[:, item]) / np.sqrt(N_TASTES)
    logits = of_users[:, user] + of_items[:, item] + 0.7 * match + of_hour
    click = expit(logits[0] + bias(logits[0], CLICKS))
    bought = expit(logits[1] + bias(logits[1], PURCHASES, click))
    expected = 3 + 0.5 * logits[2]
    clicked = random.uniform(size=n_rows) < click
    rating = expected + 0.7 * random.normal(size=n_rows)
    y = {
        "click": clicked.astype(float),
        "purchase": (clicked & (random.uniform(size=n_rows) < bought)).astype(float),
        "rating": np.where(random.uniform(size=n_rows) < RATED, rating, np.nan),
    }
    X = {
        "user": [f"u{i}" for i in random.permutation(N_USERS)[user]],
        "item": [f"i{i}" for i in random.permutation(N_ITEMS)[item]],
        "kind": [f"k{i}" for i in kind_of[item]],
        "region": [f"r{i}" for i in region_of[user]],
        "price": price_of[item],
        "age": age_of[user],
        "hour": hour,
        "page age": age_of_page,
    }
    return pd.DataFrame(X), pd.DataFrame(y)
