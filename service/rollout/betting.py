"""A test of a mean that may be looked at after every observation: a bet against what is to be refuted.

Whoever bets on "the mean is larger than m" with a stake chosen before each observation cannot expect to win while the
mean is m or less: the capital is a supermartingale, so it ever reaches 1/α with a chance of at most α (Ville 1939).
Observations may depend on each other as long as each, given all before it, has such a mean.

Reference: Waudby-Smith & Ramdas 2024, Estimating means of bounded random variables by betting,
https://arxiv.org/abs/2010.09686; the stake is their approximate growth-optimal one (aGRAPA).
"""

import math
from dataclasses import dataclass

STAKE_LIMIT = 0.75  # of the most that could be staked: an observation never takes all of the capital
FIRST_MEAN, FIRST_VARIANCE = 0.5, 0.25  # what one observation would have said before there is any


@dataclass(frozen=True)
class Bet:
    """A bet that observations between 0 and 1 have a mean over ``limit``.

    Args:
        limit: over 0 to under 1.
        log_capital: natural logarithm of the capital, which began with 1.
        count: observations so far.
        mean: of them and of ``FIRST_MEAN``.
        squares: sum of squared deviations, ``FIRST_VARIANCE`` among them.
    """

    limit: float
    log_capital: float = 0.0
    count: int = 0
    mean: float = FIRST_MEAN
    squares: float = FIRST_VARIANCE

    def __post_init__(self) -> None:
        if not 0 < self.limit < 1:
            raise ValueError(f"limit {self.limit} is not between 0 and 1")

    @property
    def stake(self) -> float:
        """What is staked on the next observation, decided by those before it."""
        lead, variance = self.mean - self.limit, self.squares / (self.count + 1)
        return min(max(lead / (variance + lead * lead), 0.0), STAKE_LIMIT / self.limit)

    def seen(self, value: float) -> "Bet":
        """The bet after one more observation between 0 and 1.

        Raises:
            ValueError: it is not.
        """
        if not 0 <= value <= 1:
            raise ValueError(f"observation {value} is not between 0 and 1")
        count = self.count + 1
        mean = self.mean + (value - self.mean) / (count + 1)
        squares = self.squares + (value - self.mean) * (value - mean)
        won = math.log1p(self.stake * (value - self.limit))
        return Bet(self.limit, self.log_capital + won, count, mean, squares)

    def shows(self, error: float) -> bool:
        """Whether the mean is shown to be over the limit, wrong at most once in 1/``error`` such bets."""
        return self.log_capital >= -math.log(error)
