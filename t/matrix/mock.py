"""A strict provider of seven dialects.

It checks what it is sent against the closed schema of the dialect's published
API and the rules that a provider has beside its schema, remembers it for the
test, and answers what the scenario says. A request that breaks a rule is
answered with 400 and noted in `complaints`.

The scenario and the number of the check stand in a user's text as
"scenario=NAME check=N".
"""

import base64
import gzip
import json
import os
import re
import struct
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from jsonschema import Draft202012Validator

HERE = os.path.dirname(os.path.abspath(__file__))

PNG = base64.b64decode(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAD'
    'hgGAWjR9awAAAABJRU5ErkJggg==')
PDF = b'%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF'

SIGNATURE = 'RXFRQkNrZ0lBUkFCR0FJaVFH' * 3


def signature(step):
    return SIGNATURE + 'AAA%d' % step


USAGE = (21, 7)         # tokens in, out, of every answer


def schemas():
    with gzip.open(os.path.join(HERE, 'schemas.json.gz')) as f:
        return {name: Draft202012Validator(schema)
                for name, schema in json.load(f).items()}


SCHEMAS = schemas()


def wrong(name, value):
    """What of it the schema does not allow, or None."""
    error = next(iter(sorted(SCHEMAS[name].iter_errors(value),
                             key=lambda e: -len(list(e.path)))), None)

    if error is None:
        return None

    while error.context:
        error = max(error.context, key=lambda e: len(list(e.path)))

    return '%s at %s: %s' % (name, '/'.join(map(str, error.absolute_path)),
                             error.message[:200])


# what all clients and servers have agreed on beside a schema
BESIDE = {'oc': ('reasoning_content', 'reasoning_details', 'extra_content')}


def without(value, names):
    if isinstance(value, dict):
        return {k: without(v, names) for k, v in value.items()
                if k not in names}
    if isinstance(value, list):
        return [without(v, names) for v in value]
    return value


# what a scenario answers: blocks and why it ends

TEXT = 'The answer is 42 \u2713.'
REFUSED = 'I cannot help with that.'
JSON = '{"city":"Paris","temperature":21}'


def answer(scenario, step):
    """Blocks and a finish; step counts the tools' results so far."""
    if scenario == 'tool' and step == 0:
        return [('call', 'get_weather', {'city': 'Paris'})], 'tool_calls'

    if scenario == 'parallel' and step == 0:
        return [('call', 'get_weather', {'city': c})
                for c in ('Paris', 'Rome', 'Oslo')], 'tool_calls'

    if scenario == 'empty' and step == 0:
        return [('call', 'get_time', {})], 'tool_calls'

    if scenario == 'reason' and step < 2:
        return [('think', 'Let me look (%d).' % step, signature(step)),
                ('call', 'get_weather', {'city': ['Paris', 'Rome'][step]})], \
            'tool_calls'

    if scenario == 'json':
        return [('text', JSON)], 'stop'

    if scenario == 'limit':
        return [('text', 'The answer')], 'length'

    if scenario == 'refuse':
        return [('text', REFUSED)], 'filter'

    return [('text', TEXT)], 'stop'


def split(text):
    """As a stream cuts it: also within a word."""
    return [text[i:i + 5] for i in range(0, len(text), 5)]


class Provider:
    """One dialect: how it is asked, what it demands, how it answers."""

    name = request = ''

    def asked(self, handler, path, body):
        raise NotImplementedError

    def auth(self, headers):
        return headers.get('authorization') == 'Bearer k'

    def rules(self, body, headers):
        return None

    def error(self, status, kind, text):
        return json.dumps({'error': {'message': text, 'type': kind,
                                     'param': None, 'code': None}}), {}

    def plain(self, body):
        """The body in the one form that the schema knows."""
        return body

    def call_id(self, n):
        return 'call_%02d' % n

    # streams are lists of bytes; the last one alone has the usage
    def sse(self, name, data):
        head = 'event: %s\n' % name if name else ''
        return ('%sdata: %s\n\n' % (head, json.dumps(data))).encode()


class Chat(Provider):
    name, request = 'openai', 'openai.chat.request'
    type = 'text/event-stream'
    why = {'stop': 'stop', 'tool_calls': 'tool_calls', 'length': 'length',
           'filter': 'content_filter'}

    def streams(self, path, body):
        return bool(body.get('stream'))

    def steps(self, body):
        return sum(m['role'] == 'tool' for m in body['messages'])

    def rules(self, body, headers):
        open_ids = []

        for m in body['messages']:
            if m['role'] == 'tool':
                if m['tool_call_id'] not in open_ids:
                    return 'a tool message without its call'
                open_ids.remove(m['tool_call_id'])
            elif open_ids:
                return 'calls %s are not answered' % open_ids
            if m['role'] == 'assistant':
                open_ids = [c['id'] for c in m.get('tool_calls') or []]
                for c in m.get('tool_calls') or []:
                    json.loads(c['function']['arguments'])

        if open_ids:
            return 'calls %s are not answered' % open_ids

        if body.get('tools') == []:
            return 'tools is empty'

        if 'tool_choice' in body and not body.get('tools'):
            return 'tool_choice without tools'

        for t in body.get('tools') or []:
            if not re.match(r'^[A-Za-z0-9_-]{1,64}$', t['function']['name']):
                return 'a tool by that name'

        return None

    def usage(self):
        return {'prompt_tokens': USAGE[0], 'completion_tokens': USAGE[1],
                'total_tokens': sum(USAGE)}

    def whole(self, blocks, finish):
        m = {'role': 'assistant', 'content': None, 'refusal': None}
        calls = []

        for b in blocks:
            if b[0] == 'text':
                m['content'] = b[1]
            elif b[0] == 'think':
                m['reasoning_content'] = b[1]
            else:
                calls.append({'id': self.call_id(len(calls)),
                              'type': 'function',
                              'function': {'name': b[1],
                                           'arguments': json.dumps(b[2])}})

        if calls:
            m['tool_calls'] = calls

        return {'id': 'chatcmpl-1', 'object': 'chat.completion',
                'created': 1764000000, 'model': 'real-model',
                'choices': [{'index': 0, 'message': m, 'logprobs': None,
                             'finish_reason': self.why[finish]}],
                'usage': self.usage()}

    def chunk(self, delta, finish=None, **more):
        return self.sse('', dict({
            'id': 'chatcmpl-1', 'object': 'chat.completion.chunk',
            'created': 1764000000, 'model': 'real-model',
            'choices': [{'index': 0, 'delta': delta,
                         'finish_reason': finish}]}, **more))

    def stream(self, blocks, finish, body=None):
        yield self.chunk({'role': 'assistant', 'content': ''})
        n = 0

        for b in blocks:
            if b[0] == 'call':
                yield self.chunk({'tool_calls': [{
                    'index': n, 'id': self.call_id(n), 'type': 'function',
                    'function': {'name': b[1], 'arguments': ''}}]})
                for t in split(json.dumps(b[2])):
                    yield self.chunk({'tool_calls': [{
                        'index': n, 'function': {'arguments': t}}]})
                n += 1
            else:
                name = 'content' if b[0] == 'text' else 'reasoning_content'
                for t in split(b[1]):
                    yield self.chunk({name: t})

        yield self.chunk({}, self.why[finish])

        if (body or {}).get('stream_options', {}).get('include_usage'):
            yield self.sse('', {
                'id': 'chatcmpl-1', 'object': 'chat.completion.chunk',
                'created': 1764000000, 'model': 'real-model', 'choices': [],
                'usage': self.usage()})

        yield b'data: [DONE]\n\n'


class Responses(Provider):
    name, request = 'responses', 'openai.responses.request'
    type = 'text/event-stream'

    def streams(self, path, body):
        return bool(body.get('stream'))

    def items(self, body):
        items = body.get('input')
        return items if isinstance(items, list) else []

    def steps(self, body):
        return sum(i.get('type') == 'function_call_output'
                   for i in self.items(body))

    def rules(self, body, headers):
        open_ids = []

        for i in self.items(body):
            kind = i.get('type')
            if kind == 'function_call':
                json.loads(i['arguments'])
                open_ids.append(i['call_id'])
            elif kind == 'function_call_output':
                if i['call_id'] not in open_ids:
                    return 'an output without its call'
                open_ids.remove(i['call_id'])
            elif kind in (None, 'message') and open_ids:
                return 'calls %s are not answered' % open_ids

        if open_ids:
            return 'calls %s are not answered' % open_ids

        for t in body.get('tools') or []:
            if t['type'] == 'function' and t.get('strict') is None:
                return 'strict is not said: it would be true'

        if body.get('max_output_tokens', 16) < 16:
            return 'max_output_tokens below 16'

        seen = [i.get('encrypted_content') for i in self.items(body)
                if i.get('type') == 'reasoning']

        return signatures('reason', seen, self.steps(body), body)

    def output(self, blocks):
        items, n = [], 0

        for b in blocks:
            if b[0] == 'text':
                items.append({'type': 'message', 'id': 'msg_%d' % len(items),
                              'status': 'completed', 'role': 'assistant',
                              'content': [{'type': 'output_text',
                                           'text': b[1], 'annotations': [],
                                           'logprobs': []}]})
            elif b[0] == 'think':
                items.append({'type': 'reasoning', 'id': 'rs_%d' % len(items),
                              'summary': [{'type': 'summary_text',
                                           'text': b[1]}],
                              'encrypted_content': b[2]})
            else:
                items.append({'type': 'function_call',
                              'id': 'fc_%d' % len(items), 'call_id':
                              self.call_id(n), 'name': b[1], 'status':
                              'completed', 'arguments': json.dumps(b[2])})
                n += 1

        return items

    def whole(self, blocks, finish, status=None):
        why = {'length': 'max_output_tokens', 'filter': 'content_filter'}
        status = status or ('incomplete' if finish in why else 'completed')

        return {'id': 'resp_1', 'object': 'response', 'created_at': 1764000000,
                'status': status, 'error': None,
                'incomplete_details': {'reason': why[finish]}
                if status == 'incomplete' else None,
                'instructions': None, 'metadata': {}, 'model': 'real-model',
                'output': self.output(blocks) if status != 'in_progress'
                else [], 'parallel_tool_calls': True, 'temperature': 1.0,
                'tool_choice': 'auto', 'tools': [], 'top_p': 1.0,
                'usage': {'input_tokens': USAGE[0], 'input_tokens_details':
                          {'cached_tokens': 0, 'cache_write_tokens': 0},
                          'output_tokens': USAGE[1],
                          'output_tokens_details': {'reasoning_tokens': 0},
                          'total_tokens': sum(USAGE)}
                if status != 'in_progress' else None}

    def stream(self, blocks, finish, body=None):
        n = [0]

        def event(kind, **more):
            data = dict({'type': kind, 'sequence_number': n[0]}, **more)
            n[0] += 1
            return self.sse(kind, data)

        begun = self.whole(blocks, finish, 'in_progress')
        yield event('response.created', response=begun)
        yield event('response.in_progress', response=begun)

        for i, item in enumerate(self.output(blocks)):
            at = {'output_index': i, 'item_id': item['id']}

            if item['type'] == 'message':
                part = item['content'][0]
                yield event('response.output_item.added', output_index=i,
                            item=dict(item, status='in_progress', content=[]))
                yield event('response.content_part.added', content_index=0,
                            part=dict(part, text=''), **at)
                for t in split(part['text']):
                    yield event('response.output_text.delta', delta=t,
                                content_index=0, logprobs=[], **at)
                yield event('response.output_text.done', text=part['text'],
                            content_index=0, logprobs=[], **at)
                yield event('response.content_part.done', content_index=0,
                            part=part, **at)
            elif item['type'] == 'reasoning':
                part = item['summary'][0]
                yield event('response.output_item.added', output_index=i,
                            item={'type': 'reasoning', 'id': item['id'],
                                  'summary': []})
                yield event('response.reasoning_summary_part.added',
                            summary_index=0, part=dict(part, text=''), **at)
                for t in split(part['text']):
                    yield event('response.reasoning_summary_text.delta',
                                delta=t, summary_index=0, **at)
                yield event('response.reasoning_summary_text.done',
                            text=part['text'], summary_index=0, **at)
                yield event('response.reasoning_summary_part.done',
                            summary_index=0, part=part, **at)
            else:
                yield event('response.output_item.added', output_index=i,
                            item=dict(item, status='in_progress',
                                      arguments=''))
                for t in split(item['arguments']):
                    yield event('response.function_call_arguments.delta',
                                delta=t, **at)
                yield event('response.function_call_arguments.done',
                            name=item['name'], arguments=item['arguments'],
                            **at)

            yield event('response.output_item.done', output_index=i,
                        item=item)

        done = self.whole(blocks, finish)
        yield event('response.' + done['status'], response=done)


class Messages(Provider):
    name, request = 'anthropic', 'anthropic.messages.request'
    type = 'text/event-stream'
    why = {'stop': 'end_turn', 'tool_calls': 'tool_use',
           'length': 'max_tokens', 'filter': 'refusal'}

    def auth(self, headers):
        return headers.get('x-api-key') == 'k'

    def call_id(self, n):
        return 'toolu_%02d' % n

    def streams(self, path, body):
        return bool(body.get('stream'))

    def blocks(self, body, kind):
        return [b for m in body['messages']
                if isinstance(m['content'], list)
                for b in m['content'] if b['type'] == kind]

    def steps(self, body):
        return len(self.blocks(body, 'tool_result'))

    def rules(self, body, headers):
        if headers.get('anthropic-version') not in ('2023-06-01',
                                                    '2026-10-21'):
            return 'no anthropic-version'

        if body['messages'][0]['role'] != 'user':
            return 'it does not begin with the user'

        want = []

        for m in body['messages']:
            content = m['content']
            if isinstance(content, str):
                content = [{'type': 'text', 'text': content}]
            if not content:
                return 'an empty turn'
            for b in content:
                if b['type'] == 'text' and not b['text'].strip():
                    return 'a blank text'
            got = [b['tool_use_id'] for b in content
                   if b['type'] == 'tool_result']
            if sorted(got) != sorted(want):
                return 'results %s for calls %s' % (got, want)
            if [b['type'] for b in content[:len(got)]] != \
                    ['tool_result'] * len(got):
                return 'results are not first'
            want = [b['id'] for b in content if b['type'] == 'tool_use']
            for i in want:
                if not re.match(r'^[a-zA-Z0-9_-]+$', i):
                    return 'an id ' + i

        if want:
            return 'calls %s are not answered' % want

        think = body.get('thinking') or {}

        if think.get('type') == 'enabled':
            if not 1024 <= think['budget_tokens'] < body['max_tokens']:
                return 'a budget of %d' % think['budget_tokens']
            if body.get('temperature', 1) != 1:
                return 'temperature beside thinking'

        if not 0 <= body.get('temperature', 0) <= 1:
            return 'temperature above 1'

        return signatures('reason', [b['signature'] for b in
                                     self.blocks(body, 'thinking')],
                          self.steps(body), body)

    def error(self, status, kind, text):
        return json.dumps({'type': 'error', 'error': {
            'type': kind, 'message': text}, 'request_id': 'r'}), {}

    def content(self, blocks):
        out, n = [], 0

        for b in blocks:
            if b[0] == 'text':
                out.append({'type': 'text', 'text': b[1], 'citations': None})
            elif b[0] == 'think':
                out.append({'type': 'thinking', 'thinking': b[1],
                            'signature': b[2]})
            else:
                out.append({'type': 'tool_use', 'id': self.call_id(n),
                            'name': b[1], 'input': b[2]})
                n += 1

        return out

    def whole(self, blocks, finish, content=None):
        return {'id': 'msg_1', 'type': 'message', 'role': 'assistant',
                'model': 'real-model',
                'content': self.content(blocks) if content is None
                else content,
                'stop_reason': self.why[finish] if content is None else None,
                'stop_sequence': None,
                'usage': {'input_tokens': USAGE[0], 'output_tokens': USAGE[1],
                          'cache_creation_input_tokens': 0,
                          'cache_read_input_tokens': 0}}

    def stream(self, blocks, finish, body=None):
        def event(kind, **more):
            return self.sse(kind, dict({'type': kind}, **more))

        begun = self.whole(blocks, finish, [])
        begun['usage']['output_tokens'] = 1
        yield event('message_start', message=begun)
        yield event('ping')

        for i, b in enumerate(self.content(blocks)):
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
                first = dict(b, input={})
                deltas = [{'type': 'input_json_delta', 'partial_json': t}
                          for t in ([''] + split(json.dumps(b['input']))
                                    if b['input'] else [''])]

            yield event('content_block_start', index=i, content_block=first)
            for d in deltas:
                yield event('content_block_delta', index=i, delta=d)
            yield event('content_block_stop', index=i)

        yield event('message_delta',
                    delta={'stop_reason': self.why[finish],
                           'stop_sequence': None},
                    usage={'output_tokens': USAGE[1]})
        yield event('message_stop')


class Gemini(Provider):
    name, request = 'gemini', 'gemini.generate.request'
    type = 'text/event-stream'
    why = {'stop': 'STOP', 'tool_calls': 'STOP', 'length': 'MAX_TOKENS',
           'filter': 'SAFETY'}

    def auth(self, headers):
        return headers.get('x-goog-api-key') == 'k'

    def plain(self, body):
        # names in either case, but in what is the caller's own
        if isinstance(body, list):
            return [self.plain(v) for v in body]
        if not isinstance(body, dict):
            return body
        return {re.sub('_(.)', lambda m: m.group(1).upper(), k):
                v if k in ('args', 'response', 'labels') or 'json_schema'
                in k.lower() or 'jsonschema' in k.lower()
                else self.plain(v) for k, v in body.items()}

    def streams(self, path, body):
        return 'streamGenerateContent' in path

    def parts(self, body, kind):
        return [p[kind] for c in body['contents'] for p in c['parts']
                if kind in p]

    def steps(self, body):
        return len(self.parts(body, 'functionResponse'))

    def rules(self, body, headers):
        if not body.get('contents'):
            return 'contents is empty'

        calls = 0

        for c in body['contents']:
            if c.get('role') not in ('user', 'model'):
                return 'a role %s' % c.get('role')
            if not c.get('parts'):
                return 'no parts'
            results = sum('functionResponse' in p for p in c['parts'])
            if results != calls:
                return '%d results for %d calls' % (results, calls)
            calls = sum('functionCall' in p for p in c['parts'])
            for p in c['parts']:
                if 'functionResponse' in p and not isinstance(
                        p['functionResponse'].get('response'), dict):
                    return 'a response that is no object'

        if calls:
            return 'calls are not answered'

        if sum('functionDeclarations' in t for t in body.get('tools', [])) > 1:
            return 'declarations in two tools'

        seen = [p['thoughtSignature'] for c in body['contents']
                for p in c['parts'] if 'thoughtSignature' in p]

        if 'skip_thought_signature_validator' in seen:
            return None

        return signatures('reason', seen, self.steps(body), body)

    def error(self, status, kind, text):
        return json.dumps({'error': {'code': status, 'message': text,
                                     'status': kind}}), {}

    def usage(self):
        return {'promptTokenCount': USAGE[0],
                'candidatesTokenCount': USAGE[1],
                'totalTokenCount': sum(USAGE)}

    def parts_of(self, blocks):
        out, sig = [], None

        for b in blocks:
            if b[0] == 'text':
                out.append({'text': b[1]})
            elif b[0] == 'think':
                out.append({'text': b[1], 'thought': True})
                sig = b[2]
            else:
                p = {'functionCall': {'name': b[1], 'args': b[2]}}
                if sig:
                    p['thoughtSignature'] = sig
                    sig = None
                out.append(p)

        return out

    def one(self, parts, finish=None):
        candidate = {'content': {'role': 'model', 'parts': parts}, 'index': 0}

        if finish:
            candidate['finishReason'] = self.why[finish]

        return {'candidates': [candidate], 'usageMetadata': self.usage(),
                'modelVersion': 'real-model', 'responseId': 'r1'}

    def whole(self, blocks, finish):
        return self.one(self.parts_of(blocks), finish)

    def stream(self, blocks, finish, body=None):
        for p in self.parts_of(blocks):
            if 'text' in p:
                for t in split(p['text']):
                    yield self.sse('', self.one([dict(p, text=t)]))
            else:
                yield self.sse('', self.one([p]))

        yield self.sse('', self.one([{'text': ''}], finish))


class Converse(Provider):
    name, request = 'bedrock', 'bedrock.converse.request'
    type = 'application/vnd.amazon.eventstream'
    why = {'stop': 'end_turn', 'tool_calls': 'tool_use',
           'length': 'max_tokens', 'filter': 'content_filtered'}

    def call_id(self, n):
        return 'tooluse_%02d' % n

    def streams(self, path, body):
        return path.endswith('/converse-stream')

    def blocks(self, body, kind):
        return [b[kind] for m in body['messages'] for b in m['content']
                if kind in b]

    def steps(self, body):
        return len(self.blocks(body, 'toolResult'))

    def rules(self, body, headers):
        role, want = 'assistant', []

        for m in body['messages']:
            if m['role'] == role:
                return 'roles do not alternate, or begin with the assistant'
            role = m['role']
            got = [b['toolResult']['toolUseId'] for b in m['content']
                   if 'toolResult' in b]
            if sorted(got) != sorted(want):
                return 'results %s for calls %s' % (got, want)
            want = [b['toolUse']['toolUseId'] for b in m['content']
                    if 'toolUse' in b]
            documents = [b['document'] for b in m['content']
                         if 'document' in b]
            for d in documents:
                if not re.match(r'^[A-Za-z0-9 ()\[\]-]+$', d['name']):
                    return 'a document called ' + d['name']
            if documents and not any('text' in b for b in m['content']):
                return 'a document without a text'
            for b in m['content']:
                if 'text' in b and not b['text'].strip():
                    return 'a blank text'

        if want:
            return 'calls %s are not answered' % want

        if self.blocks(body, 'toolUse') and 'toolConfig' not in body:
            return 'tools without toolConfig'

        seen = [b['reasoningText'].get('signature') for b in
                self.blocks(body, 'reasoningContent')
                if 'reasoningText' in b]

        return signatures('reason', seen, self.steps(body), body)

    def error(self, status, kind, text):
        return json.dumps({'message': text}), {'x-amzn-errortype': kind}

    def usage(self):
        return {'inputTokens': USAGE[0], 'outputTokens': USAGE[1],
                'totalTokens': sum(USAGE)}

    def content(self, blocks):
        out, n = [], 0

        for b in blocks:
            if b[0] == 'text':
                out.append({'text': b[1]})
            elif b[0] == 'think':
                out.append({'reasoningContent': {'reasoningText': {
                    'text': b[1], 'signature': b[2]}}})
            else:
                out.append({'toolUse': {'toolUseId': self.call_id(n),
                                        'name': b[1], 'input': b[2]}})
                n += 1

        return out

    def whole(self, blocks, finish):
        return {'output': {'message': {'role': 'assistant', 'content':
                                       self.content(blocks)}},
                'stopReason': self.why[finish], 'usage': self.usage(),
                'metrics': {'latencyMs': 10}}

    def frame(self, name, payload, kind='event'):
        def header(key, value):
            return struct.pack('>B', len(key)) + key + b'\x07' + \
                struct.pack('>H', len(value)) + value

        payload = json.dumps(payload).encode()
        headers = header(b':event-type' if kind == 'event'
                         else b':exception-type', name.encode()) + \
            header(b':content-type', b'application/json') + \
            header(b':message-type', kind.encode())
        head = struct.pack('>II', 16 + len(headers) + len(payload),
                           len(headers))
        head += struct.pack('>I', zlib.crc32(head))
        whole = head + headers + payload

        return whole + struct.pack('>I', zlib.crc32(whole))

    def stream(self, blocks, finish, body=None):
        yield self.frame('messageStart', {'role': 'assistant'})

        for i, b in enumerate(self.content(blocks)):
            if 'text' in b:
                deltas = [{'text': t} for t in split(b['text'])]
            elif 'toolUse' in b:
                use = b['toolUse']
                yield self.frame('contentBlockStart', {
                    'contentBlockIndex': i, 'start': {'toolUse': {
                        'toolUseId': use['toolUseId'], 'name': use['name']}}})
                deltas = [{'toolUse': {'input': t}} for t in
                          (split(json.dumps(use['input'])) if use['input']
                           else [''])]
            else:
                r = b['reasoningContent']['reasoningText']
                deltas = [{'reasoningContent': {'text': t}}
                          for t in split(r['text'])]
                deltas.append({'reasoningContent':
                               {'signature': r['signature']}})

            for d in deltas:
                yield self.frame('contentBlockDelta',
                                 {'contentBlockIndex': i, 'delta': d})
            yield self.frame('contentBlockStop', {'contentBlockIndex': i})

        yield self.frame('messageStop', {'stopReason': self.why[finish]})
        yield self.frame('metadata', {'usage': self.usage(),
                                      'metrics': {'latencyMs': 10}})


class Ollama(Provider):
    name, request = 'ollama', 'ollama.chat.request'
    type = 'application/x-ndjson'
    why = {'stop': 'stop', 'tool_calls': 'stop', 'length': 'length',
           'filter': 'stop'}

    def streams(self, path, body):
        return body.get('stream', True)

    def steps(self, body):
        return sum(m['role'] == 'tool' for m in body['messages'])

    def rules(self, body, headers):
        if 'stream' not in body:
            return 'stream is not said'

        for m in body['messages']:
            for i in m.get('images') or []:
                base64.b64decode(i, validate=True)
            for c in m.get('tool_calls') or []:
                if not isinstance(c['function']['arguments'], dict):
                    return 'arguments are no object'
            if m['role'] == 'tool' and not m.get('tool_name'):
                return 'a tool without its name'

        return None

    def error(self, status, kind, text):
        return json.dumps({'error': text}), {}

    def one(self, done, finish='stop', **message):
        d = {'model': 'real-model', 'created_at': '2026-12-01T00:00:00Z',
             'message': dict({'role': 'assistant', 'content': ''}, **message),
             'done': done}

        if done:
            d.update({'done_reason': self.why[finish], 'total_duration': 5,
                      'load_duration': 1, 'prompt_eval_count': USAGE[0],
                      'prompt_eval_duration': 2, 'eval_count': USAGE[1],
                      'eval_duration': 2})

        return d

    def whole(self, blocks, finish):
        m, calls = {}, []

        for b in blocks:
            if b[0] == 'call':
                calls.append({'function': {'name': b[1], 'arguments': b[2]}})
            else:
                m['content' if b[0] == 'text' else 'thinking'] = b[1]

        if calls:
            m['tool_calls'] = calls

        return self.one(True, finish, **m)

    def stream(self, blocks, finish, body=None):
        def line(d):
            return json.dumps(d).encode() + b'\n'

        for b in blocks:
            if b[0] == 'call':
                yield line(self.one(False, tool_calls=[{'function': {
                    'name': b[1], 'arguments': b[2]}}]))
            else:
                for t in split(b[1]):
                    yield line(self.one(False, **{
                        'content' if b[0] == 'text' else 'thinking': t}))

        yield line(self.one(True, finish))


class Cohere(Provider):
    name, request = 'cohere', 'cohere.v2.chat.request'
    type = 'text/event-stream'
    why = {'stop': 'COMPLETE', 'tool_calls': 'TOOL_CALL',
           'length': 'MAX_TOKENS', 'filter': 'ERROR'}

    def streams(self, path, body):
        return bool(body.get('stream'))

    def steps(self, body):
        return sum(m['role'] == 'tool' for m in body['messages'])

    def rules(self, body, headers):
        want = []

        for m in body['messages']:
            if m['role'] == 'tool':
                if m['tool_call_id'] not in want:
                    return 'a tool message without its call'
                want.remove(m['tool_call_id'])
            elif m['role'] == 'assistant':
                want = [c['id'] for c in m.get('tool_calls') or []]

        if want:
            return 'calls %s are not answered' % want

        if body.get('tool_choice') and not body.get('tools'):
            return 'tool_choice without tools'

        if body.get('response_format') and body.get('tools'):
            return 'response_format with tools'

        return None

    def error(self, status, kind, text):
        return json.dumps({'message': text}), {}

    def usage(self):
        return {'billed_units': {'input_tokens': USAGE[0],
                                 'output_tokens': USAGE[1]},
                'tokens': {'input_tokens': USAGE[0],
                           'output_tokens': USAGE[1]}}

    def whole(self, blocks, finish):
        m, calls = {'role': 'assistant'}, []

        for b in blocks:
            if b[0] == 'text':
                m.setdefault('content', []).append({'type': 'text',
                                                    'text': b[1]})
            elif b[0] == 'think':
                m.setdefault('content', []).append({'type': 'thinking',
                                                    'thinking': b[1]})
            else:
                calls.append({'id': self.call_id(len(calls)),
                              'type': 'function', 'function': {
                                  'name': b[1],
                                  'arguments': json.dumps(b[2])}})

        if calls:
            m['tool_calls'] = calls

        return {'id': 'c1', 'finish_reason': self.why[finish], 'message': m,
                'usage': self.usage()}

    def stream(self, blocks, finish, body=None):
        def event(kind, **more):
            return self.sse(kind, dict({'type': kind}, **more))

        yield event('message-start', id='c1',
                    delta={'message': {'role': 'assistant'}})
        n = 0

        for i, b in enumerate(blocks):
            if b[0] == 'call':
                yield event('tool-call-start', index=n, delta={'message': {
                    'tool_calls': {'id': self.call_id(n), 'type': 'function',
                                   'function': {'name': b[1],
                                                'arguments': ''}}}})
                for t in split(json.dumps(b[2])):
                    yield event('tool-call-delta', index=n, delta={
                        'message': {'tool_calls': {'function': {
                            'arguments': t}}}})
                yield event('tool-call-end', index=n)
                n += 1
                continue

            kind = 'text' if b[0] == 'text' else 'thinking'
            yield event('content-start', index=i, delta={'message': {
                'content': {'type': kind, kind: ''}}})
            for t in split(b[1]):
                yield event('content-delta', index=i, delta={'message': {
                    'content': {kind: t}}})
            yield event('content-end', index=i)

        yield event('message-end', id='c1', delta={
            'finish_reason': self.why[finish], 'usage': self.usage()})


def signatures(scenario, seen, steps, body):
    """Those of the thinking that came with a call come back with it, unless
    the client has no place for them."""
    if 'scenario=' + scenario not in json.dumps(body) or not steps:
        return None

    for i, s in enumerate(seen):
        if s != signature(i):
            return 'signature %r' % s

    return None


PROVIDERS = {'oc': Chat(), 'or': Responses(), 'an': Messages(),
             'ge': Gemini(), 'be': Converse(), 'ol': Ollama(), 'co': Cohere()}

ERRORS = {      # of "limited": status, and what it is called
    'oc': (429, 'rate_limit_error'), 'or': (429, 'rate_limit_error'),
    'an': (429, 'rate_limit_error'), 'ge': (429, 'RESOURCE_EXHAUSTED'),
    'be': (429, 'ThrottlingException'), 'ol': (429, ''), 'co': (429, '')}


class Mock:

    def __init__(self):
        self.got = {}           # by check: (provider, headers, body) ...
        self.complaints = {}    # likewise
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(('127.0.0.1', 0),
                                          lambda *a: Handler(self, *a))
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def note(self, table, check, what):
        with self.lock:
            table.setdefault(check, []).append(what)


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def __init__(self, mock, *args):
        self.mock = mock
        super().__init__(*args)

    def log_message(self, *args):
        pass

    def send(self, status, kind, body, headers=None):
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        for k, v in (headers or {}).items():
            self.send_header(k, v)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        media = {'/media/a.png': ('image/png', PNG),
                 '/media/a.pdf': ('application/pdf', PDF)}
        kind, body = media.get(self.path, ('text/plain', b'none'))
        self.send(200 if self.path in media else 404, kind, body)

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get('content-length', 0)))
        prefix, path = self.path[1:].split('/', 1)
        provider = PROVIDERS[prefix]
        headers = {k.lower(): v for k, v in self.headers.items()}

        text = raw.decode()
        scenario = (re.findall(r'scenario=(\w+)', text) or [''])[-1]
        check = (re.findall(r'check=(\w+)', text) or [''])[-1]

        try:
            body = json.loads(text)
            self.mock.note(self.mock.got, check, (provider.name, headers,
                                                  body))
            error = None if provider.auth(headers) else 'no key'
            body = provider.plain(body)
            error = error or wrong(provider.request, without(
                body, BESIDE.get(prefix, ()))) \
                or provider.rules(body, headers)
        except Exception as x:      # what a provider would call malformed
            error = '%s: %s' % (type(x).__name__, x)

        if error:
            self.mock.note(self.mock.complaints, check,
                           '%s: %s' % (provider.name, error))
            body, more = provider.error(400, 'invalid_request_error',
                                        'STRICT ' + error)
            return self.send(400, 'application/json', body.encode(), more)

        if scenario == 'limited':
            status, kind = ERRORS[prefix]
            body, more = provider.error(status, kind, 'slow down')
            return self.send(status, 'application/json', body.encode(),
                             dict(more, **{'retry-after': '7'}))

        blocks, finish = answer(scenario, provider.steps(body))

        if not provider.streams(path, body):
            out = json.dumps(provider.whole(blocks, finish)).encode()

            if scenario == 'cut':
                self.send_response(200)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(out)))
                self.end_headers()
                self.wfile.write(out[:len(out) // 2])
                self.close_connection = True
                return None

            return self.send(200, 'application/json', out)

        self.send_response(200)
        self.send_header('Content-Type', provider.type)
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()

        pieces = list(provider.stream(blocks, finish, body))

        if scenario == 'cut':
            pieces = pieces[:len(pieces) // 2]

        for p in pieces:
            self.wfile.write(b'%x\r\n%s\r\n' % (len(p), p))
            self.wfile.flush()

        if scenario == 'cut':
            self.close_connection = True
            return None

        self.wfile.write(b'0\r\n\r\n')
        return None
