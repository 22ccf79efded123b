"""What happened: records of connections, in a bounded ring in memory and, batched by a writer thread, in SQLite."""
