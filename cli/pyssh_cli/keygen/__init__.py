"""`pyssh keygen`: a module for each operation, with `run(request) -> int`; only the one in use is loaded."""
