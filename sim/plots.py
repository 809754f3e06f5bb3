"""What a world makes, to look at: windows of each class side by side, and what its parameters are drawn from."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from sim.generate import windows
from sim.priors import Prior
from sim.world import World
from slipway.spec import SensorSpec
from slipway.windows import Answers, Values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WINDOW_COUNT = 2000
COLUMN_LIMIT = 10  # classes shown
EXAMPLES = 2  # windows of a class, one below the other
LINE_LIMIT = 8  # channels that are told apart by a legend
TABLE_WIDTH_IN = 4.4  # of one column of the table
CHANCES = (0.05, 0.5, 0.95)
ROW_IN = 0.12  # height of a line of the table

Column = tuple[str, npt.NDArray[np.intp]]


def plot_world(world: World, path: Path, *, prior: Prior | None = None, seed: int = 0) -> None:
    """Write a picture of a world: windows of each class (of a regression: of small and large answers) over a table.

    Of windows of one sample the median and the middle 50 % and 90 % are drawn, channel by channel; longer ones are
    drawn in time, a row for each unit. The table holds the 5 %, 50 % and 95 % quantiles of every parameter.

    Args:
        world: what to show.
        path: of the PNG, or another format that matplotlib knows by its suffix.
        prior: what to draw parameters from; the world's own by default.
        seed: of the windows.
    """
    from matplotlib.figure import Figure

    shown = world.prior if prior is None else prior
    values, labels = windows(world, jax.random.key(seed), WINDOW_COUNT, shown)
    columns, units = list(_columns(world, labels)), _units(world.task.sensor)
    single = world.task.sensor.window_length == 1
    row_count = len(units) * (1 if single else EXAMPLES)
    width_in = max(9.0, 2.2 * len(columns))
    table_columns = int(width_in / TABLE_WIDTH_IN)
    table_in = ROW_IN * (len(shown.parameters) // table_columns + 3)
    figure = Figure(figsize=(width_in, 1.7 * row_count + table_in + 0.8), layout="constrained")
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.7 * row_count + 0.8, table_in))[:, 0]
    axes = above.subplots(row_count, len(columns), squeeze=False, sharex=True, sharey="row")
    for column, (title, numbers) in enumerate(columns):
        axes[0, column].set_title(title, fontsize=9)
        for row in range(row_count):
            unit, channels = units[row % len(units)]
            axis = axes[row, column]
            if single:
                _draw_singles(axis, values[numbers, 0][:, channels])
            elif row // len(units) < len(numbers):
                _draw_window(axis, values[numbers[row // len(units)]][:, channels], world.task.sensor.rate_hz)
            axis.tick_params(labelsize=7)
            if column == 0:
                axis.set_ylabel(unit, fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("channel" if single else "s", fontsize=8)
    if not single:
        for row, (_, channels) in enumerate(units):
            _name_lines(axes[row, -1], [world.task.sensor.channels[channel].name for channel in channels])
    above.suptitle(f"{world.name}: {_kinds(world)}", fontsize=10)
    _draw_table(below.subplots(), shown, table_columns)
    figure.savefig(path, dpi=100)


def _kinds(world: World) -> str:
    spec = world.task.sensor
    length = "1 sample" if spec.window_length == 1 else f"{spec.window_length} samples"
    return f"windows of {length} at {spec.rate_hz:g} Hz, {len(spec.channels)} channels"


def _columns(world: World, labels: Answers) -> Iterator[Column]:
    """Which windows to show below which title."""
    if not world.task.outputs:
        for number, name in list(enumerate(world.task.classes))[:COLUMN_LIMIT]:
            found = np.flatnonzero(labels == number)
            yield f"{name} ({len(found) / len(labels):.0%})", found
        return
    output = world.task.outputs[0]
    order = np.argsort(labels[:, 0])
    for chance in CHANCES:
        middle = int(chance * (len(order) - 1))
        chosen = order[max(0, middle - EXAMPLES // 2) :]
        yield f"{output.name} about {labels[order[middle], 0]:.3g} {output.unit}", chosen


def _units(sensor: SensorSpec) -> list[tuple[str, list[int]]]:
    """Channels by unit, in their order."""
    found: dict[str, list[int]] = {}
    for number, channel in enumerate(sensor.channels):
        found.setdefault(channel.unit, []).append(number)
    return list(found.items())


def _draw_singles(axis: "Axes", values: Values) -> None:
    """Median and middle shares of windows (count, channels) of one sample."""
    if not len(values):
        return
    places = np.arange(1, values.shape[1] + 1)
    lowest, low, middle, high, highest = np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.95), axis=0)
    axis.fill_between(places, lowest, highest, color="tab:blue", alpha=0.2, linewidth=0)
    axis.fill_between(places, low, high, color="tab:blue", alpha=0.4, linewidth=0)
    axis.plot(places, middle, color="black", linewidth=1.3)


def _draw_window(axis: "Axes", values: Values, rate_hz: float) -> None:
    """One window (time, channels)."""
    axis.plot(np.arange(len(values)) / rate_hz, values, linewidth=0.9)


def _name_lines(axis: "Axes", names: list[str]) -> None:
    if len(names) <= LINE_LIMIT and axis.lines:
        axis.legend(axis.lines, names, fontsize=6, loc="upper right")


def quantile_rows(prior: Prior) -> list[tuple[str, str, list[float]]]:
    """(name, unit, the quantiles at ``CHANCES``) of every parameter."""
    chances = jnp.asarray(CHANCES, jnp.float32)
    rows = zip(prior.parameters, prior.distributions, strict=True)
    return [(p.name, p.unit, np.asarray(d.quantile(chances)).tolist()) for p, d in rows]


def _draw_table(axis: "Axes", prior: Prior, columns: int) -> None:
    """The quantiles of every parameter as text."""
    axis.axis("off")
    rows = [
        (f"{name} [{unit}]", *(_cell(value, found) for value in found)) for name, unit, found in quantile_rows(prior)
    ]
    size = len(rows) // columns + 1
    head = ("parameter", *(f"{chance:.0%}" for chance in CHANCES))
    for column in range(columns):
        some = [head, *rows[column * size : (column + 1) * size]]
        wide = max(len(row[0]) for row in some)
        text = "\n".join(f"{row[0]:<{wide}} " + " ".join(f"{cell:>9}" for cell in row[1:]) for row in some)
        axis.text(column / columns, 1.0, text, family="monospace", fontsize=6.5, va="top", transform=axis.transAxes)


def _cell(value: float, row: list[float]) -> str:
    """Three digits; nothing next to its row is zero."""
    return "0" if abs(value) < 1e-6 * max(map(abs, row)) else f"{value:.3g}"
