"""Parameters that vary together: a Gaussian copula over the chances that parameters are drawn by.

Each parameter keeps its own distribution; only how they move together changes. A chance becomes a normal score, the
scores are mixed by the Cholesky factor of the correlation, and become chances again: z' = L z, u' = Φ(z').

Reference: Nelsen, An Introduction to Copulas, 2nd ed., 2006, §2.3; Sklar, 1959.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.scipy.special import ndtr, ndtri

from slipway.errors import Reason, Refused

LEAST_EIGENVALUE = 1e-6
ONE = float(np.nextafter(np.float32(1), np.float32(0)))  # the largest chance below one


@dataclass(frozen=True)
class Group:
    """Numbers of a simulator that vary together.

    Args:
        names: of parameters of size 1, two or more.
        correlation: of their normal scores: one row a name, symmetric, positive definite, ones on the diagonal.
    """

    names: tuple[str, ...]
    correlation: tuple[tuple[float, ...], ...]

    @staticmethod
    def of(names: Sequence[str], correlation: npt.ArrayLike) -> "Group":
        """A group from a matrix (names, names), made symmetric with ones on its diagonal, as a fit estimates it."""
        matrix = np.asarray(correlation, np.float64)
        matrix = (matrix + matrix.T) / 2
        np.fill_diagonal(matrix, 1.0)
        return Group(tuple(names), tuple(tuple(float(number) for number in row) for row in matrix))

    def __str__(self) -> str:
        pairs = [
            f"{one} ~ {other}: {self.correlation[i][j]:+.2f}"
            for i, one in enumerate(self.names)
            for j, other in enumerate(self.names[:i])
        ]
        return "; ".join(pairs)


def problem(group: Group) -> str | None:
    """What is wrong with a group by itself, or ``None``."""
    count = len(group.names)
    if count < 2 or len(set(group.names)) != count:
        return "needs two or more different names"
    if len(group.correlation) != count or any(len(row) != count for row in group.correlation):
        return f"needs a correlation of {count} by {count}"
    if not all(isinstance(n, int | float) and -1 <= n <= 1 for row in group.correlation for n in row):
        return "needs correlations from -1 to 1"
    matrix = np.asarray(group.correlation, np.float64)
    if not np.array_equal(matrix, matrix.T) or not np.array_equal(np.diag(matrix), np.ones(count)):
        return "needs a symmetric correlation with ones on its diagonal"
    if np.linalg.eigvalsh(matrix)[0] < LEAST_EIGENVALUE:
        return "needs a positive definite correlation"
    return None


def check(groups: Sequence[Group], sizes: Mapping[str, int]) -> None:
    """Refuse groups that do not fit parameters of these sizes.

    Raises:
        Refused: FIELD_INVALID, naming the group.
    """
    seen: set[str] = set()
    for number, group in enumerate(groups):
        field = f"prior.groups[{number}]"
        wrong = problem(group)
        if wrong:
            remedy = "Name each parameter once; shrink the correlation towards the identity."
            _refuse(field, wrong, repr(group), remedy)
        for name in group.names:
            if name not in sizes:
                known = f"Known: {', '.join(sorted(sizes))}."
                _refuse(field, "is no parameter of this world", repr(name), known)
            if sizes[name] != 1:
                _refuse(field, "correlates single numbers", f"{name} of {sizes[name]} parts", "Leave it out.")
            if name in seen:
                _refuse(field, "a parameter is in one group at most", name, "Join the groups into one.")
            seen.add(name)


def _refuse(field: str, problem: str, found: str, remedy: str) -> None:
    raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)


def correlated(group: Group, chances: Sequence[jax.Array]) -> list[jax.Array]:
    """Independent chances, one (count,) a name, made dependent; each is uniform as before."""
    factor = np.linalg.cholesky(np.asarray(group.correlation, np.float64)).astype(np.float32)
    return list(_mix(jnp.stack(chances), factor))


@jax.jit
def _mix(chances: jax.Array, factor: jax.Array) -> jax.Array:
    scores = jnp.matmul(factor, ndtri(chances), precision=jax.lax.Precision.HIGHEST)
    return jnp.clip(ndtr(scores), 1e-7, ONE)
