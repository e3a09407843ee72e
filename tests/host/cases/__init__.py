"""What is proved on booted hosts, one subject a file; each file has a machine of its own."""
