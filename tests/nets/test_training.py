"""The one training loop: what may move moves, the best is kept, and a killed training ends as one that was not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import optax
import pytest

from nets import epoch as program
from nets.architectures import cnn
from nets.checkpoints import Checkpoint
from nets.inference import outputs
from nets.losses import cross_entropy
from nets.network import initial_arrays
from nets.training import Cancelled, Validation, train
from nets.windows import Windows
from slipway.errors import Reason, Refused
from tests.nets.tasks import task, waves

LAYERS = cnn(task(), widths=(4, 8), sizes=(3, 3), dropout=0.1)
ARRAYS = initial_arrays(LAYERS, (16, 3), 0)
LEARNED = frozenset(name for name in ARRAYS if name.split(".")[1] in ("kernel", "bias", "scale", "offset"))
ADAM = optax.adam(1e-2)
HEAD = frozenset({f"{len(LAYERS) - 1}.kernel", f"{len(LAYERS) - 1}.bias"})


def loss(network, batch, key):
    return cross_entropy(network(batch.groups["source"].values, True, key), batch.groups["source"].labels)


def still_loss(network, batch, key):
    return cross_entropy(network(batch.groups["source"].values), batch.groups["source"].labels)


def learn(**options):
    defaults = {"optimizer": ADAM, "trainable": LEARNED, "epochs": 6, "batch_size": 32, "seed": 3}
    chosen = {"loss": loss, "groups": {"source": Windows(*waves(200, 0))}, "arrays": ARRAYS, **defaults, **options}
    return train(LAYERS, **chosen)


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_it_learns():
    values, labels = waves(200, 1)
    found = learn(epochs=20, validation=Validation(Windows(values, labels)))
    assert (outputs(LAYERS, found.arrays, values)[1].argmax(1) == labels).mean() > 0.9
    assert found.curve[0].loss is None and found.curve[-1].validation_accuracy > 0.9


def test_only_what_is_trainable_moves():
    found = learn(trainable=HEAD, loss=still_loss)
    assert {name for name in ARRAYS if not np.array_equal(found.arrays[name], ARRAYS[name])} == HEAD


def test_the_best_epoch_is_kept_and_patience_ends_the_wait():
    values, labels = waves(60, 2)
    wrong = Validation(Windows(values, (labels + 1) % 3))  # the more is learned, the worse these get
    found = learn(epochs=50, validation=wrong, patience=3)
    assert len(found.curve) - 1 == found.best_epoch + 3
    losses = [row.validation_loss for row in found.curve]
    assert losses[found.best_epoch] == min(losses)


def test_class_weights_decide_what_counts():
    values, labels = waves(60, 2)
    only_first = Validation(Windows(values, labels), np.array([1, 0, 0], np.float32))
    found = learn(epochs=1, validation=only_first)
    scores = outputs(LAYERS, found.arrays, values[labels == 0])[1]
    expected = -(scores[:, 0] - np.log(np.exp(scores).sum(1))).mean()
    assert found.curve[found.best_epoch].validation_loss == pytest.approx(expected, rel=1e-4)


def test_the_seed_fixes_everything():
    assert same(learn().arrays, learn().arrays)
    assert not same(learn().arrays, learn(seed=4).arrays)


def test_numbers_that_explode_are_refused_with_the_epoch():
    with pytest.raises(Refused) as refused:
        learn(optimizer=optax.sgd(1e25), loss=still_loss)
    assert refused.value.reason is Reason.TRAINING_DIVERGED
    assert "epoch 1" in refused.value.message


def test_a_second_training_of_its_kind_compiles_nothing():
    learn(epochs=1)
    before = program.compiled.cache_info()
    learn(epochs=1, seed=9, groups={"source": Windows(*waves(195, 1))})
    after = program.compiled.cache_info()
    assert (after.misses, after.hits) == (before.misses, before.hits + 1)


def test_cancelled_then_resumed_ends_as_if_nothing_happened(tmp_path):
    checkpoint = Checkpoint(tmp_path / "state")
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        learn(checkpoint=checkpoint, should_stop=lambda: next(asked))
    seen = []
    found = learn(checkpoint=checkpoint, progress=seen.append)
    assert [row.epoch for row in seen] == [3, 4, 5, 6]
    assert same(found.arrays, learn().arrays)


def test_killed_by_an_error_then_resumed_ends_as_if_nothing_happened(tmp_path):
    checkpoint = Checkpoint(tmp_path / "state", every_epochs=2)
    validation = Validation(Windows(*waves(50, 1)))

    def fall(row):
        if row.epoch == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(checkpoint=checkpoint, progress=fall, validation=validation)
    seen = []
    found = learn(checkpoint=checkpoint, progress=seen.append, validation=validation)
    whole = learn(validation=validation)
    assert [row.epoch for row in seen] == [5, 6]  # epoch 4 was the last one saved
    assert same(found.arrays, whole.arrays)
    assert found.curve == whole.curve


CHILD = """
import sys
from pathlib import Path
from nets.checkpoints import Checkpoint
from tests.nets.test_training import learn
learn(checkpoint=Checkpoint(Path(sys.argv[1])), epochs=400, progress=lambda row: print(row.epoch, flush=True))
"""


def test_killed_with_sigkill_then_resumed_ends_as_if_nothing_happened(tmp_path):
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path / "state")],
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "JAX_PLATFORMS": "cpu"},
    )
    try:
        assert any(int(line) >= 3 for line in child.stdout)  # the checkpoint of epoch 3 is on disk by now
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
    # A few more epochs may have passed before the signal; resume to ten more than are there.
    done = max(int(path.name) for path in (tmp_path / "state").iterdir() if path.name.isdigit())
    assert 3 <= done < 400
    seen = []

    def until(row):
        seen.append(row.epoch)
        if row.epoch == done + 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(checkpoint=Checkpoint(tmp_path / "state"), epochs=400, progress=until)
    assert seen == list(range(done + 1, done + 6))
    whole = {}
    with pytest.raises(KeyboardInterrupt):
        learn(checkpoint=Checkpoint(tmp_path / "whole"), epochs=400, progress=lambda row: stop_at(row, done + 5, whole))
    resumed, straight = (curve_of(tmp_path / name) for name in ("state", "whole"))
    assert resumed == straight


def stop_at(row, last, kept):
    kept[row.epoch] = row.loss
    if row.epoch == last:
        raise KeyboardInterrupt


def curve_of(folder):
    """State of the newest checkpoint as bytes, and its curve."""
    from nets.checkpoints import Keeper
    from nets.epoch import State
    from nets.training import _fingerprint

    groups = {"source": Windows(*waves(200, 0))}
    like = (State(dict(ARRAYS), ADAM.init({name: ARRAYS[name] for name in LEARNED})), dict(ARRAYS))
    with Keeper(Checkpoint(folder), _fingerprint(LAYERS, groups, LEARNED, 32, 400, 3)) as keeper:
        state, notes = keeper.restore(like)
    import jax

    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state)], notes["curve"]


def test_the_checkpoint_of_another_training_is_not_resumed_from(tmp_path):
    learn(checkpoint=Checkpoint(tmp_path), epochs=1)
    with pytest.raises(ValueError, match="another training"):
        learn(checkpoint=Checkpoint(tmp_path), epochs=2)
