"""Faults of every kind while jobs run, and an account of every item at the end; see docs/reliability.md."""
