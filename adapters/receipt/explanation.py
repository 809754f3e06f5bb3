"""Why these ways to adapt compete, in one sentence, where nobody named a method."""

from collections.abc import Mapping

import numpy as np

from adapters.choice import Plan
from slipway.windows import Answers, answered


def explain(
    statistics: Mapping[str, Plan],
    plans: Mapping[str, Plan],
    labels: Answers | None,
    class_count: int,
    byte_budget: int = 0,
) -> str:
    """What was tried beside doing nothing, and what about the data made it so.

    Args:
        statistics: what competes in any case.
        plans: what the recipe added for this data.
        labels: (count,), -1 where nobody said; or (count, outputs).
        class_count: classes of the task; 0 of a regression.
        byte_budget: of the change on the device; 0 means none.
    """
    count = 0 if labels is None else int(np.count_nonzero(answered(labels)))
    listed = [f"the {_listed(statistics)} of the device"] if statistics else []
    listed += [_listed(plans)] if plans else []
    limit = f", within {byte_budget:,} bytes after int8 export" if byte_budget else ""
    what = f"{', then '.join(listed)} compete with doing nothing{limit}"
    return f"No method was named, so {what}, {_why(count, class_count, bool(plans))}."


def _why(count: int, class_count: int, more: bool) -> str:
    if not count:
        next_ = ", affine numbers come next" if more else ""
        return f"because no window is labelled: statistics need no label and cannot collapse{next_}"
    each = f", about {count / class_count:.3g} a class" if class_count else ""
    said = f"because {count:,} windows are labelled{each}"
    return f"{said}: the fewer labels, the fewer numbers may move"


def _listed(plans: Mapping[str, Plan]) -> str:
    names = list(plans)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
