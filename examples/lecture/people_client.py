"""A client that says who it is and stays; start several, with other names."""

import json
import socket
import sys


class User:
    def __init__(self, name, age):
        self.name = name
        self.age = age


def main(name="Ann", age="30", port="7079"):
    user = User(name, int(age))
    with socket.create_connection(("127.0.0.1", int(port))) as sock:
        sock.sendall(json.dumps(user.__dict__).encode())
        print("The server says:", sock.recv(1024).decode().strip(), flush=True)
        try:
            while sock.recv(1024):  # stay until the server goes, or Ctrl-C
                pass
        except KeyboardInterrupt:
            print("bye")


if __name__ == "__main__":
    main(*sys.argv[1:])
