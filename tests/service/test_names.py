"""Resource names and page tokens: what fits comes back, what does not is refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import names, pages
from slipway.errors import Reason, Refused

ID = st.from_regex(r"[a-z][a-z0-9_-]{0,62}", fullmatch=True)
TEXT = st.text(max_size=40)


@given(ID, st.integers(1, 999_999_999), ID)
def test_names_come_apart_as_they_were_put_together(model: str, number: int, artifact: str) -> None:
    version = names.version_name(model, number)
    assert names.version_key(version, "name") == (model, number)
    assert names.artifact_key(f"{version}/artifacts/{artifact}", "name") == (model, number, artifact)


@pytest.mark.parametrize(
    "name",
    [
        "datasets",
        "datasets/",
        "datasets/A",
        "datasets/x/y",
        "dataset/x",
        "datasets/../x",
        "datasets/x\n",
        "/datasets/x",
    ],
)
def test_a_name_that_does_not_fit_is_refused(name: str) -> None:
    with pytest.raises(Refused) as caught:
        names.dataset_id(name, "name")
    assert caught.value.reason == Reason.FIELD_INVALID
    assert "datasets/{dataset}" in caught.value.message


@pytest.mark.parametrize("number", ["0", "01", "-1", "1e3", "9999999999", "latest", "١"])
def test_versions_count_from_one(number: str) -> None:
    with pytest.raises(Refused):
        names.version_key(f"models/m/versions/{number}", "name")


@given(TEXT)
def test_no_text_crashes_the_parsers(text: str) -> None:
    for parse in (names.dataset_id, names.upload_id, names.version_key, names.artifact_key, names.uuid_text):
        try:
            parse(text, "name")
        except Refused as refused:
            assert refused.field == "name"


@given(st.text(max_size=600))
def test_no_text_crashes_the_page_token(token: str) -> None:
    for after in (pages.after, pages.after_number):
        try:
            after(token, "jobs")
        except Refused as refused:
            assert refused.reason == Reason.PAGE_TOKEN_INVALID


def test_page_sizes() -> None:
    assert [pages.size(asked) for asked in (0, 1, 1000, 5000)] == [50, 1, 1000, 1000]
    with pytest.raises(Refused):
        pages.size(-1)
