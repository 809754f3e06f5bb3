"""``slipway job``: the commands that create a job."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli import show
from slipway.cli.job_options import candidate_of, curriculum_of, json_file, weighted
from slipway.cli.job_view import describe
from slipway.cli.options import DEFAULT_SERVER, IdentityFolder, Json, Server, Wait, connect, example, group

if TYPE_CHECKING:
    from slipway.client import Client
    from slipway.client.values import Job

app = group("")

VersionName = Annotated[str, typer.Argument(metavar="VERSION", help='Such as "rover/1" or "models/rover/versions/1".')]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]


@app.command(epilog=example("job pretrain rover --world rover --wait"))
def pretrain(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model that gets a new version.")],
    world: Annotated[str, typer.Option(help="Learn from this simulator.")] = "",
    dataset: Annotated[str, typer.Option(help="Learn from this labelled dataset instead.")] = "",
    windows: Annotated[int, typer.Option(help="Windows to simulate; 0: the world's default.")] = 0,
    prior: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="JSON file: rows that replace the world's prior.")
    ] = None,
    identification: Annotated[
        str, typer.Option(metavar="JOB", help="Simulate from the prior that this identify job fitted.")
    ] = "",
    curriculum: Annotated[
        str, typer.Option(metavar="[NAME=N,…]", help='Widen the prior while the learner copes: "default", or settings.')
    ] = "",
    architecture: Annotated[str, typer.Option(help='"mlp", "cnn" or "ds_cnn".')] = "",
    epochs: Annotated[int, typer.Option(help="Passes over the windows; 0: the default.")] = 0,
    seed: Seed = 0,
    wait: Wait = False,
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Learn a base from a simulated world or from labelled windows."""
    if bool(world) == bool(dataset):
        raise typer.BadParameter("Give either --world or --dataset.")
    if dataset and (prior or identification or curriculum):
        raise typer.BadParameter("--prior, --identification and --curriculum go with --world.")
    rows = json_file(prior) if prior else None
    with connect(server, identity) as client:
        made = client.jobs.pretrain(
            model,
            world=world,
            window_count=windows,
            prior=rows,
            identification=identification,
            curriculum=curriculum_of(curriculum) if curriculum else None,
            dataset=dataset,
            architecture=architecture,
            epoch_count=epochs,
            seed=seed,
        )
        _created(client, made, wait, as_json)


@app.command(epilog=example("job adapt rover/1 garage --wait"))
def adapt(
    base: VersionName,
    targets: Annotated[
        list[str], typer.Argument(metavar="DATASET…", help="What the device measured; several: a fleet.")
    ],
    scope: Annotated[str, typer.Option(help="Which numbers may change; empty: the service chooses.")] = "",
    objective: Annotated[
        list[str] | None, typer.Option(metavar="NAME[=WEIGHT]", help="What pulls them; may be given several times.")
    ] = None,
    candidate: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE:NAME[=WEIGHT][+…]", help="One of several ways that compete, instead of --scope."),
    ] = None,
    budget: Annotated[
        int, typer.Option(metavar="BYTES", help="Of the change on the device after int8 export, instead of --scope.")
    ] = 0,
    seeds: Annotated[int, typer.Option(min=1, max=10, help="How often each way is run, with other seeds.")] = 1,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=N", help="Such as learning_rate=0.01 or step_count=200; several times."),
    ] = None,
    coverage: Annotated[float, typer.Option(help="Share that sets of classes shall cover; 0: no sets.")] = 0.0,
    source: Annotated[str, typer.Option(help="Labelled dataset to compare with.")] = "",
    source_free: Annotated[bool, typer.Option("--source-free", help="Compare with no source window at all.")] = False,
    gains: Annotated[bool, typer.Option("--gains", help="Measure what the base is worth, where labels allow.")] = False,
    report_only: Annotated[bool, typer.Option("--report-only", help="Make a version whatever the gate says.")] = False,
    seed: Seed = 0,
    wait: Wait = False,
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Fit a version to what a device measures; the gate decides whether the change is worth it."""
    with connect(server, identity) as client:
        made = client.jobs.adapt(
            base,
            targets[0] if len(targets) == 1 else targets,
            scope=scope,
            objectives=dict(weighted("objective", text) for text in objective or ()),
            enforce_gate=not report_only,
            source=source,
            seed=seed,
            byte_budget=budget,
            candidates=[candidate_of(text) for text in candidate or ()],
            seed_count=0 if seeds == 1 else seeds,
            options=dict(weighted("option", text) for text in option or ()),
            conformal_coverage=coverage,
            source_free=source_free,
            measure_gains=gains,
        )
        _created(client, made, wait, as_json)


@app.command(epilog=example("job export rover/2 --calibration garage --wait"))
def export(
    version: VersionName,
    calibration: Annotated[str, typer.Option(help="Dataset of real windows, for calibration and the self-test.")],
    fine_tune: Annotated[
        bool, typer.Option("--fine-tune", help="Learn on where int8 loses more than half a point.")
    ] = False,
    core: Annotated[
        list[str] | None,
        typer.Option(metavar="CORE", help='Run the C there, emulated: "cortex-m3", "-m4f" or "-m7f"; several times.'),
    ] = None,
    independent: Annotated[
        bool, typer.Option("--independent", help="Calibrate from scratch, also where the parent is exported.")
    ] = False,
    integer: Annotated[bool, typer.Option("--integer", help="C without floating point between the layers.")] = False,
    simd: Annotated[bool, typer.Option("--simd", help="C for cores with the DSP extension.")] = False,
    wait: Wait = False,
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Make the files that devices run: float and int8 ONNX, C99, the bundle, and a delta from the parent's bundle."""
    with connect(server, identity) as client:
        made = client.jobs.export(
            version,
            calibration,
            fine_tune=fine_tune,
            cores=core or (),
            independent=independent,
            integer_arithmetic=integer,
            simd=simd,
        )
        _created(client, made, wait, as_json)


@app.command(epilog=example("job fit watch-small watch/1 recordings --device cortex-m4f --flash 90000 --wait"))
def fit(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model that gets a new version.")],
    base: VersionName,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Windows to learn from and to judge by.")],
    device: Annotated[
        str, typer.Option(help='"cortex-m3", "cortex-m4f", "cortex-m7f", "gateway", or a name of your own.')
    ],
    flash: Annotated[int, typer.Option(metavar="BYTES", help="Flash for the model; 0: the ready-made device's.")] = 0,
    ram: Annotated[int, typer.Option(metavar="BYTES", help="Memory for the model; 0: the ready-made device's.")] = 0,
    speed: Annotated[float, typer.Option(metavar="N", help="Instructions a second; 0: the ready-made device's.")] = 0.0,
    latency: Annotated[
        float, typer.Option(metavar="SECONDS", help="That one inference may take; 0: the ready-made device's.")
    ] = 0.0,
    operator: Annotated[
        list[str] | None, typer.Option(metavar="ONNX", help="That the device may run; several times. None: all.")
    ] = None,
    core: Annotated[str, typer.Option(help="Core whose instructions are counted.")] = "",
    calibration: Annotated[str, typer.Option(help="Dataset of where it will serve; empty: DATASET.")] = "",
    candidates: Annotated[int, typer.Option(help="Nets that learn at all; 0: the default.")] = 0,
    steps: Annotated[list[int] | None, typer.Option(help="Of one round of learning; once for every round.")] = None,
    seed: Seed = 0,
    wait: Wait = False,
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Find the most accurate net that a device can hold and run in time; it learns from a larger one."""
    limits = {
        "flash_bytes": flash,
        "ram_bytes": ram,
        "instructions_per_second": speed,
        "latency_seconds": latency,
        "operators": operator,
        "core": core,
    }
    effort = {"candidate_count": candidates, "round_step_counts": steps}
    with connect(server, identity) as client:
        made = client.jobs.fit(
            model,
            base,
            dataset,
            {"name": device, **{name: limit for name, limit in limits.items() if limit}},
            calibration=calibration,
            effort={name: number for name, number in effort.items() if number},
            seed=seed,
        )
        _created(client, made, wait, as_json)


@app.command(epilog=example("job evaluate rover/2 garage --form int8_onnx --wait"))
def evaluate(
    version: VersionName,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Labelled windows.")],
    form: Annotated[str, typer.Option(help='"learned", "float_onnx" or "int8_onnx".')] = "learned",
    wait: Wait = False,
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Measure a version on labelled windows."""
    if form not in ("learned", "float_onnx", "int8_onnx"):
        raise typer.BadParameter('--form is "learned", "float_onnx" or "int8_onnx".')
    with connect(server, identity) as client:
        _created(client, client.jobs.evaluate(version, dataset, form=form), wait, as_json)


@app.command(epilog=example("job identify rover garage --keeps dropout_share --wait"))
def identify(
    world: Annotated[str, typer.Argument(metavar="WORLD", help="The simulator whose prior is fitted.")],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="What the device measured.")],
    prior: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="JSON file: rows that replace the world's prior.")
    ] = None,
    keeps: Annotated[
        list[str] | None,
        typer.Option(metavar="PARAMETER", help="Stays the same in the whole recording; may be given several times."),
    ] = None,
    method: Annotated[str, typer.Option(help='"paired" (with targets), "unpaired", or empty: what fits.')] = "",
    simulations: Annotated[int, typer.Option(help="Recordings to simulate; 0: the default.")] = 0,
    seed: Seed = 0,
    wait: Wait = False,
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Fit a simulator to a recording: which parameters made it, and can the simulator make it at all?"""
    rows = json_file(prior) if prior else None
    with connect(server, identity) as client:
        made = client.jobs.identify(
            world, dataset, prior=rows, names=keeps or (), method=method, simulation_count=simulations, seed=seed
        )
        _created(client, made, wait, as_json)


def _created(client: "Client", job: "Job", wait: bool, as_json: bool) -> None:
    if wait:
        follow(client, job.name, as_json)
    else:
        words = f"created {job.name}; follow it with: slipway job watch {job.name}"
        show.emit(job, as_json, lambda: show.console().print(words))


def follow(client: "Client", name: str, as_json: bool) -> None:
    job = show.follow(client.jobs.watch(name))
    show.emit(job, as_json, lambda: describe(job))
    if job.state != "SUCCEEDED":
        raise typer.Exit(1)
