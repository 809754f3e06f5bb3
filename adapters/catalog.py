"""What there is: one table of scopes, one of objectives, one of validators, and how they are written in a job."""

import re
from collections.abc import Callable
from functools import lru_cache

from adapters import scopes
from adapters.gate import evidence
from adapters.gate.evidence import Validator
from adapters.objective import Objective, Term
from adapters.objectives.aad import AAD
from adapters.objectives.cdan import CDAN
from adapters.objectives.codats import CODATS
from adapters.objectives.consistency import CONSISTENCY
from adapters.objectives.coral import CORAL
from adapters.objectives.coral_map import CORAL_MAP
from adapters.objectives.cross_entropy import CROSS_ENTROPY
from adapters.objectives.dann import DANN
from adapters.objectives.distillation import DISTILLATION
from adapters.objectives.entropy import ENTROPY
from adapters.objectives.homm import HOMM
from adapters.objectives.information_maximisation import INFORMATION_MAXIMISATION
from adapters.objectives.l2_sp import L2_SP
from adapters.objectives.masked import MASKED
from adapters.objectives.mcd import MCD
from adapters.objectives.mixup import MIXUP
from adapters.objectives.mmd import MMD
from adapters.objectives.moments import MOMENTS
from adapters.objectives.nrc import NRC
from adapters.objectives.open_set import OPEN_SET
from adapters.objectives.pseudo_labels import PSEUDO_LABELS
from adapters.objectives.sensor_match import SENSOR_MATCH
from adapters.objectives.squared_error import SQUARED_ERROR
from adapters.objectives.subspace import SUBSPACE
from adapters.objectives.transport import TRANSPORT
from adapters.objectives.virtual_adversarial import VIRTUAL_ADVERSARIAL
from adapters.scopes import Scope, union
from slipway.errors import Reason, Refused

SCOPES: dict[str, Callable[..., Scope]] = {
    "input_statistics": scopes.input_statistics,
    "norm_statistics": scopes.norm_statistics,
    "norm_affine": scopes.norm_affine,
    "bias": scopes.bias,
    "film": scopes.film,
    "lora": scopes.lora,
    "head": scopes.head,
    "top": scopes.top,
    "full": scopes.full,
    "sensor": scopes.sensor,
}
COUNTED = ("lora", "top")  # scopes that are written with a number: lora(4), top(2)

OBJECTIVES: dict[str, Term] = {
    term.name: term
    for term in (
        CROSS_ENTROPY,
        SQUARED_ERROR,
        MOMENTS,
        SENSOR_MATCH,
        CORAL_MAP,
        SUBSPACE,
        TRANSPORT,
        CORAL,
        MMD,
        HOMM,
        DANN,
        CDAN,
        CODATS,
        MCD,
        ENTROPY,
        INFORMATION_MAXIMISATION,
        PSEUDO_LABELS,
        NRC,
        AAD,
        VIRTUAL_ADVERSARIAL,
        MASKED,
        MIXUP,
        CONSISTENCY,
        DISTILLATION,
        L2_SP,
        OPEN_SET,
    )
}

VALIDATORS: dict[str, Validator] = {
    "familiarity": evidence.familiarity,
    "information": evidence.information,
    "neighbourhood": evidence.neighbourhood,
    "agreement": evidence.agreement,
    "consistency": evidence.consistency,
    "source_risk": evidence.source_risk,
}

TEXT_LIMIT_CHARS = 500
_SCOPE = re.compile(r"([a-z_]+)(?:\(([0-9]{1,4})\))?")
_TERM = re.compile(r"([a-z][a-z0-9_]*)(?:\s*\*\s*([0-9]+(?:\.[0-9]+)?(?:e-?[0-9]{1,2})?))?")


@lru_cache(maxsize=256)
def scope(text: str) -> Scope:
    """Read ``"top(2)"`` or ``"input_statistics + norm_statistics"``.

    Raises:
        Refused: FIELD_INVALID, naming the part that is not a scope.
    """
    return union(*(_scope(part.strip()) for part in _parts(text, "scope")))


@lru_cache(maxsize=256)
def objective(text: str) -> Objective:
    """Read ``"coral*0.5 + cross_entropy"``.

    Raises:
        Refused: FIELD_INVALID, naming the part that is not an objective.
    """
    pairs = [_term(part.strip()) for part in _parts(text, "objective")]
    return Objective(tuple(term for term, _ in pairs), tuple(weight for _, weight in pairs))


def _parts(text: str, field: str) -> list[str]:
    if len(text) > TEXT_LIMIT_CHARS:
        raise Refused(Reason.LIMIT_EXCEEDED, field=field, found=len(text), limit=TEXT_LIMIT_CHARS)
    return text.split("+")


def _scope(part: str) -> Scope:
    found = _SCOPE.fullmatch(part)
    takes_count = found is not None and found[1] in COUNTED
    if found is None or found[1] not in SCOPES or takes_count != (found[2] is not None):
        raise _unknown("scope", part, [name + "(n)" * (name in COUNTED) for name in SCOPES])
    return SCOPES[found[1]](int(found[2])) if takes_count else SCOPES[found[1]]()


def _term(part: str) -> tuple[Term, float]:
    found = _TERM.fullmatch(part)
    if found is None or found[1] not in OBJECTIVES:
        raise _unknown("objective", part, list(OBJECTIVES))
    return OBJECTIVES[found[1]], 1.0 if found[2] is None else float(found[2])


def _unknown(field: str, part: str, known: list[str]) -> Refused:
    remedy = f"Use one of {', '.join(known)}, or a sum of them."
    return Refused(Reason.FIELD_INVALID, field=field, problem=f"not a known {field}", found=repr(part), remedy=remedy)
