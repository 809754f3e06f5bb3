"""The section "On the device" of the studies' page, from what ``studies.device`` found."""

from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]

TITLE = "On the device"
INTRODUCTION = f"""## {TITLE}

Each task's base, as in the section on harm, becomes an int8 net calibrated on the device's pool without a label.
"""
SCORES = """
### What int8 costs on the test

Points of accuracy and macro-F1; R² of the pendulum, which has no lower bound. *Kept*: share of the test's windows with
the float model's decision; for the pendulum R² to the float model's answers.

| task | seed | windows | float | int8 | change | macro-F1, change | kept | graph bytes |
|---|---|---|---|---|---|---|---|---|"""
EQUAL = """
### The same bytes everywhere

Every integer tensor between window and logits, and the logits, of real windows: ONNX Runtime, the integer arithmetic in
NumPy, the same compiled by JAX, and generated C on this computer. *Entry*: bytes in which C and ONNX Runtime disagree
about what an inexact front lets in; the comparison of C goes on from C's own. *Planted*: of
weights drawn at random and turned by one bit, one at a time, how many the proof at export refused on 256 windows; and
the bytes of C that differ with the one that moves most answers. A weight whose input is never on changes nothing that
can be seen.

| task | windows | tensors | bytes of each | differing: NumPy, JAX | C | entry of C | planted |
|---|---|---|---|---|---|---|---|"""
CORES = """
### On emulated cores

*Planted*: bytes that differ with that weight one bit off, in a tenth of the windows.

| task | core | windows | answers' bytes differing | planted | flash | RAM | stack | instructions |
|---|---|---|---|---|---|---|---|---|"""
ADAPTERS = """
### Small adapters on the frozen grid

Adapters fitted to the pool: without a label, but `head` (20 labels a class; the pendulum's first 30 seconds). Scores on
the test (accuracy %, R² of the pendulum) in float, as int8 on the base's frozen grid, and as int8 calibrated anew.
*Delta*: bytes between the int8 graphs, and between the bundles; *slot*: bytes of flash that a microcontroller rewrites.
No gate stands here: some adapters harm, and what is shown is that int8 does what float does.

| task | adapter | float | frozen | anew | delta | of the graph | bundle | anew, delta | slot | weights rounded anew |
|---|---|---|---|---|---|---|---|---|---|---|"""


def section(found: Sequence[Record]) -> str:
    """Markdown of all tasks and seeds."""
    parts = [INTRODUCTION, SCORES, *(_scores(one) for one in found if "scores" in one)]
    parts += [EQUAL, *(_equal(one) for one in found if "equal_bytes" in one)]
    parts += [CORES, *(_core(one, name, row) for one in found for name, row in one.get("cores", {}).items())]
    parts += [ADAPTERS, *(_adapter(one, *row) for one in found for row in one.get("adapters", {}).items())]
    return "\n".join(parts) + "\n"


def _scores(one: Record) -> str:
    row = one["scores"]
    before, after = row["float"], row["int8"]
    ends = f"{row['agreement']:.2%} | {row['graph_bytes']:,} |"
    start = f"| {one['scenario']} | {one['seed']} | {row['test_windows']:,} |"
    if "r2" in before:
        return f"{start} R² {before['r2']:.3f} | {after['r2']:.3f} | {after['r2'] - before['r2']:+.3f} | – | {ends}"
    change, other = (100 * (after[name] - before[name]) for name in ("accuracy", "macro_f1"))
    return f"{start} {before['accuracy']:.2%} | {after['accuracy']:.2%} | {change:+.2f} | {other:+.2f} | {ends}"


def _equal(one: Record) -> str:
    exact, host, planted = (one["equal_bytes"][name] for name in ("exact", "c", "planted"))
    entry = f"{host['entered_differing']:,}"
    wrong = f"{planted['refused']} of {planted['drawn']}, {planted['c_differing']:,}"
    counts = f"{exact['windows']:,} | {exact['tensors']} | {exact['bytes']:,} | {exact['differing']}"
    return f"| {one['scenario']} | {counts} | {host['differing']} | {entry} | {wrong} |"


def _core(one: Record, name: str, row: Record) -> str:
    sizes = " | ".join(f"{row[field]:,}" for field in ("flash_bytes", "ram_bytes", "stack_bytes", "instructions"))
    counts = f"{row['windows']} | {row['differing_bytes']} | {row['planted_bytes']}"
    return f"| {one['scenario']} | {name} | {counts} | {sizes} |"


def _adapter(one: Record, name: str, row: Record) -> str:
    start = f"| {one['scenario']} | `{name}` |"
    if "refused" in row:
        return f"{start} {row['refused']}" + " |" * 9
    regression = "r2" in one["scores"]["float"]
    shown = [f"{row[key]:.3f}" if regression else f"{row[key]:.2%}" for key in ("float", "frozen", "anew")]
    share = row["delta_bytes"] / one["scores"]["graph_bytes"]
    slot = "–" if row["slot_bytes"] is None else f"{row['slot_bytes']:,}"
    sizes = (
        f"{row['delta_bytes']:,} | {share:.1%} | {row['bundle_delta_bytes']:,} | {row['anew_delta_bytes']:,} | {slot}"
    )
    return f"{start} {' | '.join(shown)} | {sizes} | {'all' if row['full'] else ', '.join(row['rounded']) or '–'} |"
