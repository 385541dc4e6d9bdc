"""Texts beside points, each where it covers the least of points, lines and other texts."""

from itertools import pairwise

import numpy as np

#: Where a text may stand: its distance from a point, and the direction.
PLACES = [
    (distance, np.cos(angle), np.sin(angle))
    for distance in (6, 9, 13, 18)
    for angle in np.radians([0, 180, 90, 270, 35, 145, 215, 325, 65, 115, 245, 295])
]
N_STARTS = 50


class Labels:
    """The texts of some axes; `size` is that of their points, in points of typography."""

    def __init__(self, ax, size=6.5):
        self.ax, self.texts, self.lines = ax, [], []
        self.places = [(size / 6.5 * distance, cos, sin) for distance, cos, sin in PLACES]

    def add(self, x, y, text, **style):
        offset = {"xytext": (0, 0), "textcoords": "offset points", "annotation_clip": False}
        self.texts.append(self.ax.annotate(text, (x, y), **offset, **style))
        self.texts[-1].set_in_layout(False)

    def keep_free(self, x, y, size):
        """Keep texts off a line through points of a size."""
        self.lines.append((x, y, size))

    def place(self):
        """Move the texts; nothing else may move any more."""
        point = self.ax.figure.dpi / 72
        boxes = [self.boxes(text, point) for text in self.texts]
        frame = np.array(self.ax.get_window_extent().padded(-2 * point).extents)
        fixed = np.concatenate([around(self.ax, *line, point) for line in self.lines])
        alone = [
            [2 * distance for distance, _, _ in self.places]
            + 4 * overlaps(box, fixed).sum(axis=1)
            + 3 * (areas(box) - overlaps(box, frame[None])[:, 0])
            for box in boxes
        ]
        # Texts side by side, without a gap, would read as one.
        wide = [box + 2 * point * np.array([-1, 0, 1, 0]) for box in boxes]
        among = {(i, j): overlaps(a, b) for i, a in enumerate(wide) for j, b in enumerate(wide)}
        random = np.random.default_rng(0)
        best, least = None, np.inf
        for _ in range(N_STARTS):
            chosen = random.integers(len(self.places), size=len(boxes))
            for i in 4 * [*random.permutation(len(boxes))]:
                others = 4 * sum(among[i, j][:, k] for j, k in enumerate(chosen) if j != i)
                chosen[i] = np.argmin(alone[i] + others)
            total = sum(alone[i][k] for i, k in enumerate(chosen)) + 4 * sum(
                among[i, j][chosen[i], chosen[j]] for i, j in among if i < j
            )
            if total < least:
                best, least = chosen, total
        for text, k in zip(self.texts, best, strict=True):
            move(text, *self.places[k])

    def boxes(self, text, point):
        """Return what a text covers at every place."""
        boxes = []
        for place in self.places:
            move(text, *place)
            boxes.append(text.get_window_extent().padded(point).extents)
        return np.array(boxes)


def around(ax, x, y, size, point):
    """Return boxes around points and, less wide, the line through them."""
    ends = ax.transData.transform(np.column_stack([x, y]))
    centres, radii = [ends], [np.full(len(ends), size / 2 * point)]
    for a, b in pairwise(ends):
        n_steps = int(np.linalg.norm(b - a) / (2 * point)) + 2
        centres.append(np.linspace(a, b, n_steps))
        radii.append(np.full(n_steps, 1.5 * point))
    centres, radii = np.concatenate(centres), np.concatenate(radii)[:, None]
    return np.concatenate([centres - radii, centres + radii], axis=1)


def areas(boxes):
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def overlaps(a, b):
    """Return the area that every box of a has in common with every one of b."""
    low = np.maximum(a[:, None, :2], b[:, :2])
    high = np.minimum(a[:, None, 2:], b[:, 2:])
    return np.clip(high - low, 0, None).prod(axis=2)


def move(text, distance, cos, sin):
    """Put a text at a distance from its point, in a direction."""
    text.set_position((distance * cos, distance * sin))
    text.set_horizontalalignment("center" if abs(cos) < 0.2 else "left" if cos > 0 else "right")
    text.set_verticalalignment("center" if abs(sin) < 0.7 else "bottom" if sin > 0 else "top")
