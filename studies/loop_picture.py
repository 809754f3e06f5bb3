"""The picture of the closed loop: which share of a fleet's answers was right, and what happened when."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

BIN_S = 5.0


def draw(run: Mapping[str, Any], file: Path) -> None:
    """Draw one run.

    Args:
        run: as ``studies.loop`` found it.
        file: PNG to write.
    """
    import matplotlib.pyplot as plt

    figure, (right, versions) = plt.subplots(
        2, 1, figsize=(11, 6), sharex=True, height_ratios=(4, 1.3), layout="constrained"
    )
    answers = np.array([(at, int(version), ok) for each in run["answers"] for at, version, ok in each])
    edges = np.arange(0.0, answers[:, 0].max() + BIN_S, BIN_S)
    place = np.digitize(answers[:, 0], edges) - 1
    share = [answers[place == n, 2].mean() if (place == n).any() else np.nan for n in range(len(edges))]
    right.plot(edges + BIN_S / 2, 100 * np.array(share), color="#1f5fa8", linewidth=1.8)
    right.set(ylabel="right answers of the fleet, %", ylim=(0, 100))
    marks = [(run["moved"], "the devices move\nfrom wrists into pockets"), *_marks(run)]
    for axis in (right, versions):
        for at, _ in marks:
            axis.axvline(at, color="#999999", linewidth=0.8, linestyle=":")
    for n, (at, words) in enumerate(marks):
        right.annotate(words, (at, 98 - 13 * (n % 4)), fontsize=8, va="top", xytext=(3, 0), textcoords="offset points")
    for n, each in enumerate(run["answers"]):
        at, number = np.array([row[0] for row in each]), np.array([int(row[1]) for row in each])
        for version, color in ((1, "#b9b9b9"), (2, "#1f5fa8"), (3, "#c0561f")):
            if (number == version).any():
                label = f"version {version}" if n == 0 else None
                versions.scatter(at[number == version], np.full((number == version).sum(), n), 5, color, label=label)
    versions.set(
        xlabel="seconds", yticks=range(len(run["answers"])), ylabel="device", ylim=(-0.6, len(run["answers"]) - 0.4)
    )
    versions.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, markerscale=3, frameon=False)
    figure.savefig(file, dpi=90)
    plt.close(figure)


def _marks(run: Mapping[str, Any]) -> list[tuple[float, str]]:
    words = {
        "drift": "drift: an adaptation begins",
        "promoted": "the gate promotes it",
        "candidate points": "exported",
        "brings": "a rollout begins",
        "completed": "every stage was passed",
    }
    found = []
    for at, text in sorted(run["events"]):
        told = next((short for word, short in words.items() if word in text), None)
        if told and at > run["moved"]:
            found.append((at, told))
    return found
