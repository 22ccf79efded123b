"""People: each client says who it is and stays; the server prints who is connected."""

import json
import socket
import sys
import threading

connected = {}  # address -> user
lock = threading.Lock()


def show():
    with lock:
        users = ", ".join(f"{user['name']} ({user['age']})" for user in connected.values())
    print(f"{len(connected)} connected: {users}", flush=True)


def read_user(connection):
    """Return the user that a client sends: its JSON may come in pieces, and need not end with a line."""
    data = b""
    while part := connection.recv(1024):
        data += part
        try:
            user = json.loads(data)
        except ValueError:
            if len(data) > 4096:
                break
            continue
        if isinstance(user, dict) and isinstance(user.get("name"), str) and isinstance(user.get("age"), int):
            return user
        break
    return None


def serve(connection, address):
    with connection:
        user = read_user(connection)
        if user is None:
            connection.sendall(b'error: say who you are: {"name": "Ann", "age": 30}\n')
            return
        with lock:
            connected[address] = user
        show()
        try:
            connection.sendall(json.dumps({"connected": len(connected)}).encode() + b"\n")
            while connection.recv(1024):  # until the client goes
                pass
        except ConnectionError:
            pass
        with lock:
            del connected[address]
        show()


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 7079
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        print("listening", flush=True)
        try:
            while True:
                threading.Thread(target=serve, args=listener.accept(), daemon=True).start()
        except KeyboardInterrupt:
            print("bye")
