"""TCP server: thanks whoever connects, and hangs up."""

import socket
import sys

port = int(sys.argv[1]) if len(sys.argv) > 1 else 12345
with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(5)
    print("listening", flush=True)
    while True:
        connection, address = listener.accept()
        print(f"{address} is here", flush=True)
        connection.sendall(b"Thank you for the connection")
        connection.close()
