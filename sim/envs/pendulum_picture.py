"""A two-link arm from the side: links, joints, and how hard each motor pushes."""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

SMOOTH = 3  # drawn this much larger, then shrunk
SIZE_PX = 480
PAPER, REACH, UPPER, LOWER, JOINT, LEFT, RIGHT = (
    "#ffffff", "#f1f3f4", "#37474f", "#1e88e5", "#263238", "#fb8c00", "#e53935",
)  # fmt: skip
Point = tuple[float, float]


def draw(
    angles: npt.NDArray[np.float32], lengths: tuple[float, float], torques: npt.NDArray[np.float32], largest: float
) -> npt.NDArray[np.uint8]:
    """Draw an arm.

    Args:
        angles: (2,) in rad, zero hanging down, the second relative to the first.
        lengths: of the links in m.
        torques: (2,) in N m; an arc around each joint, a half turn at ``largest``.

    Returns:
        (480, 480, 3).
    """
    size = SMOOTH * SIZE_PX
    image = Image.new("RGB", (size, size), PAPER)
    pen = ImageDraw.Draw(image)
    scale, shoulder = 0.45 * size / sum(lengths), (size / 2, size / 2)
    elbow = _end(shoulder, float(angles[0]), scale * lengths[0])
    tip = _end(elbow, float(angles[0] + angles[1]), scale * lengths[1])
    _disc(pen, shoulder, 0.45 * size, REACH)
    pen.line([shoulder, elbow], UPPER, 10 * SMOOTH)
    pen.line([elbow, tip], LOWER, 8 * SMOOTH)
    for joint, torque in ((shoulder, float(torques[0])), (elbow, float(torques[1]))):
        _disc(pen, joint, 9 * SMOOTH, JOINT)
        turn = 180 * torque / largest
        box = [c + sign * 20 * SMOOTH for sign in (-1, 1) for c in joint]
        pen.arc(box, 90 - max(turn, 0), 90 - min(turn, 0), RIGHT if turn > 0 else LEFT, 4 * SMOOTH)
    _disc(pen, tip, 7 * SMOOTH, LOWER)
    return np.asarray(image.resize((SIZE_PX, SIZE_PX), Image.Resampling.LANCZOS))


def _end(start: Point, angle: float, length: float) -> Point:
    return (start[0] + length * math.sin(angle), start[1] + length * math.cos(angle))


def _disc(pen: ImageDraw.ImageDraw, centre: Point, radius: float, colour: str) -> None:
    x, y = centre
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), colour)
