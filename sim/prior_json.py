"""A prior's parts as plain JSON values, and back from values that anybody may have written.

A distribution is ``{"kind": ..., its options}``, one inside another under ``"base"``; groups are a list of ``{"names":
[...], "correlation": [[...], ...]}``. Depths and lengths are bounded before anything is built.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from sim.copula import Group
from sim.distributions import KINDS, Distribution
from sim.sound import DEPTH_LIMIT, VALUE_LIMIT
from slipway.errors import Reason, Refused

GROUP_LIMIT = 64
NAME_LIMIT = 256  # of one group


def distribution_to_json(distribution: Distribution) -> dict[str, Any]:
    """``{"kind": ..., ...}``; ``distribution_from_json`` is its inverse."""
    return {
        "kind": type(distribution).__name__,
        **{field.name: _plain(getattr(distribution, field.name)) for field in fields(distribution)},
    }


def _plain(option: Any) -> Any:
    if isinstance(option, Distribution):
        return distribution_to_json(option)
    return list(option) if isinstance(option, tuple) else option


def distribution_from_json(field: str, value: object, depth: int = 1) -> Distribution:
    """What ``distribution_to_json`` wrote; its numbers are not checked here.

    Raises:
        Refused: FIELD_INVALID or LIMIT_EXCEEDED, naming ``field``.
    """
    if depth > DEPTH_LIMIT:
        raise Refused(Reason.LIMIT_EXCEEDED, field=field, found=f"a nesting of {depth}", limit=DEPTH_LIMIT)
    if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str) or value["kind"] not in KINDS:
        _refuse(field, "needs a kind of distribution", _short(value), f"Use one of {', '.join(KINDS)}.")
        raise AssertionError
    kind: Callable[..., Distribution] = KINDS[value["kind"]]
    needed = [option.name for option in fields(KINDS[value["kind"]])]
    if set(value) != {"kind", *needed}:
        found = sorted(str(name)[:40] for name in value if name != "kind")[:10]
        _refuse(field, f"{value['kind']} needs exactly {needed}", found, "Correct its options.")
    return kind(**{name: _option(f"{field}.{name}", name, value[name], depth) for name in needed})


def _option(field: str, name: str, value: object, depth: int) -> Any:
    if name == "base":
        return distribution_from_json(field, value, depth + 1)
    return tuple(_listed(field, value, VALUE_LIMIT)) if name in ("values", "weights") else value


def groups_to_json(groups: tuple[Group, ...]) -> list[dict[str, Any]]:
    """A list of ``{"names": [...], "correlation": [[...], ...]}``; ``groups_from_json`` is its inverse."""
    return [{"names": list(g.names), "correlation": [list(row) for row in g.correlation]} for g in groups]


def groups_from_json(value: object) -> tuple[Group, ...]:
    """What ``groups_to_json`` wrote; what the groups say is not checked here.

    Raises:
        Refused: FIELD_INVALID or LIMIT_EXCEEDED.
    """
    rows = _listed("prior.groups", value, GROUP_LIMIT)
    return tuple(_group(f"prior.groups[{number}]", row) for number, row in enumerate(rows))


def _group(field: str, value: object) -> Group:
    if not isinstance(value, Mapping) or set(value) != {"names", "correlation"}:
        _refuse(field, "needs names and a correlation", _short(value), "Send {names: [...], correlation: [[...]]}.")
        raise AssertionError
    names = _listed(f"{field}.names", value["names"], NAME_LIMIT)
    if not all(isinstance(name, str) for name in names):
        _refuse(f"{field}.names", "needs names of parameters", _short(names), "Send a list of strings.")
    rows = _listed(f"{field}.correlation", value["correlation"], NAME_LIMIT)
    return Group(tuple(names), tuple(tuple(_listed(f"{field}.correlation", row, NAME_LIMIT)) for row in rows))


def _listed(field: str, value: object, limit: int) -> list[Any]:
    if not isinstance(value, list):
        _refuse(field, "needs a list", _short(value), "Send a JSON array.")
        raise AssertionError
    if len(value) > limit:
        raise Refused(Reason.LIMIT_EXCEEDED, field=field, found=f"{len(value)} entries", limit=limit)
    return value


def _short(value: object) -> str:
    """A few words of any value, without printing all of it first."""
    return repr(value)[:80] if isinstance(value, str | int | float | bool | None) else type(value).__name__


def _refuse(field: str, problem: str, found: object, remedy: str) -> None:
    raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
