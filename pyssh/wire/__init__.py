"""The data types of RFC 4251 and the messages made of them."""
