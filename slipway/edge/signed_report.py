"""Reports that a device signs because others carry them. Loads ``cryptography``: import it only where a key is used."""

from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.protobuf.timestamp_pb2 import Timestamp

from slipway.errors import Reason, Refused
from slipway.v1 import updates_pb2 as pb


def sign(
    content: pb.ReportStatusRequest | pb.ReportHealthRequest, key_pem: bytes, now: datetime
) -> pb.RelayReportRequest:
    """What a gateway can carry and cannot change.

    Args:
        content: the report; its ``device_id`` says whose it is.
        key_pem: private key of the device's certificate (PKCS#8, P-256).
        now: the device's clock; the server takes what is neither 30 days old nor 10 minutes ahead.

    Raises:
        Refused: IDENTITY_UNUSABLE, the key is no such key.
    """
    stamp = Timestamp()
    stamp.FromDatetime(now.astimezone(UTC))
    report = pb.Report(device_id=content.device_id, time=stamp)
    if isinstance(content, pb.ReportStatusRequest):
        report.status.CopyFrom(content)
    else:
        report.health.CopyFrom(content)
    data = report.SerializeToString(deterministic=True)
    return pb.RelayReportRequest(report=data, signature=_key(key_pem).sign(data, ec.ECDSA(hashes.SHA256())))


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        raise _unusable("it cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _unusable("it is not of the curve P-256")
    return key


def _unusable(problem: str) -> Refused:
    words = {"problem": problem, "found": "the folder", "remedy": "Enrol again with a new token."}
    return Refused(Reason.IDENTITY_UNUSABLE, field="identity", **words)
