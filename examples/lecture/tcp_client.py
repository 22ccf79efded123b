"""TCP client: connects, and prints what the server says until it ends."""

import socket
import sys

port = int(sys.argv[1]) if len(sys.argv) > 1 else 12345
with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
    sock.connect(("127.0.0.1", port))
    said = b""
    while data := sock.recv(1024):  # one recv is not the whole message
        said += data
    print(said.decode())
