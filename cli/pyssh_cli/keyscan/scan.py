"""Asks hosts for their keys: a connection for each type, as far as the key exchange, many hosts at once."""

import asyncio
from collections.abc import Iterator
from typing import Final

from pyssh.about import SOFTWARE_VERSION
from pyssh.aio.client import connect
from pyssh.aio.timeouts import Timeouts
from pyssh.algorithms.preferences import Algorithms
from pyssh.errors import HostKeyError, NegotiationError, SSHError
from pyssh.events import Event, HostKeyQuestion, VersionReceived
from pyssh.keys.public import PublicKey
from pyssh.options import ClientOptions
from pyssh_cli.client.report import describe
from pyssh_cli.client.story import message_observer
from pyssh_cli.keyscan.lines import key_lines
from pyssh_cli.keyscan.request import Request
from pyssh_cli.keyscan.targets import Target
from pyssh_cli.output import Level, Output, escape_lines
from pyssh_config.errors import escape

__all__ = ["scan"]

_AT_ONCE: Final = 64
"""Connections at a time. Each costs descriptors, and a key exchange of some milliseconds."""

_CLOSE_SECONDS: Final = 0.5
"""What a host that does not read may hold up the end of its connection."""

# servers tell scans from attacks by the words of OpenSSH's own scanner
_SOFTWARE_VERSION: Final = f"{SOFTWARE_VERSION} OpenSSH-keyscan"


async def scan(request: Request, targets: Iterator[Target], output: Output) -> bool:
    """Ask all hosts and print their keys; return whether there was any."""
    scanner = _Scanner(request, output)

    async def work() -> None:
        for target in targets:
            await scanner.ask_all(target)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(work())
    except BaseExceptionGroup as errors:
        # the first one ended the others, and says enough
        raise errors.exceptions[0] from None
    return scanner.found


class _UnansweredError(Exception):
    """None of a host's addresses answers: there is no use in asking again."""


class _Scanner:
    """Asks one host after another."""

    def __init__(self, request: Request, output: Output) -> None:
        self._request = request
        self._output = output
        self.found = False

    async def ask_all(self, target: Target) -> None:
        """Ask a host for each type of key and print what it has."""
        for key_type in self._request.key_types:
            remarks: list[str] = []
            try:
                key = await self._ask(target, key_type, remarks)
            except _UnansweredError:
                return
            finally:
                # among the lines for known_hosts, as ssh-keyscan writes them
                for remark in remarks:
                    self._output.result(remark)
            if key is None:
                continue
            self.found = True
            for line in key_lines(key, target.names, self._request, self._output):
                self._output.result(line)

    async def _ask(self, target: Target, key_type: str, remarks: list[str]) -> PublicKey | None:
        for address in target.addresses:
            try:
                async with asyncio.timeout(self._request.seconds):
                    return await self._ask_address(address, key_type, remarks)
            except NegotiationError as error:
                self._output.debug(f"{escape(address)}: no {key_type} key: {escape(str(error))}")
                return None
            except TimeoutError:
                self._say(target, f"{self._place(address)}: no key within {self._request.seconds:g} s")
            except OSError as error:
                # the place is in it
                self._say(target, describe(error))
            except SSHError as error:
                self._say(target, f"{self._place(address)}: {describe(error)}")
        raise _UnansweredError

    def _place(self, address: str) -> str:
        return f"{escape(address)} port {self._request.port}"

    def _say(self, target: Target, problem: str) -> None:
        # most addresses of a range are nobody's
        level = Level.VERBOSE if target.from_range else Level.ERROR
        self._output.log(level, f"{self._output.program}: {problem}")

    async def _ask_address(self, address: str, key_type: str, remarks: list[str]) -> PublicKey | None:
        """Connect as far as the host key. Raises OSError, SSHError; NegotiationError if there is none."""
        request = self._request
        shown: list[PublicKey] = []

        async def take(question: HostKeyQuestion) -> bool:
            shown.append(question.key)
            return False

        everything = Algorithms.legacy()
        options = ClientOptions(
            # nothing is said on these connections, so that weak algorithms do no harm
            algorithms=everything.replace(host_key=request.algorithms(key_type)),
            software_version=_SOFTWARE_VERSION,
            observer=message_observer(self._output),
            user="keyscan",
        )
        seconds = request.seconds
        try:
            await connect(
                address,
                request.port,
                trust=take,
                options=options,
                timeouts=Timeouts(connect=seconds, login_step=seconds, close=_CLOSE_SECONDS),
                address_family=request.family,
                on_event=lambda event: remarks.extend(self._remarks(address, event)),
            )
        except HostKeyError:
            if not shown:
                raise
        return shown[0] if shown else None

    def _remarks(self, address: str, event: Event) -> Iterator[str]:
        if isinstance(event, VersionReceived) and self._request.level is not Level.QUIET:
            mark = ";" if self._request.as_sshfp else "#"
            version = escape_lines(event.identification)
            yield f"{mark} {escape(address)}:{self._request.port} {version}"
