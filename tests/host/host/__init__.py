"""Booted hosts for tests of the service: root file systems, machines, a server, and the runner."""
