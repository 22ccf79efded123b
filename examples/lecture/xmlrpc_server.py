"""XML-RPC server with one function."""

import sys
from xmlrpc.server import SimpleXMLRPCServer


def is_even(n):
    return n % 2 == 0


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    server = SimpleXMLRPCServer(("localhost", port), logRequests=False)
    server.register_function(is_even, "is_even")
    server.register_introspection_functions()
    print("listening", flush=True)
    server.serve_forever()
