"""What went over the wire to a client: recorded, and held against the closed
schema of the client's dialect."""

import json
import re
import select
import socket
import struct
import threading
import zlib

from mock import BESIDE, without, wrong

NAMES = {'oc': ('openai.chat.response', 'openai.chat.event'),
         'or': ('openai.responses.response', 'openai.responses.event'),
         'an': ('anthropic.messages.response', 'anthropic.messages.event'),
         'ge': ('gemini.generate.response', 'gemini.generate.response'),
         'be': ('bedrock.converse.response', 'bedrock.converse_stream.event'),
         'ol': ('ollama.chat.response', 'ollama.chat.event'),
         'co': ('cohere.v2.chat.response', 'cohere.v2.chat.event')}


class Recorder:
    """Connections to a port are handed on to another one, byte for byte."""

    def __init__(self, port):
        self.to = port
        self.exchanges = []         # [bytes to, bytes from]
        self.lock = threading.Lock()
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            s, _ = self.listener.accept()
            threading.Thread(target=self.carry, args=(s,),
                             daemon=True).start()

    def carry(self, client):
        exchange = [b'', b'']
        with self.lock:
            self.exchanges.append(exchange)
        server = socket.socket()
        try:
            server.connect(('127.0.0.1', self.to))
            ends = {client: (server, 0), server: (client, 1)}
            while True:
                for s in select.select([client, server], [], [])[0]:
                    data = s.recv(65536)
                    if not data:
                        return
                    exchange[ends[s][1]] += data
                    ends[s][0].sendall(data)
        except OSError:
            pass
        finally:
            client.close()
            server.close()

    def answers(self, check):
        mark = b'check=%s' % check.encode()
        with self.lock:
            found = [e for e in self.exchanges if mark in e[0]]
        for e in found:
            yield from answers(e[1])


def answers(data):
    """(status, headers, body, whole) of each answer on a connection."""
    while data:
        head, _, rest = data.partition(b'\r\n\r\n')
        lines = head.decode('latin1').split('\r\n')
        status = int(lines[0].split()[1])
        headers = {k.lower(): v for k, v in
                   (x.split(': ', 1) for x in lines[1:] if ': ' in x)}

        if status == 100:
            data = rest
            continue

        if headers.get('transfer-encoding') == 'chunked':
            body, whole = b'', False
            while rest:
                size, _, rest = rest.partition(b'\r\n')
                n = int(size, 16)
                if n == 0:
                    whole, rest = True, rest[2:]
                    break
                body, rest = body + rest[:n], rest[n + 2:]
        else:
            n = int(headers.get('content-length', len(rest)))
            body, whole, rest = rest[:n], len(rest) >= n, rest[n:]

        yield status, headers, body, whole
        data = rest


def frames(body):
    while body:
        total, hlen = struct.unpack('>II', body[:8])
        frame, body = body[:total], body[total:]
        assert zlib.crc32(frame[:8]) == struct.unpack('>I', frame[8:12])[0]
        assert zlib.crc32(frame[:-4]) == struct.unpack('>I', frame[-4:])[0]
        headers, names = frame[12:12 + hlen], {}
        while headers:
            n = headers[0]
            key = headers[1:1 + n]
            size = struct.unpack('>H', headers[2 + n:4 + n])[0]
            names[key] = headers[4 + n:4 + n + size].decode()
            headers = headers[4 + n + size:]
        if b':event-type' in names:
            yield {names[b':event-type']: json.loads(frame[12 + hlen:-4])}


def events(way, headers, body):
    if way == 'be':
        yield from frames(body)
        return
    if way == 'ol':
        for line in body.decode().splitlines():
            yield json.loads(line)
        return
    for line in body.decode().splitlines():
        m = re.match(r'data: ?(.*)', line)
        if m and m.group(1) != '[DONE]':
            yield json.loads(m.group(1))


def breaches(way, recorder, check):
    """What of it the client's dialect does not have."""
    whole, event = NAMES[way]
    for status, headers, body, ended in recorder.answers(check):
        if status != 200:
            continue
        kind = headers.get('content-type', '')
        if kind.startswith('application/json'):
            if not ended:
                continue
            x = wrong(whole, without(json.loads(body), BESIDE.get(way, ())))
            if x:
                yield x
            continue
        for e in events(way, headers, body):
            if 'error' in e or e.get('type') in ('error', 'ping'):
                continue
            x = wrong(event, without(e, BESIDE.get(way, ())))
            if x:
                yield '%s in %s' % (x, json.dumps(e)[:160])
                break
