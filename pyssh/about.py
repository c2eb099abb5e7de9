"""Name and version, for the package root and for our identification string."""

VERSION = "0.1.0"
SOFTWARE_VERSION = f"pyssh_{VERSION}"
