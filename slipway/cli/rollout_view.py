"""Rollouts, policies and devices in words, bars and tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from slipway.cli import show
from slipway.names import short

if TYPE_CHECKING:
    from datetime import datetime

    from slipway.client.rollout_values import Device, Policy, Rollout, RolloutSignal

STYLES = {
    "RUNNING": "cyan",
    "PAUSED": "yellow",
    "COMPLETED": "green",
    "ABORTED": "red",
    "SUPERSEDED": "dim",
    "INSTALLED": "green",
    "REFUSED": "red",
    "ROLLED_BACK": "red",
    "WATCHING": "green",
    "ADAPTING": "cyan",
    "ROLLING_OUT": "cyan",
    "RESTING": "dim",
    "DISABLED": "yellow",
}
BAR = 16  # cells


def describe(rollout: "Rollout") -> None:
    """All of a rollout."""
    from rich.markup import escape

    plan, out = rollout.plan, show.console()
    devices = f"{rollout.device_count:,} devices (at least {plan.device_count})"
    pairs = [
        ("state", f"{state_words(rollout.state)}{': ' if rollout.reason else ''}{escape(rollout.reason)}"),
        ("brings", f"{short(rollout.version)} to {rollout.channel}"),
        ("stage", stage_track(rollout)),
        ("reports", f"{rollout.report_count:,} (at least {plan.report_count}) from {devices} in this stage"),
        ("begun", show.age_words(rollout.create_time)),
    ]
    show.facts(rollout.name, pairs)
    out.print()
    rows = (
        (
            f"[bold]{signal.name}[/bold]",
            mean_words(signal) if rollout.report_count else "",
            bar(signal.passed, "green"),
            bar(signal.alarm, "red"),
        )
        for signal in rollout.signals
    )
    show.table(("signal", "so far", "shown good", "shown bad"), rows, "No signals.")
    out.print()
    history([(event.time, escape(event.text)) for event in rollout.events])


def listed(rollouts: "Sequence[Rollout]") -> None:
    """A line for each rollout."""
    from rich.markup import escape

    rows = (
        (
            short(rollout.name),
            f"{short(rollout.version)} to {rollout.channel}",
            state_words(rollout.state),
            stage_track(rollout),
            escape(rollout.reason),
            show.age_words(rollout.create_time),
        )
        for rollout in rollouts
    )
    show.table(("rollout", "brings", "state", "stage", "because", "begun"), rows, "There is no rollout yet.")


def describe_policy(policy: "Policy") -> None:
    """All of a policy."""
    from rich.markup import escape

    begins = f"{policy.device_count} devices on {policy.channel} with a drift of {policy.drift_limit:g} or more"
    how = ", ".join(f"{name} {policy.adaptation[name]}" for name in ("scope", "source") if policy.adaptation[name])
    plan = policy.plan
    pairs = [
        ("does now", state_words(policy.state)),
        ("begins with", begins),
        ("adapts to", f"{policy.target}{', ' if how else ''}{escape(how)}"),
        ("rolls out to", f"{share_words(plan.stages)} of the fleet; bears {100 * plan.loss:g} points of loss"),
        ("rests", f"{policy.rest_hours:g} h"),
        ("job", policy.job),
        ("rollout", policy.rollout),
    ]
    show.facts(policy.name, pairs)
    show.console().print()
    history([(event.time, escape(event.text)) for event in policy.events])


def devices(found: "Sequence[Device]") -> None:
    """A line for each device."""
    rows = (
        (
            short(device.name),
            short(device.version),
            drift_words(device.drift),
            f"{device.window_count:,}",
            show.age_words(device.report_time),
        )
        for device in found
    )
    show.table(("device", "version", "drift>", "windows>", "told"), rows, "No device was heard of yet.")


def describe_device(device: "Device") -> None:
    """All of a device."""
    from rich.markup import escape

    pairs = [
        ("version", device.version or "unknown"),
        ("drift", drift_words(device.drift)),
        ("windows", f"{device.window_count:,}"),
        ("told", show.age_words(device.report_time)),
    ]
    show.facts(device.name, pairs)
    show.console().print()
    rows = (
        (
            show.age_words(event.time),
            short(event.version),
            state_words(event.state),
            escape(f"{event.reason} {event.message}".strip()),
        )
        for event in reversed(device.history)
    )
    show.table(("when", "version", "what", "because"), rows, "Nothing was told of updates.")


def state_words(state: str) -> str:
    """A state in its colour."""
    style = STYLES.get(state, "dim")
    return f"[{style}]{state.lower().replace('_', ' ')}[/{style}]"


def stage_track(rollout: "Rollout") -> str:
    """The stages one after another, as far as it has come."""
    done = rollout.state == "COMPLETED"
    style = STYLES.get(rollout.state, "dim")
    marks = []
    for number, share in enumerate(rollout.plan.stages):
        words = f"{share:.0%}" if share >= 0.01 else f"{share:.2g}"
        if done or number < rollout.stage:
            marks.append(f"[green]✓ {words}[/green]")
        elif number == rollout.stage:
            marks.append(f"[{style}]{'✗' if rollout.state == 'ABORTED' else '▶'} {words}[/{style}]")
        else:
            marks.append(f"[dim]· {words}[/dim]")
    return " ".join(marks)


def bar(share: float, style: str) -> str:
    """A bar and its number."""
    full = round(BAR * share)
    return f"[{style}]{'█' * full}[/{style}][dim]{'░' * (BAR - full)}[/dim] {share:4.0%}"


def mean_words(signal: "RolloutSignal") -> str:
    """What a signal's mean says."""
    if signal.name == "quality":
        return f"{100 * (2 * signal.mean - 1):+.1f} points"
    if signal.name == "failures":
        return f"{1 - signal.mean:.1%} of windows unanswered"
    return f"{1 - signal.mean:.0%} of reports too slow"


def drift_words(drift: float | None) -> str:
    """Drift, in red from 1 on."""
    if drift is None:
        return "[dim]unknown[/dim]"
    return f"[red]{drift:.2f}[/red]" if drift >= 1 else f"{drift:.2f}"


def share_words(stages: Sequence[float]) -> str:
    """Shares one after another."""
    return ", ".join(f"{100 * share:g} %" for share in stages)


def history(events: "Sequence[tuple[datetime | None, str]]") -> None:
    """What happened, newest first."""
    rows = ((show.age_words(time), text) for time, text in reversed(events))
    show.table(("when", "what happened"), rows, "Nothing has happened yet.")
