"""A job in words and tables."""

from typing import TYPE_CHECKING

from slipway.cli import show
from slipway.names import short

if TYPE_CHECKING:
    from slipway.client.values import Decision, DeviceResult, Evaluation, Fitting, Identification, Job


def describe(job: "Job") -> None:
    from rich.markup import escape  # names in a file from elsewhere may look like it

    result, error = job.result, job.error
    seconds = ", ".join(f"{stage} {s:.1f} s" for stage, s in result.stage_seconds.items()) if result else ""
    failure = escape(f"{error.message} {error.remedy}".strip()) if error else ""
    pairs = [
        ("state", show.state_words(job.state)),
        ("of", subject(job)),
        ("progress", show.progress_words(job) if not job.ended else ""),
        ("error", failure),
        ("version", result.version if result else ""),
        ("adapter", show.size_words(result.adapter_size_bytes) if result and result.adapter_size_bytes else ""),
        ("seconds", seconds),
        ("memory", show.size_words(result.peak_memory_bytes) if result and result.peak_memory_bytes else ""),
        ("attempts", str(job.attempt_count) if job.attempt_count > 1 else ""),
        ("created", age(job)),
    ]
    show.facts(f"{job.name} · {job.kind}", pairs)
    if result and result.explanation:
        show.console().print(f"\n{result.explanation}", markup=False)
    if result and result.decision:
        _describe_decision(result.decision)
    if result and result.devices:
        _describe_devices(result.devices)
    if result and result.evaluation:
        _describe_evaluation(result.evaluation)
    if result and result.identification:
        _describe_identification(result.identification)
    if result and result.fitting:
        _describe_fitting(result.fitting)


def _describe_decision(decision: "Decision") -> None:
    out = show.console()
    out.print()
    mark = "[green]promoted[/green]" if decision.promoted else "[yellow]base kept[/yellow]"
    out.print(f"[bold]gate[/bold]  {mark}  {decision.reason}")
    validators = sorted({name for row in decision.evidence for name in row.scores})
    rows = (
        (
            f"[bold]{row.candidate}[/bold]" if row.candidate == decision.chosen else row.candidate,
            *(f"{row.scores[name]:.4g}" if name in row.scores else "" for name in validators),
            f"{row.mean_rank:.2f}",
            row.veto,
        )
        for row in decision.evidence
    )
    show.table(("candidate", *(f"{name}>" for name in validators), "mean rank>", "veto"), rows, "No evidence.")


def _describe_devices(devices: "tuple[DeviceResult, ...]") -> None:
    show.console().print()
    rows = (
        (
            short(row.target),
            short(row.version) or ("[red]refused[/red]" if row.error else "base kept"),
            show.size_words(row.adapter_size_bytes) if row.version else "",
            row.error.message if row.error else row.decision.reason if row.decision else "",
        )
        for row in devices
    )
    show.table(("device", "version", "adapter>", "because"), rows, "No device.")


def _describe_evaluation(evaluation: "Evaluation") -> None:
    out = show.console()
    out.print()
    count = f"{evaluation.window_count:,} windows"
    if evaluation.outputs:
        scored = (
            (o.name, f"{o.determination:.3f}", f"{o.root_mean_square_error:.4g} {o.unit}") for o in evaluation.outputs
        )
        out.print(f"on {count}")
        show.table(("output", "R²>", "error (RMS)>"), scored, "No outputs.")
        return
    out.print(f"[bold]accuracy {evaluation.accuracy:.2%}[/bold]  macro-F1 {evaluation.macro_f1:.2%}  on {count}")
    rows = (
        (name, *(f"[green]{cell:,}[/green]" if i == j else f"{cell:,}" for j, cell in enumerate(row)))
        for i, (name, row) in enumerate(zip(evaluation.classes, evaluation.confusion, strict=True))
    )
    show.table(("true ╲ answered", *(f"{name}>" for name in evaluation.classes)), rows, "No windows.")


def _describe_identification(found: "Identification") -> None:
    out = show.console()
    out.print()
    inside = "[green]within reach[/green]" if found.reach and found.reach.inside else "[yellow]out of reach[/yellow]"
    broken = ", ".join(found.reach.broken) if found.reach else ""
    fits = ", ".join(f"R² of {name} {share:.3f}" for name, share in found.determination.items())
    out.print(f"[bold]{found.method}[/bold]  the recording is {inside}  {broken and f'broken by {broken}'}{fits}")
    rows = (
        (
            f"[bold]{row.name}[/bold]" if row.determined else row.name,
            f"{row.prior_low:.4g} – {row.prior_high:.4g}",
            f"{row.low:.4g} – {row.high:.4g}",
            f"{row.median:.4g}",
            row.unit,
            "determined" if row.determined else "",
        )
        for row in found.marginals
    )
    show.table(("parameter", "before (90 %)>", "after (90 %)>", "median>", "unit", ""), rows, "Nothing was free.")


def _describe_fitting(found: "Fitting") -> None:
    out = show.console()
    out.print()
    base = f"the base has {found.base_accuracy:.2%} in float"
    out.print(f"[bold]{found.candidate}[/bold]  {found.accuracy:.2%} as int8 on the windows held out; {base}")
    rows = (
        (
            f"[bold]{row.name}[/bold]" if row.name == found.candidate else row.name,
            show.size_words(row.flash_bytes),
            show.size_words(row.ram_bytes),
            f"{row.instruction_count / 1e6:.2f} M",
            "" if row.accuracy is None else f"{row.accuracy:.2%}",
            "" if row.int8_accuracy is None else f"{row.int8_accuracy:.2%}",
            row.fate,
        )
        for row in found.candidates
        if row.accuracy is not None
    )
    columns = ("net", "flash>", "memory>", "instructions>", "float>", "int8>", "what became of it")
    show.table(columns, rows, "Nothing was tried.")
    large = sum(not row.fits and row.accuracy is None for row in found.candidates)
    rest = sum(row.fits and row.accuracy is None for row in found.candidates)
    out.print(f"{large} nets were too large, {rest} that fit were not tried; the version's report names them all.")


def subject(job: "Job") -> str:
    spec = job.spec
    if job.kind == "pretrain":
        world = spec.get("world")
        return f"{spec['model_id']} from {world['world'] if world else short(spec['dataset'])}"
    if job.kind == "adapt":
        targets = spec["targets"]
        return f"{short(spec['base'])} to {f'{len(targets)} devices' if targets else short(spec['target'])}"
    if job.kind == "identify":
        return f"{spec['world']} from {short(spec['dataset'])}"
    if job.kind == "fit":
        return f"{spec['model_id']} from {short(spec['base'])} for {spec['profile']['name']}"
    if job.kind == "import_model":
        return str(spec["model_id"])
    if job.kind == "evaluate":
        return f"{short(spec['version'])} on {short(spec['dataset'])}, {spec['form'].lower()}"
    return short(str(spec.get("version", "")))


def outcome(job: "Job") -> str:
    if job.error:
        return job.error.reason or job.error.message[:40]
    if job.result and job.result.identification:
        found = job.result.identification
        known = sum(row.determined for row in found.marginals)
        return f"{known} of {len(found.marginals)} determined"
    if job.result and job.result.evaluation and job.result.evaluation.outputs:
        return "R² " + " ".join(f"{output.determination:.2f}" for output in job.result.evaluation.outputs)
    if job.result and job.result.evaluation:
        return f"accuracy {job.result.evaluation.accuracy:.2%}"
    if job.result and job.result.devices:
        made = sum(bool(device.version) for device in job.result.devices)
        return f"{made} of {len(job.result.devices)} adapted"
    if job.result and job.result.decision and not job.result.decision.promoted:
        return "base kept"
    return short(job.result.version) if job.result else ""


def age(job: "Job") -> str:
    return show.age_words(job.create_time)
