"""`ServerHandler`: what an application decides and does as a server. Every default refuses."""

from pyssh.aio.channel import Channel
from pyssh.aio.link import ChannelRunner, Link
from pyssh.aio.streams import Address
from pyssh.errors import OpenFailureReason
from pyssh.events import (
    Accept,
    AuthenticationRequested,
    ChannelOpenRequested,
    ChannelRequestReceived,
    GlobalRequestReceived,
    OpenRefused,
    PasswordAttempt,
    PublicKeyAttempt,
    Refuse,
    Verdict,
)
from pyssh.keys.public import PublicKey


class ServerHandler:
    """Answers for a server, one object for all of its connections.

    Override what you allow. Questions of one channel are asked in order, one at a time, and so are global
    requests; others may be asked at the same time. An exception refuses and is reported to the loop's
    exception handler.
    """

    def accept(self, peer_address: Address | None) -> bool:
        """Say whether a connection is worth an answer; asked before anything is done for it."""
        return True

    async def connected(self, link: Link) -> None:
        """Note that a connection was made; nobody has logged in yet."""

    async def authenticated(self, link: Link) -> None:
        """Note that `link.user` has logged in."""

    async def disconnected(self, link: Link, error: Exception | None) -> None:
        """Note that a connection is over and nothing of it is left; `error` is None after our own `close`."""

    async def authenticate(self, link: Link, question: AuthenticationRequested) -> Verdict:
        """Judge an attempt to log in; by default `check_password` or `check_key` does."""
        match question.attempt:
            case PasswordAttempt(password, None):
                granted = await self.check_password(link, question.user, password)
            case PublicKeyAttempt(key):
                granted = await self.check_key(link, question.user, key)
            case _:
                granted = False
        return Accept() if granted else Refuse()

    async def check_password(self, link: Link, user: str, password: str) -> bool:
        """Say whether this is the user's password. Unknown users must take as long as known ones."""
        return False

    async def check_key(self, link: Link, user: str, key: PublicKey) -> bool:
        """Say whether the user may log in with this key; asked before the signature, and again with it."""
        return False

    async def open_channel(self, link: Link, question: ChannelOpenRequested) -> ChannelRunner | OpenRefused:
        """Refuse a channel, or return what runs in it. When that ends the channel is closed."""
        return OpenRefused(OpenFailureReason.UNKNOWN_CHANNEL_TYPE, "not served here")

    async def channel_request(self, channel: Channel, question: ChannelRequestReceived) -> bool:
        """Decide a request on a channel that has no handler of its own (`Channel.handle_requests`)."""
        return False

    async def global_request(self, link: Link, question: GlobalRequestReceived) -> bytes | None:
        """Decide a global request: the data of the reply, or None to refuse."""
        return None

    async def resumed(self, channel: Channel) -> None:
        """Run in a channel that was open when another process handed the connection over (`resume`)."""
