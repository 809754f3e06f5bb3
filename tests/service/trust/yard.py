"""A data folder with keys and a repository, as ``updates init`` makes it, and versions that come into its catalogue."""

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from service.blobs import open_blobs
from service.catalogue import migrate, models
from service.catalogue.engine import Catalogue, database_url
from service.catalogue.models import delta_id
from service.clock import now_us
from service.config import Config
from service.domain import Decision, Lineage, NewVersion
from service.trust import desk, drafts, keyring
from service.trust.desk import Desk
from service.trust.entries import content_of
from slipway.delta import codec
from slipway.spec import TaskSpec
from slipway.trust.root import enrol
from tests.slipway.edge.bundles import CLASSES, SENSOR, bundle

BALLAST = 6000
TASK = TaskSpec("rover", SENSOR, CLASSES).to_json()


class Yard:
    """A model "rover" whose versions are small real bundles, and every key."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.keys = folder / "keys"
        self.data = folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        own = {f"trust_{name}_key": str(self.keys / f"{name}.pem") for name in keyring.SERVER}
        self.config = Config(data_folder=self.data, worker_count=0, **{**own, **settings})
        desk.small(self.config, self.keys, now())
        (self.data / "catalogue.sqlite").write_bytes(empty_catalogue())
        self.catalogue = Catalogue(database_url("", self.data))
        self.blobs = open_blobs("", self.data)
        self.bundles: dict[int, bytes] = {}

    @property
    def desk(self) -> Desk:
        """The operator, with all keys."""
        return Desk(self.config, keyring.ring(self.keys))

    @property
    def root(self) -> bytes:
        return (self.keys / desk.ROOT_FILE).read_bytes()

    def add_model(self, moment: datetime | None = None) -> None:
        """Adapter and gate may sign what is adapted of it."""
        at, operator = moment or now(), self.desk
        both = [keyring.public_of(self.keys / f"{name}.pem") for name in ("adapter", "gate")]
        operator.publish(operator.sign(drafts.model(operator.state(), "rover", *both, at)), at)

    def sign_base(self, number: int) -> None:
        operator = self.desk
        news = operator.versions([f"models/rover/versions/{number}"], operator.state())
        operator.publish(operator.sign(drafts.base(operator.state(), news, now())), now())

    def enter(self, promoted: bool | None = None, base: int = 0, files: Mapping[str, bytes] | None = None) -> int:
        """Enter the next version; an adapted one of ``base`` with a delta from it if the gate has decided."""
        number = len(self.bundles) + 1
        data = bundle(number, ballast=BALLAST)
        found = {models.BUNDLE: data}
        decision, parent = None, ""
        if promoted is not None:
            decision = Decision("head" if promoted else "base", promoted, "it is better" if promoted else "it is not")
            parent = f"models/rover/versions/{base}"
            old = self.bundles[base]
            found[delta_id(content_of(old).sha256)] = codec.make(old, data)
        lineage = Lineage("linear", parent=parent, decision=decision)
        new = NewVersion("rover", TASK, lineage, 1, {})
        stored = {key: (self.blobs.put(each), len(each)) for key, each in {**found, **(files or {})}.items()}
        self.catalogue.write(models.add_version, new, stored, "job", now_us())
        self.bundles[number] = data
        return number

    def enrol(self, folder: Path) -> None:
        """Give a device the root."""
        enrol(folder / "trust", self.root)

    def signed(self) -> dict[str, set[str]]:
        """The versions that each role has signed."""
        state = self.desk.state()
        return {
            role: {info.custom["version"] for info in each.signed.targets.values() if "version" in info.custom}
            for role, each in state.targets.items()
        }


@cache
def empty_catalogue() -> bytes:
    """Made once: the migrations take longer than everything else here."""
    with tempfile.TemporaryDirectory() as folder:
        made = Catalogue(database_url("", Path(folder)))
        migrate.bring_up_to_date(made)
        made.close()
        return (Path(folder) / "catalogue.sqlite").read_bytes()


def now() -> datetime:
    return datetime.now(UTC)


def version(number: int) -> str:
    return f"models/rover/versions/{number}"
