"""A room seen from above: floor, walls, the robot, where it went and what it hears."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from sim.rooms import Room
from sim.sensors.ultrasound import FRONT_BEAM, SPACING_RAD
from sim.worlds.rover import FRONT, LEFT, TASK, rule

Picture = npt.NDArray[np.uint8]  # (height, width, 3)
Point = tuple[float, float]
ToPixels = Callable[[float, float], Point]
Pen = ImageDraw.ImageDraw
Floats = npt.NDArray[np.float32]

SMOOTH = 3  # drawn this much larger, then shrunk
MARGIN_PX = 34
CAPTION_PX = 34
PAPER, FLOOR, WALL, SOLID = "#ffffff", "#f1f3f4", "#37474f", "#b0bec5"
PATH, ROBOT, NOSE = "#1e88e5", "#263238", "#ffffff"
BEAM_INK, FRONT_INK, LEFT_INK = "#b0a4c8", "#e53935", "#fb8c00"
LIMIT_M = 5.0


def draw(
    room: Room,
    path: Floats,
    *,
    reading: Floats | None = None,
    radii_m: tuple[float, float] = (0.36, 0.22),
    size_px: tuple[int, int] = (640, 560),
) -> Picture:
    """Draw a room and a drive through it.

    Args:
        room: walls in m.
        path: poses (steps, 3): x, y in m, heading in rad; the robot is drawn at the last.
        reading: ranges (24,) in m at the last pose; no beams without it.
        radii_m: of the robot and of its ring of rangers.
        size_px: width and height.
    """
    width, height = (SMOOTH * side for side in size_px)
    image = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(image)
    to_px, scale = _frame(room, width, height)
    _draw_room(pen, room, to_px)
    if len(path) > 1:
        pen.line([to_px(x, y) for x, y in path[:, :2]], PATH, round(2 * SMOOTH), joint="curve")
    if reading is not None:
        _draw_beams(pen, path[-1], reading, radii_m[1], to_px)
    _draw_robot(pen, path[-1], radii_m[0], to_px, scale)
    _draw_caption(pen, reading, len(path) - 1, width, height)
    return np.asarray(image.resize(size_px, Image.Resampling.LANCZOS))


def _frame(room: Room, width: int, height: int) -> tuple[ToPixels, float]:
    """Metres → pixels, y upwards, and pixels a metre."""
    corners = np.asarray(room.outline)[:, :2]
    low, high = corners.min(axis=0), corners.max(axis=0)
    margin, caption = SMOOTH * MARGIN_PX, SMOOTH * CAPTION_PX
    scale = min((width - 2 * margin) / (high[0] - low[0]), (height - 2 * margin - caption) / (high[1] - low[1]))
    middle = (low + high) / 2

    def to_px(x: float, y: float) -> Point:
        return (width / 2 + scale * (x - middle[0]), (height - caption) / 2 - scale * (y - middle[1]))

    return to_px, scale


def _draw_room(pen: Pen, room: Room, to_px: ToPixels) -> None:
    outline = [to_px(x, y) for x, y in np.asarray(room.outline)[:, :2]]
    pen.polygon(outline, FLOOR)
    for obstacle in np.asarray(room.obstacles):
        if np.ptp(obstacle) > 0:
            corners = [to_px(x, y) for x, y in obstacle[:, :2]]
            pen.polygon(corners, SOLID)
            pen.line([*corners, corners[0], corners[1]], WALL, 2 * SMOOTH, joint="curve")
    pen.line([*outline, outline[0], outline[1]], WALL, 4 * SMOOTH, joint="curve")


def _draw_beams(pen: Pen, pose: Floats, reading: Floats, ring_radius_m: float, to_px: ToPixels) -> None:
    """A line a beam, as long as its range, and a dot where the echo came from; nothing where none came."""
    x, y, heading = (float(number) for number in pose)
    for beam, distance in enumerate(reading):
        if distance >= LIMIT_M:
            continue
        cosine, sine = (f(heading + (beam - FRONT_BEAM) * SPACING_RAD) for f in (math.cos, math.sin))
        start, end = (to_px(x + r * cosine, y + r * sine) for r in (ring_radius_m, ring_radius_m + float(distance)))
        pen.line([start, end], _colour(beam), SMOOTH)
        _disc(pen, end, 3 * SMOOTH, _colour(beam))


def _colour(beam: int) -> str:
    if beam in range(FRONT.start, FRONT.stop):
        return FRONT_INK
    return LEFT_INK if beam in range(LEFT.start, LEFT.stop) else BEAM_INK


def _disc(pen: Pen, centre: Point, radius_px: float, colour: str) -> None:
    x, y = centre
    pen.ellipse((x - radius_px, y - radius_px, x + radius_px, y + radius_px), colour)


def _draw_robot(pen: Pen, pose: Floats, radius_m: float, to_px: ToPixels, scale: float) -> None:
    x, y, heading = (float(number) for number in pose)
    _disc(pen, to_px(x, y), scale * radius_m, ROBOT)
    angles = (heading, heading + 2.5, heading - 2.5)
    pen.polygon([to_px(x + 0.7 * radius_m * math.cos(a), y + 0.7 * radius_m * math.sin(a)) for a in angles], NOSE)


def _draw_caption(pen: Pen, reading: Floats | None, step: int, width: int, height: int) -> None:
    font = ImageFont.load_default(15 * SMOOTH)
    words = [(f"step {step}", WALL)]
    if reading is not None:
        front, left = reading[FRONT].min(), reading[LEFT].min()
        words += [(f"front {front:.2f} m", FRONT_INK), (f"left {left:.2f} m", LEFT_INK)]
        words += [(f"rule: {TASK.classes[int(rule(reading))]}", WALL)]
    x = float(SMOOTH * MARGIN_PX)
    for text, colour in words:
        pen.text((x, height - SMOOTH * CAPTION_PX), text, colour, font)
        x += pen.textlength(text, font) + 24 * SMOOTH
