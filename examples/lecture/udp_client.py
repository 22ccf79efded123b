"""UDP client: sends one datagram, and waits for one; unlike TCP, nobody says when none will come."""

import socket
import sys

port = int(sys.argv[1]) if len(sys.argv) > 1 else 12345
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.settimeout(5)
    sock.sendto(b"client data", ("127.0.0.1", port))
    data, address = sock.recvfrom(1024)
    print(data.decode())
