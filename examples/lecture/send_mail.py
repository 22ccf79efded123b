"""Sending a mail with smtplib, as the lecture does: TLS from the first byte, login, MIMEText, sendmail."""

import ssl
import sys
from email.mime.text import MIMEText
from smtplib import SMTP_SSL

port = int(sys.argv[1]) if len(sys.argv) > 1 else 7465
ca = sys.argv[2] if len(sys.argv) > 2 else None  # the file that `sockwright config ca` prints

sender = "orlov@gmail.com"
targets = ["orlov@mera.ru"]
message = MIMEText("Hello!")
message["Subject"] = "Simple subject"
message["From"] = sender
message["To"] = ", ".join(targets)

with SMTP_SSL("localhost", port, context=ssl.create_default_context(cafile=ca)) as server:
    server.login("username", "password")
    refused = server.sendmail(sender, targets, message.as_string())
print("sent" if not refused else f"refused: {refused}")
