"""What the options of jobs mean: numbers by name, candidates, curricula, priors in files."""

import json
from pathlib import Path

import typer

from slipway.errors import Reason, Refused


def candidate_of(text: str) -> tuple[str, dict[str, float]]:
    scope, _, terms = text.rpartition(":")
    return scope.strip(), dict(weighted("candidate", term.strip()) for term in terms.split("+"))


def weighted(option: str, text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number or 1.0)
    except ValueError as error:
        word = "value" if option == "option" else "weight"
        raise typer.BadParameter(f"--{option} {text}: the {word} is no number.") from error


def curriculum_of(text: str) -> dict[str, float]:
    pairs = (part.partition("=") for part in text.split(",")) if text != "default" else ()
    try:
        return {name: float(number) for name, _, number in pairs}
    except ValueError as error:
        raise typer.BadParameter('--curriculum is "default", or such as "round_count=8,step=0.1".') from error


def json_file(path: Path) -> dict[str, object]:
    try:
        value = json.loads(path.read_bytes())
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        remedy = "Write one JSON object: a distribution for each parameter."
        raise Refused(Reason.FIELD_INVALID, field="prior", problem=error, found=path.name, remedy=remedy) from error
    if not isinstance(value, dict):
        raise typer.BadParameter("--prior needs a JSON object.")
    return value
