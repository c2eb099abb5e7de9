"""Random ssh_config files and command lines, the same for the same seed.

Most values are good, some are not; every keyword of the manual appears. Numbers, names and forms are those
of ssh_config(5).
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

HOSTS = ("web", "db.example", "Mail.Example.ORG", "192.0.2.7", "::1", "a-b_c", "ssh://bob@web:2200")
_PATTERNS = ("*", "web", "w?b", "*.example", "!web", "!*.org", "192.0.2.*", "nobody", "Mail*", "mail*")
_USERS = ("root", "bob", "%u", "%u-x", "${WHO}", "%h-%p")
_FORWARD_ENDS = ("8080", "localhost:8081", "[::1]:8082", "*:8083", ":8084", "/tmp/s-%h", "${SOCK}")
_TARGETS = ("host:80", "[::1]:443", "/run/x", "${SOCK}", "h:https", "%h:80")
_COMMANDS = ("none", "NONE", 'sh -c "echo  %h"', "nc %h %p  # no comment", "'x y' %% %r", '"')
_CIPHERS = ("aes128-ctr", "aes256-ctr", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com")
_KEX = ("curve25519-sha256", "ecdh-sha2-nistp256", "diffie-hellman-group14-sha256")
_MACS = ("hmac-sha2-256", "hmac-sha2-512-etm@openssh.com", "hmac-sha1")
_SIGNATURES = ("ssh-ed25519", "rsa-sha2-512", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com")


class Case(NamedTuple):
    """One run of `ssh -G`: files by name, of which `config` is read, and the words behind the program."""

    files: dict[str, str]
    words: tuple[str, ...]

    def __str__(self) -> str:
        texts = "".join(f"--- {name}\n{text}" for name, text in self.files.items())
        return f"{texts}--- {' '.join(self.words)}"


class Generator:
    """Makes cases for files that lie in a folder."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._random = random.Random(seed)  # to be the same each time
        self._folder = folder

    def case(self) -> Case:
        """Make the next one."""
        pick = self._random
        files = {
            f"part{number}": self._text(pick.randint(0, 4)) for number in range(pick.choice((0, 0, 1, 2)))
        }
        files["config"] = self._text(pick.randint(1, 14), tuple(files))
        words: list[str] = []
        for _ in range(pick.choice((0, 0, 0, 1, 1, 2, 3))):
            words += self._flag()
        host = pick.choice(HOSTS)
        if "/" not in host and pick.random() < 0.15:
            host = f"{pick.choice(('bob', 'me'))}@{host}"
        words.append(host)
        if pick.random() < 0.1:
            words += self._flag()
        if pick.random() < 0.15:
            words += ["echo", "a b"]
        return Case(files, tuple(words))

    def _text(self, lines: int, parts: Sequence[str] = ()) -> str:
        pick = self._random
        text = ""
        for _ in range(lines):
            kind = pick.random()
            if kind < 0.12:
                text += f"Host {' '.join(pick.sample(_PATTERNS, pick.randint(1, 3)))}\n"
            elif kind < 0.24:
                text += f"Match {self._criteria()}\n"
            elif kind < 0.3 and parts:
                name = pick.choice((*parts, "part*", "missing", "p%%rt0", "%h", "${WHO}"))
                text += f"Include {self._folder}/{name}\n"
            else:
                text += self._line() + "\n"
        return text

    def _line(self) -> str:
        pick = self._random
        keyword = pick.choice(tuple(VALUES))
        value = VALUES[keyword](pick)
        spelled = pick.choice((keyword, keyword, keyword, keyword.lower(), keyword.upper()))
        between = pick.choice((" ", " ", " ", "=", " = ", "  ", "\t"))
        # ssh looks at hosts of ProxyJump only where they count, and keeps one word of LogVerbose
        if pick.random() < 0.03 and keyword not in ("ProxyJump", "LogVerbose"):
            value += pick.choice((" # said", "  ", " extra", "\t#"))
        return f"{pick.choice(('', '', '  ', chr(9)))}{spelled}{between}{value}"

    def _criteria(self) -> str:
        pick = self._random
        if pick.random() < 0.1:
            return pick.choice(("all", "canonical all", "final all", "all all", "host", "bogus x", "!all"))
        found = []
        for _ in range(pick.randint(1, 3)):
            name = pick.choice(tuple(_CRITERIA))
            values = _CRITERIA[name]
            bang = "!" if pick.random() < 0.2 else ""
            found.append(f"{bang}{name} {pick.choice(values)}" if values else f"{bang}{name}")
        return " ".join(found)

    def _flag(self) -> list[str]:
        pick = self._random
        flag = pick.choice(tuple(_FLAGS))
        value = _FLAGS[flag](pick)
        if value is None:
            return [flag]
        return [flag + value] if pick.random() < 0.3 else [flag, value]


Values = Callable[[random.Random], str]


def _of(*values: str, bad: Sequence[str] = ()) -> Values:
    return _rarely(bad, lambda pick: pick.choice(values))


def _rarely(bad: Sequence[str], usual: Values) -> Values:
    # one is enough to refuse a whole file
    return lambda pick: pick.choice(bad) if bad and pick.random() < 0.03 else usual(pick)


def _some(values: Sequence[str], *others: str, between: str = " ", bad: Sequence[str] = ()) -> Values:
    def make(pick: random.Random) -> str:
        if others and pick.random() < 0.2:
            return pick.choice(others)
        return between.join(pick.sample(tuple(values), pick.randint(1, min(3, len(values)))))

    return _rarely(bad, make)


def _forward(targets: Sequence[str], *others: str, bad: Sequence[str] = ()) -> Values:
    def make(pick: random.Random) -> str:
        if others and pick.random() < 0.2:
            return pick.choice(others)
        return f"{pick.choice(_FORWARD_ENDS)} {pick.choice(targets)}"

    return _rarely(bad, make)


_YES_NO = _of("yes", "no", "true", "false", "YES", "No", bad=("maybe",))
_TIMES = _of("0", "5", "90s", "1h30m", "2d", "none", "1w", bad=("x",))
_NUMBERS = _of("0", "1", "3", "007", bad=("10", "-1", "x", "99999999999"))
_PATHS = _some(("~/a", "/b", '"c d"', "%d/e", "%h.%r", "${SOCK}"), "none", "", bad=("a none",))

VALUES: dict[str, Values] = {
    "AddKeysToAgent": _of("yes", "no", "ask", "confirm", "5m", "confirm 1h", "true", bad=("yes 5", "x")),
    "AddressFamily": _of("any", "inet", "inet6", "INET", bad=("x",)),
    "BatchMode": _YES_NO,
    "BindAddress": _of("192.0.2.1", "::1", "%h"),
    "BindInterface": _of("lo", "eth0"),
    "CanonicalDomains": _some(
        ("a.example", "b.example", "c_d", "e."), "none", bad=("a none", ".a", "a..b", "-c")
    ),
    "CanonicalizeFallbackLocal": _YES_NO,
    "CanonicalizeMaxDots": _NUMBERS,
    "CASignatureAlgorithms": _some(_SIGNATURES, between=",", bad=("bogus",)),
    "CertificateFile": _of("~/cert", "none", "/c-%h", '"a b"'),
    "ChannelTimeout": _some(
        ("session:*=5m", "x11=1s", "global=20", "*=0"), "none", bad=("a", "a=x", "none a=1")
    ),
    "CheckHostIP": _YES_NO,
    "Ciphers": _some(_CIPHERS, between=",", bad=("bogus", "aes*")),
    "ClearAllForwardings": _YES_NO,
    "Compression": _of("yes", "no", "YES", "true"),
    "ConnectionAttempts": _of("1", "3", "007", bad=("x", "-1")),
    "ConnectTimeout": _TIMES,
    "ControlMaster": _of("yes", "no", "auto", "ask", "autoask", "true", "AUTO", bad=("x",)),
    "ControlPath": _of("~/.ssh/%C", "/tmp/%r@%h:%p", "none", "/tmp/%L-%l-%n-%u-%i-%k-%j"),
    "ControlPersist": _of("yes", "no", "5m", "0", "YES", bad=("x",)),
    "DynamicForward": _of("1080", "[::1]:1081", "*:1082", "localhost:socks", "/tmp/s", bad=("x", "1 2")),
    "EnableEscapeCommandline": _YES_NO,
    "EnableSSHKeysign": _YES_NO,
    "EscapeChar": _of("~", "^A", "^[", "none", '"#"', "^", "'\\\\'", bad=("x", "ab", "^?")),
    "ExitOnForwardFailure": _YES_NO,
    "FingerprintHash": _of("md5", "sha256", "SHA256", bad=("x",)),
    "ForkAfterAuthentication": _of("no", "false"),
    "ForwardAgent": _of("yes", "no", "true", "~/sock", "$SOCK", "${SOCK}"),
    "ForwardX11": _YES_NO,
    "ForwardX11Timeout": _TIMES,
    "ForwardX11Trusted": _YES_NO,
    "GatewayPorts": _YES_NO,
    "GlobalKnownHostsFile": _some(("/etc/a", "~/b", '"c d"'), "none", bad=("a none",)),
    "HashKnownHosts": _YES_NO,
    "HostbasedAcceptedAlgorithms": _some(_SIGNATURES, between=",", bad=("bogus",)),
    "HostbasedAuthentication": _YES_NO,
    "HostKeyAlgorithms": _some(_SIGNATURES, between=",", bad=("bogus",)),
    "HostKeyAlias": _of("alias", "ALIAS", "%h"),
    "HostName": _of("real.example", "%h.example", "UPPER", "%%h", bad=("%x", "a b")),
    "IdentitiesOnly": _YES_NO,
    "IdentityAgent": _of(
        "none", "SSH_AUTH_SOCK", "$SOCK", "~/agent-%h", "${SOCK}", bad=("$1x", "${NOT_SET}")
    ),
    "IdentityFile": _of("~/key", "none", "/k-%h", '"a b"', "%d/k"),
    "IgnoreUnknown": _of("Foo*", "foo,bar", "*"),
    "Foo": _of("x", "y z"),
    "IPQoS": _of(
        "af21 cs1", "ef", "none", "8 40", "lowdelay throughput", "le VA", bad=("0x10", "256", "a b c")
    ),
    "KbdInteractiveAuthentication": _YES_NO,
    "KbdInteractiveDevices": _of("bsdauth,pam", bad=("a b",)),
    "KexAlgorithms": _some(_KEX, between=",", bad=("bogus",)),
    "KnownHostsCommand": _of(*_COMMANDS),
    "LocalCommand": _of(*_COMMANDS),
    "LocalForward": _forward(_TARGETS, "1", bad=("x y", "1 h:2 3", "0 h:1", "h:2 x:y:z")),
    "LogLevel": _of("quiet", "ERROR", "info", "verbose", "DEBUG", "debug1", "DEBUG3", "silent", bad=("x",)),
    "LogVerbose": _of("none", "dial.py:*:*", bad=("none x",)),
    "MACs": _some(_MACS, between=",", bad=("bogus",)),
    "NoHostAuthenticationForLocalhost": _YES_NO,
    "NumberOfPasswordPrompts": _NUMBERS,
    "ObscureKeystrokeTiming": _of("yes", "no", "interval:50", "interval:20", bad=("interval:0", "x")),
    "PasswordAuthentication": _YES_NO,
    "PermitLocalCommand": _YES_NO,
    "PermitRemoteOpen": _some(
        ("h:80", "[::1]:22", "*:*", "h:ssh"), "any", "none", bad=("h", "any h:1", "none h:1")
    ),
    "PKCS11Provider": _of("none", "/lib/x.so"),
    "Port": _of("2222", "ssh", "0", "22", bad=("65536", "x")),
    "PreferredAuthentications": _of("publickey", "password,publickey"),
    "ProxyCommand": _of(*_COMMANDS),
    "ProxyJump": _of(
        "a", "bob@a:22,b", "none", "[::1]:4", "1.2.3.4", "ssh://u@h:5", "a,ssh://h", "%h-jump", bad=("a,",)
    ),
    "ProxyUseFdpass": _YES_NO,
    "PubkeyAcceptedAlgorithms": _some(_SIGNATURES, between=",", bad=("bogus",)),
    "PubkeyAuthentication": _of("yes", "no", "unbound", "host-bound", "true", bad=("x",)),
    "RekeyLimit": _of(
        "1G 1h", "default none", "10K", "1.5k", "16", "none", bad=("10", "default x", "1M 5m x")
    ),
    "RemoteCommand": _of("none", "uptime  %h", "echo '%r %n' # x"),
    "RemoteForward": _forward(_TARGETS, "1", "h:2", "/tmp/s", "0 h:2", bad=("x y",)),
    "RequestTTY": _of("yes", "no", "force", "auto", "true", bad=("x",)),
    "RequiredRSASize": _NUMBERS,
    "RevokedHostKeys": _PATHS,
    "SecurityKeyProvider": _of("internal", "none", "/lib/x.so"),
    "SendEnv": _some(("LANG", "LC_*", "A", "-A", "-L*"), bad=("A=1",)),
    "ServerAliveCountMax": _NUMBERS,
    "ServerAliveInterval": _TIMES,
    "SessionType": _of("none", "subsystem", "default", "DEFAULT", bad=("x",)),
    "SetEnv": _some(("A=1", "B=%h", 'C="x y"', "A=2", '"D=e f"', "E=", "F=${WHO}"), bad=("A", "%h=1")),
    "StdinNull": _YES_NO,
    "StreamLocalBindMask": _of("0177", "077", "0", bad=("1777", "8")),
    "StreamLocalBindUnlink": _YES_NO,
    "StrictHostKeyChecking": _of("yes", "no", "ask", "off", "accept-new", "true", bad=("x",)),
    "SyslogFacility": _of("USER", "local3", "AUTH", bad=("x",)),
    "Tag": _of("one", "two", "none", bad=("a b",)),
    "TCPKeepAlive": _of("yes", "no", "true", bad=("x",)),
    "Tunnel": _of("no", "point-to-point", "ethernet", "yes", bad=("x",)),
    "TunnelDevice": _of("any", "1", "1:2", "any:3", "1:any", bad=("x",)),
    "UpdateHostKeys": _of("yes", "no", "ask", "true", bad=("x",)),
    "User": _of(*_USERS),
    "UserKnownHostsFile": _PATHS,
    "VerifyHostKeyDNS": _of("yes", "no", "ask", "true"),
    "VersionAddendum": _of("${WHO} %h", "none", "x", '"a b" c'),
    "VisualHostKey": _YES_NO,
    "WarnWeakCrypto": _of("yes", "no", "no-pq-kex", bad=("x",)),
    "XAuthLocation": _of("/x/xauth", "/%h"),
}
"""By keyword, what makes its values. What looks names up, runs programs or ends everything is not here."""

_CRITERIA: dict[str, tuple[str, ...]] = {
    "host": ("web", "*.example", "!web,*", "real*", "192.*", '"a b"'),
    "originalhost": ("web", "*.example", "!web,*", "Mail*", "mail*"),
    "user": ("root", "bob,root", "!root,*", "me"),
    "localuser": ("root", "nobody"),
    "tagged": ("one", "t*", "!one,*", '""'),
    "command": ("echo*", "*", '""'),
    "sessiontype": ("shell", "exec", "none,subsystem", "*"),
    "exec": ("true", "false", '"test %h = web"', '"exit 3"'),
    "final": (),
    "canonical": (),
    "localnetwork": ("127.0.0.0/8", "192.0.2.0/24", "!127.0.0.0/8,10.0.0.0/8"),
    "version": ("OpenSSH_1.*", "nothing*"),
}

_FLAGS: dict[str, Callable[[random.Random], str | None]] = {
    **{
        flag: lambda _: None
        for flag in ("-4", "-6", "-a", "-C", "-g", "-n", "-N", "-q", "-T", "-t", "-x", "-k")
    },
    "-b": _of("192.0.2.9"),
    "-B": _of("lo"),
    "-c": _of("aes128-ctr", bad=("bogus",)),
    "-D": _of("1080", "[::1]:1081", bad=("x",)),
    "-e": _of("none", "^A", bad=("x", "xy")),
    "-i": _of("/etc/passwd", "none"),
    "-J": _of("a", "none", "bob@a:22,b"),
    "-L": _of("8080:h:80", "[::1]:8081:h:81", "/a:/b", "1"),
    "-l": _of("bob", "root"),
    "-m": _of("hmac-sha2-256", bad=("bogus",)),
    "-o": _of("Port=9", "Port 10", "Compression=yes", "User bob", "RequestTTY=force", "Foo=1", "Tag=two"),
    "-P": _of("one"),
    "-p": _of("2022", "ssh"),
    "-R": _of("0:h:1", "1080", "/a:h:2"),
    "-S": _of("/tmp/%h", "none"),
    "-w": _of("0", "1:2", "any"),
    "-W": _of("h:80", bad=("x",)),
}
