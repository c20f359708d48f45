#!/usr/bin/env python3

"""A strict provider of seven dialects, each below a path of its own
(/oc/v1/chat/completions, /be/model/M/converse ...).

A request is held against the closed schema of its dialect, against what a
provider demands beside it (dialects/), and has to bring that provider's own
credential and nobody else's headers. What breaks a rule is answered with 400
and remembered; a scenario (said.py) says what the others are answered.

    mock.py         says its port, and serves until its input ends

GET /_got/NUMBER tells what came of a conversation: a list of {code, path,
headers, body, fault}; and /_media/NUMBER how often its image or document was
fetched from /media/NUMBER/a.png or a.pdf."""

import json
import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from dialects import DIALECTS, PDF, PNG, Wrong      # noqa: E402
from dialects.base import need                      # noqa: E402
from said import ERRORS, MARK, TOLD, said           # noqa: E402
from schema import wrong                            # noqa: E402

PIECE = 13              # bytes of a chunk, of every third stream
PAUSE = 0.002           # seconds between the pieces of a torn one
MEDIA = {'a.png': ('image/png', PNG), 'a.pdf': ('application/pdf', PDF)}


def key(code):
    return 'pk-%s-matrix' % code


def once(pairs):
    names = dict(pairs)
    need(len(names) == len(pairs), 'a member twice: %s',
         [n for n, _ in pairs])

    return names


def chunks(number, scenario, pieces):
    """A stream's bytes: all at once, an event a chunk, or torn."""
    n = int(''.join(c for c in number if c.isdigit()) or 0) % 3
    whole = b''.join(pieces)

    if scenario == 'torn':
        # within the empty line that ends an event
        pieces = re.split(rb'(?<=\n\r)|(?<=\n)(?=\n)', whole)
    elif n == 2:
        pieces = [whole[i:i + PIECE] for i in range(0, len(whole), PIECE)]
    elif n == 0:
        pieces = [whole]

    return [b'%x\r\n%s\r\n' % (len(p), p) for p in pieces if p]


class Mock:

    def __init__(self):
        self.got = {}
        self.fetched = {}
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.server.mock = self
        self.port = self.server.server_address[1]

    def note(self, number, what):
        with self.lock:
            self.got.setdefault(number, []).append(what)


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *args):
        pass

    def head(self, status, headers):
        self.wfile.write(('HTTP/1.1 %d Said\r\n%s\r\n' % (status, ''.join(
            '%s: %s\r\n' % h for h in headers.items()))).encode())

    def send(self, status, body, headers=None):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()

        self.head(status, dict({'content-type': 'application/json'},
                               **(headers or {}),
                               **{'content-length': len(body)}))
        self.wfile.write(body)

    def do_GET(self):
        what, number, *name = (self.path[1:] + '//').split('/')
        mock = self.server.mock

        if what == '_got':
            self.send(200, mock.got.get(number, []))
        elif what == '_media':
            self.send(200, mock.fetched.get(number, 0))
        elif what == 'media' and name[0] in MEDIA:
            with mock.lock:
                mock.fetched[number] = mock.fetched.get(number, 0) + 1
            kind, body = MEDIA[name[0]]
            self.send(200, body, {'content-type': kind})
        else:
            self.send(404, {})

    def read(self):
        if self.headers.get('transfer-encoding') != 'chunked':
            return self.rfile.read(int(self.headers.get('content-length',
                                                        0)))

        body = b''

        while True:
            n = int(self.rfile.readline(), 16)
            body += self.rfile.read(n)
            self.rfile.readline()

            if n == 0:
                return body

    def do_POST(self):
        raw = self.read()
        code, _, path = self.path[1:].partition('/')
        path = '/' + path
        dialect = DIALECTS[code]
        headers = {k.lower(): v for k, v in self.headers.items()}
        text = raw.decode(errors='replace')
        scenario, number = (MARK.findall(text) or [('none', 'none')])[0]
        note = {'code': code, 'path': path, 'headers': headers, 'body': text,
                'fault': None}

        try:
            view = self.checked(dialect, path, headers, raw)
            self.reasoning(dialect, view, raw, scenario, number)
        except Wrong as x:
            note['fault'] = str(x)
        except Exception as x:      # what it is to be, it is not at all
            note['fault'] = '%s: %s' % (type(x).__name__, x)

        self.server.mock.note(number, note)

        if note['fault']:
            status, more, body = dialect.error(400, 'STRICT %s: %s' % (
                code, note['fault']))
            self.send(status, body, more)
        elif scenario in ERRORS:
            status, more, body = dialect.error(ERRORS[scenario],
                                               TOLD + ' ' + number)
            self.send(status, body, more)
        else:
            self.answer(dialect, view, path, json.loads(raw), scenario,
                        number)

    def checked(self, dialect, path, headers, raw):
        if hasattr(dialect, 'signed_request'):
            dialect.signed_request('POST', '/' + dialect.code + path,
                                   headers, raw)

        dialect.path(path)
        dialect.headers(headers, key(dialect.code))
        body = json.loads(raw, object_pairs_hook=once)
        found = wrong(dialect.schema(path), dialect.plain(body))
        need(not found, '%s', found)
        dialect.rules(headers, path, body)

        return dialect.view(path, body)

    def reasoning(self, dialect, view, raw, scenario, number):
        if not scenario.startswith('reason') or view.step() == 0:
            return

        if hasattr(dialect, 'steps_signed'):
            dialect.steps_signed(json.loads(raw), number, scenario)
        elif scenario != 'reasonlost':
            dialect.signed(view, number, scenario)

    def answer(self, dialect, view, path, body, scenario, number):
        answer = said(scenario, number, view.step(), view)

        if not view.stream:
            out = json.dumps(dialect.whole(answer, view)).encode()

            if scenario in ('cut', 'early', 'errmid'):
                self.head(200, {'content-type': 'application/json',
                                'content-length': len(out)})
                self.wfile.write(out[:len(out) // 2])
                self.close_connection = True
            else:
                self.send(200, out)
            return

        pieces = list(dialect.stream(answer, view, body))
        kind = dialect.stream_type

        if scenario in ('cut', 'early', 'errmid'):
            pieces = pieces[:len(pieces) // 2 + 1]

        if scenario.startswith('quirk'):
            pieces = dialect.quirks(pieces)

        if scenario == 'errmid':
            pieces.append(dialect.error_event(TOLD + ' ' + number,
                                              len(pieces)))

        if dialect.code == 'ge' and 'alt=sse' not in path:
            kind, pieces = 'application/json', list(dialect.array(pieces))

        self.head(200, {'content-type': kind,
                        'transfer-encoding': 'chunked'})

        for data in chunks(number, scenario, pieces):
            self.wfile.write(data)
            self.wfile.flush()

            if scenario == 'torn':
                time.sleep(PAUSE)

        if scenario == 'cut':
            self.close_connection = True
        else:
            self.wfile.write(b'0\r\n\r\n')


def main():
    mock = Mock()
    threading.Thread(target=mock.server.serve_forever, daemon=True).start()
    print(mock.port, flush=True)
    sys.stdin.read()


if __name__ == '__main__':
    main()
