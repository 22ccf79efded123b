"""A named client of the echo server; start several at once."""

import random
import socket
import sys


class EchoClient:
    def __init__(self, host, port, name):
        self.host = host
        self.port = port
        self.name = name

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.connect((self.host, self.port))
            sock.sendall(self.name.encode())
            sock.shutdown(socket.SHUT_WR)  # "that was all": the server's FIN will end the loop below
            answer = b""
            while data := sock.recv(1024):
                answer += data
        print(f"Received: {answer.decode()}")


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 5555
    EchoClient("127.0.0.1", port, f"Python client {random.randint(1, 1000)}").run()
