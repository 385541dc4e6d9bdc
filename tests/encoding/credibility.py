"""Target statistics by a loop over categories."""

import numpy as np


def credible(codes, labels, weights, n_codes):
    """Bühlmann and Straub's estimate of each code's difference, category by category."""
    there = weights > 0
    codes, labels, weights = codes[there], labels[there], weights[there]
    groups = {c: (labels[codes == c], weights[codes == c]) for c in np.unique(codes)}
    result = np.zeros(n_codes)
    if len(groups) < 2 or len(labels) <= len(groups):
        return result
    mean, total = np.average(labels, weights=weights), weights.sum()
    means = {c: np.average(y, weights=w) for c, (y, w) in groups.items()}
    within = sum((w * (y - means[c]) ** 2).sum() for c, (y, w) in groups.items())
    within /= len(labels) - len(groups)
    spread = sum(w.sum() * (means[c] - mean) ** 2 for c, (_, w) in groups.items())
    between = spread - (len(groups) - 1) * within
    between /= total - sum(w.sum() ** 2 for _, w in groups.values()) / total
    if between <= 0:
        return result
    credibility = max(within / between, weights.mean())
    for c, (_, w) in groups.items():
        result[c] = w.sum() / (w.sum() + credibility) * (means[c] - mean)
    return result / np.sqrt(np.average(result[codes] ** 2, weights=weights))
