"""Identities, their certificates, and the tokens that begin them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "identities",
        sa.Column("id", sa.String(length=63), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("create_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_identities"),
    )
    op.create_table(
        "certificates",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("identity_id", sa.String(length=63), nullable=False),
        sa.Column("serial_number", sa.String(length=40), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("create_us", sa.BigInteger(), nullable=False),
        sa.Column("expire_us", sa.BigInteger(), nullable=False),
        sa.Column("revoke_us", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["identity_id"], ["identities.id"], name="fk_certificates_identity_id"),
        sa.PrimaryKeyConstraint("sha256", name="pk_certificates"),
    )
    op.create_index("ix_certificates_identity_id", "certificates", ["identity_id"])
    op.create_index("ix_certificates_revoke_us", "certificates", ["revoke_us"])
    op.create_table(
        "enrolment_tokens",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("identity_id", sa.String(length=63), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("create_us", sa.BigInteger(), nullable=False),
        sa.Column("expire_us", sa.BigInteger(), nullable=False),
        sa.Column("use_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("sha256", name="pk_enrolment_tokens"),
    )
    op.create_index("ix_enrolment_tokens_identity_id", "enrolment_tokens", ["identity_id"])


def downgrade() -> None:
    """Take back."""
    op.drop_table("enrolment_tokens")
    op.drop_table("certificates")
    op.drop_table("identities")
