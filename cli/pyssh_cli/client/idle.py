"""ChannelTimeout in the client: which channels may be idle for how long."""

import os

from pyssh.aio.channel import Channel
from pyssh.aio.client import ClientLink
from pyssh.aio.idle import IdleWatch
from pyssh.connection import kinds
from pyssh_cli.idle import Limits, channel_name, session_name
from pyssh_cli.output import Output
from pyssh_cli.settings import Settings

__all__ = ["watch_idle"]


def watch_idle(link: ClientLink, settings: Settings, output: Output) -> None:
    """Close what is idle for too long from now on."""
    kind = "command" if settings.session == "exec" else settings.session
    own = session_name(kind, os.fsdecode(settings.command))
    limits = Limits(settings.config.channel_timeout)

    def limit_of(channel: Channel) -> int:
        # those of a master's clients have the name of our own
        return limits.of(own if isinstance(channel.kind, kinds.Session) else channel_name(channel))

    IdleWatch(
        link,
        limit_of=limit_of,
        shortest=limits.shortest,
        overall=limits.overall,
        on_idle=lambda channel: output.debug(f"channel {channel.number} is idle and closed"),
    ).start()
