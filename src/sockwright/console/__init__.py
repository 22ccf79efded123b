"""The console: a live page over the running bench. It reads the journal and asks a `Desk`; it listens nowhere itself.

`tree` makes one WSGI application of pages and API, `feed` numbers what happens, `door` says who is let in. Who mounts
them at an address, and does what the console may ask for, is `sockwright.desk`.
"""
