"""Google's generateContent and streamGenerateContent."""

import base64
import json
import re

from said import split
from .base import (MODEL, Dialect, View, decoded, media, need, ordered,
                   sniffed, sse, tool_schema)

# what may be anything, and is not respelt
RAW = ('args', 'response', 'parametersJsonSchema', 'responseJsonSchema',
       'labels', 'parameters', 'responseSchema')
SKIP = 'skip_thought_signature_validator'


def camel(value):
    """Members in the spelling that the schema has: both are taken."""
    if isinstance(value, list):
        return [camel(v) for v in value]

    if not isinstance(value, dict):
        return value

    out = {}

    for name, v in value.items():
        name = re.sub('_([a-z])', lambda m: m.group(1).upper(), name)
        out[name] = v if name in RAW else camel(v)

    return out


def json_schema(schema):
    """Google's own form of a schema, in JSON Schema."""
    if isinstance(schema, list):
        return [json_schema(s) for s in schema]

    if not isinstance(schema, dict):
        return schema

    return {k: v.lower() if k == 'type' and isinstance(v, str)
            else json_schema(v) for k, v in schema.items()
            if k != 'propertyOrdering'}


def same_bytes(a, b):
    """Base64 in either alphabet."""
    def plain(text):
        return (text or '').translate(str.maketrans('-_', '+/')).rstrip('=')

    return plain(a) == plain(b)


class Gemini(Dialect):
    code = 'ge'
    version = 'v1beta'
    request, answer = 'gemini.generate.request', 'gemini.generate.response'
    event = 'gemini.generate.response'
    own = ('x-goog-',)
    finishes = {'stop': 'STOP', 'stop_seq': 'STOP', 'tool_calls': 'STOP',
                'limit': 'MAX_TOKENS', 'refuse': 'STOP', 'filter': 'SAFETY',
                'blocked': 'SAFETY'}
    inline = True
    reads = ('read', 'think')

    def credential(self, headers, key):
        if 'x-goog-api-key' in headers:
            need(headers['x-goog-api-key'] == key, 'x-goog-api-key %s',
                 headers['x-goog-api-key'])
            return 'x-goog-api-key'

        return super().credential(headers, key)

    def path(self, path):
        m = re.fullmatch(r'/v1(?:beta)?/models/([^/:]+(?:%3A[^/:]+)*|[^/]+):'
                         r'(generateContent|streamGenerateContent)'
                         r'(\?alt=sse)?', path)
        need(m and (m.group(3) is None or m.group(2).startswith('stream')),
             'the path %s', path)

        return m.group(1)

    def plain(self, body):
        return camel(body)

    # what is asked

    def view(self, path, body):
        body = camel(body)
        v = View()
        v.system = [p['text'] for p in
                    (body.get('systemInstruction') or {}).get('parts', ())]

        for c in body['contents']:
            v.add('assistant' if c.get('role') == 'model' else 'user',
                  [self.part(p) for p in c['parts']])

        for t in body.get('tools') or []:
            for f in t.get('functionDeclarations', ()):
                v.tools.append((f['name'], f.get('description') or '',
                                tool_schema(f['parametersJsonSchema']
                                            if 'parametersJsonSchema' in f
                                            else json_schema(
                                                f.get('parameters')))))

        calling = (body.get('toolConfig') or {}).get(
            'functionCallingConfig') or {}
        names = calling.get('allowedFunctionNames') or ()
        v.choice = names[0] if len(names) == 1 \
            else calling.get('mode') and calling['mode'].lower()
        config = body.get('generationConfig') or {}
        v.schema = config['responseJsonSchema'] \
            if 'responseJsonSchema' in config \
            else json_schema(config.get('responseSchema'))
        need(v.schema is None or config.get('responseMimeType')
             == 'application/json', 'a schema without its type')
        v.max_tokens = config.get('maxOutputTokens')
        v.stop = config.get('stopSequences') or []
        v.temperature = config.get('temperature')
        v.think = bool((config.get('thinkingConfig') or {}).get(
            'includeThoughts'))
        v.stream = ':streamGenerateContent' in path

        return v

    def part(self, p):
        if 'text' in p:
            return ('think', p['text'], None) if p.get('thought') \
                else ('text', p['text'])

        if 'inlineData' in p:
            data = base64.b64decode(p['inlineData']['data'].translate(
                str.maketrans('-_', '+/')))
            need(sniffed(data) == p['inlineData']['mimeType'],
                 '%s called %s', sniffed(data), p['inlineData']['mimeType'])
            return media(data)

        if 'fileData' in p:
            return 'image_url', p['fileData']['fileUri']

        if 'functionCall' in p:
            f = p['functionCall']
            return 'call', f.get('id'), f['name'], ordered(
                f.get('args') or {})

        need('functionResponse' in p, 'a part of %s', list(p))
        f = p['functionResponse']
        out = f['response']

        return 'result', f.get('id'), f['name'], out['result'] \
            if list(out) == ['result'] else ordered(out)

    # what is demanded of it

    def rules(self, headers, path, body):
        body = camel(body)
        need(body.get('contents'), 'no contents')
        names = []

        for c in body['contents']:
            need(c.get('role', 'user') in ('user', 'model'), 'the role %s',
                 c.get('role'))
            need(c.get('parts'), 'a content without parts')
            results = [p['functionResponse'] for p in c['parts']
                       if 'functionResponse' in p]
            need([r['name'] for r in results] == names
                 or len(names) == len(results)
                 and all(r.get('id') for r in results),
                 'results of %s for calls of %s',
                 [r['name'] for r in results], names)
            names = [p['functionCall']['name'] for p in c['parts']
                     if 'functionCall' in p]
            need(not names or c.get('role') == 'model', 'calls of the user')

            for r in results:
                need(isinstance(r.get('response'), dict),
                     'a response that is no object')

            for p in c['parts']:
                need('fileData' not in p or p['fileData']['fileUri']
                     .startswith('https://generativelanguage.googleapis.com/'),
                     'a file of %s', p)
                need(sum(k in p for k in (
                    'text', 'inlineData', 'functionCall', 'fileData',
                    'functionResponse')) == 1, 'a part of %s', list(p))

        need(not names, 'no result for %s', names)
        tools = body.get('tools') or ()
        need(sum('functionDeclarations' in t for t in tools) <= 1,
             'declarations in two tools')

        for t in tools:
            for f in t.get('functionDeclarations', ()):
                need(re.fullmatch(r'[A-Za-z_][A-Za-z0-9_.:-]{0,63}',
                                  f['name']), 'the name %s', f['name'])
                need(not {'parameters', 'parametersJsonSchema'} <= f.keys(),
                     'two schemas of one tool')

        need('toolConfig' not in body or tools, 'toolConfig without tools')

    def signed(self, view, number, level):
        """Signatures are on calls: view() has none, see calls()."""

    def steps_signed(self, body, number, level):
        """The first call of each step has its signature, or the word that
        says that there is none."""
        from said import signature

        step = 0

        for c in camel(body)['contents']:
            calls = [p for p in c['parts'] if 'functionCall' in p]

            if not calls:
                continue

            got = calls[0].get('thoughtSignature')
            held = got == SKIP if level == 'reasonlost' \
                else same_bytes(got, signature(number, step))
            need(held, 'the thoughtSignature of %d: %.80s', step, got)
            step += 1

    # what it says

    def usage(self, said):
        u = {'promptTokenCount': said.total_in(),
             'cachedContentTokenCount': said.usage['read'],
             'candidatesTokenCount': said.usage['out'],
             'totalTokenCount': said.total_in() + said.total_out()}

        if said.usage['think']:
            u['thoughtsTokenCount'] = said.usage['think']

        return u

    def parts(self, said):
        out, sig = [], None

        for b in said.blocks:
            if b[0] == 'think':
                out.append({'text': b[1], 'thought': True})
                sig = b[2]
            elif b[0] == 'call':
                args = json.loads(b[2])
                p = {'functionCall': dict(name=b[1],
                                          **({'args': args} if args else {}))}
                if sig:
                    p['thoughtSignature'], sig = sig, None
                out.append(p)
            else:
                out.append({'text': b[1]})

        return out

    def one(self, said, parts, finish=None):
        c = {'content': {'role': 'model', 'parts': parts}, 'index': 0}

        if finish:
            c['finishReason'] = self.finishes[finish]

        return {'candidates': [c], 'usageMetadata': self.usage(said),
                'modelVersion': MODEL, 'responseId': 'r-' + said.tag}

    def whole(self, said, view):
        if said.finish == 'blocked':
            return {'promptFeedback': {'blockReason': 'PROHIBITED_CONTENT'},
                    'usageMetadata': self.usage(said), 'modelVersion': MODEL,
                    'responseId': 'r-' + said.tag}

        return self.one(said, self.parts(said), said.finish)

    def stream(self, said, view, body):
        if said.finish == 'blocked':
            yield self.framed(self.whole(said, view))
            return

        for p in self.parts(said):
            if 'text' in p:
                for t in split(p['text']):
                    yield self.framed(self.one(said, [dict(p, text=t)]))
            else:
                yield self.framed(self.one(said, [p]))

        yield self.framed(self.one(said, [{'text': ''}], said.finish))

    def framed(self, value):
        """Google's lines end in CRLF; a JSON array is made by the server."""
        return ('data: %s\r\n\r\n' % json.dumps(value)).encode()

    def array(self, events):
        """The same without alt=sse."""
        for i, e in enumerate(events):
            yield (b',\r\n' if i else b'[') + e[6:].rstrip()

        yield b']'

    def error(self, status, text):
        e = {'code': status, 'message': text, 'status': {
            400: 'INVALID_ARGUMENT', 429: 'RESOURCE_EXHAUSTED',
            500: 'INTERNAL', 503: 'UNAVAILABLE'}[status]}

        if status == 429:
            e['details'] = [{'@type': 'type.googleapis.com/google.rpc.'
                                      'RetryInfo', 'retryDelay': '7s'}]

        return status, {}, {'error': e}

    def error_event(self, text, n):
        return self.framed({'error': {'code': 503, 'message': text,
                                      'status': 'UNAVAILABLE'}})

    # what a client of it bears

    def events(self, headers, body):
        text = body.decode().replace('\r\n', '\n')

        for line in text.split('\n'):
            need(not line or line.startswith('data: '), 'a line %.80r', line)

            if line and line != 'data: {}':
                yield json.loads(line[6:])

    def failed(self, e):
        return 'error' in e

    def checked(self, e):
        return None if 'error' in e else e

    def grammar(self, events, asked):
        ended = False

        for e in events:
            need(e.get('usageMetadata'), 'no usageMetadata in %.200s', e)
            need(e.get('responseId') == events[0].get('responseId')
                 and e.get('modelVersion'), 'responseId or modelVersion')
            need(not ended, 'a chunk after the finish')

            if 'promptFeedback' in e:
                ended = True
                continue

            need(len(e['candidates']) == 1, 'the candidates')
            c = e['candidates'][0]
            ended = 'finishReason' in c
            self.parts_held(c)

        need(ended, 'no finishReason')
        u = events[-1]['usageMetadata']
        need(u.get('totalTokenCount') == u.get('promptTokenCount', 0)
             + u.get('candidatesTokenCount', 0)
             + u.get('thoughtsTokenCount', 0)
             + u.get('toolUsePromptTokenCount', 0), 'the total of %s', u)

    def parts_held(self, c):
        for p in (c.get('content') or {}).get('parts', ()):
            f = p.get('functionCall')
            need(f is None or f.get('name'), 'a call without its name')
            need('thoughtSignature' not in p or decoded(
                p['thoughtSignature'].translate(str.maketrans('-_', '+/'))),
                'a signature that is no base64')
