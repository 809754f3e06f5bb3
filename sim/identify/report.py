"""An identification in plain words and pictures: HTML that needs nothing beside it, or a table for a terminal."""

import base64
import io
from html import escape
from typing import Any

import jax
import numpy as np
import numpy.typing as npt

from sim.generate import windows
from sim.identify.fit import Fit, Marginal
from sim.identify.summaries import LEAST_SPECTRUM
from sim.world import World
from slipway.windows import Values

SHOWN_WINDOWS = 4096  # recorded and simulated, of the pictures
SHOWN_CHANNELS = 24
OPEN = 0.85  # shrinkage from which on nothing was learned
NOTABLE = 0.3  # correlations from here on are told
COLUMNS = 4
LEVELS = np.linspace(0.005, 0.995, 200)
COLOURS = {"before": "#b8c4ce", "after": "#d1495b", "recorded": "#1d3557"}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2733; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } th, td { padding: .2rem .6rem; text-align: right }
th:first-child, td:first-child, td:last-child, th:last-child { text-align: left }
tr { border-bottom: 1px solid #e4e8ec } td.open { color: #8a949e } img { max-width: 100% }
.good { color: #2a7f62 } .bad { color: #d1495b }
"""


def table(fit: Fit) -> str:
    """Every parameter before and after, and the verdict, for a terminal."""
    wide = max(len(marginal.name) for marginal in fit.marginals)
    head = f"{'parameter':<{wide}}  {'before (90 %)':>24}  {'after (90 %)':>24}  {'median':>10}"
    rows = [
        f"{m.name:<{wide}}  {_range(m.prior_low, m.prior_high):>24}  {_range(m.low, m.high):>24}  {m.median:>10.4g}  "
        f"{m.unit}, {_told(m)}"
        for m in fit.marginals
    ]
    return "\n".join([head, *rows, "", *_verdict(fit)])


def report(fit: Fit, world: World, values: Values, *, seed: int = 0) -> str:
    """A page that says what was found, what was not, and whether the simulator can make the recording at all.

    Args:
        fit: what to tell.
        world: that was fitted.
        values: the recording (count, time, channels).
        seed: of the simulated windows that the pictures compare with.

    Returns:
        HTML with its pictures inside.
    """
    parts = [
        f"<h1>{escape(world.name)}: what the recording says about the simulator</h1>",
        f"<p>{_summary(fit, len(values))}</p>",
        "<h2>Is the recording within reach?</h2>",
        *(f"<p>{escape(line)}</p>" for line in _verdict(fit)),
        _image(_channels_picture(fit), "p-value of each channel"),
        "<h2>Parameters</h2>",
        f"<p>Median and central 90 % before and after. <em>Determined</em>: the interval shrank to less than half. "
        f"{_together(fit)}</p>",
        _parameters(fit),
        _image(_intervals_picture(fit), "90 % intervals before and after"),
        "<h2>Recorded and simulated</h2>",
        "<p>How the readings of each channel are distributed: recorded, simulated before and after the fit. Where the "
        "red line leaves the dark one, the simulator lacks something that no parameter can give.</p>",
        _image(_signals_picture(fit, world, values, seed), "distribution of readings by channel"),
    ]
    title = f"<title>{escape(world.name)} identified</title>"
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><meta charset="utf-8">{title}<style>{STYLE}</style>\n{body}\n</html>\n'


def _summary(fit: Fit, count: int) -> str:
    told = sum(marginal.determined for marginal in fit.marginals)
    unit = "evaluations of the physics" if fit.method == "paired" else "simulated windows"
    explained = "".join(
        f" Of <b>{escape(n)}</b> the physics explains R² {r:.3f}." for n, r in fit.determination.items()
    )
    return (
        f"{count:,} recorded windows, {fit.simulations:,} {unit}, {fit.seconds:.0f} s. "
        f"{told} of {len(fit.marginals)} numbers are determined.{explained}"
    )


def _verdict(fit: Fit) -> list[str]:
    reach = fit.reach
    if reach.inside and not reach.broken:
        return [f"In reach: the simulator makes recordings like this one (p = {reach.p_value:.3g})."]
    channels = [
        f"{name} (p = {reach.channels[name]:.3g}): {reach.words.get(name, 'differs')}." for name in reach.broken
    ]
    whole = "no channel alone" if not channels else f"{len(channels)} of {len(reach.channels)} channels"
    first = (
        f"Out of reach: {whole} can be told to differ (p = {reach.p_value:.3g}, the line is {reach.threshold:g}). "
        "Mend the recording or the simulator before you trust the parameters below."
    )
    return [first, *channels]


def _together(fit: Fit) -> str:
    pairs = [
        (abs(group.correlation[i][j]), f"{one} and {other} ({group.correlation[i][j]:+.2f})")
        for group in fit.prior.groups
        for i, one in enumerate(group.names)
        for j, other in enumerate(group.names[:i])
        if abs(group.correlation[i][j]) >= NOTABLE
    ]
    if not pairs:
        return "No two parameters stand in for each other."
    told = ", ".join(words for _, words in sorted(pairs, reverse=True)[:12])
    return f"Known only together, by their correlation: {escape(told)}."


def _parameters(fit: Fit) -> str:
    rows = [
        f"<tr><td>{escape(m.name)}</td><td>{escape(m.unit)}</td><td>{m.prior_median:.4g}</td>"
        f"<td>{_range(m.prior_low, m.prior_high)}</td><td>{m.median:.4g}</td><td>{_range(m.low, m.high)}</td>"
        f'<td class="{"" if m.determined else "open"}">{_told(m)}</td></tr>'
        for m in fit.marginals
    ]
    head = "<tr><th>parameter<th>unit<th>before<th>90 %<th>after<th>90 %<th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _told(marginal: Marginal) -> str:
    if marginal.determined:
        words = f"determined, {1 / max(marginal.shrinkage, 1e-6):.3g} times narrower"
    else:
        words = "narrowed a little" if marginal.shrinkage < OPEN else "open: the recording says nothing of it"
    inner = marginal.prior_low <= marginal.median <= marginal.prior_high
    return words if inner else f"{words}; at the edge of what was known, widen it if physics allows"


def _range(low: float, high: float) -> str:
    return f"{low:.4g} .. {high:.4g}"


def _image(figure: Any, words: str) -> str:
    import matplotlib.pyplot as plt

    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=90)
    plt.close(figure)
    return f'<img alt="{words}" src="data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}">'


def _channels_picture(fit: Fit) -> Any:
    import matplotlib.pyplot as plt

    names, p_values = list(fit.reach.channels), np.asarray(list(fit.reach.channels.values()))
    figure, axis = plt.subplots(figsize=(9, 2.2), layout="constrained")
    colours = [COLOURS["after"] if p < fit.reach.threshold else COLOURS["recorded"] for p in p_values]
    axis.bar(names, p_values, color=colours)
    axis.axhline(fit.reach.threshold, color=COLOURS["after"], linewidth=1, linestyle="--")
    axis.set(yscale="log", ylim=(1e-3, 1.1), ylabel="p-value")
    axis.tick_params("x", rotation=90 if len(names) > 8 else 0, labelsize=8)
    return figure


def _intervals_picture(fit: Fit) -> Any:
    """Intervals on the scale of what was known before: 0 and 1 are its ends."""
    import matplotlib.pyplot as plt

    rows = range(len(fit.marginals))
    figure, axis = plt.subplots(figsize=(9, 0.6 + 0.19 * len(rows)), layout="constrained")
    low = np.asarray([m.prior_low for m in fit.marginals])
    width = np.maximum(np.asarray([m.prior_high for m in fit.marginals]) - low, 1e-12)
    ends = [(np.asarray([getattr(m, side) for m in fit.marginals]) - low) / width for side in ("low", "median", "high")]
    axis.hlines(rows, 0, 1, color=COLOURS["before"], linewidth=5)
    axis.hlines(rows, ends[0], ends[2], color=COLOURS["after"], linewidth=2)
    axis.plot(ends[1], rows, "o", color=COLOURS["recorded"], markersize=3)
    axis.set_yticks(rows, [m.name for m in fit.marginals], fontsize=7)
    axis.set(xlabel="place in the interval known before", ylim=(len(rows) - 0.5, -0.5))
    return figure


def _signals_picture(fit: Fit, world: World, values: Values, seed: int) -> Any:
    """Quantiles of each channel, and its spectrum where windows are long enough to have one."""
    import matplotlib.pyplot as plt

    sensor = world.task.sensor
    names = [channel.name for channel in sensor.channels][:SHOWN_CHANNELS]
    kinds = 2 if sensor.window_length >= LEAST_SPECTRUM else 1
    rows = -(-len(names) * kinds // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(11, 1.9 * rows), layout="constrained", squeeze=False)
    key = jax.random.key(seed)
    made = {
        "before": windows(world, key, SHOWN_WINDOWS)[0],
        "after": windows(world, key, SHOWN_WINDOWS, fit.prior)[0],
        "recorded": values[:: max(1, len(values) // SHOWN_WINDOWS)],
    }
    for number, name in enumerate(names):
        for kind in range(kinds):
            axis = axes.flat[number * kinds + kind]
            for label, shown in made.items():
                _curve(axis, kind, shown[..., number], sensor.rate_hz, label)
            axis.set_title(f"{name} [{sensor.channels[number].unit}]" if kind == 0 else f"{name}, power", fontsize=8)
            axis.tick_params(labelsize=7)
    for axis in axes.flat[len(names) * kinds :]:
        axis.axis("off")
    axes.flat[0].legend(fontsize=7)
    return figure


def _curve(axis: Any, kind: int, values: npt.NDArray[np.float32], rate_hz: float, label: str) -> None:
    if kind == 0:
        axis.plot(np.quantile(values, LEVELS), LEVELS, color=COLOURS[label], label=label)
        return
    power = np.mean(np.abs(np.fft.rfft(values - values.mean(axis=1, keepdims=True), axis=1)) ** 2, axis=0)[1:]
    hertz = np.fft.rfftfreq(values.shape[1], 1 / rate_hz)[1:]
    axis.loglog(hertz, power + 1e-12, color=COLOURS[label], label=label)
    axis.xaxis.set_minor_formatter("")  # a decade and a half has no room for them
