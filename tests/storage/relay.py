"""A TCP relay in front of a real server, which cuts connections where a test says so."""

import contextlib
import socket
import threading
from collections.abc import Iterator

# Instead of a number of bytes: as soon as the first answer's headers have passed.
HEADERS = -1


class Relay:
    """Listens on its own port and passes bytes on to `target`, until it is told to cut."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.cuts = 0
        self._cut_after: list[int] = []

    def cut_after(self, *sizes: int) -> None:
        """Cut the next connections, each after so many bytes of answers (0: none, though the request arrived)."""
        self._cut_after = list(sizes)

    def serve(self) -> None:
        """Accept connections until the listener is closed."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            threading.Thread(target=self._pass_requests, args=(client, server), daemon=True).start()
            threading.Thread(target=self._pass_answers, args=(server, client), daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @staticmethod
    def _pass_requests(client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _pass_answers(self, server: socket.socket, client: socket.socket) -> None:
        with server, client, contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self._cut_after[:1] == [HEADERS]:
                    self._cut_after[0] = data.index(b"\r\n\r\n") + 4
                if self._cut_after:
                    if len(data) > self._cut_after[0]:
                        client.sendall(data[: self._cut_after.pop(0)])
                        self.cuts += 1
                        client.shutdown(socket.SHUT_RDWR)
                        return
                    self._cut_after[0] -= len(data)
                client.sendall(data)


@contextlib.contextmanager
def relay(target: str) -> Iterator[Relay]:
    """A relay that serves until the end of the block."""
    running = Relay(target)
    thread = threading.Thread(target=running.serve, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        running.close()
        thread.join()
