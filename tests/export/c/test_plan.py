"""The arena: buffers that are alive together never share a byte, and no byte is taken without need."""

from hypothesis import given, settings
from hypothesis import strategies as st

from export.c.fold_qdq import fold_qdq
from export.c.lowering import lower
from export.c.plan import SPARE, Buffer, _buffers, _owners, _place, plan
from export.c.reader import read
from tests.export.c.test_generated import exported
from tests.export.examples import NETS, example, windows


@st.composite
def _some(draw: st.DrawFn) -> list[Buffer]:
    spans = draw(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
    return [Buffer(f"b{i}", 4 * size, min(ends), max(ends)) for i, (size, *ends) in enumerate(spans)]


def _share(one: Buffer, other: Buffer, offsets: dict[str, int]) -> bool:
    return (
        offsets[one.name] < offsets[other.name] + other.size_bytes
        and offsets[other.name] < offsets[one.name] + one.size_bytes
    )


@settings(max_examples=200)
@given(_some())
def test_buffers_that_are_alive_together_lie_apart(buffers):
    offsets = _place(buffers)
    for i, one in enumerate(buffers):
        for other in buffers[:i]:
            if one.first <= other.last and other.first <= one.last:
                assert not _share(one, other, offsets)


def test_every_nets_arena_is_its_busiest_moment():
    for name in NETS:
        made = example(name)
        program = lower(fold_qdq(read(exported(made, windows(made, 16))[1])), "model")
        buffers = _buffers(program.operators, _owners(program.operators))
        busiest = max(
            sum(one.size_bytes for one in buffers if one.first <= time <= one.last)
            for time in range(len(program.operators))
        )
        assert plan(program.operators).arena_bytes == busiest + SPARE
