"""The providers' own packages for Python, each behind one face.

A client keeps a conversation in its dialect's own words: what came back goes
into the next request as the package handed it over, or, where most who use it
do so, as they put it together."""

import base64
import json
import os
import threading

from dialects.base import ordered

os.environ.setdefault('AWS_EC2_METADATA_DISABLED', 'true')

TIMEOUT = 20
MAX_TOKENS = 4096       # where a dialect has to be told
BUDGET = 2048           # of reasoning


class Result:
    """What a package made of an answer."""

    def __init__(self):
        self.text = ''
        self.think = ''
        self.refusal = ''
        self.calls = []         # (id, name, arguments as text)
        self.finish = None      # in the words of the dialect
        self.why = None         # an incomplete one of Responses
        self.stop = None        # the sequence that ended it, where told
        self.usage = {}         # in, out, and read, write, think where told


class Failed(Exception):
    """An error as the package raised it, and what came before it."""

    def __init__(self, x, result):
        super().__init__(str(x)[:500])
        self.kind = type(x).__name__
        self.status = getattr(x, 'status_code', None) \
            or getattr(x, 'code', None)
        self.result = result

        if isinstance(getattr(x, 'response', None), dict):
            self.status = x.response.get('ResponseMetadata', {}).get(
                'HTTPStatusCode')
            self.kind = x.response['Error']['Code']


class Unfinished(Exception):
    """The package saw nothing wrong, and there was no end."""


class Told(Exception):
    """An error that a package hands over as an event like any other."""


class Client:

    lock = threading.Lock()
    made = {}

    def __init__(self, base, key, model, pair=None):
        """pair: (access key, secret) of a client that signs."""
        self.base, self.key, self.model, self.pair = base, key, model, pair
        self.history = []

        with Client.lock:
            name = (type(self).package, base, pair is not None)
            if name not in Client.made:
                Client.made[name] = self.make()
            self.c = Client.made[name]

    def start(self, system, turns, **options):
        """system: texts; turns: (role, parts), a part a text or
        ("image"|"image_url"|"pdf"|"pdf_url", value). options: tools [(name,
        about, schema or None)], any (a call is wanted), schema, max_tokens,
        stop, effort, temperature."""
        self.system, self.o, self.history = system, options, []

        for role, parts in turns:
            self.add(role, parts if isinstance(parts, list) else [parts])

    def ask(self, stream, helper=False):
        r = Result()

        try:
            if not stream:
                self.whole(r)
            elif helper and hasattr(self, 'helped'):
                self.helped(r)
            else:
                self.streamed(r)

            if r.finish is None:
                raise Unfinished('there was no end')
        except Exception as x:
            raise Failed(x, r) from x

        return r


def b64(data):
    return base64.b64encode(data).decode()


def data_url(part):
    return 'data:%s;base64,%s' % ('application/pdf' if part[0] == 'pdf'
                                  else 'image/png', b64(part[1]))


class Chat(Client):
    package = 'openai'

    def make(self):
        import openai

        return openai.OpenAI(base_url=self.base + '/v1', api_key=self.key,
                             max_retries=0, timeout=TIMEOUT)

    def part(self, p):
        if isinstance(p, str):
            return {'type': 'text', 'text': p}

        if p[0] == 'pdf':
            return {'type': 'file', 'file': {'filename': 'a.pdf',
                                             'file_data': data_url(p)}}

        return {'type': 'image_url', 'image_url': {
            'url': p[1] if p[0] == 'image_url' else data_url(p)}}

    def add(self, role, parts):
        self.history.append({
            'role': role, 'content': parts[0] if len(parts) == 1
            else [self.part(p) for p in parts]})

    def request(self):
        o = self.o
        r = {'model': self.model, 'messages': [
            {'role': 'system', 'content': s} for s in self.system]
            + self.history}

        if o.get('tools'):
            r['tools'] = [{'type': 'function', 'function': dict(
                name=n, description=d, **({'parameters': s} if s else {}))}
                for n, d, s in o['tools']]
        if o.get('any'):
            r['tool_choice'] = 'required'
        if o.get('none'):
            r['tool_choice'] = 'none'
        if o.get('one'):
            r['tool_choice'] = {'type': 'function',
                                'function': {'name': o['one']}}
        if o.get('schema'):
            r['response_format'] = {'type': 'json_schema', 'json_schema': {
                'name': 'weather', 'strict': True, 'schema': o['schema']}}
        if o.get('max_tokens'):
            r['max_completion_tokens'] = o['max_tokens']
        if o.get('stop'):
            r['stop'] = [o['stop']]
        if o.get('effort'):
            r['reasoning_effort'] = 'medium'
        if 'temperature' in o:
            r['temperature'] = o['temperature']

        return r

    def used(self, r, u):
        r.usage = {'in': u.prompt_tokens, 'out': u.completion_tokens}

        if u.prompt_tokens_details:
            r.usage['read'] = u.prompt_tokens_details.cached_tokens
            r.usage['write'] = getattr(u.prompt_tokens_details,
                                       'cache_write_tokens', None)

        if u.completion_tokens_details:
            r.usage['think'] = u.completion_tokens_details.reasoning_tokens

    def took(self, r, m):
        r.text = m.content or ''
        r.refusal = m.refusal or ''
        r.think = getattr(m, 'reasoning_content', None) or ''
        r.calls = [(c.id, c.function.name, c.function.arguments)
                   if c.type == 'function'
                   else (c.id, c.custom.name, c.custom.input)
                   for c in m.tool_calls or []]

    def whole(self, r):
        a = self.c.chat.completions.create(**self.request())
        choice, = a.choices
        self.took(r, choice.message)
        self.used(r, a.usage)
        r.finish = choice.finish_reason

        # as OpenAI's own examples do it: whatever is in it goes back
        self.history.append(choice.message)

    def streamed(self, r):
        calls = {}

        for a in self.c.chat.completions.create(
                stream=True, stream_options={'include_usage': True},
                **self.request()):
            if a.usage:
                self.used(r, a.usage)

            for choice in a.choices:
                d = choice.delta
                r.text += d.content or ''
                r.refusal += d.refusal or ''
                r.think += getattr(d, 'reasoning_content', None) or ''
                r.finish = choice.finish_reason or r.finish

                for c in d.tool_calls or []:
                    call = calls.setdefault(c.index, [None, None, ''])
                    call[0] = c.id or call[0]
                    call[1] = c.function.name or call[1]
                    call[2] += c.function.arguments or ''

        r.calls = [tuple(calls[i]) for i in sorted(calls)]

        self.keep(r)

    def keep(self, r):
        """As most do it: ids, names and arguments, and nothing else."""
        m = {'role': 'assistant', 'content': r.text or None}

        if r.calls:
            m['tool_calls'] = [
                {'id': i, 'type': 'function',
                 'function': {'name': name, 'arguments': text}}
                for i, name, text in r.calls]

        self.history.append(m)

    def helped(self, r):
        request = self.request()

        with self.c.chat.completions.stream(
                stream_options={'include_usage': True}, **request) as s:
            for e in s:
                if e.type == 'content.delta':
                    r.text += e.delta
            a = s.get_final_completion()

        choice, = a.choices
        self.took(r, choice.message)
        self.used(r, a.usage)
        r.finish = choice.finish_reason
        self.keep(r)

    def results(self, results, failed=False):
        for (i, name, _), text in results:
            self.history.append({'role': 'tool', 'tool_call_id': i,
                                 'content': text})


class Responses(Client):
    package = 'openai'

    make = Chat.make

    def part(self, p, role='user'):
        if isinstance(p, str):
            return {'type': 'output_text' if role == 'assistant'
                    else 'input_text', 'text': p}

        if p[0] == 'pdf':
            return {'type': 'input_file', 'filename': 'a.pdf',
                    'file_data': data_url(p)}

        if p[0] == 'pdf_url':
            return {'type': 'input_file', 'file_url': p[1]}

        return {'type': 'input_image', 'detail': 'auto', 'image_url':
                p[1] if p[0] == 'image_url' else data_url(p)}

    def add(self, role, parts):
        self.history.append({'role': role, 'content': parts[0]
                             if len(parts) == 1 else
                             [self.part(p, role) for p in parts]})

    def request(self):
        o = self.o
        r = {'model': self.model, 'input': [
            {'role': 'developer', 'content': s} for s in self.system[1:]]
            + self.history, 'store': False}

        if self.system:
            r['instructions'] = self.system[0]
        if o.get('tools'):
            r['tools'] = [{'type': 'function', 'name': n, 'description': d,
                           'parameters': s, 'strict': False}
                          for n, d, s in o['tools']]
        if o.get('any'):
            r['tool_choice'] = 'required'
        if o.get('none'):
            r['tool_choice'] = 'none'
        if o.get('one'):
            r['tool_choice'] = {'type': 'function', 'name': o['one']}
        if o.get('schema'):
            r['text'] = {'format': {'type': 'json_schema', 'name': 'weather',
                                    'strict': True, 'schema': o['schema']}}
        if o.get('max_tokens'):
            r['max_output_tokens'] = o['max_tokens']
        if o.get('effort'):
            r['reasoning'] = {'effort': 'medium', 'summary': 'auto'}
            r['include'] = ['reasoning.encrypted_content']
        if 'temperature' in o:
            r['temperature'] = o['temperature']

        return r

    def took(self, r, a):
        r.text = r.think = ''

        for i in a.output:
            if i.type == 'message':
                for c in i.content:
                    if c.type == 'output_text':
                        r.text += c.text
                    else:
                        r.refusal += c.refusal
            elif i.type == 'reasoning':
                r.think += ''.join(s.text for s in i.summary)
            elif i.type == 'function_call':
                r.calls.append((i.call_id, i.name, i.arguments))

        u = a.usage
        r.usage = {'in': u.input_tokens, 'out': u.output_tokens,
                   'read': u.input_tokens_details.cached_tokens,
                   'write': getattr(u.input_tokens_details,
                                    'cache_write_tokens', None),
                   'think': u.output_tokens_details.reasoning_tokens}
        r.finish = a.status
        r.why = a.incomplete_details and a.incomplete_details.reason
        self.history.extend(i.model_dump(exclude_none=True,
                                         exclude={'parsed_arguments'})
                            for i in a.output)

    def whole(self, r):
        self.took(r, self.c.responses.create(**self.request()))

    def follow(self, r, events):
        last = None

        for e in events:
            last = e

            if e.type == 'response.output_text.delta':
                r.text += e.delta
            elif e.type in ('error', 'response.failed'):
                raise Told(getattr(e, 'message', None)
                           or e.response.error.message)

        if last is None or last.type not in ('response.completed',
                                             'response.incomplete'):
            raise Unfinished('it ends with %s' % (last and last.type))

        self.took(r, last.response)

    def streamed(self, r):
        self.follow(r, self.c.responses.create(stream=True,
                                               **self.request()))

    def helped(self, r):
        with self.c.responses.stream(**self.request()) as s:
            self.follow(r, s)

    def results(self, results, failed=False):
        for (i, name, _), text in results:
            self.history.append({'type': 'function_call_output', 'call_id': i,
                                 'output': text})


class Messages(Client):
    package = 'anthropic'

    def make(self):
        import anthropic

        return anthropic.Anthropic(base_url=self.base, api_key=self.key,
                                   max_retries=0, timeout=TIMEOUT)

    def part(self, p):
        if isinstance(p, str):
            return {'type': 'text', 'text': p}

        source = {'type': 'url', 'url': p[1]} if p[0].endswith('url') else {
            'type': 'base64', 'data': b64(p[1]), 'media_type':
            'application/pdf' if p[0] == 'pdf' else 'image/png'}

        return {'type': 'document' if p[0].startswith('pdf') else 'image',
                'source': source}

    def add(self, role, parts):
        self.history.append({'role': role, 'content': [
            self.part(p) for p in parts]})

    def request(self):
        o = self.o
        r = {'model': self.model, 'messages': self.history,
             'max_tokens': o.get('max_tokens') or MAX_TOKENS}

        if self.system:
            r['system'] = [{'type': 'text', 'text': s} for s in self.system]
        if o.get('tools'):
            r['tools'] = [{'name': n, 'description': d, 'input_schema':
                           s or {'type': 'object', 'properties': {}}}
                          for n, d, s in o['tools']]
        if o.get('any'):
            r['tool_choice'] = {'type': 'any'}
        if o.get('none'):
            r['tool_choice'] = {'type': 'none'}
        if o.get('one'):
            r['tool_choice'] = {'type': 'tool', 'name': o['one']}
        if o.get('schema'):
            r['output_config'] = {'format': {'type': 'json_schema',
                                             'schema': o['schema']}}
        if o.get('stop'):
            r['stop_sequences'] = [o['stop']]
        if o.get('effort'):
            r['thinking'] = {'type': 'enabled', 'budget_tokens': BUDGET}

        return r

    def took(self, r, a):
        r.text = ''

        for b in a.content:
            if b.type == 'text':
                r.text += b.text
            elif b.type == 'thinking':
                r.think += b.thinking
            elif b.type == 'tool_use':
                r.calls.append((b.id, b.name, ordered(b.input)))

        u = a.usage
        read, write = (u.cache_read_input_tokens or 0,
                       u.cache_creation_input_tokens or 0)
        r.usage = {'in': u.input_tokens + read + write,
                   'out': u.output_tokens, 'read': read, 'write': write}

        if getattr(u, 'output_tokens_details', None):
            r.usage['think'] = u.output_tokens_details.thinking_tokens

        r.finish, r.stop = a.stop_reason, a.stop_sequence
        self.history.append({'role': 'assistant', 'content': a.content})

    def whole(self, r):
        self.took(r, self.c.messages.create(**self.request()))

    def streamed(self, r):
        with self.c.messages.stream(**self.request()) as s:
            for t in s.text_stream:
                r.text += t
            self.took(r, s.get_final_message())

    def results(self, results, failed=False):
        self.history.append({'role': 'user', 'content': [
            dict({'type': 'tool_result', 'tool_use_id': i, 'content': text},
                 **({'is_error': True} if failed else {}))
            for (i, name, _), text in results]})


class Gemini(Client):
    package = 'google-genai'

    def make(self):
        from google import genai

        return genai.Client(api_key=self.key, http_options={
            'base_url': self.base, 'timeout': TIMEOUT * 1000})

    @property
    def t(self):
        from google.genai import types

        return types

    def part(self, p):
        if isinstance(p, str):
            return self.t.Part(text=p)

        return self.t.Part.from_bytes(data=p[1], mime_type='application/pdf'
                                      if p[0] == 'pdf' else 'image/png')

    def add(self, role, parts):
        self.history.append(self.t.Content(
            role='model' if role == 'assistant' else role,
            parts=[self.part(p) for p in parts]))

    def request(self):
        o, t, c = self.o, self.t, {}

        if self.system:
            c['system_instruction'] = t.Content(parts=[
                t.Part(text=s) for s in self.system])
        if o.get('tools'):
            c['tools'] = [t.Tool(function_declarations=[
                t.FunctionDeclaration(name=n, description=d,
                                      parameters_json_schema=s)
                for n, d, s in o['tools']])]
            c['automatic_function_calling'] = \
                t.AutomaticFunctionCallingConfig(disable=True)
        if o.get('any') or o.get('one') or o.get('none'):
            c['tool_config'] = t.ToolConfig(
                function_calling_config=t.FunctionCallingConfig(
                    mode='NONE' if o.get('none') else 'ANY',
                    allowed_function_names=[o['one']] if o.get('one')
                    else None))
        if o.get('schema'):
            c['response_mime_type'] = 'application/json'
            c['response_json_schema'] = o['schema']
        if o.get('max_tokens'):
            c['max_output_tokens'] = o['max_tokens']
        if o.get('stop'):
            c['stop_sequences'] = [o['stop']]
        if o.get('effort'):
            c['thinking_config'] = t.ThinkingConfig(include_thoughts=True,
                                                    thinking_budget=BUDGET)
        if 'temperature' in o:
            c['temperature'] = o['temperature']

        return {'model': self.model, 'contents': self.history,
                'config': t.GenerateContentConfig(**c)}

    def follow(self, r, answers):
        parts = []

        for a in answers:
            for c in a.candidates or []:
                for p in (c.content and c.content.parts) or []:
                    parts.append(p)
                    if p.function_call:
                        f = p.function_call
                        r.calls.append((f.id, f.name, ordered(f.args or {})))
                    elif p.thought:
                        r.think += p.text or ''
                    else:
                        r.text += p.text or ''
                if c.finish_reason:
                    r.finish = c.finish_reason.value
            if a.prompt_feedback and a.prompt_feedback.block_reason:
                r.finish = 'SAFETY'
            if a.usage_metadata:
                u = a.usage_metadata
                think = u.thoughts_token_count or 0
                r.usage = {'in': u.prompt_token_count,
                           'out': (u.candidates_token_count or 0) + think,
                           'read': u.cached_content_token_count or 0,
                           'think': think}

        self.history.append(self.t.Content(role='model', parts=[
            p for p in parts if p.text or p.function_call
            or p.thought_signature]))

    def whole(self, r):
        self.follow(r, [self.c.models.generate_content(**self.request())])

    def streamed(self, r):
        self.follow(r, self.c.models.generate_content_stream(
            **self.request()))

    def results(self, results, failed=False):
        t = self.t
        self.history.append(t.Content(role='user', parts=[
            t.Part(function_response=t.FunctionResponse(
                id=i, name=name, response={
                    'error' if failed else 'result': text}))
            for (i, name, _), text in results]))


class Converse(Client):
    package = 'boto3'

    def make(self):
        import boto3
        from botocore import UNSIGNED
        from botocore.config import Config

        more = {} if self.pair else {'signature_version': UNSIGNED}
        access, secret = self.pair or ('x', 'x')
        c = boto3.client(
            'bedrock-runtime', region_name='us-east-1',
            endpoint_url=self.base, aws_access_key_id=access,
            aws_secret_access_key=secret,
            config=Config(retries={'total_max_attempts': 1},
                          read_timeout=TIMEOUT, max_pool_connections=20,
                          **more))

        if not self.pair:
            # boto3 sends a bearer by https alone
            key = self.key

            def bearer(request, **kwargs):
                request.headers['Authorization'] = 'Bearer ' + key

            c.meta.events.register('before-send.*', bearer)

        return c

    def part(self, p):
        if isinstance(p, str):
            return {'text': p}

        if p[0] == 'pdf':
            return {'document': {'format': 'pdf', 'name': 'a',
                                 'source': {'bytes': p[1]}}}

        return {'image': {'format': 'png', 'source': {'bytes': p[1]}}}

    def add(self, role, parts):
        self.history.append({'role': role, 'content': [
            self.part(p) for p in parts]})

    def request(self):
        o, config = self.o, {}
        r = {'modelId': self.model, 'messages': self.history}

        if self.system:
            r['system'] = [{'text': s} for s in self.system]
        if o.get('tools'):
            r['toolConfig'] = {'tools': [{'toolSpec': {
                'name': n, 'description': d, 'inputSchema': {
                    'json': s or {'type': 'object'}}}}
                for n, d, s in o['tools']]}
        if o.get('any'):
            r['toolConfig']['toolChoice'] = {'any': {}}
        if o.get('one'):
            r['toolConfig']['toolChoice'] = {'tool': {'name': o['one']}}
        if o.get('schema'):
            r['outputConfig'] = {'textFormat': {
                'type': 'json_schema', 'structure': {'jsonSchema': {
                    'name': 'weather', 'schema': json.dumps(o['schema'])}}}}
        if o.get('max_tokens'):
            config['maxTokens'] = o['max_tokens']
        if o.get('stop'):
            config['stopSequences'] = [o['stop']]
        if 'temperature' in o:
            config['temperature'] = o['temperature']
        if config:
            r['inferenceConfig'] = config
        if o.get('effort'):
            r['additionalModelRequestFields'] = {'thinking': {
                'type': 'enabled', 'budget_tokens': BUDGET}}

        return r

    def took(self, r, content, finish, u):
        r.text = ''

        for b in content:
            if 'text' in b:
                r.text += b['text']
            elif 'toolUse' in b:
                use = b['toolUse']
                r.calls.append((use['toolUseId'], use['name'],
                                ordered(use['input'])))
            elif 'reasoningText' in b.get('reasoningContent', {}):
                r.think += b['reasoningContent']['reasoningText']['text']

        read, write = (u.get('cacheReadInputTokens', 0),
                       u.get('cacheWriteInputTokens', 0))
        r.usage = {'in': u['inputTokens'] + read + write,
                   'out': u['outputTokens'], 'read': read, 'write': write}
        r.finish = finish
        self.history.append({'role': 'assistant', 'content': content})

    def whole(self, r):
        a = self.c.converse(**self.request())
        self.took(r, a['output']['message']['content'], a['stopReason'],
                  a['usage'])

    def streamed(self, r):
        blocks, finish, usage = {}, None, None

        for e in self.c.converse_stream(**self.request())['stream']:
            if 'contentBlockStart' in e:
                s = e['contentBlockStart']
                if 'toolUse' in s['start']:
                    blocks[s['contentBlockIndex']] = {'toolUse': dict(
                        s['start']['toolUse'], input='')}
            elif 'contentBlockDelta' in e:
                d = e['contentBlockDelta']
                r.text += d['delta'].get('text', '')
                self.delta(blocks, d['contentBlockIndex'], d['delta'])
            elif 'messageStop' in e:
                finish = e['messageStop']['stopReason']
            elif 'metadata' in e:
                usage = e['metadata']['usage']

        if finish is None or usage is None:
            raise Unfinished('no messageStop or no metadata')

        content = [blocks[i] for i in sorted(blocks)]

        for b in content:
            if 'toolUse' in b:
                b['toolUse']['input'] = json.loads(b['toolUse']['input']
                                                   or '{}')

        self.took(r, content, finish, usage)

    def delta(self, blocks, i, d):
        if 'text' in d:
            blocks.setdefault(i, {'text': ''})['text'] += d['text']
        elif 'toolUse' in d:
            blocks[i]['toolUse']['input'] += d['toolUse']['input']
        elif 'redactedContent' in d.get('reasoningContent', ()):
            blocks[i] = {'reasoningContent': d['reasoningContent']}
        elif 'reasoningContent' in d:
            text = blocks.setdefault(i, {'reasoningContent': {
                'reasoningText': {'text': ''}}})['reasoningContent'][
                    'reasoningText']

            for name, value in d['reasoningContent'].items():
                text[name] = text.get(name, '') + value

    def results(self, results, failed=False):
        self.history.append({'role': 'user', 'content': [{'toolResult': dict({
            'toolUseId': i, 'content': [{'text': text} if text
                                        else {'json': {}}]},
            **({'status': 'error'} if failed else {}))}
            for (i, name, _), text in results]})


class Ollama(Client):
    package = 'ollama'

    def make(self):
        import ollama

        return ollama.Client(host=self.base, timeout=TIMEOUT, headers={
            'Authorization': 'Bearer ' + self.key})

    def add(self, role, parts):
        m = {'role': role, 'content': '\n'.join(
            p for p in parts if isinstance(p, str))}
        images = [p[1] for p in parts if not isinstance(p, str)]

        if images:
            m['images'] = images

        self.history.append(m)

    def request(self):
        o, options = self.o, {}
        r = {'model': self.model, 'messages': [
            {'role': 'system', 'content': s} for s in self.system]
            + self.history}

        if o.get('tools'):
            r['tools'] = [{'type': 'function', 'function': {
                'name': n, 'description': d, 'parameters':
                s or {'type': 'object', 'properties': {}}}}
                for n, d, s in o['tools']]
        if o.get('schema'):
            r['format'] = o['schema']
        if o.get('max_tokens'):
            options['num_predict'] = o['max_tokens']
        if o.get('stop'):
            options['stop'] = [o['stop']]
        if 'temperature' in o:
            options['temperature'] = o['temperature']
        if options:
            r['options'] = options
        if o.get('effort'):
            r['think'] = 'medium'

        return r

    def follow(self, r, answers):
        calls = []

        for a in answers:
            m = a.message
            r.text += m.content or ''
            r.think += m.thinking or ''
            calls += m.tool_calls or []

            if a.done:
                r.finish = a.done_reason
                r.usage = {'in': a.prompt_eval_count, 'out': a.eval_count}

        r.calls = [(None, c.function.name, ordered(c.function.arguments))
                   for c in calls]
        m = {'role': 'assistant', 'content': r.text}

        if r.think:
            m['thinking'] = r.think
        if calls:
            m['tool_calls'] = calls

        self.history.append(m)

    def whole(self, r):
        self.follow(r, [self.c.chat(**self.request())])

    def streamed(self, r):
        self.follow(r, self.c.chat(stream=True, **self.request()))

    def results(self, results, failed=False):
        for (i, name, _), text in results:
            self.history.append({'role': 'tool', 'tool_name': name,
                                 'content': text})


class Cohere(Client):
    package = 'cohere'

    def make(self):
        import cohere

        return cohere.ClientV2(api_key=self.key, base_url=self.base,
                               timeout=TIMEOUT)

    def part(self, p):
        if isinstance(p, str):
            return {'type': 'text', 'text': p}

        return {'type': 'image_url', 'image_url': {
            'url': p[1] if p[0] == 'image_url' else data_url(p)}}

    def add(self, role, parts):
        self.history.append({'role': role, 'content': parts[0]
                             if len(parts) == 1 else
                             [self.part(p) for p in parts]})

    def request(self):
        o = self.o
        r = {'model': self.model, 'messages': [
            {'role': 'system', 'content': s} for s in self.system]
            + self.history, 'request_options': {'max_retries': 0}}

        if o.get('tools'):
            r['tools'] = [{'type': 'function', 'function': {
                'name': n, 'description': d, 'parameters':
                s or {'type': 'object', 'properties': {}}}}
                for n, d, s in o['tools']]
        if o.get('any'):
            r['tool_choice'] = 'REQUIRED'
        if o.get('none'):
            r['tool_choice'] = 'NONE'
        if o.get('schema'):
            r['response_format'] = {'type': 'json_object',
                                    'json_schema': o['schema']}
        if o.get('max_tokens'):
            r['max_tokens'] = o['max_tokens']
        if o.get('stop'):
            r['stop_sequences'] = [o['stop']]
        if o.get('effort'):
            r['thinking'] = {'type': 'enabled', 'token_budget': BUDGET}
        if 'temperature' in o:
            r['temperature'] = o['temperature']

        return r

    def took(self, r, content, calls, plan):
        r.text = plan + ''.join(c.get('text') or '' for c in content)
        r.think = ''.join(c.get('thinking') or '' for c in content)
        r.calls = [(c['id'], c['function']['name'],
                    c['function'].get('arguments') or '') for c in calls]
        m = {'role': 'assistant'}

        if calls:
            m['tool_calls'] = calls
        if plan:
            m['tool_plan'] = plan
        if content:
            m['content'] = content

        self.history.append(m)

    def used(self, r, u):
        r.usage = {'in': u.tokens.input_tokens, 'out': u.tokens.output_tokens,
                   'read': u.cached_tokens}

    def whole(self, r):
        a = self.c.chat(**self.request())
        m = a.message
        self.took(r, [c.dict(exclude_none=True) for c in m.content or []],
                  [c.dict(exclude_none=True) for c in m.tool_calls or []],
                  m.tool_plan or '')
        self.used(r, a.usage)
        r.finish = a.finish_reason

    def streamed(self, r):
        content, calls, plan = [], [], ''

        for e in self.c.chat_stream(**self.request()):
            message = getattr(getattr(e, 'delta', None), 'message', None)

            if e.type == 'content-start':
                c = message.content
                content.append({'type': c.type, c.type: ''})
            elif e.type == 'content-delta':
                for name in ('text', 'thinking'):
                    text = getattr(message.content, name, None) or ''
                    if text:
                        content[-1][name] += text
                        r.text += text if name == 'text' else ''
            elif e.type == 'tool-plan-delta':
                plan += message.tool_plan
                r.text += message.tool_plan
            elif e.type == 'tool-call-start':
                calls.append(message.tool_calls.dict(exclude_none=True))
            elif e.type == 'tool-call-delta':
                f = calls[-1]['function']
                f['arguments'] = f.get('arguments', '') \
                    + message.tool_calls.function.arguments
            elif e.type == 'message-end':
                if e.delta.error:
                    raise Told(e.delta.error)
                r.finish = e.delta.finish_reason
                self.used(r, e.delta.usage)

        self.took(r, content, calls, plan)

    def results(self, results, failed=False):
        for (i, name, _), text in results:
            self.history.append({'role': 'tool', 'tool_call_id': i,
                                 'content': text})


CLIENTS = {'oc': Chat, 'or': Responses, 'an': Messages, 'ge': Gemini,
           'be': Converse, 'ol': Ollama, 'co': Cohere}
