"""``slipway job``: long work on the server."""

from pathlib import Path
from typing import Annotated

import typer

from slipway.cli import job_create, show
from slipway.cli.job_create import follow
from slipway.cli.job_view import age, describe, outcome, subject
from slipway.cli.options import DEFAULT_SERVER, IdentityFolder, Json, Server, connect, example, group
from slipway.names import job_name, short

app = group("Long work on the server: pretrain, adapt, export, evaluate, identify, fit.")
app.add_typer(job_create.app)

JobName = Annotated[str, typer.Argument(metavar="JOB", help='Such as "jobs/…", or its last part.')]
ENDINGS = {"report": ".html", "fit": ".json", "receipt": ".json", "receipts": ".json"}


@app.command(epilog=example("job download j036cea7ea9d04de5 report --output report.html"))
def download(
    name: JobName,
    artifact: Annotated[str, typer.Argument(help='"report" (HTML), "fit", "receipt" or "receipts" (JSON).')] = "report",
    output: Annotated[Path | None, typer.Option("--output", "-o", dir_okay=False, help="Where to write it.")] = None,
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Download a file of a job; the same command again goes on where a broken one stopped."""
    path = output or Path(f"{short(job_name(name))}-{artifact}{ENDINGS.get(artifact, '')}")
    with connect(server, identity) as client, show.bar(f"downloading {artifact}", "bytes") as progress:
        found = client.jobs.download_artifact(name, artifact, path, progress=progress)
    value = {"path": str(path), "sha256": found.sha256, "size_bytes": found.size_bytes}
    words = f"{path}  {show.size_words(found.size_bytes)}  {found.sha256}"
    show.emit(value, as_json, lambda: show.console().print(words))


@app.command("list", epilog=example("job list"))
def list_(
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """List the newest jobs."""
    from itertools import islice

    with connect(server, identity) as client:
        found = list(islice(client.jobs.list(), limit))
    rows = (
        (short(job.name), job.kind, show.state_words(job.state), subject(job), outcome(job), age(job)) for job in found
    )
    columns = ("job", "kind", "state", "of", "result", "created")
    show.emit(found, as_json, lambda: show.table(columns, rows, "There is no job yet."))


@app.command("show", epilog=example("job show j036cea7ea9d04de5 --json"))
def show_(name: JobName, server: Server = DEFAULT_SERVER, identity: IdentityFolder = "", as_json: Json = False) -> None:
    """Show one job with its result."""
    with connect(server, identity) as client:
        found = client.jobs.get(name)
    show.emit(found, as_json, lambda: describe(found))


@app.command(epilog=example("job watch j036cea7ea9d04de5"))
def watch(name: JobName, server: Server = DEFAULT_SERVER, identity: IdentityFolder = "", as_json: Json = False) -> None:
    """Show a job's progress until its end. Fails if the job does; Ctrl-C leaves the job running."""
    with connect(server, identity) as client:
        follow(client, name, as_json)


@app.command(epilog=example("job cancel j036cea7ea9d04de5"))
def cancel(
    name: JobName, server: Server = DEFAULT_SERVER, identity: IdentityFolder = "", as_json: Json = False
) -> None:
    """Ask a job to stop at its next step."""
    with connect(server, identity) as client:
        asked = client.jobs.cancel(name)
    words = f"asked {asked.name} to stop" if not asked.ended else f"{asked.name} had ended: {asked.state.lower()}"
    show.emit(asked, as_json, lambda: show.console().print(words))
