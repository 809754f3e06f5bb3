"""Reports that gateways have carried."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "relayed_reports",
        sa.Column("device_id", sa.String(length=63), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("is_status", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "sha256", name="pk_relayed_reports"),
    )
