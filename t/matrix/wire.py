"""What goes over the wire to a client: recorded between its package and the
server, and held against the closed schema of the client's dialect and what
its clients cannot be without."""

import json
import socket
import threading

from dialects import DIALECTS, Wrong
from dialects.base import need, without
from said import MARK
from schema import wrong

TIMEOUT = 30            # seconds that a connection may be silent


class Exchange:
    """A request and its answer. whole: did the answer come to its end?"""

    def __init__(self, line, headers, body):
        self.method, self.path = line.split(' ')[:2]
        self.headers = headers
        self.body = body
        self.status = 0
        self.answer_headers = {}
        self.answer = b''
        self.whole = False

    def number(self):
        m = MARK.search(self.body.decode(errors='replace'))

        return m and m.group(2)


class Nobody:

    def sendall(self, data):
        pass


def counted_head(head, body):
    """A head of a body of that length, whatever it said before."""
    lines = [h for h in head.split(b'\r\n')[:-2] if not h.lower().startswith(
        (b'content-length:', b'transfer-encoding:'))]

    return b'\r\n'.join(lines + [b'content-length: %d' % len(body), b'', b''])


class Recorder:
    """A proxy on loopback, byte for byte. spoil: (what it makes of a request,
    of an answer), for bite.py."""

    def __init__(self, port, spoil=(None, None)):
        self.to = port
        self.asked, self.told = spoil
        self.by_number = {}
        self.lock = threading.Lock()
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            s = self.listener.accept()[0]
            threading.Thread(target=self.carry, args=(s,),
                             daemon=True).start()

    def carry(self, client):
        server = None

        try:
            client.settimeout(TIMEOUT)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = socket.create_connection(('127.0.0.1', self.to), TIMEOUT)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            a, b = client.makefile('rb'), server.makefile('rb')

            while self.one(client, server, a, b):
                pass
        except (OSError, ValueError):
            pass
        finally:
            for s in (client, server):
                if s is not None:
                    try:
                        s.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
                    s.close()

    def one(self, client, server, a, b):
        head, line, headers = self.head(a)

        if not line:
            return False

        body = a.read(int(headers.get('content-length', 0)))
        e = Exchange(line, headers, body)

        with self.lock:
            self.by_number.setdefault(e.number(), []).append(e)

        if self.asked:
            head, _, body = self.asked(head + body).partition(b'\r\n\r\n')
            head = counted_head(head + b'\r\n\r\n', body)

        server.sendall(head + body)
        head, line, headers = self.head(b)

        if not line:
            return False

        e.status, e.answer_headers = int(line.split(' ')[1]), headers
        to = Nobody() if self.told else client
        to.sendall(head)

        if 'chunked' in headers.get('transfer-encoding', ''):
            self.chunked(to, b, e)
        else:
            self.counted(to, b, e,
                         int(headers.get('content-length', 1 << 40)))

        if self.told:
            e.answer = self.told(e.answer)
            client.sendall(counted_head(head, e.answer) + e.answer)

        return e.whole and headers.get('connection', '') != 'close'

    def head(self, f):
        lines = []

        while True:
            line = f.readline()
            lines.append(line)

            if line in (b'\r\n', b''):
                break

        text = b''.join(lines).decode('latin-1')
        first, *rest = text.split('\r\n')
        headers = {}

        for h in rest:
            if ':' in h:
                name, value = h.split(':', 1)
                headers[name.lower()] = value.strip()

        return b''.join(lines), first, headers

    def chunked(self, client, b, e):
        while True:
            line = b.readline()

            if not line:
                return

            n = int(line, 16)
            data = b.read(n + 2)
            e.answer += data[:n]
            e.whole = n == 0 and data == b'\r\n'
            client.sendall(line + data)

            if len(data) < n + 2 or n == 0:
                return

    def counted(self, client, b, e, n):
        while len(e.answer) < n:
            data = b.read1(min(65536, n - len(e.answer)))

            if not data:
                return

            e.answer += data
            client.sendall(data)

        e.whole = True

    def exchanges(self, number):
        with self.lock:
            return list(self.by_number.get(number, ()))


def envelope(way, e):
    """An error's body, in the client's dialect."""
    dialect, body = DIALECTS[way], json.loads(e.answer)

    if dialect.error_schema:
        found = wrong(dialect.error_schema, body)
        need(not found, '%s', found)
    elif way == 'ge':
        error = body['error']
        need(error['code'] == e.status and error['message']
             and error['status'].isupper(), 'the error %s', body)
    else:
        need(isinstance(body['message'], str), 'the error %s', body)

    need(way != 'be' or e.answer_headers.get('x-amzn-errortype'),
         'an error without x-amzn-errortype')


def streamed(way, e, equal):
    """An answer in events: each by its schema, all by their order. An error
    is the last word."""
    dialect = DIALECTS[way]
    kind = e.answer_headers.get('content-type', '').split(';')[0]
    need(kind == dialect.stream_type, 'Content-Type %s', kind)

    if not e.whole:
        # it was cut, so the last event may be, too
        return

    events = list(dialect.events(e.answer_headers, e.answer))
    need(events, 'no event at all')
    failed = [i for i, x in enumerate(events) if dialect.failed(x)]

    for x in events:
        x = dialect.checked(x)
        found = x and wrong(dialect.event, without(x, dialect.beside))
        need(not found, '%s in %.300s', found, json.dumps(x))

    if failed:
        need(failed[-1] == len(events) - 1, 'after an error: %.200s',
             events[failed[-1] + 1:])
    else:
        dialect.grammar(events, json.loads(e.body))


def told(way, e, equal=False):
    """What of an answer its client was not to be told, or None. equal: the
    provider's own bytes passed."""
    try:
        if e.status >= 400:
            envelope(way, e)
        elif DIALECTS[way].view(e.path, json.loads(e.body)).stream:
            streamed(way, e, equal)
        elif e.whole:
            kind = e.answer_headers.get('content-type', '').split(';')[0]
            need(kind == 'application/json', 'Content-Type %s', kind)
            dialect = DIALECTS[way]
            found = wrong(dialect.answer, without(json.loads(e.answer),
                                                  dialect.beside))
            need(not found, '%s in %.300s', found, e.answer.decode())
    except Wrong as x:
        return str(x)
    except Exception as x:
        return '%s: %s in %.200r' % (type(x).__name__, x, e.answer)

    return None
