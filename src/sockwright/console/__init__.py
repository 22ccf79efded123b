"""The glass: a live page over the bench. It reads journal and stores; what it may control comes in as an object."""
