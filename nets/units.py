"""One unit in terms of another: the UCUM codes that sensors speak, and the spellings people use instead.

Units of one row of ``QUANTITIES`` measure the same thing. Names and factors are those of the Unified Code for Units of
Measure, https://ucum.org/ucum. A bare ``g`` is the gram there and standard gravity on most inertial sensors; which of
the two is meant follows from the unit on the other side.
"""

import math
from typing import NamedTuple

from slipway.errors import Reason, Refused


class Linear(NamedTuple):
    """y = factor · x + shift."""

    factor: float
    shift: float = 0.0


GRAVITY = 9.80665  # m/s2, by definition (3rd CGPM, 1901)
DEGREE = math.pi / 180
GAUSS = 1e-4  # T

# Each unit as what turns its numbers into the row's first unit.
QUANTITIES: dict[str, dict[str, float | Linear]] = {
    "length": {
        "m": 1.0, "km": 1e3, "dm": 0.1, "cm": 1e-2, "mm": 1e-3, "um": 1e-6,
        "[in_i]": 0.0254, "[ft_i]": 0.3048, "ft": 0.3048,
    },
    "speed": {"m/s": 1.0, "cm/s": 1e-2, "mm/s": 1e-3, "km/h": 1 / 3.6},
    "acceleration": {
        "m/s2": 1.0, "cm/s2": 1e-2, "mm/s2": 1e-3,
        "[g]": GRAVITY, "m[g]": GRAVITY / 1e3, "g": GRAVITY, "mg": GRAVITY / 1e3,
    },
    "angle": {"rad": 1.0, "mrad": 1e-3, "deg": DEGREE},
    "rotation rate": {
        "rad/s": 1.0, "mrad/s": 1e-3, "deg/s": DEGREE, "mdeg/s": DEGREE / 1e3, "deg/h": DEGREE / 3600,
    },
    "time": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0},
    "frequency": {"Hz": 1.0, "kHz": 1e3, "MHz": 1e6},
    "mass": {"kg": 1.0, "g": 1e-3, "mg": 1e-6},
    "force": {"N": 1.0, "mN": 1e-3, "kN": 1e3, "kgf": GRAVITY, "[lbf_av]": 4.4482216152605},
    "torque": {"N.m": 1.0, "N m": 1.0, "mN.m": 1e-3, "N.cm": 1e-2, "kN.m": 1e3},
    "pressure": {
        "Pa": 1.0, "hPa": 1e2, "kPa": 1e3, "MPa": 1e6, "mbar": 1e2, "bar": 1e5, "atm": 101_325.0,
        "mm[Hg]": 133.322387415, "[psi]": 6894.757293168,
    },
    "temperature": {
        "K": 1.0, "Cel": Linear(1.0, 273.15), "degC": Linear(1.0, 273.15), "[degF]": Linear(5 / 9, 459.67 * 5 / 9),
    },
    "flux density": {"T": 1.0, "mT": 1e-3, "uT": 1e-6, "nT": 1e-9, "G": GAUSS, "mG": GAUSS / 1e3},
    "voltage": {"V": 1.0, "kV": 1e3, "mV": 1e-3, "uV": 1e-6},
    "current": {"A": 1.0, "mA": 1e-3, "uA": 1e-6},
    "power": {"W": 1.0, "kW": 1e3, "mW": 1e-3},
    "ratio": {"1": 1.0, "%": 1e-2},
}  # fmt: skip


def conversion(given: str, wanted: str, field: str = "unit") -> Linear:
    """What turns a number in the unit ``given`` into the same quantity in ``wanted``.

    Args:
        given: a unit's code; any code at all converts into itself.
        wanted: likewise.
        field: for the error's words.

    Raises:
        Refused: FIELD_INVALID: the two measure different things, or one of them is not known here.
    """
    if given == wanted:
        return Linear(1.0)
    for units in QUANTITIES.values():
        if given in units and wanted in units:
            first, second = (
                unit if isinstance(unit, Linear) else Linear(unit) for unit in (units[given], units[wanted])
            )
            return Linear(first.factor / second.factor, (first.shift - second.shift) / second.factor)
    known = {code for units in QUANTITIES.values() for code in units}
    lacking = [code for code in (given, wanted) if code not in known]
    raise Refused(
        Reason.FIELD_INVALID,
        field=field,
        problem=f"a number in {given!r} cannot be told in {wanted!r}",
        found=f"no known unit {lacking[0]!r}" if lacking else "units of different quantities",
        remedy="Convert the recording beforehand, or correct the unit in the sensor's description.",
    )
