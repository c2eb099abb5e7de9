"""Sharing a connection (ControlMaster): clients of a master, and the master itself."""
