"""A change of low rank to every kernel that is large enough for it to be fewer numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from adapters.scopes.scope import Arrays, Factors, Scope
from nets.layers import Conv, Dense
from nets.model import Model
from slipway.errors import Reason, Refused

PREFIX = "lora."
RANK_LIMIT = 64


def lora(rank: int) -> Scope:
    """kernel + a @ b for the kernel (inputs, features) of every convolution and dense layer that is large enough.

    A convolution's kernel (size, channels, features) is read as (size · channels, features). ``b`` starts at zero, so
    the answers start equal; ``a`` starts with deviation 1 / √inputs. A kernel for which rank · (inputs + features) is
    not under inputs · features keeps its numbers.

    Args:
        rank: 1 to 64.

    Raises:
        Refused: FIELD_INVALID, another rank; or, once a model is given, one that has no kernel so large.

    Reference: Hu et al. 2021, LoRA, https://arxiv.org/abs/2106.09685, section 4.1 (with alpha = rank).
    """
    if not 1 <= rank <= RANK_LIMIT:
        raise _refused(f"lora needs a rank of 1 to {RANK_LIMIT}", rank, "Write lora(4) for changes of rank 4.")

    def made(model: Model) -> frozenset[str]:
        names = large_kernels(model, rank)
        if not names:
            problem = f"no kernel is larger than its factors of rank {rank}"
            raise _refused(problem, f"lora({rank})", "Use a lower rank, or a scope of whole arrays.")
        return frozenset(names)

    def initial(model: Model, random: np.random.Generator) -> Arrays:
        found: dict[str, npt.NDArray[np.float32]] = {}
        for name in sorted(made(model)):
            inputs, features = matrix_shape(model.arrays[name])
            found[f"{PREFIX}{name}.a"] = (random.standard_normal((inputs, rank)) / np.sqrt(inputs)).astype(np.float32)
            found[f"{PREFIX}{name}.b"] = np.zeros((rank, features), np.float32)
        return found

    return Scope(f"lora({rank})", made, factors=(Factors(made, initial, merge),))


def large_kernels(model: Model, rank: int) -> list[str]:
    """Names of the kernels that factors of ``rank`` hold in fewer numbers."""
    kernels = [f"{index}.kernel" for index, layer in enumerate(model.layers) if isinstance(layer, Conv | Dense)]
    return [name for name in kernels if rank * sum(matrix_shape(model.arrays[name])) < model.arrays[name].size]


def lora_fits(model: Model, rank: int) -> bool:
    """Whether ``model`` has a kernel that factors of ``rank`` hold in fewer numbers."""
    return bool(large_kernels(model, rank))


def matrix_shape(kernel: npt.NDArray[Any]) -> tuple[int, int]:
    """(inputs, features) of a kernel read as a matrix."""
    return kernel.size // kernel.shape[-1], kernel.shape[-1]


def merge(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The kernels with their change in them.

    One outer product after another with plain operators, and no matrix product, whose order of sums differs from
    machine to machine: NumPy arrays give the same bits everywhere, which is what lets factors travel in an adapter.
    """
    merged = dict(arrays)
    for name, a in arrays.items():
        if not (name.startswith(PREFIX) and name.endswith(".a")):
            continue
        kernel, b = name[len(PREFIX) : -2], arrays[name[:-1] + "b"]
        change = a[:, :1] * b[:1]
        for row in range(1, b.shape[0]):
            change = change + a[:, row : row + 1] * b[row : row + 1]
        merged[kernel] = merged[kernel] + change.reshape(merged[kernel].shape)
    return merged


def _refused(problem: str, found: object, remedy: str) -> Refused:
    return Refused(Reason.FIELD_INVALID, field="scope", problem=problem, found=found, remedy=remedy)
