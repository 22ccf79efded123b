"""The link checker: finds every link a browser would follow or load, and asks whether it works."""
