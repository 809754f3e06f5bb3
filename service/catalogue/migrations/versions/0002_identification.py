"""Regressions, files of jobs, and what the workers can simulate."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    op.add_column("datasets", sa.Column("outputs", sa.Text(), nullable=True))
    op.create_table(
        "job_artifacts",
        sa.Column("job_id", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=63), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_artifacts_job_id"),
        sa.PrimaryKeyConstraint("job_id", "id", name="pk_job_artifacts"),
    )
    op.create_index("ix_job_artifacts_sha256", "job_artifacts", ["sha256"])
    op.create_table(
        "worlds",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_worlds"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("worlds")
    op.drop_table("job_artifacts")
    op.drop_column("datasets", "outputs")
