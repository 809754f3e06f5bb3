"""Who may call what: one row for each method of each service, and what a machine may do only with its own."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from service.identity.values import MACHINES, Caller, Role
from slipway.errors import Reason, Refused

EVERYBODY = frozenset(Role)
PEOPLE = frozenset({Role.ADMIN, Role.OPERATOR, Role.CLIENT})
OPERATORS = frozenset({Role.ADMIN, Role.OPERATOR})
REPORTERS = frozenset({Role.ADMIN, *MACHINES})


@dataclass(frozen=True)
class Rule:
    """Who may call a method.

    Attributes:
        roles: who may at all.
        own: the id that a request is about; ``None`` for a request about nobody. Those ``bound`` need it to be theirs.
        bound: who may ask about their own only.
        writes: machines may also write to datasets that a policy gathers in, of which they see nothing.
    """

    roles: Collection[Role]
    own: Callable[[Any], str | None] | None = None
    bound: Collection[Role] = MACHINES
    writes: bool = False


def admit(rule: Rule | None, caller: Caller, request: Any, targets: Callable[[], Collection[str]], field: str) -> bool:
    """Whether what is asked for is the caller's to see, and not only to write.

    Args:
        targets: ids of the datasets that policies gather in.
        field: what stands in the refusal; never anything of the request, so that it tells nothing of what exists.

    Raises:
        Refused: PERMISSION_DENIED.
    """
    check_role(rule, caller, field)
    if rule is None or rule.own is None or caller.role not in rule.bound:
        return True
    owner = rule.own(request)
    if owner is None or owner == caller.id:
        return True
    if rule.writes and owner in targets():
        return False
    raise denied(caller, field)


def check_role(rule: Rule | None, caller: Caller, field: str) -> None:
    """Refuse whoever may not call a method at all; one without a row nobody may call.

    Raises:
        Refused: PERMISSION_DENIED.
    """
    if rule is None or caller.role not in rule.roles:
        raise denied(caller, field)


def denied(caller: Caller, field: str) -> Refused:
    """The one refusal for all that somebody may not do."""
    return Refused(Reason.PERMISSION_DENIED, field=field, name=f"{caller.id} ({caller.role.lower()})")


def _dataset(name: str) -> str:
    kind, _, rest = name.partition("/")
    return rest.partition("/")[0] if kind == "datasets" else ""


def _identity(name: str) -> str:
    return name.removeprefix("identities/")


ALL, STAFF, USERS = Rule(EVERYBODY), Rule(OPERATORS), Rule(PEOPLE)
DATASETS, JOBS, MODELS = "/slipway.v1.Datasets/", "/slipway.v1.Jobs/", "/slipway.v1.Models/"
UPDATES, ROLLOUTS, IDENTITIES = "/slipway.v1.Updates/", "/slipway.v1.Rollouts/", "/slipway.v1.Identities/"
INFERENCE, HEALTH = "/inference.GRPCInferenceService/", "/grpc.health.v1.Health/"

RULES: dict[str, Rule] = {
    DATASETS + "CreateDataset": Rule(EVERYBODY, own=lambda request: request.dataset_id),
    DATASETS + "GetDataset": Rule(EVERYBODY, own=lambda request: _dataset(request.name)),
    DATASETS + "ListDatasets": USERS,
    DATASETS + "DeleteDataset": STAFF,
    DATASETS + "UploadWindows": Rule(EVERYBODY, own=lambda request: _dataset(request.header.dataset), writes=True),
    DATASETS + "GetUpload": Rule(EVERYBODY, own=lambda request: _dataset(request.name), writes=True),
    DATASETS + "UploadStatistics": Rule(EVERYBODY, own=lambda request: _dataset(request.dataset), writes=True),
    JOBS + "CreateJob": USERS,
    JOBS + "GetJob": USERS,
    JOBS + "ListJobs": USERS,
    JOBS + "CancelJob": STAFF,
    JOBS + "WatchJob": USERS,
    MODELS + "GetModel": USERS,
    MODELS + "ListModels": USERS,
    MODELS + "GetVersion": USERS,
    MODELS + "ListVersions": USERS,
    MODELS + "GetChannel": USERS,
    MODELS + "ListChannels": USERS,
    MODELS + "UpdateChannel": STAFF,
    MODELS + "ImportModel": USERS,
    MODELS + "DownloadArtifact": USERS,
    UPDATES + "GetMetadata": Rule(EVERYBODY, own=lambda request: request.device_id or None, bound={Role.DEVICE}),
    UPDATES + "DownloadTarget": ALL,
    UPDATES + "WatchUpdates": ALL,
    UPDATES + "GetRepositoryFile": ALL,
    UPDATES + "ReportStatus": Rule(REPORTERS, own=lambda request: request.device_id),
    UPDATES + "ReportHealth": Rule(REPORTERS, own=lambda request: request.device_id),
    UPDATES + "RelayReport": Rule({Role.ADMIN, Role.GATEWAY}),  # a signature inside says whose it is
    ROLLOUTS + "CreateRollout": STAFF,
    ROLLOUTS + "GetRollout": USERS,
    ROLLOUTS + "ListRollouts": USERS,
    ROLLOUTS + "PauseRollout": STAFF,
    ROLLOUTS + "ResumeRollout": STAFF,
    ROLLOUTS + "AbortRollout": STAFF,
    ROLLOUTS + "GetPolicy": USERS,
    ROLLOUTS + "UpdatePolicy": STAFF,
    ROLLOUTS + "GetDevice": USERS,
    ROLLOUTS + "ListDevices": USERS,
    IDENTITIES + "CreateEnrolmentToken": STAFF,  # what an operator may make is seen where it is made
    IDENTITIES + "Enrol": ALL,
    IDENTITIES + "RenewCertificate": ALL,  # only ever the caller's own
    IDENTITIES + "GetIdentity": Rule(
        EVERYBODY, own=lambda request: _identity(request.name), bound={Role.CLIENT, *MACHINES}
    ),
    IDENTITIES + "ListIdentities": STAFF,
    IDENTITIES + "RevokeIdentity": STAFF,
    INFERENCE + "ServerLive": USERS,
    INFERENCE + "ServerReady": USERS,
    INFERENCE + "ServerMetadata": USERS,
    INFERENCE + "ModelReady": USERS,
    INFERENCE + "ModelMetadata": USERS,
    INFERENCE + "ModelInfer": USERS,
    INFERENCE + "ModelStreamInfer": USERS,
    INFERENCE + "ModelConfig": USERS,
    INFERENCE + "ModelStatistics": USERS,
    HEALTH + "Check": ALL,
    HEALTH + "Watch": ALL,
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": ALL,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": ALL,
}
