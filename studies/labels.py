"""A few labels out of many: what a device's owner would give."""

import numpy as np

from slipway.windows import UNLABELLED, Labels


def few_labels(labels: Labels, per_class: int, seed: int) -> Labels:
    """``labels`` with ``per_class`` of each class kept, drawn by ``seed``, and all others ``UNLABELLED``."""
    draw = np.random.default_rng(seed)
    kept = np.full_like(labels, UNLABELLED)
    for index in np.unique(labels[labels != UNLABELLED]):
        members = np.flatnonzero(labels == index)
        kept[draw.choice(members, min(per_class, members.size), replace=False)] = index
    return kept
