"""What `scripts/bench` is made of: servers and clients, measures, and the table."""
