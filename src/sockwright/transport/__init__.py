"""How bytes travel: the only room with sockets, an event loop, threads and a clock. It knows no protocol."""
