"""Readers without a link: any mix of reads returns the same bytes, and all credit is given back once."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from pyssh.aio.reader import Reader

READS = st.one_of(
    st.tuples(st.just("read"), st.integers(1, 20)),
    st.tuples(st.just("readexactly"), st.integers(0, 20)),
    st.tuples(st.just("readline"), st.integers(1, 20)),
    st.just(("read_some", 0)),
)


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=15), max_size=12),
    reads=st.lists(READS, max_size=20),
    handed_over=st.integers(0, 20),
)
def test_nothing_is_lost_or_doubled(
    chunks: list[bytes], reads: list[tuple[str, int]], handed_over: int
) -> None:
    async def run() -> None:
        credits: list[int] = []
        reader = Reader(credits.append)
        received = b""

        async def feed() -> None:
            for chunk in chunks:
                reader.receive(memoryview(chunk))
                await asyncio.sleep(0)
            reader.receive_eof()

        feeding = asyncio.ensure_future(feed())
        for number, (name, size) in enumerate(reads):
            if number == handed_over:
                unread = reader.unread()
                assert len(unread.data) >= unread.credited
            try:
                if name == "read_some":
                    received += b"".join(await reader.read_some())
                else:
                    received += await getattr(reader, name)(size)
            except asyncio.IncompleteReadError as error:
                received += error.partial
        received += await reader.read()
        await feeding
        assert received == b"".join(chunks)
        assert sum(credits) <= len(received)
        # what is owed is what waited when the end came: the peer needs no window any more
        assert all(credit > 0 for credit in credits)

    asyncio.run(run())
