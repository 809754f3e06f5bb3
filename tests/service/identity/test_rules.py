"""The table of who may call what: complete, closed where it says nothing, and what machines may do only with theirs."""

from collections.abc import Collection
from typing import Any

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from service.identity.rules import RULES, Rule, admit
from service.identity.values import FOREVER_US, Caller, Role
from service.inference.stubs import grpc_service_pb2
from service.reflection import _describe_v1
from slipway.errors import Reason, Refused
from slipway.v1 import datasets_pb2, identities_pb2, jobs_pb2, models_pb2, rollouts_pb2, updates_pb2

FILES = (datasets_pb2, identities_pb2, jobs_pb2, models_pb2, rollouts_pb2, updates_pb2)
OTHERS = (grpc_service_pb2, health_pb2, reflection_pb2)


def methods() -> dict[str, Any]:
    """Every method of every service, with its request."""
    _describe_v1()
    v1 = descriptor_pool.Default().FindFileByName("grpc/reflection/v1/reflection.proto")
    files = [module.DESCRIPTOR for module in (*FILES, *OTHERS)] + [v1]
    services = [service for file in files for service in file.services_by_name.values()]
    return {f"/{service.full_name}/{each.name}": each for service in services for each in service.methods}


def caller(role: Role, identity_id: str = "rover-7") -> Caller:
    return Caller(identity_id, role, "", FOREVER_US)


def allowed(method: str, who: Caller, request: Any, targets: Collection[str] = ()) -> bool:
    try:
        admit(RULES.get(method), who, request, lambda: targets, method)
        return True
    except Refused as refused:
        assert refused.reason == Reason.PERMISSION_DENIED
        return False


def lacking(table: dict[str, Rule]) -> set[str]:
    return set(methods()) ^ set(table)


def test_every_method_of_every_service_has_a_row_and_every_row_a_method() -> None:
    assert lacking(RULES) == set()


@pytest.mark.parametrize("planted", ["/slipway.v1.Jobs/CreateJob", "/grpc.health.v1.Health/Check"])
def test_a_missing_row_is_seen(planted: str) -> None:
    assert lacking({name: rule for name, rule in RULES.items() if name != planted}) == {planted}


@pytest.mark.parametrize("role", Role)
def test_what_has_no_row_nobody_may_call(role: Role) -> None:
    assert not allowed("/slipway.v1.Jobs/Nonsense", caller(role), None)


def test_an_admin_may_everything_and_an_operator_all_but_report() -> None:
    for method, each in methods().items():
        request = GetMessageClass(each.input_type)()
        assert allowed(method, caller(Role.ADMIN), request)
        reports = method.endswith(("ReportStatus", "ReportHealth", "RelayReport"))
        assert allowed(method, caller(Role.OPERATOR), request) != reports


DEVICE_METHODS = {
    *(f"/slipway.v1.Datasets/{name}" for name in ("CreateDataset", "GetDataset", "GetUpload", "UploadStatistics")),
    "/slipway.v1.Datasets/UploadWindows",
    *(f"/slipway.v1.Updates/{name}" for name in ("GetMetadata", "DownloadTarget", "WatchUpdates", "ReportStatus")),
    *(f"/slipway.v1.Updates/{name}" for name in ("ReportHealth", "GetRepositoryFile")),
    *(f"/slipway.v1.Identities/{name}" for name in ("Enrol", "RenewCertificate", "GetIdentity")),
    *(f"/grpc.health.v1.Health/{name}" for name in ("Check", "Watch")),
    *(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo" for version in ("v1", "v1alpha")),
}


def test_what_a_device_may_call_is_this_and_no_more() -> None:
    assert {method for method in methods() if Role.DEVICE in RULES[method].roles} == DEVICE_METHODS
    relays = {"/slipway.v1.Updates/RelayReport"}
    assert {method for method in methods() if Role.GATEWAY in RULES[method].roles} == DEVICE_METHODS | relays


OWN = {  # a request about an id
    "Datasets/CreateDataset": lambda name: datasets_pb2.CreateDatasetRequest(dataset_id=name),
    "Datasets/GetDataset": lambda name: datasets_pb2.GetDatasetRequest(name=f"datasets/{name}"),
    "Datasets/GetUpload": lambda name: datasets_pb2.GetUploadRequest(name=f"datasets/{name}/uploads/1"),
    "Datasets/UploadWindows": lambda name: datasets_pb2.UploadWindowsRequest(
        header=datasets_pb2.UploadHeader(dataset=f"datasets/{name}")
    ),
    "Datasets/UploadStatistics": lambda name: datasets_pb2.UploadStatisticsRequest(dataset=f"datasets/{name}"),
    "Updates/ReportStatus": lambda name: updates_pb2.ReportStatusRequest(device_id=name),
    "Updates/ReportHealth": lambda name: updates_pb2.ReportHealthRequest(device_id=name),
    "Identities/GetIdentity": lambda name: identities_pb2.GetIdentityRequest(name=f"identities/{name}"),
}
NAMES = st.text(alphabet="abr-_/7.", max_size=12) | st.sampled_from(["rover-7", "rover-8", "datasets/rover-7"])


@pytest.mark.parametrize("role", [Role.DEVICE, Role.GATEWAY])
@pytest.mark.parametrize("method", OWN)
@settings(max_examples=25)
@given(name=NAMES)
def test_a_machine_has_its_own_and_nothing_else(method: str, role: Role, name: str) -> None:
    """Also not by a name that only begins like its own."""
    may = allowed(f"/slipway.v1.{method}", caller(role), OWN[method](name))
    own = name == "rover-7" or (method in PARTS and name.split("/")[0] == "rover-7")
    own = own or (method == "Identities/GetIdentity" and name == "identities/rover-7")
    assert may == own


# of what is longer than a name, the owner is the first part; the handler refuses the rest
PARTS = {"Datasets/GetDataset", "Datasets/GetUpload", "Datasets/UploadWindows", "Datasets/UploadStatistics"}


@pytest.mark.parametrize("method", ["UploadWindows", "UploadStatistics", "GetUpload"])
def test_into_a_policys_dataset_a_machine_writes_without_seeing_it(method: str) -> None:
    request, rule = OWN[f"Datasets/{method}"]("garage"), RULES[f"/slipway.v1.Datasets/{method}"]
    assert admit(rule, caller(Role.DEVICE), request, lambda: {"garage"}, "x") is False
    assert admit(rule, caller(Role.CLIENT), request, lambda: {"garage"}, "x") is True
    assert not allowed(f"/slipway.v1.Datasets/{method}", caller(Role.DEVICE), request, {"shed"})
    read = OWN["Datasets/GetDataset"]("garage")
    assert not allowed("/slipway.v1.Datasets/GetDataset", caller(Role.DEVICE), read, {"garage"})


def test_only_a_gateway_asks_for_others_updates() -> None:
    method = "/slipway.v1.Updates/GetMetadata"
    for name, device, gateway in (("", True, True), ("rover-7", True, True), ("rover-8", False, True)):
        request = updates_pb2.GetMetadataRequest(device_id=name)
        assert allowed(method, caller(Role.DEVICE), request) == device
        assert allowed(method, caller(Role.GATEWAY), request) == gateway


def test_nobody_but_devices_and_admins_reports() -> None:
    request = updates_pb2.ReportStatusRequest(device_id="rover-7")
    for role in (Role.OPERATOR, Role.CLIENT):
        assert not allowed("/slipway.v1.Updates/ReportStatus", caller(role), request)


def test_a_refusal_says_nothing_of_what_was_asked_for() -> None:
    request = datasets_pb2.GetDatasetRequest(name="datasets/secret-garage")
    with pytest.raises(Refused) as caught:
        admit(RULES["/slipway.v1.Datasets/GetDataset"], caller(Role.DEVICE), request, tuple, "GetDataset")
    assert "secret-garage" not in str(caught.value)
