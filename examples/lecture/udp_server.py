"""UDP server: prints each datagram, and thanks its sender."""

import socket
import sys

port = int(sys.argv[1]) if len(sys.argv) > 1 else 12345
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.bind(("127.0.0.1", port))
    print("listening", flush=True)
    while True:
        data, address = sock.recvfrom(1024)
        print(f"{address} said {data.decode(errors='replace')}", flush=True)
        sock.sendto(b"Thank you for the data", address)
