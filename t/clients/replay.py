"""A provider that answers with recorded exchanges (t/traffic/openai.jsonl).

The request's header x-replay-id names the exchange, x-replay-mode how its
body is written: "whole" (the default), "chunks" (every byte a chunk of its
own, torn into pieces of 997 bytes), "bytes" (every byte a write of its own).
Ids that begin with "special-" are made up here, see special().

    python3 t/clients/replay.py PORT        serves until it is killed
"""

import base64
import json
import os
import socket
import sys
import threading
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), '../..'))
TRAFFIC = os.path.join(TOP, 't/traffic/openai.jsonl')

PIECE = 997

CHAT = {'id': 'chatcmpl-1', 'object': 'chat.completion', 'created': 1,
        'model': 'made-up', 'choices': [
            {'index': 0, 'finish_reason': 'stop',
             'message': {'role': 'assistant', 'content': 'hello'}}],
        'usage': {'prompt_tokens': 9, 'completion_tokens': 3,
                  'total_tokens': 12}}


def exchanges():
    with open(TRAFFIC, encoding='utf-8') as f:
        return [json.loads(line) for line in f]


def chunk(text):
    delta = {'id': 'chatcmpl-1', 'object': 'chat.completion.chunk',
             'created': 1, 'model': 'made-up', 'choices': [
                 {'index': 0, 'finish_reason': None,
                  'delta': {'content': text}}]}

    return b'data: ' + json.dumps(delta).encode() + b'\n\n'


class Server:

    def __init__(self, port=0):
        self.by_id = {e['id']: e for e in exchanges()}
        self.seen = {}          # id -> body of the last request
        self.count = {}         # id -> requests
        self.closed = 0         # clients that left in mid-answer
        self.listen = socket.create_server(('127.0.0.1', port), backlog=128)
        self.port = self.listen.getsockname()[1]

    def start(self):
        threading.Thread(target=self.serve, daemon=True).start()

        return self

    def serve(self):
        while True:
            conn = self.listen.accept()[0]
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.talk, args=(conn,),
                             daemon=True).start()

    def talk(self, conn):
        reader = conn.makefile('rb')

        try:
            while self.one(conn, reader):
                pass
        except OSError:
            self.closed += 1
        finally:
            reader.close()
            conn.close()

    def one(self, conn, reader):
        first = reader.readline()

        if not first:
            return False

        headers = {}

        while True:
            line = reader.readline().strip()

            if not line:
                break

            name, value = line.split(b':', 1)
            headers[name.decode().lower()] = value.strip().decode('latin-1')

        if 'chunked' in headers.get('transfer-encoding', ''):
            body = b''

            while True:
                size = int(reader.readline(), 16)
                body += reader.read(size)
                reader.readline()

                if size == 0:
                    break
        else:
            body = reader.read(int(headers.get('content-length', 0)))

        name = headers.get('x-replay-id', '')
        self.seen[name] = body
        self.count[name] = self.count.get(name, 0) + 1

        if first.startswith(b'GET /_state'):
            self.send(conn, 200, {}, json.dumps(
                {'closed': self.closed, 'count': self.count}).encode())
            return True

        if name.startswith('special-'):
            return self.special(conn, name, json.loads(body or b'{}'))

        exchange = self.by_id.get(name)

        if exchange is None:
            self.send(conn, 404, {}, b'{"error":{"message":"no exchange"}}')
            return True

        self.replay(conn, exchange['response'],
                    headers.get('x-replay-mode', 'whole'))

        return True

    def replay(self, conn, response, mode):
        headers = {n.lower(): v for n, v in response['headers']}
        body = base64.b64decode(response['body_b64'])
        stream = body.startswith((b'data:', b'event:', b': '))

        # some recorders lost the header, or wrote their own in its place
        if stream:
            headers['content-type'] = 'text/event-stream'
        else:
            headers.setdefault('content-type', 'application/json')

        if mode == 'whole' and not stream:
            self.send(conn, response['status'], headers, body)
            return

        headers['transfer-encoding'] = 'chunked'
        head = self.head(response['status'], headers)

        if mode == 'whole':
            conn.sendall(head + b'%x\r\n' % len(body) + body
                         + b'\r\n0\r\n\r\n' if body else head + b'0\r\n\r\n')
            return

        data = b''.join(b'1\r\n%c\r\n' % c for c in body) + b'0\r\n\r\n'
        step = 1 if mode == 'bytes' else PIECE

        conn.sendall(head)

        for i in range(0, len(data), step):
            conn.sendall(data[i:i + step])

    def head(self, status, headers):
        text = 'HTTP/1.1 %d Status\r\n' % status
        text += ''.join('%s: %s\r\n' % nv for nv in headers.items())

        return (text + '\r\n').encode('latin-1')

    def send(self, conn, status, headers, body):
        headers = dict({'content-type': 'application/json'}, **headers)
        headers['content-length'] = len(body)
        conn.sendall(self.head(status, headers) + body)

    def special(self, conn, name, ask):
        """special-ok, special-STATUS, special-STATUS-once-WORD,
        special-slow (a stream of a minute), special-cut (a stream that
        breaks off)"""

        word = name.split('-')[1]
        once = '-once-' in name and self.count[name] > 1

        if word.isdigit() and not once:
            self.send(conn, int(word), {'retry-after-ms': '30'}, json.dumps(
                {'error': {'message': 'made up', 'type': 'made_up',
                           'code': 'made_up', 'param': None}}).encode())
            return True

        if word not in ('slow', 'cut'):
            self.send(conn, 200, {}, json.dumps(CHAT).encode())
            return True

        conn.sendall(self.head(200, {'content-type': 'text/event-stream',
                                     'transfer-encoding': 'chunked'}))

        for i in range(3 if word == 'cut' else 600):
            data = chunk('word%d ' % i)
            conn.sendall(b'%x\r\n%s\r\n' % (len(data), data))
            time.sleep(0.1)

        return False


if __name__ == '__main__':
    Server(int(sys.argv[1])).serve()
