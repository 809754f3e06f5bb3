"""Options that several commands of ``slipway-server updates`` take."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path | None, typer.Option("--data", file_okay=False, help="The server's data folder.")]
Keys = Annotated[
    Path | None,
    typer.Option("--keys", envvar="SLIPWAY_KEYS", exists=True, file_okay=False, help="Folder of the keys at hand."),
]
KeyFiles = Annotated[
    list[Path] | None, typer.Option("--key", exists=True, dir_okay=False, help="Another key file; may be repeated.")
]
DraftFolder = Annotated[
    Path | None, typer.Option("--draft", file_okay=False, help="Only write what is to be signed into this folder.")
]
Model = Annotated[str, typer.Argument(metavar="MODEL", help='Such as "rover".')]
Versions = Annotated[list[int], typer.Argument(metavar="VERSION", min=1, help="Such as 3; may be several.")]
Files = Annotated[list[Path], typer.Argument(metavar="DRAFT", exists=True, dir_okay=False, help="Files of --draft.")]
