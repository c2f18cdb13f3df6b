"""Loading with overlapped uploads, and with blocks kept as capacity allows."""
