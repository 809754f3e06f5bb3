"""A sensor's parameters carry its name in front, so that two of a kind fit in one world; its equations do not."""

from collections.abc import Sequence
from dataclasses import replace

from sim.priors import Distribution, Parameter, Parameters

Row = tuple[Parameter, Distribution]  # a parameter by its bare name, and what a typical device of the kind has


def prefixed(name: str, rows: Sequence[Row]) -> tuple[tuple[Parameter, ...], dict[str, Distribution]]:
    """The rows as a sensor called ``name`` declares them: ``parameters`` and ``distributions`` of ``Sensor``."""
    parameters = tuple(replace(parameter, name=f"{name}_{parameter.name}") for parameter, _ in rows)
    return parameters, {p.name: row[1] for p, row in zip(parameters, rows, strict=True)}


def own(name: str, rows: Sequence[Row], parameters: Parameters) -> Parameters:
    """The values of ``rows`` for the sensor called ``name``, by their bare names."""
    return {parameter.name: parameters[f"{name}_{parameter.name}"] for parameter, _ in rows}
