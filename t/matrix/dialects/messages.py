"""Anthropic's /v1/messages, by the rules of both of its versions."""

import json
import re

from said import split
from .base import (MODEL, Calls, Dialect, View, decoded, media, need, ordered,
                   sniffed, sse, tool_schema)


class Messages(Dialect):
    code = 'an'
    version = 'v1'
    request, answer = 'anthropic.messages.request', \
        'anthropic.messages.response'
    event, error_schema = 'anthropic.messages.event', 'anthropic.error'
    own = ('anthropic-',)
    finishes = {'stop': 'end_turn', 'stop_seq': 'stop_sequence',
                'tool_calls': 'tool_use', 'limit': 'max_tokens',
                'refuse': 'refusal', 'filter': 'refusal',
                'blocked': 'refusal'}
    reads = ('read', 'write', 'think')

    def credential(self, headers, key):
        if 'x-api-key' in headers:
            need(headers['x-api-key'] == key, 'x-api-key %s',
                 headers['x-api-key'])
            return 'x-api-key'

        return super().credential(headers, key)

    def path(self, path):
        need(path in ('/v1/messages', '/v1/messages?beta=true'),
             'the path %s', path)

    # what is asked

    def content(self, content):
        return [{'type': 'text', 'text': content}] \
            if isinstance(content, str) else content

    def view(self, path, body):
        v = View()
        v.system = [b['text'] for b in self.content(body.get('system') or [])]

        for m in body['messages']:
            blocks = [self.block(b) for b in self.content(m['content'])]

            if m['role'] == 'system':
                v.system.extend(b[1] for b in blocks)
            else:
                v.add(m['role'], [b for b in blocks if b])

        for t in body.get('tools') or []:
            v.tools.append((t['name'], t.get('description') or '',
                            tool_schema(t['input_schema'])))

        choice = body.get('tool_choice') or {}
        v.choice = choice.get('name') or choice.get('type')
        v.schema = ((body.get('output_config') or {}).get('format') or {}) \
            .get('schema')
        v.max_tokens = body['max_tokens']
        v.stop = body.get('stop_sequences') or []
        v.temperature = body.get('temperature')
        v.think = (body.get('thinking') or {}).get('type') in (
            'enabled', 'adaptive')
        v.stream = bool(body.get('stream'))

        return v

    def block(self, b):
        kind = b['type']

        if kind == 'text':
            return 'text', b['text']

        if kind in ('image', 'document'):
            source = b['source']
            if source['type'] == 'url':
                return 'image_url' if kind == 'image' else 'pdf_url', \
                    source['url']
            data = decoded(source['data'])
            need(sniffed(data) == source['media_type'], '%s called %s',
                 sniffed(data), source['media_type'])
            return media(data)

        if kind == 'tool_use':
            return 'call', b['id'], b['name'], ordered(b['input'])

        if kind == 'tool_result':
            return 'result', b['tool_use_id'], None, ''.join(
                p['text'] for p in self.content(b.get('content') or []))

        if kind == 'thinking':
            return 'think', b['thinking'], b.get('signature')

        need(kind == 'redacted_thinking', 'a block %s', kind)

        return None

    # what is demanded of it

    def rules(self, headers, path, body):
        version = headers.get('anthropic-version')
        need(version in ('2023-06-01', '2026-10-21'), 'anthropic-version %s',
             version)
        need(body['messages'][0]['role'] == 'user',
             'it begins with the assistant')
        calls = Calls()

        for m in body['messages']:
            self.turn(calls, m['role'], self.content(m['content']), version)

        calls.done()
        last = body['messages'][-1]
        need(last['role'] == 'user' or not str(last['content']).endswith(
            (' ', '\n')), 'blanks at the end of the assistant')
        self.caches(body)
        self.thinking(body)

        if version == '2026-10-21':
            need(not {'temperature', 'top_p', 'top_k'} & body.keys(),
                 'temperature, top_p or top_k by 2026-10-21')

        need(0 <= (body.get('temperature') or 0) <= 1, 'temperature %s',
             body.get('temperature'))
        need(all(s.strip() for s in body.get('stop_sequences') or ()),
             'a blank stop sequence')
        need(not body.get('tool_choice') or body.get('tools'),
             'tool_choice without tools')

        for t in body.get('tools') or ():
            need(re.fullmatch(r'[A-Za-z0-9_-]{1,128}', t['name']),
                 'the name %s', t['name'])

    def turn(self, calls, role, content, version):
        need(content, 'a turn of nothing')
        results = [b['tool_use_id'] for b in content
                   if b['type'] == 'tool_result']

        for i in results:
            calls.answered(i)

        need([b['type'] for b in content[:len(results)]]
             == ['tool_result'] * len(results), 'results are not first')
        calls.done()

        for b in content:
            need(b['type'] != 'text' or b['text'].strip(), 'a blank text')
            need(b['type'] != 'document' or role == 'user'
                 or version == '2023-06-01', 'a document of the assistant')

            if b['type'] == 'tool_use':
                need(re.fullmatch(r'[A-Za-z0-9_-]+', b['id']), 'the id %s',
                     b['id'])
                calls.made(b['id'])

    def caches(self, body):
        points = [ttl for ttl in re.findall(
            r'"cache_control": \{"type": "ephemeral"(?:, "ttl": "(\w+)")?\}',
            json.dumps([body.get('tools'), body.get('system'),
                        body['messages']]))]
        need(len(points) <= 4, '%d cache points', len(points))
        need('1h' not in points or '1h' not in points[
            (points + ['5m']).index('5m'):], '1h after 5m')

    def thinking(self, body):
        think = body.get('thinking') or {}

        if think.get('type') == 'enabled':
            need(1024 <= think['budget_tokens'] < body['max_tokens'],
                 'a budget of %s below %s', think['budget_tokens'],
                 body['max_tokens'])

        if think.get('type') in ('enabled', 'adaptive'):
            need(body.get('temperature', 1) == 1 and 'top_k' not in body,
                 'temperature or top_k beside thinking')
            need((body.get('tool_choice') or {}).get('type', 'auto')
                 in ('auto', 'none'), 'a forced choice beside thinking')

    def signed(self, view, number, level):
        from said import signature, thought

        need([b[0] for b in view.blocks('think', 'call')]
             == ['think', 'call'] * view.step(),
             'the thinking is not before each call')

        for step, (_, text, sig) in enumerate(view.blocks('think')):
            need(sig == signature(number, step), 'the signature of %d: %.80s',
                 step, sig)
            need(level != 'reason' or text == thought(number, step),
                 'the thinking of %d: %.80r', step, text)

    # what it says

    def usage(self, said):
        u = {'input_tokens': said.usage['in'],
             'output_tokens': said.total_out(),
             'cache_read_input_tokens': said.usage['read'],
             'cache_creation_input_tokens': said.usage['write'],
             'cache_creation': {'ephemeral_5m_input_tokens':
                                said.usage['write'],
                                'ephemeral_1h_input_tokens': 0},
             'service_tier': 'standard'}

        if said.usage['think']:
            u['output_tokens_details'] = {
                'thinking_tokens': said.usage['think']}

        return u

    def blocks(self, said):
        out = []

        for i, b in enumerate(said.blocks):
            if b[0] == 'think':
                out.append({'type': 'thinking', 'thinking': b[1],
                            'signature': b[2]})
            elif b[0] == 'call':
                out.append({'type': 'tool_use', 'id': 'toolu_%s_%d' % (
                    said.tag, i), 'name': b[1], 'input': json.loads(b[2])})
            else:
                out.append({'type': 'text', 'text': b[1], 'citations': None})

        return out

    def whole(self, said, view, begun=False):
        return {'id': 'msg_' + said.tag, 'type': 'message',
                'role': 'assistant', 'model': MODEL,
                'content': [] if begun else self.blocks(said),
                'stop_reason': None if begun
                else self.finishes[said.finish],
                'stop_sequence': None if begun else said.stop,
                'usage': self.usage(said)}

    def stream(self, said, view, body):
        def event(kind, **more):
            return sse(dict({'type': kind}, **more), kind)

        begun = self.whole(said, view, True)
        begun['usage'].pop('output_tokens_details', None)
        begun['usage']['output_tokens'] = 1
        yield event('message_start', message=begun)
        yield event('ping')
        blocks, calls = self.blocks(said), said.of('call')

        for i, b in enumerate(blocks):
            if b['type'] == 'text':
                first, deltas = dict(b, text=''), [
                    {'type': 'text_delta', 'text': t}
                    for t in split(b['text'])]
            elif b['type'] == 'thinking':
                first = dict(b, thinking='', signature='')
                deltas = [{'type': 'thinking_delta', 'thinking': t}
                          for t in split(b['thinking'])]
                deltas.append({'type': 'signature_delta',
                               'signature': b['signature']})
            else:
                # the text as it was made; of no arguments none is told
                first = dict(b, input={})
                text = calls[sum(x['type'] == 'tool_use'
                                 for x in blocks[:i])][2]
                deltas = [{'type': 'input_json_delta', 'partial_json': t}
                          for t in ([''] + split(text) if b['input'] else [])]

            yield event('content_block_start', index=i, content_block=first)
            for d in deltas:
                yield event('content_block_delta', index=i, delta=d)
            yield event('content_block_stop', index=i)

        usage = self.usage(said)
        del usage['cache_creation'], usage['service_tier']
        yield event('message_delta',
                    delta={'stop_reason': self.finishes[said.finish],
                           'stop_sequence': said.stop}, usage=usage)
        yield event('message_stop')

    def quirks(self, pieces):
        """Pings between, and blocks that are not stopped."""
        out = []

        for p in pieces:
            if b'content_block_stop' not in p:
                out += [p, sse({'type': 'ping'}, 'ping')]

        return super().quirks(out)

    def error(self, status, text):
        kind = {400: 'invalid_request_error', 429: 'rate_limit_error',
                500: 'api_error', 503: 'overloaded_error'}[status]

        return 529 if status == 503 else status, self.retry(status), {
            'type': 'error', 'error': {'type': kind, 'message': text},
            'request_id': 'req_1'}

    def error_event(self, text, n):
        return sse({'type': 'error', 'error': {'type': 'api_error',
                                               'message': text}}, 'error')

    # what a client of it bears

    def events(self, headers, body):
        for name, data in self.sse_events(body):
            data = json.loads(data)
            need(name == data.get('type'), 'the event %s is of type %s', name,
                 data.get('type'))
            yield data

    def failed(self, e):
        return e['type'] == 'error'

    def checked(self, e):
        return None if e['type'] in ('ping', 'error') else e

    def grammar(self, events, asked):
        events = [e for e in events if e['type'] != 'ping']
        kinds = [e['type'] for e in events]
        need(kinds[0] == 'message_start' and kinds[-2:] == [
            'message_delta', 'message_stop'] and kinds.count('message_start')
            == 1 and kinds.count('message_delta') == 1,
            'the order %s', kinds)
        begun = events[0]['message']
        need(begun['content'] == [] and begun['stop_reason'] is None
             and begun['usage'], 'it begins with %s', begun)
        need(begun['usage']['input_tokens'] > 0,
             'message_start tells no input tokens')
        need(events[-2]['delta']['stop_reason'] and 'stop_sequence'
             in events[-2]['delta'], 'the end says %s', events[-2])
        n, block, parts = 0, None, ''

        for e in events[1:-2]:
            need(e['index'] == n, 'the index %s of the block %d',
                 e['index'], n)

            if e['type'] == 'content_block_start':
                need(block is None, 'two blocks at once')
                block, parts = e['content_block'], ''
                need(block['type'] != 'tool_use' or block['input'] == {},
                     'a call begins with %s', block)
            elif e['type'] == 'content_block_delta':
                kind = e['delta']['type']
                need(kind in {'text': ('text_delta', 'citations_delta'),
                              'thinking': ('thinking_delta',
                                           'signature_delta'),
                              'tool_use': ('input_json_delta',),
                              'redacted_thinking': ()}[block['type']],
                     '%s in a block of %s', kind, block['type'])
                parts += e['delta'].get('partial_json', '')
            else:
                need(e['type'] == 'content_block_stop', 'a %s', e['type'])
                need(not parts or isinstance(json.loads(parts), dict),
                     'arguments %.80s', parts)
                n, block = n + 1, None

        need(block is None, 'a block that is not stopped')
