"""The app as a process of its own, as people start it, and a browser that writes down what it asks for."""

import os
import re
import signal
import subprocess
import sys
import threading
from urllib.parse import urlsplit

SECONDS_TO_START = 120


class Server:
    """`bedside app` on a folder; it may be killed and started again at the same address."""

    def __init__(self, folder, port=None):
        self.folder, self.port, self.process = folder, port, None

    def start(self):
        asked = ["--port", str(self.port)] if self.port else []
        command = [sys.executable, "-m", "bedside", "app", "--folder", str(self.folder), "--no-open", *asked]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ
        )
        timer = threading.Timer(SECONDS_TO_START, self.process.kill)
        timer.start()
        said = self.process.stdout.readline()
        timer.cancel()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", said)
        assert found, f"the app did not start: {said}{self.process.stdout.read()}"
        self.port = int(found[1])
        return self

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def kill(self):
        """As when the power fails."""
        self.process.kill()
        self.process.communicate()

    def close(self):
        """As Ctrl-C; what was printed meanwhile."""
        self.process.send_signal(signal.SIGINT)
        said, _ = self.process.communicate(timeout=60)
        return said


def watched(context):
    """The addresses that pages of the context ask for, a list that grows."""
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    return asked


def strangers(asked, server):
    """Addresses that are not the server's own."""
    own = urlsplit(server.url).netloc
    return sorted(
        {url for url in asked if not url.startswith(("data:", "blob:", "about:")) and urlsplit(url).netloc != own}
    )
