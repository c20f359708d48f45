"""The providers' own Python packages, each behind one face.

A client keeps a conversation in its dialect's own words: what came back from
the provider goes into the next request as the package handed it over.
"""

import base64
import json
import os


class Result:
    """What a package made of an answer."""

    def __init__(self):
        self.text = ''
        self.think = ''
        self.calls = []         # (id, name, arguments as a dict)
        self.finish = None      # in the words of the dialect
        self.usage = None       # (in, out)
        self.refusal = ''


class Failed(Exception):
    """An error as the package raised it: its class and status."""

    def __init__(self, x):
        super().__init__(str(x)[:300])
        self.kind = type(x).__name__
        self.status = getattr(x, 'status_code', None) \
            or getattr(x, 'code', None)
        if hasattr(x, 'response') and isinstance(x.response, dict):
            self.status = x.response['ResponseMetadata']['HTTPStatusCode']
            self.kind = x.response['Error']['Code']


class Client:
    """system: text or None; turns: of ('user' or 'assistant', parts), where a
    part is a text or ('image'|'url'|'pdf', value)."""

    finishes = {}

    def __init__(self, base, key, model):
        self.base, self.key, self.model = base, key, model
        self.history = []
        self.options = {}

    def start(self, system, turns, **options):
        """options: tools [(name, about, schema)], schema, max_tokens, stop,
        effort, temperature."""
        self.system, self.options = system, options
        self.history = []
        for role, parts in turns:
            self.add(role, parts)

    def ask(self, stream):
        try:
            return self.streamed() if stream else self.whole()
        except Exception as x:
            raise Failed(x) from x


def parts_of(parts):
    return parts if isinstance(parts, list) else [parts]


class OpenAI(Client):
    finishes = {'stop': 'stop', 'tool_calls': 'tool_calls',
                'length': 'length', 'filter': 'content_filter'}

    def __init__(self, *args):
        super().__init__(*args)
        import openai
        self.c = openai.OpenAI(base_url=self.base + '/v1', api_key=self.key,
                               max_retries=0, timeout=20)

    def part(self, p):
        if isinstance(p, str):
            return {'type': 'text', 'text': p}
        if p[0] == 'pdf':
            return {'type': 'file', 'file': {
                'filename': 'a.pdf', 'file_data': 'data:application/pdf;'
                'base64,' + base64.b64encode(p[1]).decode()}}
        url = p[1] if p[0] == 'url' else \
            'data:image/png;base64,' + base64.b64encode(p[1]).decode()
        return {'type': 'image_url', 'image_url': {'url': url}}

    def add(self, role, parts):
        parts = parts_of(parts)
        self.history.append({
            'role': role, 'content': parts[0]
            if parts[0:1] == parts and isinstance(parts[0], str)
            else [self.part(p) for p in parts]})

    def request(self):
        o = self.options
        r = {'model': self.model, 'messages': ([{
            'role': 'system', 'content': self.system}] if self.system
            else []) + self.history}
        if o.get('tools'):
            r['tools'] = [{'type': 'function', 'function': {
                'name': n, 'description': d, 'parameters': s}}
                for n, d, s in o['tools']]
        if o.get('schema'):
            r['response_format'] = {'type': 'json_schema', 'json_schema': {
                'name': 'weather', 'strict': True, 'schema': o['schema']}}
        if o.get('max_tokens'):
            r['max_completion_tokens'] = o['max_tokens']
        if o.get('stop'):
            r['stop'] = [o['stop']]
        if o.get('effort'):
            r['reasoning_effort'] = o['effort']
        if o.get('temperature') is not None:
            r['temperature'] = o['temperature']
        return r

    def take(self, r, m):
        r.text = m.content or ''
        r.refusal = m.refusal or ''
        r.think = getattr(m, 'reasoning_content', None) or ''
        for c in m.tool_calls or []:
            r.calls.append((c.id, c.function.name,
                            json.loads(c.function.arguments)))
        self.history.append(m.to_dict())

    def whole(self):
        r = Result()
        a = self.c.chat.completions.create(**self.request())
        self.take(r, a.choices[0].message)
        r.finish = a.choices[0].finish_reason
        r.usage = (a.usage.prompt_tokens, a.usage.completion_tokens)
        return r

    def streamed(self):
        r, m = Result(), {'role': 'assistant', 'content': ''}
        for a in self.c.chat.completions.create(
                stream=True, stream_options={'include_usage': True},
                **self.request()):
            if a.usage:
                r.usage = (a.usage.prompt_tokens, a.usage.completion_tokens)
            for choice in a.choices:
                self.delta(m, choice.delta)
                r.finish = choice.finish_reason or r.finish
        if r.finish is None:
            raise RuntimeError('the stream ended without a finish')
        r.text = m['content']
        r.think = m.get('reasoning_content', '')
        for c in m.get('tool_calls', []):
            r.calls.append((c['id'], c['function']['name'],
                            json.loads(c['function']['arguments'])))
        self.history.append(m)
        return r

    def delta(self, m, d):
        for name in ('content', 'reasoning_content'):
            if getattr(d, name, None):
                m[name] = m.get(name, '') + getattr(d, name)
        if getattr(d, 'reasoning_details', None):
            m.setdefault('reasoning_details', []).extend(d.reasoning_details)
        for c in d.tool_calls or []:
            calls = m.setdefault('tool_calls', [])
            if c.index == len(calls):
                calls.append(c.to_dict())
                del calls[-1]['index']
            else:
                calls[c.index]['function']['arguments'] += \
                    c.function.arguments

    def results(self, results):
        for (i, name, args), text in results:
            self.history.append({'role': 'tool', 'tool_call_id': i,
                                 'content': text})


class Responses(OpenAI):
    finishes = {'stop': 'completed', 'tool_calls': 'completed',
                'length': 'incomplete', 'filter': 'incomplete'}

    def part(self, p):
        if isinstance(p, str):
            return {'type': 'input_text', 'text': p}
        if p[0] == 'pdf':
            return {'type': 'input_file', 'filename': 'a.pdf', 'file_data':
                    'data:application/pdf;base64,'
                    + base64.b64encode(p[1]).decode()}
        url = p[1] if p[0] == 'url' else \
            'data:image/png;base64,' + base64.b64encode(p[1]).decode()
        return {'type': 'input_image', 'image_url': url, 'detail': 'auto'}

    def add(self, role, parts):
        self.history.append({
            'role': role, 'content': parts if role == 'assistant' else [
                self.part(p) for p in parts_of(parts)]})

    def request(self):
        o = self.options
        r = {'model': self.model, 'input': self.history, 'store': False}
        if self.system:
            r['instructions'] = self.system
        if o.get('tools'):
            r['tools'] = [{'type': 'function', 'name': n, 'description': d,
                           'parameters': s, 'strict': False}
                          for n, d, s in o['tools']]
        if o.get('schema'):
            r['text'] = {'format': {'type': 'json_schema', 'name': 'weather',
                                    'strict': True, 'schema': o['schema']}}
        if o.get('max_tokens'):
            r['max_output_tokens'] = o['max_tokens']
        if o.get('effort'):
            r['reasoning'] = {'effort': o['effort'], 'summary': 'auto'}
            r['include'] = ['reasoning.encrypted_content']
        if o.get('temperature') is not None:
            r['temperature'] = o['temperature']
        return r

    def take(self, r, a):
        for i in a.output:
            if i.type == 'message':
                for c in i.content:
                    if c.type == 'output_text':
                        r.text += c.text
                    elif c.type == 'refusal':
                        r.refusal += c.refusal
            elif i.type == 'reasoning':
                r.think += ''.join(s.text for s in i.summary)
            elif i.type == 'function_call':
                r.calls.append((i.call_id, i.name, json.loads(i.arguments)))
            i = i.to_dict()
            i.pop('parsed_arguments', None)     # the package's own
            for c in i.get('content') or []:
                c.pop('parsed', None)
            self.history.append(i)
        r.finish = a.status
        r.usage = (a.usage.input_tokens, a.usage.output_tokens)

    def whole(self):
        r = Result()
        self.take(r, self.c.responses.create(**self.request()))
        return r

    def streamed(self):
        r = Result()
        with self.c.responses.stream(**self.request()) as s:
            last = None
            for e in s:
                last = e
            if last is None or last.type not in (
                    'response.completed', 'response.incomplete'):
                raise RuntimeError('the stream ended with %s' % (
                    last and last.type))
            a = last.response
        self.take(r, a)
        return r

    def results(self, results):
        for (i, name, args), text in results:
            self.history.append({'type': 'function_call_output', 'call_id': i,
                                 'output': text})


class Anthropic(Client):
    finishes = {'stop': 'end_turn', 'tool_calls': 'tool_use',
                'length': 'max_tokens', 'filter': 'refusal'}

    def __init__(self, *args):
        super().__init__(*args)
        import anthropic
        self.c = anthropic.Anthropic(base_url=self.base, api_key=self.key,
                                     max_retries=0, timeout=20)

    def part(self, p):
        if isinstance(p, str):
            return {'type': 'text', 'text': p}
        if p[0] == 'url':
            return {'type': 'image', 'source': {'type': 'url', 'url': p[1]}}
        return {'type': 'document' if p[0] == 'pdf' else 'image', 'source': {
            'type': 'base64', 'media_type': 'application/pdf'
            if p[0] == 'pdf' else 'image/png',
            'data': base64.b64encode(p[1]).decode()}}

    def add(self, role, parts):
        self.history.append({'role': role, 'content': [
            self.part(p) for p in parts_of(parts)]})

    def request(self):
        o = self.options
        r = {'model': self.model, 'messages': self.history,
             'max_tokens': o.get('max_tokens') or 4096}
        if self.system:
            r['system'] = self.system
        if o.get('tools'):
            r['tools'] = [{'name': n, 'description': d, 'input_schema': s}
                          for n, d, s in o['tools']]
        if o.get('schema'):
            r['output_config'] = {'format': {'type': 'json_schema',
                                             'schema': o['schema']}}
        if o.get('stop'):
            r['stop_sequences'] = [o['stop']]
        if o.get('effort'):
            r['thinking'] = {'type': 'enabled', 'budget_tokens': 2048}
        return r

    def take(self, r, a):
        for b in a.content:
            if b.type == 'text':
                r.text += b.text
            elif b.type == 'thinking':
                r.think += b.thinking
            elif b.type == 'tool_use':
                r.calls.append((b.id, b.name, b.input))
        self.history.append({'role': 'assistant', 'content': [
            b.to_dict() for b in a.content]})
        r.finish = a.stop_reason
        r.usage = (a.usage.input_tokens, a.usage.output_tokens)
        if a.stop_reason is None:
            raise RuntimeError('the stream ended without a stop')
        return r

    def whole(self):
        return self.take(Result(), self.c.messages.create(**self.request()))

    def streamed(self):
        with self.c.messages.stream(**self.request()) as s:
            for _ in s:
                pass
            return self.take(Result(), s.get_final_message())

    def results(self, results):
        self.history.append({'role': 'user', 'content': [
            {'type': 'tool_result', 'tool_use_id': i, 'content': text}
            for (i, name, args), text in results]})


class Gemini(Client):
    finishes = {'stop': 'STOP', 'tool_calls': 'STOP', 'length': 'MAX_TOKENS',
                'filter': 'SAFETY'}

    def __init__(self, *args):
        super().__init__(*args)
        from google import genai
        from google.genai import types
        self.t = types
        self.c = genai.Client(api_key=self.key, http_options={
            'base_url': self.base, 'timeout': 20000})

    def part(self, p):
        if isinstance(p, str):
            return self.t.Part(text=p)
        if p[0] == 'url':
            return self.t.Part.from_uri(file_uri=p[1], mime_type='image/png')
        return self.t.Part.from_bytes(data=p[1], mime_type='application/pdf'
                                      if p[0] == 'pdf' else 'image/png')

    def add(self, role, parts):
        self.history.append(self.t.Content(
            role='model' if role == 'assistant' else role,
            parts=[self.part(p) for p in parts_of(parts)]))

    def request(self):
        o, t = self.options, self.t
        c = {}
        if self.system:
            c['system_instruction'] = self.system
        if o.get('tools'):
            c['tools'] = [t.Tool(function_declarations=[
                t.FunctionDeclaration(name=n, description=d,
                                      parameters_json_schema=s)
                for n, d, s in o['tools']])]
            c['automatic_function_calling'] = \
                t.AutomaticFunctionCallingConfig(disable=True)
        if o.get('schema'):
            c['response_mime_type'] = 'application/json'
            c['response_json_schema'] = o['schema']
        if o.get('max_tokens'):
            c['max_output_tokens'] = o['max_tokens']
        if o.get('stop'):
            c['stop_sequences'] = [o['stop']]
        if o.get('effort'):
            c['thinking_config'] = t.ThinkingConfig(include_thoughts=True,
                                                    thinking_budget=2048)
        if o.get('temperature') is not None:
            c['temperature'] = o['temperature']
        return {'model': self.model, 'contents': self.history,
                'config': t.GenerateContentConfig(**c)}

    def take(self, answers):
        r, parts, finish = Result(), [], None
        for a in answers:
            for c in a.candidates or []:
                parts += (c.content and c.content.parts) or []
                finish = c.finish_reason or finish
            if a.usage_metadata:
                u = a.usage_metadata
                r.usage = (u.prompt_token_count,
                           (u.candidates_token_count or 0)
                           + (u.thoughts_token_count or 0))
        for p in parts:
            if p.function_call:
                f = p.function_call
                r.calls.append((f.id, f.name, dict(f.args or {})))
            elif p.thought:
                r.think += p.text or ''
            else:
                r.text += p.text or ''
        r.finish = finish and finish.value
        if finish is None:
            raise RuntimeError('the answer ended without a finish')
        self.history.append(self.t.Content(role='model', parts=[
            p for p in parts if p.text or p.function_call
            or p.thought_signature]))
        return r

    def whole(self):
        return self.take([self.c.models.generate_content(**self.request())])

    def streamed(self):
        return self.take(list(
            self.c.models.generate_content_stream(**self.request())))

    def results(self, results):
        t = self.t
        self.history.append(t.Content(role='user', parts=[
            t.Part(function_response=t.FunctionResponse(
                id=i, name=name, response={'result': text}))
            for (i, name, args), text in results]))


class Bedrock(Client):
    finishes = {'stop': 'end_turn', 'tool_calls': 'tool_use',
                'length': 'max_tokens', 'filter': 'content_filtered'}
    pair = None             # (access key, secret), or a bearer is sent

    def __init__(self, *args):
        super().__init__(*args)
        import boto3
        from botocore.config import Config
        from botocore import UNSIGNED
        pair = Bedrock.pair
        self.c = boto3.client(
            'bedrock-runtime', region_name='us-east-1',
            endpoint_url=self.base,
            aws_access_key_id=pair[0] if pair else 'x',
            aws_secret_access_key=pair[1] if pair else 'x',
            config=Config(retries={'total_max_attempts': 1}, read_timeout=20,
                          **({} if pair else
                             {'signature_version': UNSIGNED})))
        if not pair:
            self.c.meta.events.register('before-send.*', self.bearer)

    def bearer(self, request, **kwargs):
        request.headers['Authorization'] = 'Bearer ' + self.key

    def part(self, p):
        if isinstance(p, str):
            return {'text': p}
        if p[0] == 'pdf':
            return {'document': {'format': 'pdf', 'name': 'a',
                                 'source': {'bytes': p[1]}}}
        return {'image': {'format': 'png', 'source': {'bytes': p[1]}}}

    def add(self, role, parts):
        self.history.append({'role': role, 'content': [
            self.part(p) for p in parts_of(parts)]})

    def request(self):
        o = self.options
        r = {'modelId': self.model, 'messages': self.history}
        i = {}
        if self.system:
            r['system'] = [{'text': self.system}]
        if o.get('tools'):
            r['toolConfig'] = {'tools': [{'toolSpec': {
                'name': n, 'description': d, 'inputSchema': {'json': s}}}
                for n, d, s in o['tools']]}
        if o.get('schema'):
            r['outputConfig'] = {'textFormat': {
                'type': 'json_schema', 'structure': {'jsonSchema': {
                    'name': 'weather', 'schema': json.dumps(o['schema'])}}}}
        if o.get('max_tokens'):
            i['maxTokens'] = o['max_tokens']
        if o.get('stop'):
            i['stopSequences'] = [o['stop']]
        if o.get('temperature') is not None:
            i['temperature'] = o['temperature']
        if i:
            r['inferenceConfig'] = i
        if o.get('effort'):
            r['additionalModelRequestFields'] = {
                'thinking': {'type': 'enabled', 'budget_tokens': 2048}}
        return r

    def take(self, content, finish, usage):
        r = Result()
        for b in content:
            if 'text' in b:
                r.text += b['text']
            elif 'toolUse' in b:
                u = b['toolUse']
                r.calls.append((u['toolUseId'], u['name'], u['input']))
            elif 'reasoningContent' in b:
                r.think += b['reasoningContent'].get(
                    'reasoningText', {}).get('text', '')
        self.history.append({'role': 'assistant', 'content': content})
        r.finish = finish
        r.usage = (usage['inputTokens'], usage['outputTokens'])
        return r

    def whole(self):
        a = self.c.converse(**self.request())
        return self.take(a['output']['message']['content'], a['stopReason'],
                         a['usage'])

    def streamed(self):
        blocks, finish, usage = {}, None, None
        for e in self.c.converse_stream(**self.request())['stream']:
            if 'contentBlockStart' in e:
                s = e['contentBlockStart']
                u = s['start']['toolUse']
                blocks[s['contentBlockIndex']] = {'toolUse': {
                    'toolUseId': u['toolUseId'], 'name': u['name'],
                    'input': ''}}
            elif 'contentBlockDelta' in e:
                d = e['contentBlockDelta']
                self.delta(blocks, d['contentBlockIndex'], d['delta'])
            elif 'messageStop' in e:
                finish = e['messageStop']['stopReason']
            elif 'metadata' in e:
                usage = e['metadata']['usage']
        if finish is None or usage is None:
            raise RuntimeError('the stream ended without its end')
        content = [blocks[i] for i in sorted(blocks)]
        for b in content:
            if 'toolUse' in b:
                b['toolUse']['input'] = json.loads(b['toolUse']['input']
                                                   or '{}')
        return self.take(content, finish, usage)

    def delta(self, blocks, i, d):
        if 'text' in d:
            b = blocks.setdefault(i, {'text': ''})
            b['text'] += d['text']
        elif 'toolUse' in d:
            blocks[i]['toolUse']['input'] += d['toolUse']['input']
        elif 'reasoningContent' in d:
            d = d['reasoningContent']
            if 'redactedContent' in d:
                blocks[i] = {'reasoningContent': d}
                return
            b = blocks.setdefault(i, {'reasoningContent': {
                'reasoningText': {'text': ''}}})
            t = b['reasoningContent']['reasoningText']
            for k, v in d.items():
                t[k] = t.get(k, '') + v

    def results(self, results):
        self.history.append({'role': 'user', 'content': [{'toolResult': {
            'toolUseId': i, 'content': [{'text': text}]}}
            for (i, name, args), text in results]})


class Ollama(Client):
    finishes = {'stop': 'stop', 'tool_calls': 'stop', 'length': 'length',
                'filter': 'stop'}

    def __init__(self, *args):
        super().__init__(*args)
        import ollama
        self.c = ollama.Client(host=self.base, timeout=20, headers={
            'Authorization': 'Bearer ' + self.key})

    def add(self, role, parts):
        m = {'role': role, 'content': '\n'.join(
            p for p in parts_of(parts) if isinstance(p, str))}
        images = [p[1] for p in parts_of(parts) if not isinstance(p, str)]
        if images:
            m['images'] = images
        self.history.append(m)

    def request(self):
        o = self.options
        r = {'model': self.model, 'messages': ([{
            'role': 'system', 'content': self.system}] if self.system
            else []) + self.history}
        if o.get('tools'):
            r['tools'] = [{'type': 'function', 'function': {
                'name': n, 'description': d, 'parameters': s}}
                for n, d, s in o['tools']]
        if o.get('schema'):
            r['format'] = o['schema']
        options = {}
        if o.get('max_tokens'):
            options['num_predict'] = o['max_tokens']
        if o.get('stop'):
            options['stop'] = [o['stop']]
        if o.get('temperature') is not None:
            options['temperature'] = o['temperature']
        if options:
            r['options'] = options
        if o.get('effort'):
            r['think'] = o['effort']
        return r

    def take(self, answers):
        r, calls = Result(), []
        for a in answers:
            m = a.message
            r.text += m.content or ''
            r.think += m.thinking or ''
            for c in m.tool_calls or []:
                calls.append(c)
                r.calls.append((None, c.function.name,
                                dict(c.function.arguments)))
            if a.done:
                r.finish = a.done_reason
                r.usage = (a.prompt_eval_count, a.eval_count)
        if r.finish is None:
            raise RuntimeError('the stream ended without its last line')
        m = {'role': 'assistant', 'content': r.text}
        if r.think:
            m['thinking'] = r.think
        if calls:
            m['tool_calls'] = [c.model_dump(exclude_none=True)
                               for c in calls]
        self.history.append(m)
        return r

    def whole(self):
        return self.take([self.c.chat(**self.request())])

    def streamed(self):
        return self.take(self.c.chat(stream=True, **self.request()))

    def results(self, results):
        for (i, name, args), text in results:
            self.history.append({'role': 'tool', 'tool_name': name,
                                 'content': text})


class Cohere(Client):
    finishes = {'stop': 'COMPLETE', 'tool_calls': 'TOOL_CALL',
                'length': 'MAX_TOKENS', 'filter': 'ERROR'}

    def __init__(self, *args):
        super().__init__(*args)
        import cohere
        self.c = cohere.ClientV2(api_key=self.key, base_url=self.base,
                                 timeout=20)

    def part(self, p):
        if isinstance(p, str):
            return {'type': 'text', 'text': p}
        url = p[1] if p[0] == 'url' else \
            'data:image/png;base64,' + base64.b64encode(p[1]).decode()
        return {'type': 'image_url', 'image_url': {'url': url}}

    def add(self, role, parts):
        parts = parts_of(parts)
        self.history.append({'role': role, 'content': parts[0]
                             if parts[0:1] == parts
                             else [self.part(p) for p in parts]})

    def request(self):
        o = self.options
        r = {'model': self.model, 'messages': ([{
            'role': 'system', 'content': self.system}] if self.system
            else []) + self.history}
        if o.get('tools'):
            r['tools'] = [{'type': 'function', 'function': {
                'name': n, 'description': d, 'parameters': s}}
                for n, d, s in o['tools']]
        if o.get('schema'):
            r['response_format'] = {'type': 'json_object',
                                    'json_schema': o['schema']}
        if o.get('max_tokens'):
            r['max_tokens'] = o['max_tokens']
        if o.get('stop'):
            r['stop_sequences'] = [o['stop']]
        if o.get('effort'):
            r['thinking'] = {'type': 'enabled', 'token_budget': 2048}
        if o.get('temperature') is not None:
            r['temperature'] = o['temperature']
        r['request_options'] = {'max_retries': 0}
        return r

    def taken(self, r, content, calls, plan):
        m = {'role': 'assistant'}
        if calls:
            m['tool_calls'] = calls
            if plan:
                m['tool_plan'] = plan
        if content:
            m['content'] = content
        for c in content:
            r.text += c.get('text', '')
            r.think += c.get('thinking', '')
        for c in calls:
            r.calls.append((c['id'], c['function']['name'],
                            json.loads(c['function']['arguments'] or '{}')))
        self.history.append(m)
        return r

    def whole(self):
        r = Result()
        a = self.c.chat(**self.request())
        m = a.message
        r.finish = a.finish_reason
        r.usage = (a.usage.tokens.input_tokens, a.usage.tokens.output_tokens)
        return self.taken(r, [c.dict(exclude_none=True)
                              for c in m.content or []],
                          [c.dict(exclude_none=True)
                           for c in m.tool_calls or []], m.tool_plan)

    def streamed(self):
        r, content, calls, plan = Result(), [], [], ''
        for e in self.c.chat_stream(**self.request()):
            if e.type == 'content-start':
                c = e.delta.message.content
                content.append({'type': c.type, c.type: ''})
            elif e.type == 'content-delta':
                c = e.delta.message.content
                for k in ('text', 'thinking'):
                    if getattr(c, k, None):
                        content[-1][k] = content[-1].get(k, '') \
                            + getattr(c, k)
            elif e.type == 'tool-plan-delta':
                plan += e.delta.message.tool_plan
            elif e.type == 'tool-call-start':
                calls.append(e.delta.message.tool_calls.dict(
                    exclude_none=True))
            elif e.type == 'tool-call-delta':
                f = calls[-1]['function']
                f['arguments'] = f.get('arguments', '') + \
                    e.delta.message.tool_calls.function.arguments
            elif e.type == 'message-end':
                r.finish = e.delta.finish_reason
                u = e.delta.usage
                if u and u.tokens:
                    r.usage = (u.tokens.input_tokens, u.tokens.output_tokens)
                if e.delta.error:
                    raise RuntimeError(e.delta.error)
        if r.finish is None:
            raise RuntimeError('the stream ended without its end')
        return self.taken(r, content, calls, plan)

    def results(self, results):
        for (i, name, args), text in results:
            self.history.append({'role': 'tool', 'tool_call_id': i,
                                 'content': text})


os.environ.setdefault('AWS_EC2_METADATA_DISABLED', 'true')

CLIENTS = {'oc': OpenAI, 'or': Responses, 'an': Anthropic, 'ge': Gemini,
           'be': Bedrock, 'ol': Ollama, 'co': Cohere}
