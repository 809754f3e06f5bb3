"""The pendulum task's recording: a double pendulum in three designs, angles and velocities → the motors' torques.

Wiebe et al. 2024, https://doi.org/10.1109/MRA.2023.3341257; BSD 3-Clause. Runs of uneven steps (2 ms, mostly) are
brought to 200 Hz: each sample is the mean over its 5 ms, of angles, velocities and measured torques alike. Pool: the
first half of a design's ``sysid*`` runs; test: its other runs. No run is in both.
"""

import hashlib
import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from nets.metrics import determination
from sim.generate import windows
from sim.identify import paired
from sim.identify.fit import Fit
from sim.priors import Parameters, Prior
from sim.worlds.pendulum import PARAMETERS, PRIOR, RATE_HZ, WINDOW_LENGTH, WORLD, explain, pendulum, weights
from slipway.errors import Reason, Refused
from studies.study import Domain, Study

NAME = "double_pendulum"
SHA256 = "df4c63ea68a3df51c348f8cd26a2857da34c718f25d74d48123b30401c1cc5ef"
COLUMNS = (0, 1, 2, 3, 6, 7)  # angles, velocities, measured torques
HOP = 2  # samples from one window to the next
IDENTIFY_LENGTH = 61  # samples; 305 ms silence vibration. 16 to 81 tried on the pool, one run left out at a time
IDENTIFY_HOP = 8
IDENTIFY_S = 30.0
SLOWEST_S = 0.01  # runs with a longer median step cannot be brought to 200 Hz
PARTS = 8  # points a sample is the mean of
SHOWN_S = 10.0
SHOWN_WINDOWS = 24
DESIGNS = ("A.0", "C.0", "C.1")

Run = npt.NDArray[np.float32]  # (samples, 6) at RATE_HZ: angles, velocities, torques


def runs(folder: Path, design: str, sha256: str = SHA256) -> tuple[list[Run], list[Run]]:
    """A design's runs at 200 Hz below ``folder``: those of the pool, and those of the test.

    Raises:
        Refused: RECORDING_DIFFERS: the file's bytes are not those published.
    """
    arrays = _arrays(folder, sha256)
    chosen = np.flatnonzero(arrays["run_design"] == list(arrays["design_names"]).index(f"design_{design}"))
    excites = [str(arrays["kind_names"][arrays["run_kind"][run]]).startswith("sysid") for run in chosen]
    pool = set(chosen[np.flatnonzero(excites)[: sum(excites) // 2]])
    found: tuple[list[Run], list[Run]] = ([], [])
    for run in chosen:
        rows = slice(arrays["offsets"][run], arrays["offsets"][run + 1])
        seconds, signals = arrays["t"][rows], arrays["x"][rows][:, COLUMNS]
        if np.median(np.diff(seconds)) <= SLOWEST_S:
            found[run not in pool].append(resampled(seconds, signals))
    return found


def _arrays(folder: Path, sha256: str) -> dict[str, np.ndarray]:
    file = folder / NAME / f"{NAME}.npz"
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != sha256:
        raise Refused(Reason.RECORDING_DIFFERS, field="recording", name=NAME, found=found, expected=sha256)
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def resampled(seconds: npt.NDArray[np.float64], signals: npt.NDArray[np.float32]) -> Run:
    """Means over 5 ms of signals (samples, columns), straight between uneven samples; repeated stamps dropped."""
    once, first = np.unique(seconds, return_index=True)
    edges = once[0] + np.arange(int((once[-1] - once[0]) * RATE_HZ) * PARTS) / RATE_HZ / PARTS
    fine = np.stack([np.interp(edges, once, column[first]) for column in signals.T], axis=1)
    return fine.reshape(-1, PARTS, signals.shape[1]).mean(1).astype(np.float32)


def cut(run: Run, length: int = WINDOW_LENGTH, hop: int = HOP) -> Domain:
    """Windows of one run, each with the torques under the window's weights."""
    starts = np.arange(0, max(0, len(run) - length + 1), hop)
    cut = run[starts[:, None] + np.arange(length)]
    return Domain(cut[..., :4], np.einsum("t,wtj->wj", weights(length), cut[..., 4:]))


def joined(found: list[Run], length: int = WINDOW_LENGTH, hop: int = HOP) -> Domain:
    """Windows of many runs; none reaches from one into the next."""
    parts = [cut(run, length, hop) for run in found]
    return Domain(np.concatenate([p.values for p in parts]), np.concatenate([p.labels for p in parts]))


def domains(folder: Path, design: str = "C.0") -> tuple[Domain, Domain]:
    """Pool and test of one design: windows of 16 samples."""
    pool, test = runs(folder, design)
    return joined(pool), joined(test)


def recorded_source(folder: Path) -> Domain:
    """Every run of design A.0, for the scenario A.0 → C.0 recorded."""
    pool, test = runs(folder, "A.0")
    return joined(pool + test)


def stretch(found: list[Run], seconds: float = IDENTIFY_S) -> list[Run]:
    """The first seconds of the runs, one after another."""
    left, taken = int(seconds * RATE_HZ), []
    for run in found:
        taken.append(run[:left])
        left -= len(taken[-1])
    return [run for run in taken if len(run) >= IDENTIFY_LENGTH]


def identified(folder: Path, seed: int = 0, design: str = "C.0", prior: Prior = PRIOR) -> Fit:
    """The pendulum fitted to the first 30 s of a design's pool."""
    known = joined(stretch(runs(folder, design)[0]), IDENTIFY_LENGTH, IDENTIFY_HOP)
    return paired.fit(_IDENTIFIED, known.values, known.labels, prior=prior, seed=seed)


def identify_paired(folder: Path, pool: Domain, seed: int) -> Prior:
    """A prior like the recorded device. It reads 30 s of the pool's torques, and never the test."""
    return identified(folder, seed).prior


def published(folder: Path, design: str = "C.0") -> Parameters:
    """The parameters that the recording's authors identified, in this world's terms."""
    theirs = json.loads(str(_arrays(folder, SHA256)["identified_parameters_json"]))[f"design_{design}"]
    ours = {parameter.name: 0.0 for parameter in PARAMETERS}
    ours |= {"slip_rad_s": 0.3, "torque_gain_1": 1.0, "torque_gain_2": 1.0, "rotor_kg_m2": theirs["Ir"]}
    for link in "12":
        mass, com = theirs[f"m{link}"], theirs[f"r{link}"]
        ours |= {f"mass_{link}_kg": mass, f"com_{link}_m": com, f"length_{link}_m": theirs[f"l{link}"]}
        ours |= {f"inertia_{link}_kg_m2": theirs[f"I{link}"] - mass * com**2}
        ours |= {f"viscous_{link}_n_m_s": theirs[f"b{link}"], f"dry_{link}_n_m": theirs[f"cf{link}"]}
    return {name: jnp.asarray(value, jnp.float32) for name, value in ours.items()}


def explained(parameters: Parameters, found: list[Run], length: int) -> npt.NDArray[np.float64]:
    """R² (2,) of the physics on every sample of the runs, through windows of ``length`` samples."""
    known = joined(found, length, 1)
    return determination(np.asarray(jax.jit(explain)(parameters, known.values)), known.labels)


def draw(folder: Path, pool: Domain, out: Path) -> None:
    """Measured and explained torques, and signals of the pendulum beside simulated ones."""
    import matplotlib.pyplot as plt

    known = joined(stretch(runs(folder, "C.0")[0]), IDENTIFY_LENGTH, IDENTIFY_HOP)
    prior, _ = paired.posterior(PRIOR, paired.solve(_IDENTIFIED, PRIOR, known.values, known.labels))
    count = int(SHOWN_S * RATE_HZ / IDENTIFY_HOP)
    answers = np.asarray(explain(prior.centre(), known.values[:count]))
    figure, axes = plt.subplots(2, 3, figsize=(14, 6), width_ratios=(5, 3, 3), layout="constrained")
    seconds = np.arange(count) * IDENTIFY_HOP / RATE_HZ
    for joint in range(2):
        axes[joint, 0].plot(seconds, known.labels[:count, joint], label="measured", linewidth=1)
        axes[joint, 0].plot(seconds, answers[:, joint], label="explained", linewidth=1)
        axes[joint, 0].set(title=f"torque {joint + 1}, over {IDENTIFY_LENGTH} samples", xlabel="s", ylabel="N m")
        axes[joint, 0].legend(loc="upper right")
    made = windows(WORLD, jax.random.key(0), 2000, prior)[0]
    real = pool.values[:: len(pool.values) // SHOWN_WINDOWS]
    for column, (title, values) in enumerate((("real", real), ("simulated", made)), 1):
        for row, channels in enumerate(((0, 1), (2, 3))):
            for window in values[:SHOWN_WINDOWS]:
                axes[row, column].plot(np.arange(WINDOW_LENGTH) / RATE_HZ, window[:, channels], linewidth=0.8)
            quantity = ("angles, rad", "velocities, rad/s")[row]
            axes[row, column].set(title=f"{title} {quantity}", xlabel="s", ylim=((-3, 3), (-12, 12))[row])
    figure.savefig(out / "pendulum_c0.png", dpi=80)
    plt.close(figure)


_IDENTIFIED = pendulum(IDENTIFY_LENGTH)
STUDIES = (
    Study(
        "pendulum_c0",
        NAME,
        WORLD,
        partial(domains, design="C.0"),
        window_count=100_000,
        hop=HOP,
        identify=identify_paired,
        draw=draw,
    ),
)
