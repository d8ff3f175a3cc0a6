"""SQL: what must outlive Redis. The ledger never waits for it; SQLAlchemy is loaded when it is first used."""
