"""A quadruped from its right side, drawn without a graphics card: ground, legs, trunk and the feet that stand."""

from collections.abc import Callable

import mujoco
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from sim.legged.quadruped import FOOT_RADIUS_M, LEGS

Picture = npt.NDArray[np.uint8]  # (height, width, 3)
Point = tuple[float, float]
Place = npt.NDArray[np.float64]  # (3,) in m
ToPixels = Callable[[Place], Point]

SMOOTH = 3  # drawn this much larger, then shrunk
SIZE_PX = (480, 320)
PIXELS_A_M = 560 * SMOOTH
PAPER, GROUND, FAR, NEAR, TRUNK, STANDS, MOVES = (
    "#ffffff", "#b0bec5", "#90a4ae", "#455a64", "#263238", "#43a047", "#e53935",
)  # fmt: skip
TRUNK_HALF_M = np.asarray([(x, y) for x, y in ((-0.19, -0.05), (0.19, -0.05), (0.19, 0.05), (-0.19, 0.05))])
TICK_M = 0.1


def draw(data: mujoco.MjData, stable: npt.NDArray[np.bool_]) -> Picture:
    """Draw the robot where it is, the trunk in the middle.

    Args:
        data: after a step.
        stable: (4,), which feet stand, in the order of ``LEGS``.
    """
    width, height = (SMOOTH * side for side in SIZE_PX)
    image = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(image)
    trunk = data.body("trunk")
    forward = trunk.xmat.reshape(3, 3)[:2, 0] / max(float(np.hypot(*trunk.xmat.reshape(3, 3)[:2, 0])), 1e-6)
    floor = height - 30 * SMOOTH

    def to_px(place: Place) -> Point:
        along = float((place[:2] - trunk.xpos[:2]) @ forward)
        return (width / 2 + PIXELS_A_M * along, floor - PIXELS_A_M * float(place[2]))

    _draw_ground(pen, float(trunk.xpos[:2] @ forward), width, height, floor)
    for leg in sorted(LEGS, key=lambda name: name.endswith("right")):  # the near ones last
        _draw_leg(pen, data, leg, bool(stable[LEGS.index(leg)]), to_px)
        if leg == "rear_left":
            _draw_trunk(pen, trunk.xpos, trunk.xmat.reshape(3, 3), to_px)
    return np.asarray(image.resize(SIZE_PX, Image.Resampling.LANCZOS))


def _draw_ground(pen: ImageDraw.ImageDraw, along_m: float, width: int, height: int, floor: float) -> None:
    """Ticks every 10 cm stand on the ground, so that one sees the robot pass them."""
    pen.rectangle((0, floor, width, height), GROUND)
    first = np.ceil((along_m - width / 2 / PIXELS_A_M) / TICK_M) * TICK_M
    for tick in np.arange(first, along_m + width / 2 / PIXELS_A_M, TICK_M):
        x = width / 2 + PIXELS_A_M * (tick - along_m)
        pen.line((x, floor, x, floor + 8 * SMOOTH), PAPER, SMOOTH)


def _draw_leg(pen: ImageDraw.ImageDraw, data: mujoco.MjData, leg: str, stands: bool, to_px: ToPixels) -> None:
    places = [data.body(f"{leg}_thigh").xpos, data.body(f"{leg}_shank").xpos, data.site(leg).xpos]
    ink = NEAR if leg.endswith("right") else FAR
    pen.line([to_px(place) for place in places], ink, 8 * SMOOTH, joint="curve")
    (x, y), radius = to_px(places[-1]), FOOT_RADIUS_M * PIXELS_A_M
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), STANDS if stands else MOVES)


def _draw_trunk(pen: ImageDraw.ImageDraw, place: Place, axes: npt.NDArray[np.float64], to_px: ToPixels) -> None:
    corners = [place + axes[:, 0] * x + axes[:, 2] * z for x, z in TRUNK_HALF_M]
    pen.polygon([to_px(corner) for corner in corners], TRUNK)
