"""The transport layer of RFC 4253, without the transport."""
