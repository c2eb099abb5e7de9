"""The authentication protocol of RFC 4252, both roles."""
