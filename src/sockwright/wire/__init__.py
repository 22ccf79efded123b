"""What bytes mean: framing, and the grammar of each protocol. No sockets, clock, chance or threads."""
