"""Refusals: every reason has words, is used, and fits on the wire."""

import re
import string
from pathlib import Path

import pytest
from google.rpc import code_pb2, error_details_pb2

from service.errors import cut, to_status
from slipway.errors import CATALOGUE, DETAIL_LIMIT_CHARS, DOMAIN, Reason, Refused

ROOT = Path(__file__).parents[2]
PACKAGES = ("slipway", "service", "adapters", "sim", "nets", "export", "studies")
TRAILERS_LIMIT_BYTES = 8 << 10


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def longest(reason: Reason, letter: str) -> Refused:
    row = CATALOGUE[reason]
    names = (placeholders(row.message) | placeholders(row.remedy)) - {"field"}
    return Refused(reason, field=letter * 500, **{name: letter * 500 for name in names})


def test_every_reason_has_a_row() -> None:
    assert set(CATALOGUE) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_row_names_its_field_and_says_a_remedy(reason: Reason) -> None:
    row = CATALOGUE[reason]
    assert "{field}" in row.message
    assert row.remedy
    assert code_pb2.Code.Value(row.code) not in (code_pb2.OK, code_pb2.UNKNOWN)


def test_every_reason_is_used_somewhere() -> None:
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    code = "\n".join(path.read_text() for path in files if path != ROOT / "slipway" / "errors.py")
    used = set(re.findall(r"Reason\.([A-Z_0-9]+)", code))
    assert {reason.value for reason in Reason} - used == set()


@pytest.mark.parametrize("letter", ["x", "\N{ROCKET}"])
@pytest.mark.parametrize("reason", Reason)
def test_the_longest_refusal_fits_into_trailing_metadata(reason: Reason, letter: str) -> None:
    status = to_status(longest(reason, letter))
    encoded_message = 3 * len(status.message.encode())  # percent-encoded in grpc-message
    encoded_details = status.ByteSize() * 4 / 3  # base64 in grpc-status-details-bin
    assert encoded_message + encoded_details < TRAILERS_LIMIT_BYTES - 512


def test_a_status_carries_one_error_info_with_remedy_and_the_field_at_fault() -> None:
    refused = Refused(Reason.RATE_MISMATCH, field="header.sensor.rate_hz", found=25.0, expected=50.0)
    status = to_status(refused)
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(request)
    assert (info.reason, info.domain) == ("RATE_MISMATCH", DOMAIN)
    assert info.metadata == {
        "found": "25.0",
        "expected": "50.0",
        "field": "header.sensor.rate_hz",
        "remedy": "Resample the recording to 50.0 Hz.",
    }
    assert request.field_violations[0].field == "header.sensor.rate_hz"
    assert status.message == "header.sensor.rate_hz: 25.0 Hz was given, 50.0 Hz is expected."


def test_details_are_cut() -> None:
    refused = Refused(Reason.DATASET_NOT_FOUND, field="name", name="x" * 10_000)
    assert len(refused.details["name"]) == DETAIL_LIMIT_CHARS
    assert cut("\N{ROCKET}" * 10, 7) == "\N{ROCKET}"
    assert cut("\ud800", 7) == "?"
