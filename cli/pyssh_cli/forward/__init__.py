"""Forwarding as a task of its own: what keeps it up, and what shows it."""
