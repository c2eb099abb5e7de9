"""Files in OpenSSH's formats, as values: configuration, trusted hosts, authorized keys, key files."""
