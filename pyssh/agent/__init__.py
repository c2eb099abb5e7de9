"""The authentication agent's protocol (RFC 9987, OpenSSH's PROTOCOL.agent) and an agent as a machine."""
