"""Options that several commands of ``slipway edge`` share."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_FOLDER = Path("slipway-edge")

ModelName = Annotated[str, typer.Option("--model", metavar="MODEL", help='Such as "rover".')]
ChannelName = Annotated[str, typer.Option("--channel", metavar="CHANNEL", help="The channel to follow.")]
Folder = Annotated[
    Path, typer.Option("--folder", envvar="SLIPWAY_EDGE_FOLDER", file_okay=False, help="What the device keeps.")
]
Device = Annotated[str, typer.Option("--device", metavar="ID", help="The device's id; made at the first start.")]
Input = Annotated[str, typer.Option("--input", metavar="FILE|-", help="Windows to answer, one JSON array a line.")]
Patience = Annotated[float, typer.Option("--patience", metavar="SECONDS", help="How long to wait for the server.")]
Root = Annotated[
    Path | None,
    typer.Option(
        "--root",
        exists=True,
        dir_okay=False,
        help="Root metadata to pin, once: from then on only what is signed is installed.",
    ),
]
Poll = Annotated[float, typer.Option("--poll", metavar="SECONDS", help="How often to ask without a hint.")]
ReportEvery = Annotated[
    float, typer.Option("--report-every", metavar="SECONDS", min=1.0, help="How often to report on health.")
]
RenewAt = Annotated[
    str,
    typer.Option("--renew-at", metavar="HOST:PORT", help="Who renews the certificate, where --server is a gateway."),
]
TrialWindows = Annotated[int, typer.Option("--trial", metavar="COUNT", min=1, help="Windows of a new version's trial.")]
KeepWindows = Annotated[
    float, typer.Option("--keep-windows", metavar="MB", min=0.0, help="Keep windows on the disk; 0 keeps none.")
]
PerHour = Annotated[
    int,
    typer.Option("--keep-per-hour", metavar="COUNT", min=0, help="Keep a fair sample of each hour, not the newest."),
]
Share = Annotated[
    str, typer.Option("--share", metavar="nothing|statistics|windows", help="What may be told to the server.")
]
Dataset = Annotated[
    str, typer.Option("--dataset", metavar="DATASET", help="Where to; the device's own id if not given.")
]
ShareEvery = Annotated[
    float, typer.Option("--share-every", metavar="HOURS", min=0.0, help="Between two rounds at least.")
]
ShareMB = Annotated[float, typer.Option("--share-mb", metavar="MB", min=0.0, help="Of windows a day at most.")]
ShareDrift = Annotated[float, typer.Option("--share-drift", metavar="DRIFT", min=0.0, help="From which drift on.")]
