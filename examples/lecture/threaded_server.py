"""TCP server for many clients: a thread each, so that nobody waits for anybody."""

import socket
import sys
import threading


class ClientThread(threading.Thread):
    def __init__(self, connection, address):
        super().__init__(daemon=True)
        self.connection = connection
        self.address = address

    def run(self):
        with self.connection:
            while data := self.connection.recv(1024):
                self.connection.sendall(data)
        print(f"{self.address} is gone", flush=True)


class EchoServer:
    def __init__(self, host, port):
        self.host = host
        self.port = port

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
            listener.listen(128)
            print("listening", flush=True)
            while True:
                ClientThread(*listener.accept()).start()


if __name__ == "__main__":
    try:
        EchoServer("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 5555).run()
    except KeyboardInterrupt:
        print("bye")
