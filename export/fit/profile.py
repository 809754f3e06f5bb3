"""What a device has: the limits a net must keep to. A value that prints, is stored in a job and is read again."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

from export.c.lowering import LOWER
from export.fit.cost import Cost
from export.mcu.boards import BOARDS
from slipway.errors import Reason, Refused

KIB = 1024


@dataclass(frozen=True)
class Profile:
    """A device.

    Args:
        name: of it.
        flash_bytes: for the net, all told: weights, code, adapter.
        ram_bytes: for the net, all told: tensors, one window, variables, stack.
        instructions_per_s: that it executes while it runs the net.
        latency_s: of one inference, at most; None: any.
        operators: ONNX operators it may run; None: all that the generator knows.
        core: a key of ``export.mcu.boards.BOARDS``, whose instructions are counted; None counts as the largest.

    Raises:
        Refused: FIELD_INVALID, a number that is none or not over 0, an unknown core or operator.
    """

    name: str
    flash_bytes: int
    ram_bytes: int
    instructions_per_s: float
    latency_s: float | None = None
    operators: tuple[str, ...] | None = None
    core: str | None = None

    def __post_init__(self) -> None:
        for field in ("flash_bytes", "ram_bytes", "instructions_per_s", "latency_s"):
            value = getattr(self, field)
            if not _is_positive(value, whole=field.endswith("bytes")) and not (value is None and field == "latency_s"):
                raise _refused(field, "needs a number over 0, whole for bytes", value, "Say what the device has.")
        if self.core is not None and self.core not in BOARDS:
            raise _refused("core", "is not known", self.core, f"Use one of {', '.join(BOARDS)}.")
        for name in self.operators or ():
            if name not in LOWER:
                raise _refused("operators", "the generator has no such operator", name, "Use names of ONNX operators.")

    @property
    def instructions(self) -> float | None:
        """Of one inference at most; None: any."""
        return None if self.latency_s is None else self.latency_s * self.instructions_per_s

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; ``from_json`` is its inverse."""
        return {**asdict(self), "operators": None if self.operators is None else list(self.operators)}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> "Profile":
        """Read what ``to_json`` wrote; what has a default may be left out.

        Raises:
            Refused: FIELD_INVALID, a field that is unknown or missing, or as the constructor.
        """
        known = {field.name for field in fields(Profile)}
        if not isinstance(value, Mapping) or not value.keys() <= known:
            found = value if not isinstance(value, Mapping) else sorted(value.keys() - known)
            raise _refused("profile", "has fields that are not known", found, f"Use {', '.join(sorted(known))}.")
        needed = ("name", "flash_bytes", "ram_bytes", "instructions_per_s")
        if missing := [name for name in needed if name not in value]:
            raise _refused("profile", "lacks fields", ", ".join(missing), "Say what the device has.")
        operators = value.get("operators")
        if operators is not None and not (isinstance(operators, list | tuple) and all(map(_is_text, operators))):
            raise _refused("operators", "needs a list of names", operators, "Leave it out to allow all.")
        return Profile(**{**value, "operators": None if operators is None else tuple(operators)})

    def __str__(self) -> str:
        limits = [f"{self.flash_bytes / 1000:g} kB flash", f"{self.ram_bytes / 1000:g} kB RAM"]
        if self.latency_s is not None:
            limits.append(f"{self.latency_s * 1000:g} ms at {self.instructions_per_s / 1e6:.3g} M instructions/s")
        return f"{self.name}: {', '.join(limits)}"


class Shortfall(NamedTuple):
    """What a net needs more of than a device has: flash_bytes, ram_bytes, latency_s or operators."""

    resource: str
    needed: Any
    available: Any
    ratio: float


def shortfalls(profile: Profile, cost: Cost, operators: frozenset[str] = frozenset()) -> tuple[Shortfall, ...]:
    """Every limit that a net breaks, the worst first; none if it fits.

    Args:
        profile: of the device.
        cost: of the net.
        operators: that its graph uses.
    """
    found = [
        Shortfall("flash_bytes", cost.flash_bytes, profile.flash_bytes, cost.flash_bytes / profile.flash_bytes),
        Shortfall("ram_bytes", cost.ram_bytes, profile.ram_bytes, cost.ram_bytes / profile.ram_bytes),
    ]
    if profile.latency_s is not None:
        needed = cost.instructions / profile.instructions_per_s
        found.append(Shortfall("latency_s", needed, profile.latency_s, needed / profile.latency_s))
    if profile.operators is not None and (missing := sorted(operators - set(profile.operators))):
        found.append(Shortfall("operators", ", ".join(missing), ", ".join(profile.operators), math.inf))
    return tuple(sorted((one for one in found if one.ratio > 1), key=lambda one: -one.ratio))


def _is_positive(value: object, *, whole: bool) -> bool:
    number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and value > 0  # type: ignore[operator,arg-type]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _refused(field: str, problem: str, found: object, remedy: str) -> Refused:
    field = field if field == "profile" else f"profile.{field}"
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)


# Common parts of each kind, a tenth of a second an inference; instructions a second are the clock over 1.3, the usual
# cycles an instruction (see docs/microcontroller.md), and for the M7, which starts two at once, the clock itself.
PROFILES = {
    profile.name: profile
    for profile in (
        Profile("cortex-m3", 128 * KIB, 20 * KIB, 72e6 / 1.3, 0.1, core="cortex-m3"),
        Profile("cortex-m4f", 256 * KIB, 64 * KIB, 80e6 / 1.3, 0.1, core="cortex-m4f"),
        Profile("cortex-m7f", 1024 * KIB, 320 * KIB, 216e6, 0.1, core="cortex-m7f"),
        Profile("gateway", 64 * KIB * KIB, 64 * KIB * KIB, 1e9),
    )
}


def profile_named(name: str, /, **changes: Any) -> Profile:
    """A ready-made profile, with some of its limits changed.

    Raises:
        Refused: FIELD_INVALID, an unknown name, or as ``Profile``.
    """
    if name not in PROFILES:
        raise _refused("name", "is not known", name, f"Use one of {', '.join(PROFILES)}, or describe the device.")
    return replace(PROFILES[name], **changes)
