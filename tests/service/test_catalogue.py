"""What the queries promise beyond what a call over gRPC can show."""

import pytest

from service.catalogue import datasets, requests, uploads
from service.catalogue.engine import Catalogue
from service.catalogue.records import NewDataset, Upload
from service.catalogue.requests import RequestKey
from tests.service.pipelines import SENSOR

NOBODY = RequestKey("", "")


def begun(catalogue: Catalogue, upload_id: str = "u", window_count: int = 5) -> Upload:
    catalogue.write(datasets.create, NewDataset("d", "", SENSOR, ("go", "stop")), RequestKey("r", "x"), 0)
    return catalogue.write(uploads.begin, "d", upload_id, window_count, 9, 0)


def test_an_upload_that_is_completed_twice_counts_once(catalogue: Catalogue) -> None:
    """Two servers on one catalogue may both see its last window."""
    upload = begun(catalogue)
    first = catalogue.write(uploads.complete, upload, "a" * 64, [3, 2], 1)
    assert catalogue.write(uploads.complete, upload, "a" * 64, [3, 2], 2) == first
    dataset = catalogue.read(datasets.get, "d")
    assert (dataset.window_count, dataset.label_counts) == (5, (3, 2))


def test_files_come_in_the_order_in_which_their_uploads_were_completed(catalogue: Catalogue) -> None:
    first, second = begun(catalogue, "u1"), begun(catalogue, "u2")
    for upload, sha256 in ((second, "b" * 64), (first, "a" * 64)):
        catalogue.write(uploads.complete, upload, sha256, [0, 0], 1)
    assert catalogue.read(datasets.stored_files, "d") == ["b" * 64, "a" * 64]


def test_a_failed_write_leaves_nothing(catalogue: Catalogue) -> None:
    def fail(connection: object) -> None:
        datasets.create(connection, NewDataset("d", "", SENSOR, ()), NOBODY, 0)  # type: ignore[arg-type]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        catalogue.write(fail)
    assert catalogue.read(datasets.page, None, 9) == []


def test_request_ids_are_forgotten_after_a_time(catalogue: Catalogue) -> None:
    key = RequestKey("r", "x")
    catalogue.write(requests.remember, key, "d", 100)
    catalogue.write(requests.forget, 100)
    assert catalogue.read(requests.answer_of, key) == "d"
    catalogue.write(requests.forget, 101)
    assert catalogue.read(requests.answer_of, key) is None
