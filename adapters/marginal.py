"""How often each class occurs in a pool that nobody labelled.

Two estimates assume that only the shares changed (label shift), and fail in different ways: expectation-maximisation
trusts how sure each answer is, black-box shift estimation trusts only how often the base confused which classes at
home. Where the base's answers at home are known, both are made with them, and a third thing is said: whether label
shift explains the pool at all. Where it does not, the shares that both would give are the sensor's doing, and the
source's own are the better guess.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nets.inference import log_softmax

Shares = npt.NDArray[np.float64]  # (classes,), sums to 1
Doubles = npt.NDArray[np.float64]

ROUNDS = 100
FLOOR = 0.01  # of an even share: no class is called impossible
PULL = 0.5  # weight of shares as at home, in standard errors of a pool's: few windows move them little
APART = 0.25  # total variation between the two estimates from which they contradict one another
UNSURE = 0.04  # mean confidence under the least that any mix of classes gives at home
RIDGE = 1e-3  # of the calibration's numbers
NEWTON_STEPS = 12
SLOPES = (0.1, 3.0)


class Home(NamedTuple):
    """The base's answers where labels are known.

    Args:
        logits: (count, classes).
        labels: (count,), none of them -1.
    """

    logits: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Estimate:
    """Class shares of a pool, and how they came about.

    Args:
        shares: (classes,), plausible ones: half way between what was found and the source's.
        likeliest: (classes,), by expectation-maximisation.
        black_box: (classes,), by black-box shift estimation; None without the base's answers at home.
        problem: why label shift does not explain the pool, so that ``shares`` are the source's; empty when it does.
    """

    shares: Shares
    likeliest: Shares
    black_box: Shares | None
    problem: str = ""


def estimate(probabilities: npt.NDArray[np.float32], source_marginal: Shares) -> Shares:
    """Class shares that are plausible in the pool, when nothing is known but the base's answers there.

    Half way between two answers that fail in different ways: the source's own shares, right when only the sensor
    changed, and those that make the base's answers most likely, right when only the shares changed. The mean is never
    further than log 2, in divergence, from the better one.

    Args:
        probabilities: (count, classes), the base's answers.
        source_marginal: class shares the base was trained with.
    """
    return floored((likeliest(probabilities, source_marginal) + source_marginal) / 2)


def estimated(logits: npt.NDArray[np.float32], source_marginal: Shares, home: Home | None = None) -> Estimate:
    """Class shares that are plausible in the pool, by both estimates where ``home`` is known, and whether they hold.

    Args:
        logits: (count, classes), the base's answers on the pool.
        source_marginal: class shares the base was trained with.
        home: its answers on labelled windows of the source, every class among them.
    """
    if home is None or len(np.unique(home.labels)) < len(source_marginal):
        found = likeliest(_softmax(logits), source_marginal)
        return Estimate(floored((found + source_marginal) / 2), found, None)
    slope, bias = calibration(home)
    here, there = _softmax(logits * slope + bias), _softmax(home.logits * slope + bias)
    found = likeliest(here, counted(home.labels, len(source_marginal)))
    black_box = shifted(here.mean(0), there, home.labels, len(logits))
    problem = _problem(here, there, home.labels, found, black_box)
    shares = source_marginal if problem else (0.5 * (found + black_box) + source_marginal) / 2
    return Estimate(floored(shares), found, black_box, problem)


def likeliest(probabilities: npt.NDArray[np.floating], source_marginal: Shares) -> Shares:
    """Shares that make the answers most likely, by expectation-maximisation.

    Reference: Saerens, Latinne & Decaestecker 2002, https://doi.org/10.1162/089976602753284446.
    """
    marginal = source_marginal
    for _ in range(ROUNDS):
        weighted = probabilities * (marginal / source_marginal)
        marginal = floored((weighted / weighted.sum(1, keepdims=True)).mean(0))
    return marginal


def shifted(
    answered: Doubles, home: npt.NDArray[np.floating], labels: npt.NDArray[np.int32], count: int, pull: float = PULL
) -> Shares:
    """Shares under which the classes, confused as at home, are answered as often as they are in the pool.

    Least squares over shares of 0 or more, each pulled towards its share at home by ``pull`` standard errors of
    ``count`` windows: a confusion that cannot be inverted moves nothing.

    Args:
        answered: (classes,), mean answer on the pool.
        home: (windows, classes), answers where labels are known.
        labels: (windows,), those.
        count: windows of the pool.
        pull: weight of the shares at home.

    Reference: Lipton, Wang & Smola 2018, https://arxiv.org/abs/1802.03916; the pull: Azizzadenesheli et al. 2019,
    https://arxiv.org/abs/1903.09734.
    """
    classes = home.shape[1]
    own = counted(labels, classes)
    confusion = np.stack([home[labels == label].mean(0) for label in range(classes)], 1)  # (answers, classes)
    held = pull / np.sqrt(max(count, 1))
    gram = confusion.T @ confusion + held**2 * np.eye(classes)
    wanted = confusion.T @ answered + held**2 * own
    there = np.ones(classes, bool)
    while True:  # least squares with shares that sum to 1, without the class that would get the most negative one
        kept = np.flatnonzero(there)
        rows = np.block(
            [[gram[np.ix_(kept, kept)], np.ones((len(kept), 1))], [np.ones((1, len(kept))), np.zeros((1, 1))]]
        )
        found = np.linalg.lstsq(rows, np.append(wanted[kept], 1.0), rcond=None)[0][:-1]
        if found.min() >= 0:
            break
        there[kept[found.argmin()]] = False
    shares = np.zeros(classes)
    shares[kept] = found
    return floored(shares)


def calibration(home: Home) -> tuple[float, Doubles]:
    """Slope of the logits and bias of each class that make the labels at home most likely.

    Expectation-maximisation needs it: it believes how sure an answer is.

    Reference: Alexandari, Kundaje & Shrikumar 2020, bias-corrected temperature scaling, https://arxiv.org/abs/1901.06852.
    """
    scores, classes = home.logits.astype(np.float64), home.logits.shape[1]
    said = np.eye(classes)[home.labels]

    start = np.concatenate([[1.0], np.zeros(classes)])
    numbers = start
    lifts = np.concatenate([scores[:, :, None], np.broadcast_to(np.eye(classes), (len(scores), classes, classes))], 2)
    for _ in range(NEWTON_STEPS):  # convex in slope and bias together
        p = np.exp(log_softmax(lifts @ numbers))
        mean = np.einsum("nk,nkd->nd", p, lifts)
        pull = np.einsum("nk,nkd->d", p - said, lifts) / len(scores) + RIDGE * (numbers - start)
        curve = (np.einsum("nk,nkd,nke->de", p, lifts, lifts) - mean.T @ mean) / len(scores)
        numbers = numbers - np.linalg.solve(curve + RIDGE * np.eye(1 + classes), pull)
        numbers[0] = np.clip(numbers[0], *SLOPES)
    return float(numbers[0]), np.asarray(numbers[1:])


def floored(shares: npt.ArrayLike) -> Shares:
    """``shares`` with at least ``FLOOR`` of an even share for each class, summing to 1."""
    array = np.asarray(shares, np.float64)
    array = np.maximum(array / array.sum(), FLOOR / len(array))
    return np.asarray(array / array.sum())


def counted(labels: npt.NDArray[np.int32], class_count: int) -> Shares:
    """Shares of the classes among ``labels``; even when there is no label."""
    counts = np.bincount(labels[labels >= 0], minlength=class_count)
    return floored(counts if counts.sum() else np.ones(class_count))


def _problem(here: Doubles, there: Doubles, labels: npt.NDArray[np.int32], found: Shares, black_box: Shares) -> str:
    """Why no mix of the source's classes explains the answers on the pool, in words; empty when one does."""
    least = min(float(there[labels == label].max(1).mean()) for label in range(there.shape[1]))
    sure, error = float(here.max(1).mean()), float(here.max(1).std()) / np.sqrt(len(here))
    if sure < least - UNSURE - 2 * error:
        return f"the base's confidence is {sure:.2f} on the pool and {least:.2f} at home on its hardest class"
    apart = 0.5 * float(np.abs(found - black_box).sum())
    if apart > APART:
        return f"two estimates of the class shares lie {apart:.2f} apart"
    return ""


def _softmax(scores: npt.NDArray[np.floating]) -> Doubles:
    return np.asarray(np.exp(log_softmax(np.asarray(scores, np.float32))))
