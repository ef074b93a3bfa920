"""Benchmarks of keysweep beside other scanners: see README.md here."""
