"""Rollouts, what devices tell, and policies."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.add_column("channels", sa.Column("rollout_serial", sa.Integer(), server_default="0", nullable=False))
    op.create_table(
        "rollouts",
        sa.Column("model_id", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("channel_id", sa.String(length=63), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("judged", sa.Text(), nullable=False),
        sa.Column("create_us", sa.BigInteger(), nullable=False),
        sa.Column("change_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id", "channel_id"], ["channels.model_id", "channels.id"], name="fk_rollouts_model_id_channel_id"
        ),
        sa.ForeignKeyConstraint(
            ["model_id", "version"], ["versions.model_id", "versions.number"], name="fk_rollouts_model_id_version"
        ),
        sa.PrimaryKeyConstraint("model_id", "number", name="pk_rollouts"),
    )
    op.create_index("ix_rollouts_state", "rollouts", ["state"])
    op.create_table(
        "rollout_events",
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id", "number"], ["rollouts.model_id", "rollouts.number"], name="fk_rollout_events_model_id_number"
        ),
        sa.PrimaryKeyConstraint("serial", name="pk_rollout_events"),
    )
    op.create_index("ix_rollout_events_model_id_rollout_events_number", "rollout_events", ["model_id", "number"])
    op.create_table(
        "devices",
        sa.Column("id", sa.String(length=63), nullable=False),
        sa.Column("model_id", sa.String(length=63), nullable=True),
        sa.Column("channel_id", sa.String(length=63), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("drift", sa.Float(), nullable=True),
        sa.Column("window_count", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("report_us", sa.BigInteger(), nullable=True),
        sa.Column("seen_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
    )
    op.create_index("ix_devices_model_id_devices_channel_id", "devices", ["model_id", "channel_id"])
    op.create_table(
        "policies",
        sa.Column("model_id", sa.String(length=63), nullable=False),
        sa.Column("target", sa.String(length=63), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name="fk_policies_model_id"),
        sa.PrimaryKeyConstraint("model_id", name="pk_policies"),
    )
    op.create_table(
        "policy_events",
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.String(length=63), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["policies.model_id"], name="fk_policy_events_model_id"),
        sa.PrimaryKeyConstraint("serial", name="pk_policy_events"),
    )
    op.create_index("ix_policy_events_model_id", "policy_events", ["model_id"])


def downgrade() -> None:
    """Take back."""
    for name in ("policy_events", "policies", "devices", "rollout_events", "rollouts"):
        op.drop_table(name)
    op.drop_column("channels", "rollout_serial")
