"""What a loss looks at: signals made by hand, or by a small network that looks at a few windows."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adapters.objective import Domain, Objective, Signals, Term
from nets.layers import Dense, Flatten, Layers, Normalize, Relu
from nets.model import Model
from nets.network import Network, initial_arrays
from nets.windows import Windows, bucket
from slipway.spec import Channel, TaskSpec
from tests.nets.tasks import task

BODY: Layers = (Normalize(), Flatten(), Dense(6), Relu())
CLASSIFIER = task()
REGRESSION = TaskSpec("amounts", CLASSIFIER.sensor, outputs=(Channel("force", "N"), Channel("current", "mA")))


def small(asked: TaskSpec = CLASSIFIER, seed: int = 0) -> Model:
    """A network of two dense layers that learned nothing."""
    layers = (*BODY, Dense(asked.answer_size))
    return Model(asked, layers, initial_arrays(layers, asked.sensor.window_shape, seed))


def domain(logits: Any = None, **fields: Any) -> Domain:
    """A domain of these logits; nothing else is known unless it is given."""
    logits = jnp.asarray(logits, jnp.float32)
    count = len(logits)
    known = {
        "values": jnp.zeros((count, 4, 1)),
        "features": logits,
        "logits": logits,
        "labels": jnp.full(count, -1, jnp.int32),
        "rows": jnp.arange(count),
    }
    return Domain(**{**known, **{name: jnp.asarray(value) for name, value in fields.items()}})


def signals(**fields: Any) -> Signals:
    """Signals of which only ``fields`` are known."""
    known: dict[str, Any] = {
        "labelled": None,
        "target": None,
        "source": None,
        "marginal": jnp.full(3, 1 / 3),
        "label_weights": jnp.ones(3),
        "label_smoothing": jnp.float32(0),
        "output_scale": jnp.ones(3),
        "run": lambda values: (values, values),
        "head": lambda features: features,
        "base": lambda values: (values, values),
        "changed": {},
        "initial": {},
        "own": {},
        "found": {},
        "progress": jnp.float32(0),
        "key": jax.random.key(0),
    }
    return Signals(**{**known, **fields})


def seen(
    model: Model,
    term: Term,
    arrays: Mapping[str, Any],
    target: Windows,
    source: Windows | None = None,
    **fields: Any,
) -> Signals:
    """What ``term`` sees when ``model`` with ``arrays``, the term's own among them, looks at pools as one batch."""
    network = Network(model.layers, {name: array for name, array in arrays.items() if name[0].isdigit()})
    base = Network(model.layers, model.arrays)
    own = {name: jnp.asarray(array) for name, array in arrays.items() if not name[0].isdigit()}
    count = len(target.values)
    padding = bucket(count) - count
    padded = Windows(jnp.pad(jnp.asarray(target.values), ((0, padding), (0, 0), (0, 0))), None)

    def run(network: Network, values: Any) -> Any:
        features = network.features(jnp.asarray(values))
        return features, network.head(features)

    def look(windows: Windows) -> Domain:
        values, labels = (jnp.asarray(part) for part in windows)
        return Domain(values, *run(network, values), labels, jnp.arange(len(values)))

    return signals(
        target=look(target),
        source=None if source is None else look(source),
        output_scale=jnp.ones(model.task.answer_size),
        run=lambda values: run(network, values),
        head=network.head,
        base=lambda values: jax.lax.stop_gradient(run(base, values)),
        changed=dict(arrays),
        initial={**model.arrays, **own_numbers(model, term)},
        own=own,
        sensor=model.task.sensor,
        found={} if term.refresh is None else term.refresh(network, padded, jnp.int32(count)),
        **fields,
    )


def own_numbers(model: Model, term: Term) -> Mapping[str, Any]:
    """The term's own learned numbers, as they start."""
    return {} if term.initial is None else term.initial(model, np.random.default_rng(0))


def only(*terms: Term) -> Objective:
    """The plain sum of ``terms``."""
    return Objective(terms, (1.0,) * len(terms))
