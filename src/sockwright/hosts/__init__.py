"""Programs of others behind our HTTP: WSGI and ASGI applications as routes, under our journal, limits and faults."""
