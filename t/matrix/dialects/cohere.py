"""Cohere's /v2/chat."""

import json

from said import split
from .base import (MODEL, Calls, Dialect, View, data_url, media, need, ordered,
                   sse, tool_schema)


class Cohere(Dialect):
    code = 'co'
    version = 'v2'
    request, answer = 'cohere.v2.chat.request', 'cohere.v2.chat.response'
    event = 'cohere.v2.chat.event'
    own = ()
    finishes = {'stop': 'COMPLETE', 'stop_seq': 'STOP_SEQUENCE',
                'tool_calls': 'TOOL_CALL', 'limit': 'MAX_TOKENS',
                'refuse': 'COMPLETE', 'filter': 'ERROR', 'blocked': 'ERROR'}
    reads = ('read', 'think')

    def path(self, path):
        need(path == '/v2/chat', 'the path %s', path)

    # what is asked

    def view(self, path, body):
        v = View()

        for m in body['messages']:
            parts = m.get('content') or []
            parts = [{'type': 'text', 'text': parts}] \
                if isinstance(parts, str) else parts
            blocks = [self.part(p) for p in parts]

            if m['role'] == 'system':
                v.system.extend(b[1] for b in blocks)
            elif m['role'] == 'tool':
                v.add('user', [('result', m['tool_call_id'], None,
                                ''.join(b[1] for b in blocks))])
            elif m['role'] == 'user':
                v.add('user', blocks)
            else:
                for c in m.get('tool_calls') or ():
                    f = c['function']
                    blocks.append(('call', c['id'], f['name'],
                                   f.get('arguments') or '{}'))
                if m.get('tool_plan'):
                    blocks.insert(0, ('text', m['tool_plan']))
                v.add('assistant', blocks)

        for t in body.get('tools') or ():
            f = t['function']
            v.tools.append((f['name'], f.get('description') or '',
                            tool_schema(f.get('parameters'))))

        v.choice = {'REQUIRED': 'any', 'NONE': 'none'}.get(
            body.get('tool_choice'))
        form = body.get('response_format') or {}
        v.schema = form.get('json_schema')
        v.max_tokens = body.get('max_tokens')
        v.stop = body.get('stop_sequences') or []
        v.temperature = body.get('temperature')
        v.think = (body.get('thinking') or {}).get('type') == 'enabled'
        v.stream = bool(body.get('stream'))

        return v

    def part(self, p):
        if p['type'] == 'text':
            return 'text', p['text']

        if p['type'] == 'thinking':
            return 'think', p['thinking'], None

        if p['type'] == 'image_url':
            url = p['image_url']['url']
            return media(data_url(url, 'an image')) \
                if url.startswith('data:') else ('image_url', url)

        need(p['type'] == 'document', 'a part %s', p['type'])
        text = p['document']['data']

        return 'text', text if isinstance(text, str) else ordered(text)

    # what is demanded of it

    def rules(self, headers, path, body):
        calls = Calls()

        for m in body['messages']:
            if m['role'] == 'tool':
                calls.answered(m['tool_call_id'])
                continue

            calls.done()

            for c in m.get('tool_calls') or ():
                calls.made(c['id'])
                need(isinstance(json.loads(c['function']['arguments']), dict),
                     'arguments %.60s', c['function']['arguments'])

            for p in m['content'] if isinstance(m.get('content'), list) \
                    else ():
                if p['type'] == 'image_url' and p['image_url'][
                        'url'].startswith('data:'):
                    kind = p['image_url']['url'][5:].split(';')[0]
                    need(kind in ('image/png', 'image/jpeg', 'image/webp',
                                  'image/gif'), 'an image of %s', kind)

        calls.done()
        need(not body.get('tool_choice') or body.get('tools'),
             'tool_choice without tools')
        need(not body.get('response_format') or not body.get('tools'),
             'response_format with tools')
        need(body.get('tools') != [], 'tools is empty')
        need('stream' in body, 'stream is not said')
        ids = [d.get('id') for d in body.get('documents') or ()
               if isinstance(d, dict) and d.get('id')]
        need(len(ids) == len(set(ids)), 'documents of one id')

    def signed(self, view, number, level):
        pass

    # what it says

    def usage(self, said):
        return {'billed_units': {'input_tokens': 3, 'output_tokens': 2},
                'tokens': {'input_tokens': said.total_in(),
                           'output_tokens': said.total_out(),
                           'reasoning_tokens': said.usage['think']},
                'cached_tokens': said.usage['read']}

    def call_id(self, said, i):
        return 'fn_%s_%d' % (said.tag, i)

    def whole(self, said, view):
        m, calls = {'role': 'assistant'}, said.of('call')

        if calls:
            m['tool_calls'] = [
                {'id': self.call_id(said, i), 'type': 'function',
                 'function': {'name': name, 'arguments': text}}
                for i, (_, name, text) in enumerate(calls)]
            if said.text():
                m['tool_plan'] = said.text()

        content = [{'type': 'thinking', 'thinking': b[1]}
                   if b[0] == 'think' else {'type': 'text', 'text': b[1]}
                   for b in said.blocks if b[0] != 'call'
                   and not (calls and b[0] == 'text')]

        if content:
            m['content'] = content

        return {'id': 'c-' + said.tag, 'message': m,
                'finish_reason': self.finishes[said.finish],
                'usage': self.usage(said)}

    def stream(self, said, view, body):
        def event(kind, **more):
            return sse(dict({'type': kind}, **more), kind)

        yield event('message-start', id='c-' + said.tag, delta={
            'message': {'role': 'assistant', 'content': [], 'tool_plan': '',
                        'tool_calls': [], 'citations': []}})
        i, calls = 0, said.of('call')

        for b in said.of('think', 'text', 'refusal'):
            if calls and b[0] == 'text':
                for t in split(b[1]):
                    yield event('tool-plan-delta', delta={'message': {
                        'tool_plan': t}})
                continue

            kind = 'thinking' if b[0] == 'think' else 'text'
            yield event('content-start', index=i, delta={'message': {
                'content': {'type': kind, kind: ''}}})
            for t in split(b[1]):
                yield event('content-delta', index=i, delta={'message': {
                    'content': {kind: t}}})
            yield event('content-end', index=i)
            i += 1

        for i, (_, name, text) in enumerate(calls):
            yield event('tool-call-start', index=i, delta={'message': {
                'tool_calls': {'id': self.call_id(said, i), 'type': 'function',
                               'function': {'name': name,
                                            'arguments': ''}}}})
            for t in split(text):
                yield event('tool-call-delta', index=i, delta={'message': {
                    'tool_calls': {'function': {'arguments': t}}}})
            yield event('tool-call-end', index=i)

        yield event('message-end', delta={
            'finish_reason': self.finishes[said.finish],
            'usage': self.usage(said)})
        yield b'data: [DONE]\n\n'

    def error(self, status, text):
        return status, self.retry(status), {'id': 'e-1', 'message': text}

    def error_event(self, text, n):
        return sse({'type': 'message-end', 'delta': {
            'finish_reason': 'ERROR', 'error': text}}, 'message-end')

    # what a client of it bears

    def events(self, headers, body):
        for name, data in self.sse_events(body):
            if data == '[DONE]':
                continue
            data = json.loads(data)
            need(name in (None, data.get('type')),
                 'the event %s is of type %s', name, data.get('type'))
            yield data

    def failed(self, e):
        return e['type'] == 'message-end' and bool(e['delta'].get('error'))

    def checked(self, e):
        return e

    def grammar(self, events, asked):
        kinds = [e['type'] for e in events]
        need(kinds[0] == 'message-start' and kinds[-1] == 'message-end'
             and kinds.count('message-start') == 1, 'the order %s', kinds)
        need(events[0].get('id'), 'an answer without its id')
        end = events[-1]['delta']
        need(end['finish_reason'] and end['usage']['tokens'], 'the end %s',
             end)
        block, contents, calls, text = None, 0, 0, ''

        for e in events[1:-1]:
            kind = e['type']

            if kind == 'content-start':
                need(block is None and e['index'] == contents,
                     'a content %s beside %s', e.get('index'), block)
                content = e['delta']['message']['content']
                need(content['type'] in content, 'a content begins as %s', e)
                block, contents = ('content', e['index']), contents + 1
            elif kind == 'tool-call-start':
                need(block is None and e['index'] == calls,
                     'a call %s beside %s', e.get('index'), block)
                c = e['delta']['message']['tool_calls']
                need(c['id'] and c['function']['name'], 'a call begins as %s',
                     e)
                block, calls = ('tool-call', e['index']), calls + 1
                text = c['function'].get('arguments') or ''
            elif kind.endswith('-delta') and kind != 'tool-plan-delta':
                need(block == (kind[:-6], e['index']), '%s %s in %s', kind,
                     e['index'], block)
                if kind == 'tool-call-delta':
                    text += e['delta']['message']['tool_calls'][
                        'function']['arguments']
            elif kind.endswith('-end'):
                need(block == (kind[:-4], e['index']), '%s %s in %s', kind,
                     e['index'], block)
                need(kind != 'tool-call-end' or isinstance(
                    json.loads(text), dict), 'arguments %.80s', text)
                block = None

        need(block is None, '%s is not ended', block)
