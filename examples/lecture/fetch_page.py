"""Fetch a page with urllib, and print its status and content."""

import sys
from urllib import request

where = sys.argv[1] if len(sys.argv) > 1 else "8080"
url = f"http://127.0.0.1:{where}/" if where.isdecimal() else where
with request.urlopen(request.Request(url), timeout=5) as response:
    print(response.status, response.headers["Content-Type"])
    print(response.read().decode())
