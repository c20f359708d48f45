"""Ollama's /api/chat."""

import base64
import json

from said import split
from .base import (MODEL, Dialect, View, decoded, media, need, ordered,
                   sniffed, tool_schema)


class Ollama(Dialect):
    code = 'ol'
    request, answer = 'ollama.chat.request', 'ollama.chat.response'
    event, error_schema = 'ollama.chat.event', 'ollama.error'
    stream_type = 'application/x-ndjson'
    own = ()
    finishes = {'stop': 'stop', 'stop_seq': 'stop', 'tool_calls': 'stop',
                'limit': 'length', 'refuse': 'stop', 'filter': 'stop',
                'blocked': 'stop'}
    inline = True
    reads = ()

    def path(self, path):
        need(path == '/api/chat', 'the path %s', path)

    # what is asked

    def view(self, path, body):
        v = View()

        for m in body['messages']:
            blocks = [('text', m['content'])] if m.get('content') else []
            blocks += [media(decoded(i)) for i in m.get('images') or ()]

            if m['role'] == 'system':
                v.system.extend(b[1] for b in blocks)
            elif m['role'] == 'tool':
                v.add('user', [('result', m.get('tool_call_id'),
                                m.get('tool_name'), m.get('content') or '')])
            elif m['role'] == 'user':
                v.add('user', blocks)
            else:
                if m.get('thinking'):
                    blocks.insert(0, ('think', m['thinking'], None))
                for c in m.get('tool_calls') or ():
                    f = c['function']
                    blocks.append(('call', c.get('id'), f['name'],
                                   ordered(f.get('arguments') or {})))
                v.add('assistant', blocks)

        for t in body.get('tools') or ():
            f = t['function']
            v.tools.append((f['name'], f.get('description') or '',
                            tool_schema(f['parameters'])))

        options = body.get('options') or {}
        v.schema = body['format'] if isinstance(body.get('format'), dict) \
            else None
        v.max_tokens = options.get('num_predict')
        stop = options.get('stop') or []
        v.stop = [stop] if isinstance(stop, str) else stop
        v.temperature = options.get('temperature')
        v.think = bool(body.get('think'))
        v.stream = body.get('stream', True)

        return v

    # what is demanded of it

    def rules(self, headers, path, body):
        named = []

        for m in body['messages']:
            for i in m.get('images') or ():
                data = decoded(i)
                need(sniffed(data) in ('image/png', 'image/jpeg'),
                     'an image of %s', sniffed(data))

            for c in m.get('tool_calls') or ():
                need(isinstance(c['function'].get('arguments', {}), dict),
                     'arguments that are no object')
                named.append(c['function']['name'])

            need(m['role'] != 'tool' or m.get('tool_name') in named,
                 'a result of %s, which was not called', m.get('tool_name'))

    def signed(self, view, number, level):
        pass

    # what it says

    def line(self, said, done, **message):
        d = {'model': MODEL, 'created_at': '2026-12-01T10:00:00.123456789Z',
             'message': dict({'role': 'assistant', 'content': ''}, **message),
             'done': done}

        if done:
            d.update({'done_reason': self.finishes[said.finish],
                      'total_duration': 5000000, 'load_duration': 1000000,
                      'prompt_eval_count': said.total_in(),
                      'prompt_eval_duration': 2000000,
                      'eval_count': said.total_out(),
                      'eval_duration': 2000000})

        return d

    def calls(self, said):
        return [{'function': {'name': name, 'arguments': json.loads(text)}}
                for _, name, text in said.of('call')]

    def whole(self, said, view):
        m = {'content': ''.join(b[1] for b in said.of('text', 'refusal'))}

        if said.of('think'):
            m['thinking'] = said.of('think')[0][1]

        if said.of('call'):
            m['tool_calls'] = self.calls(said)

        return self.line(said, True, **m)

    def stream(self, said, view, body):
        for kind, text, *_ in said.of('think', 'text', 'refusal'):
            name = 'thinking' if kind == 'think' else 'content'
            for t in split(text):
                yield self.framed(self.line(said, False, **{name: t}))

        for c in self.calls(said):
            yield self.framed(self.line(said, False, tool_calls=[c]))

        yield self.framed(self.line(said, True))

    def framed(self, value):
        return json.dumps(value).encode() + b'\n'

    def quirks(self, pieces):
        """Lines end in CRLF, and some are empty."""
        return [p[:-1] + b'\r\n' + b'\n' * (i % 2)
                for i, p in enumerate(pieces)]

    def error(self, status, text):
        return status, self.retry(status), {'error': text}

    def error_event(self, text, n):
        return self.framed({'error': text})

    # what a client of it bears

    def events(self, headers, body):
        need(body.endswith(b'\n') or not body, 'a line without its end')

        for line in body.decode().split('\n')[:-1]:
            yield json.loads(line)

    def failed(self, e):
        return 'error' in e

    def checked(self, e):
        return None if 'error' in e else e

    def grammar(self, events, asked):
        for e in events[:-1]:
            need(e['done'] is False, 'done is %s before the end', e['done'])
            need(e['message']['role'] == 'assistant' and e['model']
                 and e['created_at'] and 'content' in e['message'],
                 'a line %.200s', e)

        last = events[-1]
        need(last['done'] is True and last['done_reason']
             and 'eval_count' in last and 'prompt_eval_count' in last
             and last['message']['role'] == 'assistant',
             'the last line %.200s', last)
