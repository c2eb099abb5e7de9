"""Connecting, logging in, and the end of connections: errors, cancellation, nothing left over."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pyssh.aio import (
    ClientLink,
    Credentials,
    Link,
    ServerSession,
    Stream,
    Timeouts,
    connect,
    serve,
    serve_stream,
)
from pyssh.connection.requests import UnknownGlobalRequest
from pyssh.errors import (
    AuthenticationError,
    ConnectionLost,
    Disconnected,
    HostKeyError,
    NegotiationError,
    RequestError,
    SSHError,
    UsageError,
    VersionError,
)
from pyssh.events import (
    Accept,
    AnyEvent,
    AskPasswordChange,
    AskPrompts,
    AuthenticationRequested,
    BannerReceived,
    Credential,
    CredentialNeeded,
    Event,
    HostKeyQuestion,
    InteractiveAttempt,
    InteractiveResponses,
    PasswordCredential,
    Prompt,
    PromptsReceived,
    PublicKeyCredential,
    Refuse,
    SignatureNeeded,
    Verdict,
)
from pyssh.keys.private import generate_private_key
from pyssh.options import ClientOptions, ServerOptions
from tests.aio.support import PASSWORD, Handler, linked, open_files, pair, running_server, until
from tests.support.pair import HOST_KEY, USER_KEY

# --- getting in


async def test_facts_about_a_link() -> None:
    handler = Handler()
    async with running_server(handler) as server, linked(server) as link:
        assert isinstance(link, ClientLink)
        assert link.user == "guest"
        assert link.host_key == HOST_KEY.key
        assert link.remote_version.startswith("SSH-2.0-")
        assert link.algorithms is not None
        assert HOST_KEY.key.verify("ssh-ed25519", link.exchange_signature, link.session_identifier)
        assert "server-sig-algs" in link.extensions
        assert link.peer_address == ("127.0.0.1", server.port)
        (served,) = server.links
        assert served.peer_address == link.local_address
    assert len(handler.ended) == 1
    assert isinstance(handler.ended[0], Disconnected)


async def test_ways_to_log_in() -> None:
    class Asks(Handler):
        async def authenticate(self, link: Link, question: AuthenticationRequested) -> Verdict:
            match question.attempt:
                case InteractiveAttempt():
                    return AskPrompts("", "", (Prompt("Password: ", False),))
                case InteractiveResponses((answer,)):
                    return Accept() if answer == PASSWORD else Refuse()
                case _:
                    return Refuse()

    async def answer(question: PromptsReceived) -> tuple[str, ...] | None:
        return (PASSWORD,)

    async with pair(keys=[USER_KEY], password=None) as link:
        assert (await link.run("true")).exit_status == 0
    # a password also answers the one hidden question that asks for it
    for ways in ({"password": PASSWORD}, {"password": None, "prompts": answer}):
        async with pair(Asks(), **ways) as link:
            assert link.user == "guest"


async def test_nothing_is_trusted_by_default() -> None:
    async with running_server() as server:
        with pytest.raises(HostKeyError, match="pass host_keys or trust"):
            await linked(server, host_keys=())
        with pytest.raises(HostKeyError, match="not one of those expected"):
            await linked(server, host_keys=[USER_KEY.key])


async def test_trust_decides() -> None:
    seen: list[HostKeyQuestion] = []

    async def yes(question: HostKeyQuestion) -> bool:
        seen.append(question)
        return True

    async def no(question: HostKeyQuestion) -> bool:
        return False

    async def fail(question: HostKeyQuestion) -> bool:
        raise HostKeyError("changed, says the file")

    async with running_server() as server:
        async with linked(server, trust=yes):
            assert seen[0].key == HOST_KEY.key
        with pytest.raises(HostKeyError, match="is not trusted"):
            await linked(server, trust=no)
        with pytest.raises(HostKeyError, match="changed, says the file"):
            await linked(server, trust=fail)
        await until(lambda: not server.links)


async def test_permission_denied() -> None:
    async with running_server() as server:
        with pytest.raises(AuthenticationError, match="tried publickey, password") as caught:
            await linked(server, keys=[generate_private_key("ed25519")], password="wrong")
        assert caught.value.tried[:2] == ("publickey", "password")
        assert "password" in caught.value.remaining
        await until(lambda: not server.links)


async def test_credentials_of_ones_own() -> None:
    class Stubborn(Credentials):
        def __init__(self) -> None:
            self.asked = 0

        async def next(self, question: CredentialNeeded) -> Credential | None:
            self.asked += 1
            return PasswordCredential(PASSWORD if self.asked == 3 else "wrong")

    class Broken(Credentials):
        async def next(self, question: CredentialNeeded) -> Credential | None:
            raise KeyError("a mistake in the application")

    async with running_server() as server:
        async with linked(server, password=None, credentials=Stubborn()):
            pass
        with pytest.raises(KeyError, match="a mistake"):
            await linked(server, password=None, credentials=Broken())
        with pytest.raises(UsageError):
            linked(server, credentials=Broken())


async def test_an_asynchronous_signer() -> None:
    class Slow:
        key = USER_KEY.key

        async def sign(self, algorithm: str, data: bytes) -> bytes:
            await asyncio.sleep(0)
            return USER_KEY.sign(algorithm, data)

    async with pair(keys=[Slow()], password=None) as link:
        assert link.user == "guest"


async def test_banner_and_other_events() -> None:
    seen: list[Event] = []
    options = ServerOptions(host_keys=(HOST_KEY.key,), banner="mind the gap\n")
    async with running_server(options=options) as server, linked(server, on_event=seen.append):
        assert [event.message for event in seen if isinstance(event, BannerReceived)] == ["mind the gap\n"]


async def test_no_algorithm_in_common() -> None:
    algorithms = ClientOptions().algorithms.replace(ciphers=("aes128-ctr",))
    ours = ServerOptions(host_keys=(HOST_KEY.key,), algorithms=algorithms.replace(ciphers=("aes256-ctr",)))
    async with running_server(options=ours) as server:
        with pytest.raises(NegotiationError, match="aes128-ctr"):
            await linked(server, options=ClientOptions(user="guest", algorithms=algorithms))


async def test_deciding_a_login_fails_closed(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Handler):
        async def authenticate(self, link: Link, question: AuthenticationRequested) -> Verdict:
            raise ValueError("the database is gone")

    async with running_server(Broken()) as server:
        with pytest.raises(AuthenticationError):
            await linked(server)
    assert "the database is gone" in caplog.text


# --- not getting there


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefusedError, match=rf"127\.0\.0\.1 port {port}"):
        await connect("127.0.0.1", port, user="guest")


async def test_no_such_host() -> None:
    with pytest.raises(socket.gaierror, match=r"nowhere\.invalid port 22"):
        await connect("nowhere.invalid", user="guest")
    with pytest.raises(socket.gaierror, match="not a host name"):
        await connect("a" * 64 + ".invalid", user="guest")


async def test_no_such_proxy() -> None:
    with pytest.raises(SSHError):
        await connect("host", user="guest", proxy_command="exit 3")


@contextlib.asynccontextmanager
async def answering(reply: bytes, *, close: bool = True) -> AsyncIterator[int]:
    """Something on a port that is no SSH server."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        if not close:
            await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listener:
        yield listener.sockets[0].getsockname()[1]


async def test_something_else_listens() -> None:
    async with answering(b"HTTP/1.0 400 Bad Request\r\n\r\n" * 2000) as port:
        with pytest.raises(VersionError):
            await connect("127.0.0.1", port, user="guest")
    async with answering(b"") as port:
        with pytest.raises(VersionError, match="before it identified itself"):
            await connect("127.0.0.1", port, user="guest")


async def test_a_server_that_says_nothing() -> None:
    async with answering(b"", close=False) as port:
        with pytest.raises(TimeoutError, match=r"0\.01 seconds for one step"):
            await connect("127.0.0.1", port, user="guest", timeouts=Timeouts(login_step=0.01))


async def test_cancelled_while_logging_in() -> None:
    before = open_files()
    async with answering(b"", close=False) as port:
        connecting = asyncio.ensure_future(connect("127.0.0.1", port, user="guest"))
        await until(lambda: open_files() >= before + 3)  # the listener and both ends
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting


async def test_through_another_server_and_a_command() -> None:
    async with running_server() as first, running_server() as second, linked(first) as outer:
        async with linked(second, via=outer) as link:
            assert (await link.run("cat", input=bytes(3_000_000))).stdout == bytes(3_000_000)
        command = f"exec 3<>/dev/tcp/127.0.0.1/{second.port}; cat <&3 & exec cat >&3"
        async with linked(second, proxy_command=f"bash -c '{command}'") as link:
            assert (await link.run("true")).exit_status == 0
    await until(lambda: not first.links and not second.links)


async def test_a_command_gets_pipes_because_servers_ask_sockets_for_their_peers() -> None:
    async with running_server() as server:
        command = f"test -p /dev/fd/0 -a -p /dev/fd/1 || exit; exec 3<>/dev/tcp/127.0.0.1/{server.port}"
        command = f'bash -c "{command}; cat <&3 & exec cat >&3"'
        async with linked(server, proxy_command=command) as link:
            assert (await link.run("true")).exit_status == 0


async def test_over_a_socket_pair() -> None:
    ours, theirs = socket.socketpair()
    served = serve_stream(Handler(), theirs, signers=[HOST_KEY])
    async with connect(
        "ignored", sock=ours, user="guest", password=PASSWORD, host_keys=[HOST_KEY.key]
    ) as link:
        assert (await link.run("true")).exit_status == 0
        assert link.peer_address in ("", None)
    with pytest.raises(Disconnected):
        await served.wait_closed()


async def test_over_pipes() -> None:
    to_server, to_client = os.pipe(), os.pipe()
    served = serve_stream(Handler(), Stream.from_fds(to_server[0], to_client[1]), signers=[HOST_KEY])
    stream = Stream.from_fds(to_client[0], to_server[1])
    async with connect(
        "ignored", sock=stream, user="guest", password=PASSWORD, host_keys=[HOST_KEY.key]
    ) as link:
        assert (await link.run("cat", input=bytes(1_000_000))).stdout == bytes(1_000_000)
    await served.wait_over()


# --- the end


async def test_nothing_is_left() -> None:
    async def idle(link: ClientLink) -> None:
        await asyncio.get_running_loop().create_future()

    async with running_server() as server:
        before, tasks = open_files(), asyncio.all_tasks()
        for _ in range(3):
            async with linked(server) as link:
                await link.open_session("wait")
                await link.forward_local(("127.0.0.1", 0), ("127.0.0.1", 1))
                await link.forward_remote(("127.0.0.1", 0), ("127.0.0.1", 1))
                task = link.spawn(idle(link))
            assert task.cancelled()
            assert link.forwards == []
            await until(lambda: not server.links)
            await until(lambda: asyncio.all_tasks() == tasks)
        assert open_files() == before


async def test_calls_after_the_end() -> None:
    async with pair() as link:
        pass
    assert link.ended
    await link.wait_closed()
    for call in (link.run("true"), link.open_session_channel(), link.forward_remote(("", 0), None)):
        with pytest.raises(ConnectionLost, match="is closed"):
            await call
    link.close()
    link.abort()


async def test_the_server_says_goodbye() -> None:
    async with running_server() as server, linked(server) as link:
        waiting = asyncio.ensure_future(link.run("wait"))
        await until(lambda: bool(link.channels))
        (served,) = server.links
        served.close(description="out of hours")
        with pytest.raises(Disconnected, match="out of hours"):
            await waiting
        with pytest.raises(Disconnected):
            await link.wait_closed()
        await served.wait_closed()


async def test_the_server_vanishes() -> None:
    async with running_server() as server, linked(server) as link:
        (served,) = server.links
        served.abort()
        with pytest.raises(ConnectionLost):
            await link.wait_closed()


async def test_sessions_end_with_their_connection() -> None:
    handler = Handler()
    cleaned: list[bool] = []

    async def careful(session: ServerSession) -> None:
        try:
            await session.read()
        finally:
            cleaned.append(True)

    handler.programs[b"careful"] = careful
    async with running_server(handler) as server, linked(server) as link:
        await link.open_session("careful")
        await until(lambda: bool(handler.sessions))
        link.abort()
        await until(lambda: not server.links)
    assert cleaned == [True]
    assert len(handler.ended) == 1


async def test_a_server_that_stops_lets_connections_go_on() -> None:
    async with running_server() as server:
        async with linked(server) as link:
            server.close()
            await server.serve_forever()
            assert (await link.run("true")).exit_status == 0
            with pytest.raises(ConnectionRefusedError):
                await linked(server)
        await server.wait_closed()


async def test_login_grace() -> None:
    options = ServerOptions(host_keys=(HOST_KEY.key,), login_grace_seconds=0.01)
    async with running_server(options=options) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert (await reader.read()).startswith(b"SSH-2.0-")
        writer.close()
        await until(lambda: not server.links)


async def test_startups_beyond_the_limit_are_dropped() -> None:
    async with running_server(max_startups=(2, 100, 2)) as server:
        held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
        await until(lambda: len(server.links) == 2)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert await reader.read() == b""
        for _, one in held:
            one.close()
        writer.close()
        await until(lambda: not server.links)
        async with linked(server):
            pass


async def test_a_handler_may_turn_connections_away() -> None:
    class Closed(Handler):
        def accept(self, peer_address: object) -> bool:
            return False

    async with running_server(Closed()) as server:
        with pytest.raises(VersionError):
            await linked(server)


async def test_keepalive_finds_a_dead_peer() -> None:
    options = ClientOptions(user="guest", keepalive_seconds=0.02, keepalive_count=1)
    async with running_server() as server, linked(server, options=options) as link:
        (served,) = server.links
        asyncio.get_running_loop().remove_reader(served.stream.read_fd)
        with pytest.raises(ConnectionLost, match="no longer answers"):
            await link.wait_closed()


async def test_requests_that_are_refused() -> None:
    async with pair() as link:
        with pytest.raises(RequestError):
            await link.global_request(UnknownGlobalRequest("nothing@example.com", b""))
        link.send_global_request(UnknownGlobalRequest("nothing@example.com", b""))
        assert (await link.run("true")).exit_status == 0


def test_servers_need_keys() -> None:
    with pytest.raises(UsageError, match="host key"):
        serve(Handler(), signers=[])
    with pytest.raises(UsageError, match="no signer holds"):
        serve(Handler(), signers=[USER_KEY], options=ServerOptions(host_keys=(HOST_KEY.key,)))


async def test_a_signer_that_cannot() -> None:
    class Refuses(Credentials):
        async def next(self, question: CredentialNeeded) -> Credential | None:
            self.asked = getattr(self, "asked", 0) + 1
            return PublicKeyCredential(USER_KEY.key) if self.asked == 1 else None

        async def sign(self, question: SignatureNeeded) -> bytes | None:
            return None

    async with running_server() as server:
        with pytest.raises(AuthenticationError):
            await linked(server, password=None, credentials=Refuses())


async def test_a_mistake_in_the_engine_ends_the_link(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_server() as server, linked(server) as link:

        def receive_data(data: memoryview, now: float) -> list[AnyEvent]:
            raise ZeroDivisionError

        monkeypatch.setattr(link.engine, "receive_data", receive_data)
        with pytest.raises(ZeroDivisionError):
            await link.run("true")
        await until(lambda: not server.links)
    assert "unexpected error" in caplog.text


async def test_a_wrong_kind_of_answer_ends_the_link(caplog: pytest.LogCaptureFixture) -> None:
    class Confused(Handler):
        async def authenticate(self, link: Link, question: AuthenticationRequested) -> Any:
            return AskPasswordChange("to whom it may concern")

    async with running_server(Confused()) as server:
        with pytest.raises(ConnectionLost):
            await linked(server, keys=[USER_KEY], password=None)
        await until(lambda: not server.links)
    assert "unexpected error" in caplog.text
