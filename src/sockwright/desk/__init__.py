"""The desk: what the console may do with a running bench, done; and the console mounted at an address of that bench.

Above the rooms that do the work (workbench, client, links) and the glass that shows it (console), which do not meet.
"""
