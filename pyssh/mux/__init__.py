"""OpenSSH's multiplexing protocol, version 4 (PROTOCOL.mux): many clients of one connection, as values.

No sockets and no descriptors: what travels beside the bytes are handles, numbers that mean something to the
owner only.
"""
