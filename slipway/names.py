"""Short names for people: "rover" for "models/rover", "rover/3" for "models/rover/versions/3"."""

from slipway.errors import Reason, Refused


def dataset_name(name: str) -> str:
    """The resource name of a dataset, from itself or its last part."""
    return name if name.startswith("datasets/") else f"datasets/{name}"


def job_name(name: str) -> str:
    """The resource name of a job, from itself or its last part."""
    return name if name.startswith("jobs/") else f"jobs/{name}"


def model_name(name: str) -> str:
    """The resource name of a model, from itself or its last part."""
    return name if name.startswith("models/") else f"models/{name}"


def version_name(name: str) -> str:
    """The resource name of a version, from itself or "model/number".

    Raises:
        Refused: FIELD_INVALID.
    """
    if name.startswith("models/"):
        return name
    model, slash, number = name.partition("/")
    if not (model and slash and number) or "/" in number:
        remedy = 'Name a version as "rover/3" or "models/rover/versions/3".'
        raise Refused(Reason.FIELD_INVALID, field="version", problem="not a version", found=repr(name), remedy=remedy)
    return f"models/{model}/versions/{number}"


def channel_name(model: str, channel: str) -> str:
    """The resource name of a model's channel."""
    return f"{model_name(model)}/channels/{channel}"


def short(name: str) -> str:
    """The short form of a resource name, as people type it: "rover/3", "garage"."""
    return "/".join(name.split("/")[1::2])


def last_part(name: str) -> str:
    """The part after the last slash."""
    return name.rpartition("/")[2]
