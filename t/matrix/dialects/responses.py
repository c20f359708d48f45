"""OpenAI's /v1/responses."""

import json
import re

from said import split
from .base import (CREATED, MODEL, Calls, Dialect, View, data_url, media, need,
                   sse, tool_schema)


class Responses(Dialect):
    code = 'or'
    version = 'v1'
    request, answer = 'openai.responses.request', 'openai.responses.response'
    event, error_schema = 'openai.responses.event', 'openai.error'
    own = ('openai-',)
    finishes = {'stop': 'completed', 'stop_seq': 'completed',
                'tool_calls': 'completed', 'limit': 'incomplete',
                'refuse': 'completed', 'filter': 'incomplete',
                'blocked': 'incomplete'}
    why = {'limit': 'max_output_tokens', 'filter': 'content_filter',
           'blocked': 'content_filter'}
    reads = ('read', 'write', 'think')

    def path(self, path):
        need(path == '/v1/responses', 'the path %s', path)

    # what is asked

    def items(self, body):
        items = body.get('input')

        return [{'role': 'user', 'content': items}] \
            if isinstance(items, str) else items or []

    def view(self, path, body):
        v = View()

        if body.get('instructions'):
            v.system.append(body['instructions'])

        for i in self.items(body):
            self.item(v, i)

        for t in body.get('tools') or []:
            need(t['type'] == 'function', 'a tool %s', t['type'])
            v.tools.append((t['name'], t.get('description') or '',
                            tool_schema(t.get('parameters'))))

        choice = body.get('tool_choice')
        v.choice = choice.get('name') if isinstance(choice, dict) \
            else {'required': 'any'}.get(choice, choice)
        form = (body.get('text') or {}).get('format') or {}
        v.schema = form.get('schema')
        v.max_tokens = body.get('max_output_tokens')
        v.temperature = body.get('temperature')
        reasoning = body.get('reasoning') or {}
        v.think = bool(reasoning.get('summary')) \
            and 'reasoning.encrypted_content' in (body.get('include') or ())
        v.stream = bool(body.get('stream'))

        return v

    def item(self, v, i):
        kind = i.get('type', 'message')

        if kind == 'function_call':
            v.add('assistant', [('call', i['call_id'], i['name'],
                                 i['arguments'])])
        elif kind == 'function_call_output':
            out = i['output']
            v.add('user', [('result', i['call_id'], None,
                            out if isinstance(out, str) else
                            ''.join(self.part(p)[1] for p in out))])
        elif kind == 'reasoning':
            v.add('assistant', [('think',
                                 '\n\n'.join(s['text'] for s in i['summary']),
                                 i.get('encrypted_content'))])
        else:
            need(kind == 'message', 'an item %s', kind)
            content = i['content']
            content = [{'type': 'input_text', 'text': content}] \
                if isinstance(content, str) else content
            blocks = [self.part(p) for p in content]

            if i['role'] in ('system', 'developer'):
                v.system.extend(b[1] for b in blocks)
            else:
                v.add(i['role'], blocks)

    def part(self, p):
        if p['type'] in ('input_text', 'output_text'):
            return 'text', p['text']

        if p['type'] == 'refusal':
            return 'text', p['refusal']

        if p['type'] == 'input_image':
            url = p['image_url']
            return media(data_url(url, 'an image')) \
                if url.startswith('data:') else ('image_url', url)

        need(p['type'] == 'input_file', 'a part %s', p['type'])

        if p.get('file_url'):
            return 'pdf_url', p['file_url']

        need(p.get('filename'), 'a file without its name')

        return media(data_url(p['file_data'], 'a file'))

    # what is demanded of it

    def rules(self, headers, path, body):
        calls = Calls()

        for i in self.items(body):
            kind = i.get('type', 'message')

            if kind == 'function_call':
                calls.made(i['call_id'])
                need(isinstance(json.loads(i['arguments']), dict),
                     'arguments %.60s', i['arguments'])
            elif kind == 'function_call_output':
                calls.answered(i['call_id'])
            elif kind == 'message':
                calls.done()
                want = 'output_' if i['role'] == 'assistant' else 'input_'
                need(isinstance(i['content'], str)
                     or all(p['type'].startswith((want, 'refusal'))
                            for p in i['content']),
                     'the parts of the %s: %s', i['role'], i['content'])

        calls.done()

        for t in body.get('tools') or ():
            need(re.fullmatch(r'[A-Za-z0-9_-]{1,64}', t['name']),
                 'the name %s', t['name'])
            need(t.get('strict') is not None,
                 'strict is not said, so it is true')

        need('tool_choice' not in body or body.get('tools'),
             'tool_choice without tools')
        need((body.get('max_output_tokens') or 16) >= 16,
             'max_output_tokens of %s', body.get('max_output_tokens'))
        form = (body.get('text') or {}).get('format') or {}
        need(form.get('type') != 'json_schema' or form.get('name'),
             'a schema without its name')

    def signed(self, view, number, level):
        from said import signature, thought

        thoughts = [b for b in view.blocks('think', 'call')]
        need([b[0] for b in thoughts] == ['think', 'call'] * view.step(),
             'the reasoning is not before each call: %s',
             [b[0] for b in thoughts])

        for step, (_, text, sig) in enumerate(view.blocks('think')):
            need(sig == signature(number, step),
                 'encrypted_content of %d: %.80s', step, sig)
            need(level != 'reason' or text == thought(number, step),
                 'the summary of %d: %.80r', step, text)

    # what it says

    def output(self, said):
        items, n = [], said.tag

        for i, b in enumerate(said.blocks):
            if b[0] == 'think':
                items.append({'type': 'reasoning', 'id': 'rs_%s_%d' % (n, i),
                              'summary': [{'type': 'summary_text',
                                           'text': b[1]}],
                              'encrypted_content': b[2]})
            elif b[0] == 'call':
                items.append({'type': 'function_call', 'status': 'completed',
                              'id': 'fc_%s_%d' % (n, i),
                              'call_id': 'call_%s_%d' % (n, i),
                              'name': b[1], 'arguments': b[2]})
            else:
                part = {'type': 'refusal', 'refusal': b[1]} \
                    if b[0] == 'refusal' else \
                    {'type': 'output_text', 'text': b[1], 'annotations': [],
                     'logprobs': []}
                items.append({'type': 'message', 'id': 'msg_%s_%d' % (n, i),
                              'status': 'completed' if said.finish
                              not in self.why else 'incomplete',
                              'role': 'assistant', 'content': [part]})

        return items

    def whole(self, said, view, status=None):
        done = status is None
        status = status or self.finishes[said.finish]

        return {'id': 'resp_' + said.tag, 'object': 'response',
                'created_at': CREATED, 'status': status, 'error': None,
                'incomplete_details': {'reason': self.why[said.finish]}
                if status == 'incomplete' else None,
                'instructions': None, 'max_output_tokens': view.max_tokens,
                'model': MODEL, 'output': self.output(said) if done else [],
                'parallel_tool_calls': True, 'previous_response_id': None,
                'store': False, 'temperature': 1.0, 'top_p': 1.0,
                'tool_choice': 'auto', 'tools': [], 'truncation': 'disabled',
                'metadata': {}, 'usage': self.usage(said) if done else None}

    def usage(self, said):
        return {'input_tokens': said.total_in(),
                'input_tokens_details': {
                    'cached_tokens': said.usage['read'],
                    'cache_write_tokens': said.usage['write']},
                'output_tokens': said.total_out(),
                'output_tokens_details': {
                    'reasoning_tokens': said.usage['think']},
                'total_tokens': said.total_in() + said.total_out()}

    def stream(self, said, view, body):
        n = [0]

        def event(kind, **more):
            n[0] += 1
            return sse(dict({'type': kind, 'sequence_number': n[0] - 1},
                            **more), kind)

        begun = self.whole(said, view, 'in_progress')
        yield event('response.created', response=begun)
        yield event('response.in_progress', response=begun)

        for i, item in enumerate(self.output(said)):
            yield from self.item_events(event, i, item)
            yield event('response.output_item.done', output_index=i,
                        item=item)

        done = self.whole(said, view)
        yield event('response.' + done['status'], response=done)

    def item_events(self, event, i, item):
        at = {'output_index': i, 'item_id': item['id']}
        begun = {'message': {'content': [], 'status': 'in_progress'},
                 'function_call': {'arguments': '', 'status': 'in_progress'},
                 'reasoning': {'summary': [], 'encrypted_content': None}}
        yield event('response.output_item.added', output_index=i,
                    item=dict(item, **begun[item['type']]))

        if item['type'] == 'function_call':
            for t in split(item['arguments']):
                yield event('response.function_call_arguments.delta',
                            delta=t, **at)
            yield event('response.function_call_arguments.done',
                        name=item['name'], arguments=item['arguments'], **at)

        elif item['type'] == 'reasoning':
            part = item['summary'][0]
            yield event('response.reasoning_summary_part.added',
                        summary_index=0, part=dict(part, text=''), **at)
            for t in split(part['text']):
                yield event('response.reasoning_summary_text.delta', delta=t,
                            summary_index=0, **at)
            yield event('response.reasoning_summary_text.done',
                        text=part['text'], summary_index=0, **at)
            yield event('response.reasoning_summary_part.done',
                        summary_index=0, part=part, **at)

        else:
            part, at = item['content'][0], dict(at, content_index=0)
            name = 'refusal' if part['type'] == 'refusal' else 'text'
            kind = 'refusal' if name == 'refusal' else 'output_text'
            more = {'logprobs': []} if name == 'text' else {}
            yield event('response.content_part.added',
                        part=dict(part, **{name: ''}), **at)
            for t in split(part[name]):
                yield event('response.%s.delta' % kind, delta=t, **more, **at)
            yield event('response.%s.done' % kind, **{name: part[name]},
                        **more, **at)
            yield event('response.content_part.done', part=part, **at)

    def error(self, status, text):
        from .chat import Chat

        return Chat.error(self, status, text)

    def error_event(self, text, n):
        return sse({'type': 'error', 'code': 'server_error', 'message': text,
                    'param': None, 'sequence_number': n}, 'error')

    # what a client of it bears

    def events(self, headers, body):
        for name, data in self.sse_events(body):
            data = json.loads(data)
            need(name == data.get('type'), 'the event %s is of type %s', name,
                 data.get('type'))
            yield data

    def failed(self, e):
        return e['type'] in ('error', 'response.failed')

    def checked(self, e):
        # OpenAI's packages raise where an event has "error", whatever its
        # schema says of it
        return {k: v for k, v in e.items() if k != 'error'}

    def grammar(self, events, asked):
        numbers = [e['sequence_number'] for e in events]
        need(numbers == list(range(len(events))), 'sequence numbers %s',
             numbers)
        need([e['type'] for e in events[:2]] == [
            'response.created', 'response.in_progress'], 'it begins with %s',
            [e['type'] for e in events[:2]])
        last = events[-1]
        need(last['type'] in ('response.completed', 'response.incomplete'),
             'it ends with %s', last['type'])
        whole = last['response']

        for e in events:
            need('response' not in e or (
                e['response']['id'] == whole['id']
                and e['response']['model'] and e['response']['created_at']
                == whole['created_at']), 'another response in %s', e['type'])

        need(whole.get('usage'), 'no usage')
        need(whole['status'] == last['type'][9:], 'the status %s in %s',
             whole['status'], last['type'])
        items = {}

        for e in events[2:-1]:
            self.one(items, e)

        need([items[i].get('done') for i in sorted(items)] == whole['output']
             and sorted(items) == list(range(len(items))),
             'the output at the end is not what was told: %s / %s', items,
             whole['output'])

    def one(self, items, e):
        i, kind = e['output_index'], e['type'][9:]

        if kind == 'output_item.added':
            need(i == len(items), 'the item %d is the %dth', i, len(items))
            items[i] = {'id': e['item']['id'], 'type': e['item']['type'],
                        'text': {}}
            return

        item = items[i]
        need('done' not in item, 'the item %d goes on after its end', i)
        need(e.get('item_id', item['id']) == item['id'],
             'an id %s of the item %s', e.get('item_id'), item['id'])
        part = e.get('content_index', e.get('summary_index', 0))

        if kind.endswith('.delta'):
            item['text'][part] = item['text'].get(part, '') + e['delta']
        elif kind.endswith(('_text.done', 'refusal.done', 'arguments.done')):
            text = e.get('text', e.get('refusal', e.get('arguments')))
            need(text == item['text'].get(part, ''),
                 '%s says %.60r after %.60r', kind, text,
                 item['text'].get(part))
        elif kind == 'output_item.done':
            done = e['item']
            need(done['id'] == item['id'] and done['type'] == item['type'],
                 'the item %s ends as %s', item['id'], done['id'])
            told = {'message': lambda: {
                        k: p.get('text', p.get('refusal'))
                        for k, p in enumerate(done['content'])},
                    'function_call': lambda: {0: done['arguments']},
                    'reasoning': lambda: {k: s['text'] for k, s in enumerate(
                        done['summary'])}}[done['type']]()
            need({k: t for k, t in told.items() if t}
                 == {k: t for k, t in item['text'].items() if t},
                 'the item says %s after %s', told, item['text'])
            item['done'] = done
