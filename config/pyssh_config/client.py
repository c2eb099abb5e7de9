"""`ClientConfig`: what ssh_config files, and options that override them, say of one host (ssh_config(5))."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from pyssh.errors import UsageError
from pyssh.record import Record

from .client_reader import ClientReader, ConfigFile, Source, connection_tokens
from .client_values import AddKeys, ChannelTimeout, IPQoS, PermittedName, RemotePermit, TunnelDevices
from .errors import ConfigError, escape
from .forwards import Address, Destination, Forward, UnixPath, parse_jump
from .keywords import CLIENT_KEYWORDS
from .lexer import expand_tilde
from .match import ClientContext
from .tokens import CLIENT_TOKENS, SHELL_KEYWORDS, expand, expand_variables
from .values import RekeyLimit

__all__ = ["ClientConfig", "ConfigFile", "Source", "default_files"]

_NONE: Final = "none"
_FORWARDS: Final = ("local_forward", "remote_forward")
_IDENTITY_NAMES: Final = ("rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk", "mldsa44_ed25519")
_USER_KNOWN_HOSTS: Final = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")


def default_files(context: ClientContext) -> tuple[ConfigFile, ...]:
    """Return the user's and the system's configuration files."""
    return ConfigFile(f"{context.home}/.ssh/config", is_user=True), ConfigFile("/etc/ssh/ssh_config")


class ClientConfig(Record):
    """The values for one host, one attribute for each keyword; the defaults are ssh's.

    Text is as it stands in the files, with tokens and ~; `paths` and `expand` replace them. `host_name`,
    `user` and `port` are ready for use. Algorithm lists are None for the defaults, and may be edits
    (`algorithm_lists.apply_list`). Times are in seconds, `obscure_keystroke_timing` in milliseconds.
    """

    original_host: str
    host_name: str
    user: str
    context: ClientContext
    port: int = 22
    add_keys_to_agent: AddKeys = AddKeys()
    address_family: str = "any"
    batch_mode: bool = False
    bind_address: str | None = None
    bind_interface: str | None = None
    canonical_domains: tuple[str, ...] = ()
    canonicalize_fallback_local: bool = True
    canonicalize_hostname: str = "no"
    canonicalize_max_dots: int = 1
    canonicalize_permitted_cnames: tuple[PermittedName, ...] = ()
    ca_signature_algorithms: str | None = None
    certificate_file: tuple[str, ...] = ()
    channel_timeout: tuple[ChannelTimeout, ...] = ()
    check_host_ip: bool = False
    ciphers: str | None = None
    clear_all_forwardings: bool = False
    compression: bool = False
    connection_attempts: int = 1
    connect_timeout: int | None = None
    control_master: str = "no"
    control_path: str | None = None
    control_persist: int | None = None
    dynamic_forward: tuple[Forward, ...] = ()
    enable_escape_commandline: bool = False
    enable_ssh_keysign: bool = False
    escape_char: str | None = "~"
    exit_on_forward_failure: bool = False
    fingerprint_hash: str = "sha256"
    fork_after_authentication: bool = False
    forward_agent: bool | str = False
    forward_x11: bool = False
    forward_x11_timeout: int = 1200
    forward_x11_trusted: bool = False
    gateway_ports: bool = False
    global_known_hosts_file: tuple[str, ...] = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
    hash_known_hosts: bool = False
    hostbased_accepted_algorithms: str | None = None
    hostbased_authentication: bool = False
    host_key_algorithms: str | None = None
    host_key_alias: str | None = None
    identities_only: bool = False
    identity_agent: str | None = None
    identity_file: tuple[str, ...] = tuple(f"~/.ssh/id_{name}" for name in _IDENTITY_NAMES)
    ignore_unknown: str | None = None
    ip_qos: IPQoS = IPQoS()
    kbd_interactive_authentication: bool = True
    kbd_interactive_devices: str | None = None
    kex_algorithms: str | None = None
    known_hosts_command: str | None = None
    local_command: str | None = None
    local_forward: tuple[Forward, ...] = ()
    log_level: str = "INFO"
    log_verbose: tuple[str, ...] = ()
    macs: str | None = None
    no_host_authentication_for_localhost: bool = False
    number_of_password_prompts: int = 3
    obscure_keystroke_timing: int | None = 20
    password_authentication: bool = True
    permit_local_command: bool = False
    permit_remote_open: tuple[RemotePermit, ...] | None = None
    pkcs11_provider: str | None = None
    preferred_authentications: str | None = None
    proxy_command: str | None = None
    proxy_jump: str | None = None
    proxy_use_fdpass: bool = False
    pubkey_accepted_algorithms: str | None = None
    pubkey_authentication: str = "yes"
    rekey_limit: RekeyLimit = RekeyLimit()
    remote_command: str | None = None
    remote_forward: tuple[Forward, ...] = ()
    request_tty: str = "auto"
    required_rsa_size: int = 1024
    revoked_host_keys: tuple[str, ...] = ()
    security_key_provider: str | None = "internal"
    send_env: tuple[str, ...] = ()
    server_alive_count_max: int = 3
    server_alive_interval: int = 0
    session_type: str = "default"
    set_env: tuple[tuple[str, str], ...] = ()
    stdin_null: bool = False
    stream_local_bind_mask: int = 0o177
    stream_local_bind_unlink: bool = False
    strict_host_key_checking: str = "ask"
    syslog_facility: str = "USER"
    tag: str = ""
    tcp_keep_alive: str = "yes"
    tunnel: str = "no"
    tunnel_device: TunnelDevices = TunnelDevices()
    update_host_keys: str = "yes"
    user_known_hosts_file: tuple[str, ...] = _USER_KNOWN_HOSTS
    verify_host_key_dns: str = "no"
    version_addendum: str = ""
    visual_host_key: bool = False
    warn_weak_crypto: str = "yes"
    x_auth_location: str = "/usr/bin/xauth"
    sources: Mapping[str, Source] = {}
    warnings: tuple[str, ...] = ()

    redacted_fields: ClassVar[frozenset[str]] = frozenset({"context", "sources"})

    @classmethod
    def load(
        cls,
        host: str,
        *,
        files: Sequence[ConfigFile] | None = None,
        overrides: Sequence[str | tuple[str, Any]] = (),
        context: ClientContext | None = None,
        strict: bool = True,
    ) -> "ClientConfig":
        """Return the configuration for `host` as it was given on the command line. Raises ConfigError.

        `overrides` count before the files, in their order: text as after -o, or a field's name and its typed
        value, as other flags make them. `files` None are the default ones. `sources` of the result says by
        field where a value came from; `warnings` are one line each, for the user. What pyssh cannot do is an
        error, unless not `strict`: then it is a value like others, to be looked at and not to be used.
        """
        context = context or ClientContext.of_process()
        reader = ClientReader(host, context, CLIENT_KEYWORDS, strict=strict)
        for override in overrides:
            reader.override(override)
        files = default_files(context) if files is None else files
        reader.read(files)
        if reader.needs_final:
            reader.start_final()
            reader.read(files)
        return cls._from_reader(reader)

    @classmethod
    def _from_reader(cls, reader: ClientReader) -> "ClientConfig":
        values = reader.values
        named: dict[str, Any] = {name: value for name, value in values.items() if name in cls.__match_args__}
        for field in ("identity_file", "certificate_file"):
            if field in named:
                named[field] = tuple(_NONE if path is None else path for path in named[field])
        if named.get("clear_all_forwardings"):
            named |= dict.fromkeys((*_FORWARDS, "dynamic_forward"), ())
            named["tunnel"] = "no"
        usual = named.get("user_known_hosts_file", _USER_KNOWN_HOSTS[:1]) == _USER_KNOWN_HOSTS[:1]
        if not usual or named.get("verify_host_key_dns", "no") != "no":
            named.setdefault("update_host_keys", "no")  # the keys might land where nobody expects them
        if named.get("update_host_keys") == "ask" and not _can_be_asked(named, reader.context):
            named["update_host_keys"] = "no"
        if named.get("proxy_jump") is not None:
            named["proxy_use_fdpass"] = False  # a jump host's is no command of the user's
        named["host_name"] = reader.host_name()
        named["user"] = values.get("user", reader.context.local_user)
        config = cls(
            original_host=reader.original_host,
            context=reader.context,
            sources=reader.sources,
            warnings=tuple(reader.warnings),
            **named,
        )
        if "user" not in reader.literal:
            config = config.replace(user=config.expanded_user())
        forwards = {field: config.expanded_forwards(field) for field in _FORWARDS}
        return config.replace(**forwards)

    def expanded_user(self) -> str:
        """Return the user with tokens and ${NAME} replaced, by which no control characters may come."""
        user = self._expanded("user", self.user)
        if user != self.user and not user.isprintable():
            source = self.sources["user"]
            problem = f'"{escape(user)}" holds control characters'
            raise ConfigError(problem, path=source.path, line=source.line, keyword=source.keyword)
        return user

    def expanded_forwards(self, field: str) -> tuple[Forward, ...]:
        """Return forwardings with the tokens replaced in the paths of their sockets."""

        def expanded(end: Address | UnixPath) -> Address | UnixPath:
            return UnixPath(self._expanded(field, end.path)) if isinstance(end, UnixPath) else end

        forwards: tuple[Forward, ...] = getattr(self, field)
        return tuple(
            Forward(expanded(one.listen), None if one.connect is None else expanded(one.connect))
            for one in forwards
        )

    @property
    def known_hosts_names(self) -> tuple[str, str]:
        """The name under which host keys are looked up, and a second one that may confirm it ("" if none)."""
        if self.host_key_alias is not None:
            return self.host_key_alias, ""
        from .known_hosts import host_port_name  # noqa: PLC0415  # keys, which only a login needs

        name = host_port_name(self.host_name, self.port)
        return name, "" if name == self.host_name else self.host_name

    def paths(self, field: str) -> tuple[str, ...]:
        """Return the files of a field such as `identity_file`, with tokens, ${NAME} and ~ replaced.

        `none` keeps defaults away and names nothing.
        """
        return tuple(self._expanded(field, text) for text in getattr(self, field) if text.lower() != _NONE)

    def expand(self, field: str) -> str | None:
        """Return a field's text with its tokens (for agents also ${NAME} and ~) replaced."""
        text = getattr(self, field)
        return None if text is None else self._expanded(field, text)

    def environment(self) -> tuple[tuple[str, str], ...]:
        """Return the variables of `SetEnv`, with tokens replaced in their values."""
        return tuple((name, self._expanded("set_env", value)) for name, value in self.set_env)

    def jump_hosts(self) -> tuple[Destination, ...]:
        """Return the hops of `ProxyJump`, the one to connect to first at the front."""
        text = self.expand("proxy_jump")
        return () if text is None else tuple(parse_jump(hop, is_checked=False) for hop in text.split(","))

    def _expanded(self, field: str, text: str) -> str:
        if field not in self.__match_args__ or not isinstance(text, str):
            raise UsageError(f"{field} is no text that could be expanded")
        try:
            if field in _WITH_VARIABLES:
                text = expand_variables(text, self.context.environ)
            if field in _WITH_TILDE:
                text = expand_tilde(text, self.context.home)
            allowed = CLIENT_TOKENS.get(field)
            if allowed is None:
                return text
            # no tunnel device is ever made
            values = self.tokens() | {"T": "NONE"}
            return expand(text, values, allowed, for_shell=field in SHELL_KEYWORDS)
        except ConfigError as error:
            source = self.sources.get(field, Source("", 0, ""))
            raise error.at(source.path, source.line, source.keyword or field) from None

    def tokens(self) -> dict[str, str]:
        """Return what %-tokens stand for."""
        return connection_tokens(
            self.context,
            original_host=self.original_host,
            host=self.host_name,
            user=self.user,
            port=self.port,
            host_key_alias=self.host_key_alias,
            proxy_jump=self.proxy_jump,
        )


def _can_be_asked(named: Mapping[str, Any], context: ClientContext) -> bool:
    """Whether somebody sits at a shell, and sees questions."""
    return not (
        context.session != "shell"
        or named.get("request_tty") == "no"
        or named.get("remote_command")
        or named.get("fork_after_authentication")
        or (named.get("control_path") and named.get("control_persist") is not None)
        or named.get("log_level") in ("QUIET", "FATAL", "ERROR")
    )


_WITH_TILDE: Final = frozenset(
    {
        "certificate_file",
        "identity_agent",
        "identity_file",
        "forward_agent",
        "global_known_hosts_file",
        "control_path",
        "revoked_host_keys",
        "user_known_hosts_file",
    }
)
_WITH_VARIABLES: Final = _WITH_TILDE - {"global_known_hosts_file"} | {"set_env", "user", "version_addendum"}
