"""The connection protocol of RFC 4254."""
