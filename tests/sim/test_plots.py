"""The picture of a world: each class beside the others, and every parameter in a table."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sim.plots import plot_world, quantile_rows
from sim.priors import Prior
from sim.world import World
from sim.worlds.rover import WORLD as ROVER
from tests.sim.test_check import SPRING
from tests.sim.toy import TOY


@pytest.mark.parametrize("world", [SPRING, ROVER], ids=lambda world: world.name)
def test_a_world_is_drawn(world: World, tmp_path: Path) -> None:
    plot_world(world, tmp_path / "world.png")
    shown = _grey(tmp_path / "world.png")
    assert shown.shape[0] > 200 and shown.shape[1] >= 900
    assert 0.005 < np.mean(shown < 128) < 0.5  # ink on paper


def test_the_same_seed_draws_the_same_and_another_prior_does_not(tmp_path: Path) -> None:
    for name, prior in (("once", None), ("again", None), ("quiet", TOY.prior.replace(noise=0.0))):
        plot_world(TOY, tmp_path / f"{name}.png", prior=prior)
    once, again, quiet = (_grey(tmp_path / f"{name}.png") for name in ("once", "again", "quiet"))
    assert np.array_equal(once, again) and not np.array_equal(once, quiet)


def _grey(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"))


def test_the_table_holds_the_quantiles_of_every_parameter() -> None:
    rows = quantile_rows(TOY.prior)
    assert [(name, unit) for name, unit, _ in rows] == [("pace", "1"), ("noise", "1")]
    assert np.allclose(rows[0][2], [0.12, 0.3, 0.48]) and np.allclose(rows[1][2], 0.1)


def test_a_world_without_parameters_is_drawn(tmp_path: Path) -> None:
    def simulate(key: object, parameters: object) -> object:
        return TOY.simulate(key, TOY.prior.sample(key, 64))

    plain = World("plain", TOY.task, Prior((), ()), simulate, 64)
    plot_world(plain, tmp_path / "plain.png")
    assert (tmp_path / "plain.png").stat().st_size > 5000
