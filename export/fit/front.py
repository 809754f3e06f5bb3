"""The front as a picture: accuracy against flash, instructions as colour, the device's limits as lines."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from export.fit.profile import Profile
from export.fit.table import Row, on_front

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot(rows: Sequence[Row], profile: Profile, *, base: tuple[int, float] | None = None) -> bytes:
    """A PNG of all that were tried.

    A point stands for a net, its colour for the milliseconds of an inference; a ring marks what was quantized, a star
    what was chosen. The line joins the nets that no smaller net equals; nets that are on the front by their
    instructions alone lie below it.

    Args:
        rows: of a search.
        profile: of its device.
        base: flash bytes and accuracy of the unrestricted net, to be drawn beside them.
    """
    import matplotlib  # here: whoever draws nothing needs no plotting

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    tried = [(one, front) for one, front in zip(rows, on_front(rows), strict=True) if one.accuracy is not None]
    milliseconds = [1000 * one.cost.instructions / profile.instructions_per_s for one, _ in tried]
    x = [one.cost.flash_bytes / 1000 for one, _ in tried]
    y = [_judged(one) for one, _ in tried]
    edges = ["black" if one.int8_accuracy is not None else "none" for one, _ in tried]
    points = axes.scatter(x, y, c=milliseconds, s=60, cmap="viridis", edgecolors=edges, linewidths=1.5, zorder=3)
    figure.colorbar(points, label="ms an inference")
    _front_line(axes, [one for one, front in tried if front])
    _limits(axes, profile, x, base)
    for one, _ in tried:
        if one.fate == "chosen":
            place = (one.cost.flash_bytes / 1000, _judged(one))
            axes.plot(*place, "*", color="crimson", markersize=16, zorder=4, label=f"chosen: {one.name}")
    axes.set(xlabel="flash, kB", ylabel="accuracy on the windows held out", title=str(profile))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    pyplot.close(figure)
    return picture.getvalue()


def _front_line(axes: "Axes", front: Sequence[Row]) -> None:
    """The most accurate net of at most so many bytes, as a staircase."""
    xs: list[float] = []
    ys: list[float] = []
    for one in sorted(front, key=lambda one: (one.cost.flash_bytes, -_judged(one))):
        if not ys or _judged(one) > ys[-1]:
            xs.append(one.cost.flash_bytes / 1000)
            ys.append(_judged(one))
    axes.step(xs, ys, where="post", color="grey", zorder=2, label="front")


def _limits(axes: "Axes", profile: Profile, x: Sequence[float], base: tuple[int, float] | None) -> None:
    limit = profile.flash_bytes / 1000
    farthest = max([*x, *([base[0] / 1000] if base else [])])
    if limit <= 2 * farthest:
        axes.axvline(limit, color="crimson", linestyle="--", label=f"limit: {limit:g} kB")
    if base is not None:
        axes.plot(base[0] / 1000, base[1], "s", color="black", label="base, int8")


def _judged(one: Row) -> float:
    found = one.accuracy if one.int8_accuracy is None else one.int8_accuracy
    assert found is not None, "only nets that were tried are drawn"
    return found
