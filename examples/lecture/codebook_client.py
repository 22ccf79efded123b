"""Sends a list of enciphered words and prints the list that comes back."""

import socket
import sys


def decipher(words, port):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(" ".join(words).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):  # one recv is not the answer
            part = sock.recv(1024)
            if not part:
                break
            answer += part
    return answer.decode().split()


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 7053
    print(decipher(sys.argv[2:] or ["khoor", "тулезх", "unknown"], port))
