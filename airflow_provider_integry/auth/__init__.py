"""Authentication without I/O: credentials in, signed requests out. No clock, no lock, no network."""
