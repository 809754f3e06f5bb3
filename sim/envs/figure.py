"""A body as a stick figure: left limbs in colour."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from sim.body.activity import Body
from sim.body.rotation import Vector, rotate
from sim.body.skeleton import FOREARM, SHANK, TRUNK, Frame, Skeleton, skeleton
from sim.priors import Parameters

Floats = npt.NDArray[np.float64]

SMOOTH = 3  # drawn this much larger, then shrunk
SIZE_PX = (360, 420)
SHOWN_M = 2.3  # height of the picture
HEAD = 0.1  # from the shoulders to the middle of the head, of the height
VIEW_RAD = math.radians(60)  # of the camera: 90 sees x run to the right
DIP = 0.2  # how far the camera looks down, as a slope
PAPER, FLOOR, RIGHT, MIDDLE, LEFT, INK = "#ffffff", "#eceff1", "#b0bec5", "#263238", "#1e88e5", "#37474f"


@jax.jit
def _limbs(body: Body, p: Parameters) -> tuple[Skeleton, Skeleton]:
    """Left limbs, and the right ones as left limbs half a stride on."""
    return skeleton(body, p), skeleton(body._replace(phase=body.phase + 0.5), p)


def draw(body: Body, p: Parameters, caption: str) -> npt.NDArray[np.uint8]:
    """Draw one body at one instant.

    Args:
        body: as it is.
        p: its parameters.
        caption: written below.

    Returns:
        (height, width, 3) uint8.
    """
    width, height = (SMOOTH * side for side in SIZE_PX)
    image = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0.8 * height, width, height), FLOOR)
    left, right = (_joints(limbs, float(p["height_m"])) for limbs in _limbs(body, p))
    pelvis, yaw = left["pelvis"], float(body.yaw[0])

    def line(points: list[Floats], colour: str, thick: float = 7, mirrored: bool = False) -> None:
        pen.line(
            [_to_px(one - pelvis, yaw, mirrored, one[2]) for one in points], colour, round(thick * SMOOTH), "curve"
        )

    for side, colour, mirrored in ((right, RIGHT, True), (left, LEFT, False)):
        line([side[name] for name in ("hip", "knee", "ankle")], colour, mirrored=mirrored)
        line([side[name] for name in ("shoulder", "elbow", "wrist")], colour, 6, mirrored)
        line([pelvis, side["hip"]], colour, mirrored=mirrored)
        line([left["neck"], side["shoulder"]], colour, mirrored=mirrored)
    line([pelvis, left["neck"], left["head"]], MIDDLE)
    x, y = _to_px(left["head"] - pelvis, yaw, False, left["head"][2])
    radius = 0.1 * height / SHOWN_M
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), MIDDLE)
    pen.text((width / 2, 0.95 * height), caption, INK, anchor="mm", font_size=16 * SMOOTH)
    return np.asarray(image.resize(SIZE_PX, Image.Resampling.LANCZOS))


def _joints(limbs: Skeleton, height_m: float) -> dict[str, Floats]:
    """Places (3,) in m of all joints."""

    def end(frame: Frame, up: float) -> Floats:
        far = rotate(frame.axes, Vector(jnp.float32(0), jnp.float32(0), jnp.float32(up * height_m)))
        return np.array(frame.place, np.float64) + np.array(far, np.float64)

    starts = {"pelvis": limbs.pelvis, "hip": limbs.thigh, "knee": limbs.shank}
    starts |= {"shoulder": limbs.upper_arm, "elbow": limbs.forearm}
    ends = {"ankle": end(limbs.shank, -SHANK), "wrist": end(limbs.forearm, -FOREARM)}
    ends |= {"neck": end(limbs.trunk, TRUNK), "head": end(limbs.trunk, TRUNK + HEAD)}
    return {name: np.array(frame.place, np.float64) for name, frame in starts.items()} | ends


def _to_px(away: Floats, yaw: float, mirrored: bool, up: float) -> tuple[float, float]:
    """Pixels of a point ``away`` from the pelvis at a height ``up``; the view turns with nobody."""
    ahead = away[0] * math.cos(yaw) + away[1] * math.sin(yaw)
    aside = away[1] * math.cos(yaw) - away[0] * math.sin(yaw)
    aside = -aside if mirrored else aside
    x, y = ahead * math.cos(yaw) - aside * math.sin(yaw), ahead * math.sin(yaw) + aside * math.cos(yaw)
    across = x * math.sin(VIEW_RAD) + y * math.cos(VIEW_RAD)
    near = x * math.cos(VIEW_RAD) - y * math.sin(VIEW_RAD)
    width, height = (SMOOTH * side for side in SIZE_PX)
    scale = height / SHOWN_M
    return width / 2 + scale * across, 0.88 * height - scale * (up - DIP * near)
