"""Every unsupervised method that the studies run: the field's, and ours, as scope × objective."""

from collections.abc import Mapping

from adapters.choice import Plan
from slipway.spec import TaskSpec

FOR_BOTH: Mapping[str, Plan] = {
    "input_statistics": Plan("input_statistics", "moments"),
    "norm_statistics": Plan("norm_statistics", "moments"),
    "all_statistics": Plan("input_statistics + norm_statistics", "moments"),
    "sensor": Plan("sensor", "sensor_match"),
    "coral_map": Plan("head", "coral_map"),
    "transport": Plan("head", "transport"),
    "masked": Plan("norm_affine", "masked"),
}
FOR_CLASSES: Mapping[str, Plan] = {
    "tent": Plan("norm_statistics + norm_affine", "moments + entropy"),
    "information": Plan("norm_affine", "information_maximisation"),
    "statistics_information": Plan("norm_statistics + norm_affine", "moments + information_maximisation"),
    "shot": Plan("full", "information_maximisation + pseudo_labels*0.3"),
    "aad": Plan("full", "aad"),
    "deep_coral": Plan("full", "cross_entropy + coral"),
    "dann": Plan("full", "cross_entropy + dann"),
    "dirt": Plan("full", "cross_entropy + virtual_adversarial + entropy*0.1 + dann"),
}
FOR_OUTPUTS: Mapping[str, Plan] = {
    "deep_coral": Plan("full", "squared_error + coral"),
    "dann": Plan("full", "squared_error + dann"),
}


def methods(task: TaskSpec) -> Mapping[str, Plan]:
    """By name, the cheap ones first."""
    return {**FOR_BOTH, **(FOR_OUTPUTS if task.outputs else FOR_CLASSES)}
