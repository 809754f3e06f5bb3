"""``slipway job``: long work on the server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli import show
from slipway.cli.job_options import candidate_of, curriculum_of, json_file, weighted
from slipway.cli.job_view import age, describe, outcome, subject
from slipway.cli.options import DEFAULT_SERVER, Json, Server, Wait, example, group
from slipway.names import job_name, short

if TYPE_CHECKING:
    from slipway.client import Client
    from slipway.client.values import Job

app = group("Long work on the server: pretrain, adapt, export, evaluate, identify.")

JobName = Annotated[str, typer.Argument(metavar="JOB", help='Such as "jobs/…", or its last part.')]
VersionName = Annotated[str, typer.Argument(metavar="VERSION", help='Such as "rover/1" or "models/rover/versions/1".')]
ENDINGS = {"report": ".html", "fit": ".json", "receipt": ".json", "receipts": ".json"}
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
    as_json: Json = False,
) -> None:
    """Learn a base from a simulated world or from labelled windows."""
    from slipway.client import connect

    if bool(world) == bool(dataset):
        raise typer.BadParameter("Give either --world or --dataset.")
    if dataset and (prior or identification or curriculum):
        raise typer.BadParameter("--prior, --identification and --curriculum go with --world.")
    rows = json_file(prior) if prior else None
    with connect(server) as client:
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
    as_json: Json = False,
) -> None:
    """Fit a version to what a device measures; the gate decides whether the change is worth it."""
    from slipway.client import connect

    with connect(server) as client:
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
    wait: Wait = False,
    server: Server = DEFAULT_SERVER,
    as_json: Json = False,
) -> None:
    """Make the files that devices run: float and int8 ONNX, and the bundle."""
    from slipway.client import connect

    with connect(server) as client:
        _created(client, client.jobs.export(version, calibration), wait, as_json)


@app.command(epilog=example("job evaluate rover/2 garage --form int8_onnx --wait"))
def evaluate(
    version: VersionName,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Labelled windows.")],
    form: Annotated[str, typer.Option(help='"learned", "float_onnx" or "int8_onnx".')] = "learned",
    wait: Wait = False,
    server: Server = DEFAULT_SERVER,
    as_json: Json = False,
) -> None:
    """Measure a version on labelled windows."""
    from slipway.client import connect

    if form not in ("learned", "float_onnx", "int8_onnx"):
        raise typer.BadParameter('--form is "learned", "float_onnx" or "int8_onnx".')
    with connect(server) as client:
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
    as_json: Json = False,
) -> None:
    """Fit a simulator to a recording: which parameters made it, and can the simulator make it at all?"""
    from slipway.client import connect

    rows = json_file(prior) if prior else None
    with connect(server) as client:
        made = client.jobs.identify(
            world, dataset, prior=rows, names=keeps or (), method=method, simulation_count=simulations, seed=seed
        )
        _created(client, made, wait, as_json)


@app.command(epilog=example("job download j036cea7ea9d04de5 report --output report.html"))
def download(
    name: JobName,
    artifact: Annotated[str, typer.Argument(help='"report" (HTML), "fit", "receipt" or "receipts" (JSON).')] = "report",
    output: Annotated[Path | None, typer.Option("--output", "-o", dir_okay=False, help="Where to write it.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: Json = False,
) -> None:
    """Download a file of a job; the same command again goes on where a broken one stopped."""
    from slipway.client import connect

    path = output or Path(f"{short(job_name(name))}-{artifact}{ENDINGS.get(artifact, '')}")
    with connect(server) as client, show.bar(f"downloading {artifact}", "bytes") as progress:
        found = client.jobs.download_artifact(name, artifact, path, progress=progress)
    value = {"path": str(path), "sha256": found.sha256, "size_bytes": found.size_bytes}
    words = f"{path}  {show.size_words(found.size_bytes)}  {found.sha256}"
    show.emit(value, as_json, lambda: show.console().print(words))


@app.command("list", epilog=example("job list"))
def list_(
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    server: Server = DEFAULT_SERVER,
    as_json: Json = False,
) -> None:
    """List the newest jobs."""
    from itertools import islice

    from slipway.client import connect

    with connect(server) as client:
        found = list(islice(client.jobs.list(), limit))
    rows = (
        (short(job.name), job.kind, show.state_words(job.state), subject(job), outcome(job), age(job)) for job in found
    )
    columns = ("job", "kind", "state", "of", "result", "created")
    show.emit(found, as_json, lambda: show.table(columns, rows, "There is no job yet."))


@app.command("show", epilog=example("job show j036cea7ea9d04de5 --json"))
def show_(name: JobName, server: Server = DEFAULT_SERVER, as_json: Json = False) -> None:
    """Show one job with its result."""
    from slipway.client import connect

    with connect(server) as client:
        found = client.jobs.get(name)
    show.emit(found, as_json, lambda: describe(found))


@app.command(epilog=example("job watch j036cea7ea9d04de5"))
def watch(name: JobName, server: Server = DEFAULT_SERVER, as_json: Json = False) -> None:
    """Show a job's progress until its end. Fails if the job does; Ctrl-C leaves the job running."""
    from slipway.client import connect

    with connect(server) as client:
        _follow(client, name, as_json)


@app.command(epilog=example("job cancel j036cea7ea9d04de5"))
def cancel(name: JobName, server: Server = DEFAULT_SERVER, as_json: Json = False) -> None:
    """Ask a job to stop at its next step."""
    from slipway.client import connect

    with connect(server) as client:
        asked = client.jobs.cancel(name)
    words = f"asked {asked.name} to stop" if not asked.ended else f"{asked.name} had ended: {asked.state.lower()}"
    show.emit(asked, as_json, lambda: show.console().print(words))


def _created(client: "Client", job: "Job", wait: bool, as_json: bool) -> None:
    if wait:
        _follow(client, job.name, as_json)
    else:
        words = f"created {job.name}; follow it with: slipway job watch {job.name}"
        show.emit(job, as_json, lambda: show.console().print(words))


def _follow(client: "Client", name: str, as_json: bool) -> None:
    job = show.follow(client.jobs.watch(name))
    show.emit(job, as_json, lambda: describe(job))
    if job.state != "SUCCEEDED":
        raise typer.Exit(1)
