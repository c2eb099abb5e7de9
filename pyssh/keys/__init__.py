"""Keys: blobs, files and signatures to objects and back (RFC 4253 section 6.6 and what followed it)."""
