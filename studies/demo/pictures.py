"""The report's pictures, each as an SVG string with text left as text."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

INK, MUTED, ACCENT, BAD = "#1f2933", "#9aa5b1", "#0b69a3", "#ba2525"
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "slipway",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def confusion(before: np.ndarray, after: np.ndarray, classes: Sequence[str], titles: tuple[str, str]) -> str:
    """Two confusion matrices side by side, shaded by the share of the true class.

    Args:
        before: counts (classes, classes), true by answered.
        after: the same for the model that ships.
        titles: one above each.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(9.2, 4.0), sharey=True)
        for axis, counts, title in zip(axes, (before, after), titles, strict=True):
            _matrix(axis, counts, classes, title)
        axes[0].set_ylabel("the robot's command")
        return _svg(figure)


def _matrix(axis: Any, counts: np.ndarray, classes: Sequence[str], title: str) -> None:
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            color = "white" if share[row, column] > 0.5 else (BAD if row != column else INK)
            axis.text(column, row, str(count), ha="center", va="center", color=color)
    names = [name.replace("-", "\n") for name in classes]
    axis.set_xticks(range(len(names)), names, fontsize=8)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set_xlabel("the model's answer")
    axis.set_title(title, fontsize=10, loc="left")
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)


def learning_curve(epochs: Sequence[int], losses: Sequence[float], accuracies: Sequence[float]) -> str:
    """Training loss and held-out simulated accuracy by epoch, on two panels that share the epochs."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(2, 1, figsize=(5.4, 4.0), sharex=True)
        errors = 100 * (1 - np.asarray(accuracies))
        for axis, values, label in zip(axes, (losses, errors), ("training loss", "held-out error, %"), strict=True):
            axis.plot(epochs, values, color=ACCENT, linewidth=1.6)
            axis.set_ylim(0, max(values) * 1.1)
            axis.set_ylabel(label)
            axis.annotate(f"{values[-1]:.3g}", (epochs[-1], values[-1]), xytext=(6, 0), textcoords="offset points")
        axes[1].set_xlabel("epoch, on simulated windows")
        return _svg(figure)


def ladder(rows: Sequence[tuple[str, float]], shipped: str) -> str:
    """Accuracy on the device's test windows by what was given, the shipped rung in colour.

    Args:
        rows: (name, accuracy from 0 to 1), from top to bottom.
        shipped: the name that is drawn in colour.
    """
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(5.4, 0.42 * len(rows) + 0.8))
        names = [name for name, _ in rows][::-1]
        values = [100 * value for _, value in rows][::-1]
        axis.barh(names, values, color=[ACCENT if name == shipped else "#cbd2d9" for name in names], height=0.66)
        floor = max(0.0, min(values) - 4)
        for name, value in zip(names, values, strict=True):
            axis.text(value + (100 - floor) * 0.01, name, f"{value:.1f}", va="center")
        axis.set_xlim(floor, 101.5)
        axis.set_xlabel("accuracy on the device's test windows, %  (the axis does not begin at 0)")
        axis.tick_params(length=0)
        return _svg(figure)


def path(walls: np.ndarray, poses: np.ndarray, commands: np.ndarray, classes: Sequence[str], radius_m: float) -> str:
    """The robot's way through the room from above, coloured by the commands the int8 net gave.

    Args:
        walls: segments (count, 2, 2) in metres.
        poses: (steps, 3): x and y in metres, heading in radians.
        commands: (steps,) class indices.
        radius_m: the robot's radius, drawn once at the start.
    """
    colors = ["#0b69a3", "#f0b429", "#ba2525", "#3ebd93"]
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(5.4, 4.6))
        for wall in walls:
            axis.plot(wall[:, 0], wall[:, 1], color=INK, linewidth=2.2, solid_capstyle="round")
        for index, name in enumerate(classes):
            mine = commands == index
            axis.scatter(poses[mine, 0], poses[mine, 1], s=2.0, color=colors[index % len(colors)], label=name)
        axis.add_patch(plt.Circle(poses[0, :2], radius_m, fill=False, color=INK, linewidth=1.2))
        axis.set_aspect("equal")
        axis.set_xlabel("metres")
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 2}
        axis.legend(**place, frameon=False, fontsize=8, markerscale=4)
        return _svg(figure)
