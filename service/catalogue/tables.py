"""The catalogue's tables. Times are microseconds since 1970; documents are JSON."""

import json
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

ID = String(63)
NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
}


class Document(TypeDecorator[Any]):
    """A JSON value as text: the same bytes in every database, NaN included (losses can be NaN)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write."""
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Read."""
        return None if value is None else json.loads(value)


metadata = MetaData(naming_convention=NAMING)

datasets = Table(
    "datasets",
    metadata,
    Column("id", ID, primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("sensor", Document, nullable=False),
    Column("classes", Document, nullable=False),
    Column("window_count", BigInteger, nullable=False),
    Column("label_counts", Document, nullable=False),
    Column("statistics", Document),
    Column("create_us", BigInteger, nullable=False),
    Column("outputs", Document),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("dataset_id", ID, ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("window_count", BigInteger, nullable=False),
    Column("committed_count", BigInteger, nullable=False),
    Column("sha256", String(64), index=True),  # of the stored file; set when complete
    Column("position", Integer),  # order within the dataset; set when complete
    Column("create_us", BigInteger, nullable=False),
    Column("update_us", BigInteger, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", ID, nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("spec", Document, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("progress", Document),
    Column("attempt_count", Integer, nullable=False),  # begun
    Column("lost_count", Integer, nullable=False),  # ended by the death of their worker
    Column("cancel_requested", Boolean, nullable=False),
    Column("worker", Text),
    Column("lease", String(32)),  # token of the attempt that may write
    Column("lease_until_us", BigInteger),
    Column("failure", Document),
    Column("result", Document),
    Column("create_us", BigInteger, nullable=False),
    Column("start_us", BigInteger),
    Column("end_us", BigInteger),
    Column("revision", Integer, nullable=False),  # grows with every change that a watcher may see
)

job_artifacts = Table(
    "job_artifacts",
    metadata,
    Column("job_id", ID, ForeignKey("jobs.id"), primary_key=True),
    Column("id", ID, primary_key=True),
    Column("sha256", String(64), nullable=False, index=True),
    Column("size_bytes", BigInteger, nullable=False),
)

worlds = Table(  # what the workers can simulate, as they said when they last started
    "worlds",
    metadata,
    Column("name", ID, primary_key=True),
    Column("description", Document, nullable=False),
)

models = Table(
    "models",
    metadata,
    Column("id", ID, primary_key=True),
    Column("task", Document, nullable=False),
    Column("latest", Integer, nullable=False),
    Column("create_us", BigInteger, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("model_id", ID, ForeignKey("models.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("job_id", ID, nullable=False),
    Column("lineage", Document, nullable=False),
    Column("parameter_count", BigInteger, nullable=False),
    Column("history", Document, nullable=False),
    Column("create_us", BigInteger, nullable=False),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("model_id", ID, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", ID, primary_key=True),
    Column("sha256", String(64), nullable=False, index=True),
    Column("size_bytes", BigInteger, nullable=False),
    ForeignKeyConstraint(["model_id", "number"], ["versions.model_id", "versions.number"]),
)

channels = Table(
    "channels",
    metadata,
    Column("model_id", ID, primary_key=True),
    Column("id", ID, primary_key=True),
    Column("number", Integer, nullable=False),  # of the version
    Column("serial", Integer, nullable=False),  # moves so far
    Column("rollout_serial", Integer, nullable=False, server_default="0"),  # moves of rollouts on it so far
    ForeignKeyConstraint(["model_id", "number"], ["versions.model_id", "versions.number"]),
)

moves = Table(
    "moves",
    metadata,
    Column("model_id", ID, primary_key=True),
    Column("channel_id", ID, primary_key=True),
    Column("serial", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("time_us", BigInteger, nullable=False),
    ForeignKeyConstraint(["model_id", "channel_id"], ["channels.model_id", "channels.id"]),
)

reports = Table(
    "reports",
    metadata,
    Column("serial", Integer, primary_key=True),
    Column("device_id", ID, nullable=False),
    Column("model_id", ID, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(63), nullable=False),
    Column("message", Text, nullable=False),
    Column("time_us", BigInteger, nullable=False),
    ForeignKeyConstraint(["model_id", "number"], ["versions.model_id", "versions.number"]),
    Index(None, "device_id", "serial"),
)

requests = Table(
    "requests",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("digest", String(64), nullable=False),  # of the method and the request
    Column("answer", Text, nullable=False),  # id of what the request made
    Column("time_us", BigInteger, nullable=False, index=True),
)

identities = Table(
    "identities",
    metadata,
    Column("id", ID, primary_key=True),
    Column("role", String(16), nullable=False),
    Column("create_us", BigInteger, nullable=False),
)

certificates = Table(
    "certificates",
    metadata,
    Column("sha256", String(64), primary_key=True),  # of the certificate (DER)
    Column("identity_id", ID, ForeignKey("identities.id"), nullable=False, index=True),
    Column("serial_number", String(40), nullable=False),  # hexadecimal
    Column("public_key", Text, nullable=False),  # SubjectPublicKeyInfo (PEM)
    Column("create_us", BigInteger, nullable=False),
    Column("expire_us", BigInteger, nullable=False),
    Column("revoke_us", BigInteger, index=True),
)

enrolment_tokens = Table(
    "enrolment_tokens",
    metadata,
    Column("sha256", String(64), primary_key=True),  # of the secret, which nobody keeps
    Column("identity_id", ID, nullable=False, index=True),
    Column("role", String(16), nullable=False),
    Column("create_us", BigInteger, nullable=False),
    Column("expire_us", BigInteger, nullable=False),
    Column("use_us", BigInteger),
)

rollouts = Table(
    "rollouts",
    metadata,
    Column("model_id", ID, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("channel_id", ID, nullable=False),
    Column("base", Integer, nullable=False),  # version that the channel pointed at when it began
    Column("serial", Integer, nullable=False),  # of the channel when it began
    Column("version", Integer, nullable=False),  # the candidate
    Column("plan", Document, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("stage", Integer, nullable=False),
    Column("judged", Document, nullable=False),  # all that the judge knows
    Column("create_us", BigInteger, nullable=False),
    Column("change_us", BigInteger, nullable=False),  # of state or stage
    ForeignKeyConstraint(["model_id", "channel_id"], ["channels.model_id", "channels.id"]),
    ForeignKeyConstraint(["model_id", "version"], ["versions.model_id", "versions.number"]),
)

rollout_events = Table(
    "rollout_events",
    metadata,
    Column("serial", Integer, primary_key=True),
    Column("model_id", ID, nullable=False),
    Column("number", Integer, nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("stage", Integer, nullable=False),
    ForeignKeyConstraint(["model_id", "number"], ["rollouts.model_id", "rollouts.number"]),
    Index(None, "model_id", "number"),
)

devices = Table(
    "devices",
    metadata,
    Column("id", ID, primary_key=True),
    Column("model_id", ID),  # that it follows, as far as it told
    Column("channel_id", ID),  # that it follows
    Column("number", Integer),  # version that answers there
    Column("drift", Float),
    Column("window_count", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),  # of its last report on health
    Column("report_us", BigInteger),  # when it told something last
    Column("seen_us", BigInteger, nullable=False),  # when it was heard of last, to the day
    Index(None, "model_id", "channel_id"),
)

policies = Table(
    "policies",
    metadata,
    Column("model_id", ID, ForeignKey("models.id"), primary_key=True),
    Column("target", ID, nullable=False),  # dataset
    Column("settings", Document, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("progress", Document, nullable=False),  # of the round
)

policy_events = Table(
    "policy_events",
    metadata,
    Column("serial", Integer, primary_key=True),
    Column("model_id", ID, ForeignKey("policies.model_id"), nullable=False, index=True),
    Column("time_us", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("phase", String(16), nullable=False),
)

relayed_reports = Table(
    "relayed_reports",
    metadata,
    Column("device_id", ID, primary_key=True),
    Column("sha256", String(64), primary_key=True),  # of the report as it was signed
    Column("time_us", BigInteger, nullable=False),  # when it was signed
    Column("is_status", Boolean, nullable=False),
)
