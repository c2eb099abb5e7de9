"""The algorithms that a key exchange can choose."""
