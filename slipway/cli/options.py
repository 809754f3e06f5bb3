"""Options that many commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.errors import Reason, Refused

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from slipway.client import Client

DEFAULT_SERVER = "127.0.0.1:8471"

Server = Annotated[str, typer.Option("--server", envvar="SLIPWAY_SERVER", metavar="HOST:PORT", help="The server.")]
IdentityFolder = Annotated[
    str,
    typer.Option(
        "--identity",
        envvar="SLIPWAY_IDENTITY",
        metavar="FOLDER",
        help='Folder of your certificate; "none" sends in the clear.',
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout; progress stays on stderr.")]
Wait = Annotated[bool, typer.Option("--wait", help="Show the job's progress and wait for its end.")]
ReadableFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


def group(help: str) -> typer.Typer:
    """A group of commands."""
    settings = {"help_option_names": ["-h", "--help"]}
    return typer.Typer(help=help, no_args_is_help=True, pretty_exceptions_enable=False, context_settings=settings)


def example(command: str) -> str:
    """The line under a command's help."""
    return f"Example: slipway {command}"


def connect(server: str, identity: str = "") -> "Client":
    """A client of ``server`` that shows the certificate in the folder ``identity``.

    Raises:
        Refused: IDENTITY_MISSING or IDENTITY_UNUSABLE.
    """
    from slipway import client
    from slipway.identity.folder import credentials

    return client.connect(server, credentials(server, identity))


def read_array(file: Path, key: str) -> "npt.NDArray[np.generic]":
    """One array of an .npz file (or the array of an .npy file); never runs code from the file.

    Raises:
        Refused: FIELD_INVALID.
    """
    from zipfile import BadZipFile

    import numpy as np

    try:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            if key in loaded.files:
                array: npt.NDArray[np.generic] = loaded[key]
                return array
            problem, remedy = f"{file.name} has no array of that name", f"Choose one of: {', '.join(loaded.files)}."
    except (ValueError, OSError, EOFError, KeyError, BadZipFile) as error:
        problem, remedy = f"{file.name}: {error}", "Write the file with numpy.savez, without Python objects."
    raise Refused(Reason.FIELD_INVALID, field="file", problem=problem, found=repr(key), remedy=remedy)
