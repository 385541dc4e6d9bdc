"""Files in the format of Ali-CCP, of which the probabilities of clicks and purchases are known.

Users and items have ids, groups and hidden tastes. Which user sees which item is drawn by the
Zipf-Mandelbrot law (Zipf's with a flatter head), independently of tastes. The logits of a click,
and of a purchase after it, are sums: of effects of ids and groups, and of how well tastes match.
Both logits have parts in common. A user's history is a list of ids, of any length, that depends on
the user's tastes. Each impression has the weights of those entries that match its item.
"""

import numpy as np
from scipy.special import expit
from tqdm import tqdm

from ..ratings import bias

N_USERS, N_ITEMS, N_SCENARIOS = 20_000, 10_000, 3
# Fields by the number of their ids: groups of users, and of items.
PROFILE = {"121": 98, "122": 14, "124": 3, "125": 8, "126": 4, "127": 4, "128": 3, "129": 5}
KINDS = {"206": 200, "207": 1_000, "210": 300, "216": 500}
# The item field that a history field counts, and the history field that a match field looks up.
HISTORY = {"109_14": "206", "110_14": "207", "127_14": "216", "150_14": "210"}
MATCHES = {"508": "109_14", "509": "110_14", "702": "127_14", "853": "150_14"}
# Standard deviations of the effects of fields on the logits; other fields have no effect.
EFFECTS = {"101": 0.15, "121": 0.4, "125": 0.3, "205": 0.15, "206": 0.5, "207": 0.3, "216": 0.3}
TASTE = 0.5
N_TASTES, N_CANDIDATES, N_REMEMBERED = 8, 40, 10
# Of eight tastes, clicks depend on the first six, and purchases on the last six.
RELEVANT = np.array([[1, 1, 1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1, 1, 1]]) / np.sqrt(6)
CORRELATION = 0.5
# The original has 4 % and .5 %, but learning from so few purchases takes its 42 million rows.
CLICKS, PURCHASES = 0.04, 0.1
BLOCK = 50_000


class Shop:
    """Users and items, once drawn; impressions are drawn from it."""

    def __init__(self, seed=0):
        self.rng = rng = np.random.default_rng(seed)
        self.user = {"101": np.arange(N_USERS)}
        self.user |= {field: draw(rng, n, N_USERS) for field, n in PROFILE.items()}
        self.item = {"205": np.arange(N_ITEMS)}
        self.item |= {field: draw(rng, n, N_ITEMS) for field, n in KINDS.items()}
        # Items serve up to three intentions; the first one is that of matches.
        self.intentions = [self.item["210"], *draw(rng, KINDS["210"], (2, N_ITEMS))]
        self.n_intentions = rng.integers(1, 4, N_ITEMS)
        sizes = {"101": N_USERS, "205": N_ITEMS} | PROFILE | KINDS
        self.effects = {f: effects(rng, sizes[f], size) for f, size in EFFECTS.items()}
        self.tastes = tastes(rng, self.user["121"], N_USERS)
        self.looks = tastes(rng, self.item["206"], N_ITEMS)
        self.counts = self.remember()
        logits = self.logits(*self.show(4 * BLOCK))
        self.bias = [bias(logits[0], CLICKS)]
        self.bias += [bias(logits[1], PURCHASES, expit(logits[0] + self.bias[0]))]

    def remember(self):
        """Count, for every field of histories, how often each user dealt with each id."""
        candidates = draw(self.rng, N_ITEMS, (N_USERS, N_CANDIDATES))
        liking = np.einsum("ut,uct->uc", self.tastes, self.looks[candidates])
        liking += self.rng.gumbel(size=liking.shape)
        best = np.argsort(-liking, axis=1)[:, :N_REMEMBERED]
        items = np.take_along_axis(candidates, best, axis=1)
        counts = {}
        for field, kind in HISTORY.items():
            counts[field] = np.zeros((N_USERS, KINDS[kind]), dtype=np.int8)
            np.add.at(counts[field], (np.arange(N_USERS)[:, None], self.item[kind][items]), 1)
        return counts

    def show(self, n):
        """Draw the user and the item of each impression."""
        return draw(self.rng, N_USERS, n), draw(self.rng, N_ITEMS, n)

    def logits(self, users, items):
        """Compute the logits, but for the bias, of a click, and of a purchase after it."""
        match = self.tastes[users] * self.looks[items]
        sums = TASTE * RELEVANT @ match.T
        for field, effect in self.effects.items():
            own = self.user[field][users] if field in self.user else self.item[field][items]
            sums += effect[:, own]
        return sums

    def probabilities(self, users, items):
        return expit(self.logits(users, items) + np.reshape(self.bias, (2, 1)))


def draw(rng, n, shape):
    """Draw ids by Zipf's law, the head made flatter."""
    frequencies = 1 / (np.arange(n) + 1 + n / 100)
    return rng.choice(n, shape, p=frequencies / frequencies.sum())


def effects(rng, n, deviation):
    """Draw the effects of ids on both tasks, correlated."""
    click, other = rng.normal(scale=deviation, size=(2, n))
    return np.stack([click, CORRELATION * click + np.sqrt(1 - CORRELATION**2) * other])


def tastes(rng, groups, n):
    """Draw tastes, mostly those of a group."""
    of_group = rng.normal(size=(groups.max() + 1, N_TASTES))
    return 0.8 * of_group[groups] + 0.6 * rng.normal(size=(n, N_TASTES))


def entry(field, own, weight=1.0):
    return f"{field}\x02{own}\x03{weight:.6g}"


def column(field, ids, weights=None):
    """Write an entry for each row; an empty one where the weight is zero."""
    weights = np.ones(len(ids)) if weights is None else weights
    return [entry(field, *pair) if pair[1] else "" for pair in zip(ids, weights, strict=True)]


def lines(heads, rows):
    """Join the entries of each row behind what goes before them."""
    for head, row in zip(heads, rows, strict=True):
        own = [entry for entry in row if entry]
        yield f"{head},{len(own)},{chr(1).join(own)}\n"


def write(folder, n_impressions, seed=0):
    """Write both halves, each with the true probabilities beside it, into `folder`."""
    shop = Shop(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "test"):
        (folder / f"common_features_{part}.csv").write_text("".join(common(shop)), newline="")
        blocks = np.diff([*range(0, n_impressions // 2, BLOCK), n_impressions // 2])
        truth = []
        with (folder / f"sample_skeleton_{part}.csv").open("w", newline="") as file:
            for number, n in enumerate(tqdm(blocks, desc=part)):
                users, items = shop.show(n)
                truth.append(shop.probabilities(users, items))
                file.writelines(impressions(shop, users, items, truth[-1], number * BLOCK + 1))
        np.save(folder / f"truth_{part}.npy", np.concatenate(truth, axis=1))


def common(shop):
    """Write the users: their groups and histories."""
    columns = [column(field, ids) for field, ids in shop.user.items()]
    rows = [list(row) for row in zip(*columns, strict=True)]
    for field, counts in shop.counts.items():
        for user, own in zip(*np.nonzero(counts), strict=True):
            rows[user].append(entry(field, own, np.log1p(float(counts[user, own]))))
    return lines(map(key, shop.user["101"]), rows)


def impressions(shop, users, items, probabilities, first):
    """Write impressions with labels drawn from their probabilities."""
    click, after = shop.rng.uniform(size=probabilities.shape) < probabilities
    rows = zip(range(first, first + len(users)), click, click & after, users, strict=True)
    columns = [column(field, ids[items]) for field, ids in shop.item.items() if field != "210"]
    for number, ids in enumerate(shop.intentions):
        columns.append(column("210", ids[items], shop.n_intentions[items] > number))
    columns.append(column("301", shop.rng.integers(N_SCENARIOS, size=len(items))))
    for field, history in MATCHES.items():
        ids = shop.item[HISTORY[history]][items]
        counts = shop.counts[history][users, ids]
        columns.append(column(field, ids, np.log1p(counts.astype(float))))
    heads = (f"{number},{c:d},{p:d},{key(user)}" for number, c, p, user in rows)
    return lines(heads, zip(*columns, strict=True))


def key(user):
    return f"{user:016x}"
