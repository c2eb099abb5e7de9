"""Links on which idle channels are closed, and which are closed when nobody uses them."""

import asyncio

from pyssh.aio.channel import Channel
from pyssh.aio.idle import IdleWatch
from pyssh.connection import kinds
from tests.aio.support import pair


async def test_an_idle_channel_is_closed_and_others_are_not() -> None:
    async with pair() as link:
        closed: list[Channel] = []
        first = await link.open_session("wait")
        second = await link.open_session("cat")

        def limit_of(channel: Channel) -> float:
            return 0.1 if channel is first else 0

        IdleWatch(link, limit_of=limit_of, shortest=0.1, on_idle=closed.append).start()
        async with asyncio.timeout(30):
            await first.wait_closed()
        assert closed == [first]
        await second.write(b"still here")
        assert await second.readexactly(10) == b"still here"
        assert not link.ended


async def test_a_link_without_channels_is_closed() -> None:
    async with pair() as link:
        unused: list[bool] = []
        channel = await link.open_session("wait")
        IdleWatch(link, unused=0.1, on_unused=lambda: unused.append(link.channels == {})).start()
        channel.close()
        async with asyncio.timeout(30):
            await link.wait_closed()
        assert unused == [True]


async def test_without_limits_nothing_is_watched() -> None:
    async with pair() as link:
        before = len(asyncio.all_tasks())
        IdleWatch(link).start()
        assert isinstance((await link.open_session("true")).kind, kinds.Session)
        assert len(asyncio.all_tasks()) <= before + 1
