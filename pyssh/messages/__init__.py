"""The SSH messages, declared once, by RFC."""
