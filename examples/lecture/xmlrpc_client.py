"""XML-RPC client: a remote function is called like a method."""

import sys
import xmlrpc.client

port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
with xmlrpc.client.ServerProxy(f"http://localhost:{port}/") as proxy:
    for n in (3, 100):
        print(f"{n} is even: {proxy.is_even(n)}")
