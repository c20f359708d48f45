"""Bedrock's Converse and ConverseStream."""

import base64
import hashlib
import hmac
import json
import re
import struct
import urllib.parse
import zlib

from said import split
from .base import (MODEL, Calls, Dialect, View, decoded, media, need, ordered,
                   sniffed, tool_schema)

ACCESS, SECRET = 'AKIAMATRIXEXAMPLE', 'matrix-secret'


def frame(headers, payload):
    out = b''

    for name, value in headers:
        out += struct.pack('>B', len(name)) + name.encode() + b'\x07' \
            + struct.pack('>H', len(value)) + value.encode()

    head = struct.pack('>II', 16 + len(out) + len(payload), len(out))
    head += struct.pack('>I', zlib.crc32(head))

    return head + out + payload + struct.pack(
        '>I', zlib.crc32(head + out + payload))


def frames(body):
    """(headers, payload) of each frame."""
    while body:
        need(len(body) >= 16, 'a frame that is cut: %d bytes', len(body))
        total, size = struct.unpack('>II', body[:8])
        need(16 + size <= total <= len(body), 'a frame of %d in %d bytes',
             total, len(body))
        one, body = body[:total], body[total:]
        need(struct.unpack('>I', one[8:12])[0] == zlib.crc32(one[:8]),
             'the CRC of a head')
        need(struct.unpack('>I', one[-4:])[0] == zlib.crc32(one[:-4]),
             'the CRC of a frame')
        rest, headers = one[12:12 + size], {}

        while rest:
            n = rest[0]
            name = rest[1:1 + n].decode()
            need(rest[1 + n] == 7, 'a header of type %d', rest[1 + n])
            k = struct.unpack('>H', rest[2 + n:4 + n])[0]
            headers[name] = rest[4 + n:4 + n + k].decode()
            rest = rest[4 + n + k:]

        yield headers, one[12 + size:-4]


def signature_v4(method, path, headers, body, secret):
    """The signature that a request's Authorization is to have."""
    m = re.match(r'AWS4-HMAC-SHA256 Credential=([^/]+)/(\d+)/([^/]+)/([^/]+)/'
                 r'aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)',
                 headers['authorization'])
    need(m, 'Authorization %s', headers['authorization'])
    access, day, region, service, names, given = m.groups()
    need({'host', 'x-amz-date'} <= set(names.split(';')), 'signed are %s',
         names)
    need(service == 'bedrock' and access == ACCESS, 'the scope %s/%s',
         access, service)
    path, _, query = path.partition('?')
    canonical = '\n'.join([
        method, urllib.parse.quote(path, safe='/-_.~'), query,
        *['%s:%s' % (n, ' '.join(headers[n].split()))
          for n in names.split(';')], '', names,
        headers.get('x-amz-content-sha256',
                    hashlib.sha256(body).hexdigest())])
    text = '\n'.join(['AWS4-HMAC-SHA256', headers['x-amz-date'],
                      '/'.join([day, region, service, 'aws4_request']),
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = ('AWS4' + secret).encode()

    for part in (day, region, service, 'aws4_request', text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()

    return given, key.hex()


class Converse(Dialect):
    code = 'be'
    request = 'bedrock.converse.request'
    answer = 'bedrock.converse.response'
    event = 'bedrock.converse_stream.event'
    stream_type = 'application/vnd.amazon.eventstream'
    own = ('x-amz-', 'amz-sdk-')
    finishes = {'stop': 'end_turn', 'stop_seq': 'stop_sequence',
                'tool_calls': 'tool_use', 'limit': 'max_tokens',
                'refuse': 'end_turn', 'filter': 'content_filtered',
                'blocked': 'content_filtered'}
    inline = True
    reads = ('read', 'write')

    def credential(self, headers, key):
        if headers.get('authorization', '').startswith('AWS4-'):
            return 'authorization'          # see signed_request()

        return super().credential(headers, key)

    def signed_request(self, method, path, headers, body):
        if headers.get('authorization', '').startswith('AWS4-'):
            given, made = signature_v4(method, path, headers, body, SECRET)
            need(given == made, 'the signature %s is to be %s', given, made)

    def path(self, path):
        m = re.fullmatch(r'/model/([A-Za-z0-9._~%-]+)/converse(-stream)?',
                         path)
        need(m, 'the path %s', path)

        return urllib.parse.unquote(m.group(1))

    def schema(self, path):
        return 'bedrock.converse_stream.request' \
            if path.endswith('-stream') else self.request

    # what is asked

    def view(self, path, body):
        v = View()
        v.system = [b['text'] for b in body.get('system') or ()
                    if 'text' in b]

        for m in body['messages']:
            v.add(m['role'], [b for b in map(self.block, m['content']) if b])

        config = body.get('toolConfig') or {}

        for t in config.get('tools', ()):
            if 'toolSpec' in t:
                s = t['toolSpec']
                v.tools.append((s['name'], s.get('description') or '',
                                tool_schema(s['inputSchema']['json'])))

        for kind, value in (config.get('toolChoice') or {}).items():
            v.choice = value.get('name') or kind

        text = (body.get('outputConfig') or {}).get('textFormat')

        if text:
            v.schema = json.loads(text['structure']['jsonSchema']['schema'])

        config = body.get('inferenceConfig') or {}
        v.max_tokens = config.get('maxTokens')
        v.stop = config.get('stopSequences') or []
        v.temperature = config.get('temperature')
        more = body.get('additionalModelRequestFields') or {}
        v.think = (more.get('thinking') or {}).get('type') in (
            'enabled', 'adaptive') or 'reasoning_config' in more \
            or 'effort' in (body.get('outputConfig') or {})
        v.stream = path.endswith('-stream')

        return v

    def block(self, b):
        kind, value = next(iter(b.items()))

        if kind == 'text':
            return 'text', value

        if kind in ('image', 'document'):
            data = decoded(value['source']['bytes'])
            need(sniffed(data).endswith('/' + value['format']),
                 '%s called %s', sniffed(data), value['format'])
            return media(data)

        if kind == 'toolUse':
            return 'call', value['toolUseId'], value['name'], ordered(
                value['input'])

        if kind == 'toolResult':
            return 'result', value['toolUseId'], None, ''.join(
                c['text'] if 'text' in c else
                '' if c['json'] == {} else ordered(c['json'])
                for c in value['content'])

        if kind == 'reasoningContent' and 'reasoningText' in value:
            r = value['reasoningText']
            return 'think', r['text'], r.get('signature')

        need(kind in ('cachePoint', 'reasoningContent'), 'a block %s', kind)

        return None

    # what is demanded of it

    def rules(self, headers, path, body):
        calls, role, names = Calls(), 'assistant', set()

        for m in body['messages']:
            need(m['role'] != role, 'roles do not alternate, or it begins '
                 'with the assistant')
            role = m['role']
            need(m['content'], 'a turn of nothing')
            self.turn(calls, m, names)

        calls.done()
        used = any('toolUse' in b or 'toolResult' in b
                   for m in body['messages'] for b in m['content'])
        need(not used or 'toolConfig' in body, 'tools without toolConfig')

        for t in (body.get('toolConfig') or {}).get('tools', ()):
            need('toolSpec' not in t or re.fullmatch(
                r'[A-Za-z0-9_-]{1,64}', t['toolSpec']['name']),
                'the name of %s', t)

        config = body.get('inferenceConfig') or {}

        for name in ('temperature', 'topP'):
            need(0 <= config.get(name, 0) <= 1, '%s %s', name,
                 config.get(name))

        for b in body.get('system') or ():
            need('text' not in b or b['text'].strip(), 'a blank system')

    def turn(self, calls, m, names):
        for b in m['content']:
            need(len(b) == 1, 'a block of %s', list(b))

            if 'toolResult' in b:
                calls.answered(b['toolResult']['toolUseId'])

        calls.done()
        documents = [b['document'] for b in m['content'] if 'document' in b]

        for d in documents:
            need(re.fullmatch(r'(?!.*\s\s)[A-Za-z0-9 ()\[\]-]+', d['name']),
                 'a document called %r', d['name'])
            need(d['name'] not in names, 'two documents called %s',
                 d['name'])
            names.add(d['name'])

        need(not documents or any('text' in b for b in m['content']),
             'a document without a text')

        for b in m['content']:
            need('text' not in b or b['text'].strip(), 'a blank text')

            if 'toolUse' in b:
                i = b['toolUse']['toolUseId']
                need(re.fullmatch(r'[A-Za-z0-9_.:-]{1,64}', i), 'the id %s',
                     i)
                calls.made(i)

            for c in b.get('toolResult', {}).get('content', ()):
                need('text' not in c or c['text'].strip(),
                     'a blank text in a result')

    def signed(self, view, number, level):
        from said import signature, thought

        need([b[0] for b in view.blocks('think', 'call')]
             == ['think', 'call'] * view.step(),
             'the reasoning is not before each call')

        for step, (_, text, sig) in enumerate(view.blocks('think')):
            need(sig == signature(number, step), 'the signature of %d: %.80s',
                 step, sig)
            need(level != 'reason' or text == thought(number, step),
                 'the reasoning of %d: %.80r', step, text)

    # what it says

    def usage(self, said):
        return {'inputTokens': said.usage['in'],
                'outputTokens': said.total_out(),
                'totalTokens': said.total_in() + said.total_out(),
                'cacheReadInputTokens': said.usage['read'],
                'cacheWriteInputTokens': said.usage['write']}

    def blocks(self, said):
        for i, b in enumerate(said.blocks):
            if b[0] == 'think':
                yield {'reasoningContent': {'reasoningText': {
                    'text': b[1], 'signature': b[2]}}}
            elif b[0] == 'call':
                yield {'toolUse': {'toolUseId': 'tooluse_%s_%d' % (
                    said.tag, i), 'name': b[1], 'input': json.loads(b[2])}}
            else:
                yield {'text': b[1]}

    def whole(self, said, view):
        return {'output': {'message': {'role': 'assistant', 'content':
                                       list(self.blocks(said))}},
                'stopReason': self.finishes[said.finish],
                'usage': self.usage(said), 'metrics': {'latencyMs': 12}}

    def framed(self, name, payload, kind='event'):
        return frame([(':%s-type' % kind, name),
                      (':content-type', 'application/json'),
                      (':message-type', kind)], json.dumps(payload).encode())

    def stream(self, said, view, body):
        yield self.framed('messageStart', {'role': 'assistant', 'p': 'abc'})
        calls = said.of('call')

        for i, b in enumerate(self.blocks(said)):
            if 'text' in b:
                deltas = [{'text': t} for t in split(b['text'])]
            elif 'toolUse' in b:
                use, text = b['toolUse'], calls.pop(0)[2]
                yield self.framed('contentBlockStart', {
                    'contentBlockIndex': i, 'start': {'toolUse': {
                        'toolUseId': use['toolUseId'],
                        'name': use['name']}}})
                deltas = [{'toolUse': {'input': t}} for t in
                          (split(text) if use['input'] else [])]
            else:
                r = b['reasoningContent']['reasoningText']
                deltas = [{'reasoningContent': {'text': t}}
                          for t in split(r['text'])]
                deltas.append({'reasoningContent':
                               {'signature': r['signature']}})

            for d in deltas:
                yield self.framed('contentBlockDelta', {
                    'contentBlockIndex': i, 'delta': d, 'p': 'abcd'})
            yield self.framed('contentBlockStop', {'contentBlockIndex': i})

        yield self.framed('messageStop',
                          {'stopReason': self.finishes[said.finish]})
        yield self.framed('metadata', {'usage': self.usage(said),
                                       'metrics': {'latencyMs': 12}})

    def quirks(self, pieces):
        """Events of unknown types, and headers of others."""
        return [b''.join([p, self.framed('somethingNew', {'x': 1})])
                for p in pieces]

    def error(self, status, text):
        kind = {400: 'ValidationException', 429: 'ThrottlingException',
                500: 'InternalServerException',
                503: 'ServiceUnavailableException'}[status]

        return status, dict(self.retry(status), **{
            'x-amzn-errortype': kind}), {'message': text}

    def error_event(self, text, n):
        return self.framed('modelStreamErrorException', {
            'message': text, 'originalStatusCode': 500}, 'exception')

    # what a client of it bears

    def events(self, headers, body):
        for h, payload in frames(body):
            kind = h[':message-type']
            need(h.get(':content-type') == 'application/json', 'headers %s',
                 h)
            payload = json.loads(payload)
            payload.pop('p', None)      # padding, that only Bedrock sends

            if kind == 'exception':
                yield {h[':exception-type']: payload}
            else:
                need(kind == 'event', 'a frame %s', kind)
                yield {h[':event-type']: payload}

    def failed(self, e):
        return next(iter(e)).endswith('Exception')

    def checked(self, e):
        return e

    def grammar(self, events, asked):
        kinds = [next(iter(e)) for e in events]
        need(kinds[0] == 'messageStart' and kinds[-2:] == [
            'messageStop', 'metadata'] and kinds.count('metadata') == 1
            and kinds.count('messageStop') == 1
            and kinds.count('messageStart') == 1, 'the order %s', kinds)
        need(events[0]['messageStart']['role'] == 'assistant', 'the role')
        u = events[-1]['metadata']['usage']
        need(u['totalTokens'] == u['inputTokens'] + u['outputTokens']
             + u.get('cacheReadInputTokens', 0)
             + u.get('cacheWriteInputTokens', 0), 'the total of %s', u)
        open_, done = {}, set()

        for e in events[1:-2]:
            kind, e = next(iter(e.items()))
            i = e['contentBlockIndex']
            need(i not in done, 'the block %d goes on after its end', i)

            if kind == 'contentBlockStart':
                need(i not in open_ and 'toolUse' in e['start'],
                     'a block begins with %s', e)
                open_[i] = ''
            elif kind == 'contentBlockDelta':
                need(len(e['delta']) == 1, 'a delta of %s', e['delta'])
                need(('toolUse' in e['delta']) <= (i in open_),
                     'a call without its start')
                open_.setdefault(i, '')
                open_[i] += e['delta'].get('toolUse', {}).get('input', '')
            else:
                need(i in open_, 'a stop of %d, which is not open', i)
                need(not open_[i] or isinstance(json.loads(open_[i]), dict),
                     'arguments %.80s', open_[i])
                done.add(i)
                del open_[i]

        need(not open_, 'blocks %s are not stopped', list(open_))
        need(done == set(range(len(done))), 'the blocks are %s', done)
