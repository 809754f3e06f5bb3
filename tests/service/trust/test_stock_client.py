"""The same files by plain HTTP: stock python-tuf, with its own fetcher and its own clock, installs the same target."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
from tuf.ngclient import Updater

from slipway.trust import names
from slipway.trust.http_source import HttpSource
from tests.service.trust.door import opened
from tests.slipway.trust.attacks import nothing
from tests.slipway.trust.shop import ADAPTER, ADAPTERS, ROVER, Device, Shop


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop(now=datetime.now(UTC))


def stock(url: str, shop: Shop, folder: Path) -> Updater:
    (folder / "targets").mkdir()
    return Updater(
        str(folder / "metadata"), f"{url}/metadata/", str(folder / "targets"), f"{url}/targets/", bootstrap=shop.root
    )


@pytest.mark.parametrize("number", [1, 2])
def test_stock_python_tuf_installs_what_a_device_installs(shop: Shop, tmp_path: Path, number: int) -> None:
    version = f"{ROVER}/{number}"
    path = names.base_path(version) if number == 1 else names.adapted_path(version)
    with opened(shop.mirror) as (url, _):
        updater = stock(url, shop, tmp_path)
        info = updater.get_targetinfo(path)
        assert info is not None
        theirs = Path(updater.download_target(info)).read_bytes()
        device = Device(tmp_path, shop)
        view = device.refresh(datetime.now(UTC), source=HttpSource(url))
        bundle = view.bundle(version)
        view.fetch(bundle, tmp_path / "ours")
    assert theirs == (tmp_path / "ours").read_bytes() == (shop.base, shop.adapted)[number - 1]
    assert info.custom == {"kind": "bundle", "version": version, "serial": bundle.serial}


def test_stock_python_tuf_refuses_what_the_gate_did_not_sign(tmp_path: Path) -> None:
    shop = Shop(now=datetime.now(UTC))
    shop.signers[ADAPTERS] = [ADAPTER]
    shop.forge({ADAPTERS: nothing}, now=shop.now)
    with opened(shop.mirror) as (url, _):
        updater = stock(url, shop, tmp_path)
        assert updater.get_targetinfo(names.base_path(f"{ROVER}/1"))
        with pytest.raises(UnsignedMetadataError):
            updater.get_targetinfo(names.adapted_path(f"{ROVER}/2"))


def test_stock_python_tuf_refuses_other_bytes(tmp_path: Path) -> None:
    shop = Shop(now=datetime.now(UTC))
    with opened(shop.mirror) as (url, _):
        updater = stock(url, shop, tmp_path)
        info = updater.get_targetinfo(names.base_path(f"{ROVER}/1"))
        assert info is not None
        shop.blobs[info.hashes["sha256"]] = shop.base[:-1] + b"!"
        with pytest.raises(RepositoryError):
            updater.download_target(info)
