"""OpenAI's /v1/chat/completions, and what servers of it have beside it."""

import json
import re

from said import split
from .base import (CREATED, MODEL, Calls, Dialect, View, data_url, decoded,
                   media, need, sse, sniffed, tool_schema)


class Chat(Dialect):
    code = 'oc'
    version = 'v1'
    request, answer = 'openai.chat.request', 'openai.chat.response'
    event, error_schema = 'openai.chat.event', 'openai.error'
    own = ('openai-',)
    finishes = {'stop': 'stop', 'stop_seq': 'stop', 'tool_calls': 'tool_calls',
                'limit': 'length', 'refuse': 'stop',
                'filter': 'content_filter', 'blocked': 'content_filter'}
    beside = ('reasoning_content', 'reasoning_details', 'extra_content')
    reads = ('read', 'write', 'think')

    def path(self, path):
        need(path == '/v1/chat/completions', 'the path %s', path)

    def plain(self, body):
        """reasoning_content is taken back in the turns of the assistant, as
        most servers with reasoning do."""
        messages = []

        for m in body.get('messages', ()):
            if isinstance(m, dict) and m.get('role') == 'assistant' \
                    and isinstance(m.get('reasoning_content'), str):
                m = {k: v for k, v in m.items() if k != 'reasoning_content'}
            messages.append(m)

        return dict(body, messages=messages)

    # what is asked

    def view(self, path, body):
        v = View()

        for m in body['messages']:
            self.turn(v, m)

        for t in body.get('tools') or []:
            f = t['function']
            v.tools.append((f['name'], f.get('description') or '',
                            tool_schema(f.get('parameters'))))

        choice = body.get('tool_choice')
        v.choice = choice['function']['name'] if isinstance(choice, dict) \
            else {'required': 'any'}.get(choice, choice)
        form = body.get('response_format') or {}
        v.schema = (form.get('json_schema') or {}).get('schema')
        v.max_tokens = body.get('max_completion_tokens',
                                body.get('max_tokens'))
        stop = body.get('stop') or []
        v.stop = [stop] if isinstance(stop, str) else stop
        v.temperature = body.get('temperature')
        v.think = body.get('reasoning_effort') not in (None, 'none')
        v.stream = bool(body.get('stream'))

        return v

    def turn(self, v, m):
        parts = m.get('content')
        parts = [{'type': 'text', 'text': parts}] if isinstance(parts, str) \
            else parts or []
        blocks = [self.part(p) for p in parts]

        if m['role'] in ('system', 'developer'):
            v.system.extend(b[1] for b in blocks)
        elif m['role'] == 'tool':
            v.add('user', [('result', m['tool_call_id'], None,
                            ''.join(b[1] for b in blocks))])
        elif m['role'] == 'user':
            v.add('user', blocks)
        else:
            if m.get('reasoning_content'):
                blocks.insert(0, ('think', m['reasoning_content'], None))
            for c in m.get('tool_calls') or []:
                blocks.append(('call', c['id'], c['function']['name'],
                               c['function']['arguments']))
            v.add('assistant', blocks)

    def part(self, p):
        if p['type'] == 'text':
            return 'text', p['text']

        if p['type'] == 'image_url':
            url = p['image_url']['url']
            if url.startswith('data:'):
                return media(data_url(url, 'an image'))
            return 'image_url', url

        if p['type'] == 'file':
            need(p['file'].get('filename'), 'a file without its name')
            return media(data_url(p['file']['file_data'], 'a file'))

        need(p['type'] == 'refusal', 'a part %s', p['type'])

        return 'text', p['refusal']

    # what is demanded of it

    def rules(self, headers, path, body):
        calls = Calls()
        tools = body.get('tools')

        for m in body['messages']:
            if m['role'] == 'tool':
                calls.answered(m['tool_call_id'])
                continue

            calls.done()
            need(m['role'] != 'assistant' or m.get('content') is not None
                 or m.get('tool_calls') or m.get('refusal'),
                 'a turn of the assistant with nothing in it')

            for c in m.get('tool_calls') or ():
                calls.made(c['id'])
                self.name(c['function']['name'])
                need(isinstance(json.loads(c['function']['arguments']), dict),
                     'arguments %.60s', c['function']['arguments'])

        calls.done()
        need(tools is None or tools, 'tools is empty')
        need(tools or not {'tool_choice', 'parallel_tool_calls'} & body.keys(),
             'tool_choice or parallel_tool_calls without tools')

        for t in tools or ():
            self.name(t['function']['name'])

        need(not {'max_tokens', 'max_completion_tokens'} <= body.keys(),
             'max_tokens and max_completion_tokens')
        need(body.get('stream') or 'stream_options' not in body,
             'stream_options without stream')
        need(not isinstance(body.get('stop'), list) or 0 < len(body['stop'])
             <= 4, 'stop of %s', body.get('stop'))
        strict(body.get('response_format'))

    def name(self, name):
        need(re.fullmatch(r'[A-Za-z0-9_-]{1,64}', name), 'the name %s', name)

    # what it says

    def usage(self, said):
        return {'prompt_tokens': said.total_in(),
                'completion_tokens': said.total_out(),
                'total_tokens': said.total_in() + said.total_out(),
                'prompt_tokens_details': {
                    'cached_tokens': said.usage['read'],
                    'cache_write_tokens': said.usage['write']},
                'completion_tokens_details': {
                    'reasoning_tokens': said.usage['think']}}

    def call_id(self, said, i):
        return 'call_%s_%d' % (said.tag, i)

    def whole(self, said, view):
        m = {'role': 'assistant', 'content': said.text() or None,
             'refusal': ''.join(b[1] for b in said.of('refusal')) or None}

        if said.of('think'):
            m['reasoning_content'] = said.of('think')[0][1]

        if said.of('call'):
            m['tool_calls'] = [
                {'id': self.call_id(said, i), 'type': 'function',
                 'function': {'name': name, 'arguments': arguments}}
                for i, (_, name, arguments) in enumerate(said.of('call'))]

        return {'id': 'chatcmpl-' + said.tag, 'object': 'chat.completion',
                'created': CREATED, 'model': MODEL,
                'choices': [{'index': 0, 'message': m, 'logprobs': None,
                             'finish_reason': self.finishes[said.finish]}],
                'usage': self.usage(said), 'service_tier': 'default',
                'system_fingerprint': 'fp_1'}

    def stream(self, said, view, body):
        def chunk(delta, finish=None):
            return sse({'id': 'chatcmpl-' + said.tag, 'object':
                        'chat.completion.chunk', 'created': CREATED,
                        'model': MODEL, 'system_fingerprint': 'fp_1',
                        'choices': [{'index': 0, 'delta': delta, 'logprobs':
                                     None, 'finish_reason': finish}]})

        yield chunk({'role': 'assistant', 'content': '', 'refusal': None})

        for kind, text, *_ in said.of('think', 'text', 'refusal'):
            name = {'think': 'reasoning_content', 'text': 'content',
                    'refusal': 'refusal'}[kind]
            for t in split(text):
                yield chunk({name: t})

        for i, (_, name, arguments) in enumerate(said.of('call')):
            yield chunk({'tool_calls': [
                {'index': i, 'id': self.call_id(said, i), 'type': 'function',
                 'function': {'name': name, 'arguments': ''}}]})
            for t in split(arguments):
                yield chunk({'tool_calls': [
                    {'index': i, 'function': {'arguments': t}}]})

        yield chunk({}, self.finishes[said.finish])

        if (body.get('stream_options') or {}).get('include_usage'):
            yield sse({'id': 'chatcmpl-' + said.tag, 'object':
                       'chat.completion.chunk', 'created': CREATED,
                       'model': MODEL, 'choices': [],
                       'usage': self.usage(said)})

        yield b'data: [DONE]\n\n'

    def quirks(self, pieces):
        """Calls told in turns of a fragment each, their names once more, and
        no [DONE]."""
        calls, rest = {}, []

        for p in pieces:
            e = json.loads(p[6:]) if b'[DONE]' not in p else {}
            found = [c for x in e.get('choices', ())
                     for c in x['delta'].get('tool_calls', ())]
            if found:
                calls.setdefault(found[0]['index'], []).append(p)
            elif e:
                rest.append(p)

        turns = []

        while any(calls.values()):
            turns += [c.pop(0) for c in calls.values() if c]

        return super().quirks(rest[:1] + turns + rest[1:])

    def error(self, status, text):
        kind, code = {400: ('invalid_request_error', None),
                      429: ('requests', 'rate_limit_exceeded'),
                      500: ('server_error', None),
                      503: ('server_error', 'overloaded')}[status]

        return status, self.retry(status), {'error': {
            'message': text, 'type': kind, 'param': None, 'code': code}}

    def error_event(self, text, n):
        return sse({'error': {'message': text, 'type': 'server_error',
                              'param': None, 'code': None}})

    # what a client of it bears

    def events(self, headers, body):
        done = False

        for name, data in self.sse_events(body):
            need(name is None, 'an event with a name, %s', name)
            need(not done, 'an event after [DONE]: %.80s', data)
            done = data == '[DONE]'
            yield data if done else json.loads(data)

    def failed(self, e):
        return e != '[DONE]' and 'error' in e

    def checked(self, e):
        return None if e == '[DONE]' or 'error' in e else e

    def grammar(self, events, asked):
        need(events[-1] == '[DONE]', 'the end is no [DONE]')
        events = events[:-1]
        first, finish, calls, used = events[0], None, {}, False

        need(first['choices'][0]['delta'].get('role') == 'assistant',
             'the first delta has no role')

        for e in events:
            for name in ('id', 'created', 'model'):
                need(e[name] == first[name], '%s changes', name)

            need(not used, 'something after the usage')

            if not e['choices']:
                need(e.get('usage') and finish, 'no choices, and no usage')
                used = True
                continue

            need(len(e['choices']) == 1 and e['choices'][0]['index'] == 0,
                 'the choices %s', e['choices'])
            need(finish is None, 'a choice after the finish')
            delta = e['choices'][0]['delta']
            finish = e['choices'][0]['finish_reason']
            need(finish is None or not delta.get('tool_calls'),
                 'a call in the last delta')

            for c in delta.get('tool_calls') or ():
                self.call(calls, c)

        for f in calls.values():
            need(isinstance(json.loads(f['arguments']), dict),
                 'arguments %.80s', f['arguments'])

        need(finish, 'no finish')
        need(used == bool((asked.get('stream_options') or {})
                          .get('include_usage')),
             'usage %s', 'that nobody asked' if used else 'was asked')

    def call(self, calls, c):
        i, f = c['index'], c.get('function') or {}

        if i not in calls:
            need(i == len(calls), 'the call %d is the %dth', i, len(calls))
            need(c.get('id') and c.get('type') == 'function'
                 and f.get('name') and 'arguments' in f,
                 'a call begins as %s', c)
            calls[i] = dict(f)
        else:
            need(not c.keys() - {'index', 'function', 'type'} and 'name'
                 not in f, 'a call goes on as %s', c)
            calls[i]['arguments'] += f['arguments']


def strict(form):
    """OpenAI's strict schemas: all members required, and no others."""
    s = (form or {}).get('json_schema') or {}

    if s.get('strict'):
        whole = s['schema']
        need(whole.get('additionalProperties') is False
             and set(whole.get('required', ())) == set(whole['properties']),
             'a strict schema that is not: %s', whole)
