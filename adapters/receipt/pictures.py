"""The pictures of an adaptation's report: small PNG files as data URIs."""

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.windows import UNLABELLED, Labels

Floats = npt.NDArray[np.float32]

SHOWN_POINTS = 700  # of each cloud
BINS = 10
COLOURS = {"home": "#c3ccd4", "before": "#1d3557", "after": "#d1495b", "labels": "#2a7f62"}
PALETTE_COLOURS = 64  # of a picture's file
WIDTH_INCHES = 9.0


@dataclass(frozen=True, eq=False)
class Seen:
    """What two models make of the same windows.

    Args:
        classes: in the order of the columns; empty for a regression.
        before_features: (count, features) of the pool under the base.
        before: (count, classes), chances the base gives on the pool.
        after_features: (count, features) of the pool under the other model.
        after: (count, classes).
        home_features: (count, features) of source windows under the base; None without a source.
        home: (count, classes) on them; None without a source.
        labels: (count,) of the pool, -1 where nobody said; None when nobody said anything.
    """

    classes: tuple[str, ...]
    before_features: Floats
    before: Floats
    after_features: Floats
    after: Floats
    home_features: Floats | None
    home: Floats | None
    labels: Labels | None

    @property
    def said(self) -> npt.NDArray[np.bool_]:
        """(count,), which windows carry a label."""
        if self.labels is None:
            return np.zeros(len(self.before), np.bool_)
        return np.asarray(self.labels != UNLABELLED)


def feature_space(seen: Seen, shown: str) -> str:
    """The pool on the plane in which home and pool vary most, before and after, coloured by the answer.

    Args:
        seen: what to draw.
        shown: name of the model after.
    """
    import matplotlib.pyplot as plt

    clouds = {"home": seen.home_features, "before": seen.before_features, "after": seen.after_features}
    thin = {name: found[_some(len(found))] for name, found in clouds.items() if found is not None}
    plane, centre = _plane(np.concatenate(list(thin.values())))
    points = {name: (found - centre) @ plane for name, found in thin.items()}
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH_INCHES, 4.3), layout="constrained", sharex=True, sharey=True)
    answers = {"before": seen.before, "after": seen.after}
    for axis, name, title in zip(axes, ("before", "after"), ("before: the base", f"after: {shown}"), strict=True):
        if "home" in points:
            axis.scatter(*points["home"].T, s=9, color=COLOURS["home"], linewidths=0, label="source, at home")
        chosen = answers[name][_some(len(answers[name]))].argmax(1) if seen.classes else None
        _scatter(axis, points[name], chosen, seen.classes)
        axis.set(title=title, xlabel="first principal direction", xticks=[], yticks=[])
    axes[0].set_ylabel("second")
    handles, labels = axes[0].get_legend_handles_labels()
    more = dict(zip(*axes[1].get_legend_handles_labels()[::-1], strict=True)) | dict(zip(labels, handles, strict=True))
    names = [name for name in ("source, at home", *seen.classes) if name in more]
    if names:
        figure.legend(
            [more[name] for name in names], names, loc="outside lower center", ncols=min(len(names), 7), markerscale=2
        )
    return _uri(figure)


def answers(seen: Seen) -> str:
    """How often each class is answered before and after, and which answers became which."""
    import matplotlib.pyplot as plt

    count = len(seen.classes)
    shares = {"before": _shares(seen.before.argmax(1), count), "after": _shares(seen.after.argmax(1), count)}
    if seen.labels is not None and seen.said.any():
        shares["labels"] = _shares(seen.labels[seen.said], count)
    height = 1.4 + 0.42 * count
    figure, (bars, moves) = plt.subplots(
        1, 2, figsize=(WIDTH_INCHES, height), layout="constrained", width_ratios=(1.25, 1)
    )
    thick = 0.8 / len(shares)
    for place, (name, found) in enumerate(shares.items()):
        where = np.arange(count) + (place - (len(shares) - 1) / 2) * thick
        bars.barh(where, 100 * found, thick * 0.92, color=COLOURS[name], label=name)
    bars.set_yticks(range(count), seen.classes)
    bars.set(xlabel="% of the windows", ylim=(count - 0.5, -0.5), title="share of each answer")
    bars.legend(frameon=False, fontsize=8)
    _moves(moves, seen)
    return _uri(figure)


def right_by_class(seen: Seen) -> str:
    """Share of right answers in each class that has labels, before and after."""
    import matplotlib.pyplot as plt

    assert seen.labels is not None
    said, count = seen.said, len(seen.classes)
    labels = seen.labels[said]
    figure, axis = plt.subplots(figsize=(6.0, 1.2 + 0.36 * count), layout="constrained")
    for place, (name, found) in enumerate((("before", seen.before), ("after", seen.after))):
        right = found[said].argmax(1) == labels
        shares = [100 * right[labels == index].mean() if (labels == index).any() else 0.0 for index in range(count)]
        axis.barh(np.arange(count) + (place - 0.5) * 0.4, shares, 0.37, color=COLOURS[name], label=name)
    counts = np.bincount(labels, minlength=count)
    axis.set_yticks(range(count), [f"{name} ({size:,})" for name, size in zip(seen.classes, counts, strict=True)])
    axis.set(
        xlabel="% answered right", xlim=(0, 100), ylim=(count - 0.5, -0.5), title="right answers by class (labels)"
    )
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return _uri(figure)


def confidence(seen: Seen) -> str:
    """How sure the models are; and with labels, whether they are right as often as they claim."""
    import matplotlib.pyplot as plt

    judged = int(seen.said.sum()) >= 2 * BINS
    figure, axes = plt.subplots(
        1, 1 + judged, figsize=(WIDTH_INCHES if judged else 6.0, 3.3), layout="constrained", squeeze=False
    )
    edges = np.linspace(1 / max(len(seen.classes), 2), 1, 21)
    for name, found, style in (
        ("home", seen.home, "stepfilled"),
        ("before", seen.before, "step"),
        ("after", seen.after, "step"),
    ):
        if found is not None:
            sure = found.max(1)
            axes[0, 0].hist(
                sure,
                edges,
                weights=np.full(len(sure), 100 / len(sure)),
                histtype=style,
                color=COLOURS[name],
                linewidth=1.8,
                label=f"{'source, at home' if name == 'home' else name}, mean {sure.mean():.2f}",
            )
    axes[0, 0].set(xlabel="chance of the answer given", ylabel="% of the windows", title="how sure")
    axes[0, 0].legend(frameon=False, fontsize=8, loc="upper left")
    if judged:
        _reliability(axes[0, 1], seen)
    return _uri(figure)


def _moves(axis: Any, seen: Seen) -> None:
    count = len(seen.classes)
    table = np.zeros((count, count))
    np.add.at(table, (seen.before.argmax(1), seen.after.argmax(1)), 1)
    rows = table.sum(1, keepdims=True)
    shares = np.divide(table, rows, out=np.zeros_like(table), where=rows > 0)
    axis.imshow(_shades(shares), aspect="auto")
    small = 9 if count <= 8 else 7 if count <= 12 else 5
    for row, column in np.argwhere(table > 0):
        colour = "white" if shares[row, column] > 0.65 else "#1d2733"
        axis.text(column, row, f"{int(table[row, column])}", ha="center", va="center", fontsize=small, color=colour)
    axis.set_xticks(range(count), seen.classes, rotation=45 if count > 3 else 0, ha="right" if count > 3 else "center")
    axis.set_yticks(range(count), seen.classes)
    axis.set(xlabel="answer after", ylabel="answer before", title="windows, by what their answer became")
    axis.tick_params(labelsize=8)


def _shades(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Red where answers changed, grey where they stayed; the larger the share of its row, the deeper."""
    import matplotlib

    colours = matplotlib.colormaps["Reds"](0.8 * shares)
    stayed = np.eye(len(shares), dtype=bool)
    colours[stayed] = matplotlib.colormaps["Greys"](0.7 * shares[stayed])
    return np.asarray(colours)


def _reliability(axis: Any, seen: Seen) -> None:
    """Share of right answers over claimed chance; a perfect model lies on the diagonal."""
    assert seen.labels is not None
    said = seen.said
    axis.plot([0, 1], [0, 1], color=COLOURS["home"], linewidth=1, linestyle="--")
    for name, found in (("before", seen.before), ("after", seen.after)):
        sure, right = found[said].max(1), found[said].argmax(1) == seen.labels[said]
        parts = np.array_split(np.argsort(sure), min(BINS, max(2, len(sure) // 10)))
        claimed, kept = (np.array([values[part].mean() for part in parts]) for values in (sure, right))
        error = float(np.average(np.abs(claimed - kept), weights=[len(part) for part in parts]))
        axis.plot(claimed, kept, "o-", color=COLOURS[name], markersize=4, label=f"{name}, mean error {error:.2f}")
    axis.set(xlabel="chance claimed", ylabel="share that is right", title=f"calibration on {said.sum():,} labels")
    axis.set(xlim=(0, 1.02), ylim=(-0.02, 1.02))
    axis.legend(frameon=False, fontsize=8)


def _scatter(axis: Any, points: npt.NDArray[Any], chosen: Any, classes: tuple[str, ...]) -> None:
    if chosen is None:
        axis.scatter(*points.T, s=9, color=COLOURS["after"], linewidths=0)
        return
    for index, name in enumerate(classes):
        here = points[chosen == index]
        if len(here):
            axis.scatter(*here.T, s=9, color=_colour(index, len(classes)), linewidths=0, alpha=0.85, label=name)


def _colour(index: int, count: int) -> Any:
    import matplotlib

    return matplotlib.colormaps["tab10" if count <= 10 else "tab20"](index % 20)


def _plane(points: Floats) -> tuple[Floats, Floats]:
    """The two directions in which ``points`` vary most (features, 2), and their centre (features,)."""
    centre = points.mean(0)
    _, _, directions = np.linalg.svd(points - centre, full_matrices=False)
    plane = np.zeros((points.shape[1], 2), np.float32)
    plane[:, : min(2, len(directions))] = directions[:2].T
    return plane, centre


def _some(count: int) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, SHOWN_POINTS)).astype(np.int64))


def _shares(answers: npt.NDArray[Any], count: int) -> npt.NDArray[np.float64]:
    return np.bincount(answers, minlength=count) / max(len(answers), 1)


def _uri(figure: Any) -> str:
    """The figure as a PNG of few colours: a report travels by mail."""
    import matplotlib.pyplot as plt
    from PIL import Image

    drawn, written = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(PALETTE_COLOURS).save(written, format="png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"
