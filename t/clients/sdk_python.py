#!/usr/bin/env python3

"""The official openai package for Python against the gateway.

    sdk_python.py BASE_URL REPLAY_URL       TAP on the standard output
"""

import asyncio
import base64
import json
import sys
import time
import urllib.request

import openai

import gateway
import replay

BASE, REPLAY = sys.argv[1:3]
HELLO = [{'role': 'user', 'content': 'Hello'}]

tap = gateway.Tap()
by_id = {e['id']: e for e in replay.exchanges()}


def client(key='sk-test', ident=None, **more):
    headers = {'x-replay-id': ident} if ident else {}
    more.setdefault('max_retries', 0)

    return openai.OpenAI(base_url=BASE, api_key=key, timeout=20,
                         default_headers=headers, **more)


def state():
    with urllib.request.urlopen(REPLAY + '/_state') as r:
        return json.load(r)


def find(api, stream, *features, text=False):
    for e in by_id.values():
        if (e['provider'] == 'openai' and e['api'] == api
                and e['stream'] == stream and e['expected_usage']
                and e['response']['status'] == 200
                and (e['expected_text'] or not text)
                and all(f in e['features'] for f in features)):
            return e

    raise SystemExit('Bail out! no exchange of %s %s' % (api, features))


def text_of(e):
    return base64.b64decode(e['response']['body_b64']).decode()


def raises(kind, text, call):
    try:
        call()
    except kind as x:
        tap.ok(type(x) is kind, text, repr(x))
        return x
    except Exception as x:
        tap.ok(False, text, repr(x))
        return x

    tap.ok(False, text, 'nothing was raised')
    return None


def chat(c, model='gpt-4o-mini', **more):
    return c.chat.completions.create(model=model, messages=HELLO, **more)


def test_plain():
    e = find('chat.completions', False)
    want = json.loads(text_of(e))
    got = chat(client(ident=e['id']))

    tap.ok(got.choices[0].message.content
           == want['choices'][0]['message']['content'], 'plain: the text')
    tap.ok(got.usage.prompt_tokens == want['usage']['prompt_tokens']
           and got.usage.completion_tokens
           == want['usage']['completion_tokens'], 'plain: usage')
    tap.ok(got.model == want['model'], "plain: the provider's model")

    raw = client(ident=e['id']).chat.completions.with_raw_response.create(
        model='gpt-4o-mini', messages=HELLO)
    tap.ok(raw.headers.get('x-soma-provider') == 'replay', 'x-soma-provider')
    tap.ok(raw.headers.get('x-soma-model') == 'gpt-4o-mini', 'x-soma-model')
    tap.ok(bool(raw.headers.get('x-request-id')), 'x-request-id')
    tap.ok(raw.text == text_of(e), 'plain: byte for byte')


def test_tools():
    e = find('chat.completions', False, 'tool_call')
    want = json.loads(text_of(e))['choices'][0]['message']['tool_calls']
    got = chat(client(ident=e['id']), tools=[{
        'type': 'function', 'function': {
            'name': 'f', 'parameters': {'type': 'object',
                                        'properties': {}}}}])
    got = got.choices[0].message.tool_calls

    tap.ok([(t.id, t.function.name, t.function.arguments) for t in got]
           == [(t['id'], t['function']['name'], t['function']['arguments'])
               for t in want], 'tools: the calls')


def streamed(e, **more):
    text, usage, tools, done = '', None, {}, None

    for part in chat(client(ident=e['id']), stream=True, **more):
        usage = part.usage or usage

        for choice in part.choices[:1]:
            text += choice.delta.content or ''
            done = choice.finish_reason or done

            for t in choice.delta.tool_calls or []:
                args = tools.setdefault(t.index, [None, ''])
                args[0] = t.function.name or args[0]
                args[1] += t.function.arguments or ''

    return text, usage, tools, done


def test_stream():
    asked = {'stream_options': {'include_usage': True}}
    e = find('chat.completions', True, text=True)
    text, usage, _, done = streamed(e, **asked)
    want = e['expected_usage']

    tap.ok(bool(text) and text == e['expected_text'], 'stream: the text')
    tap.ok(done is not None, 'stream: a finish reason')
    tap.ok(usage is not None
           and usage.prompt_tokens == want['total_input_tokens']
           and usage.completion_tokens == want['total_output_tokens'],
           'stream: usage where asked', usage)

    text, usage, _, _ = streamed(e)
    tap.ok(text == e['expected_text'] and usage is None,
           'stream: none where not asked', usage)

    e = find('chat.completions', True, 'tool_call')
    _, _, tools, done = streamed(e, **asked)
    tap.ok(done == 'tool_calls' and tools
           and all(n and json.loads(a or '{}') is not None
                   for n, a in tools.values()), 'stream: tools', tools)


def test_other_apis():
    e = find('embeddings', False)
    want = json.loads(text_of(e))
    got = client(ident=e['id']).embeddings.create(
        model='gpt-4o-mini', input='x', encoding_format='float')
    tap.ok(len(got.data) == len(want['data'])
           and got.usage.prompt_tokens == want['usage']['prompt_tokens'],
           'embeddings')

    e = find('responses', False)
    want = json.loads(text_of(e))
    got = client(ident=e['id']).responses.create(model='gpt-4o-mini',
                                                 input='x')
    tap.ok(got.id == want['id'] and got.usage.total_tokens
           == want['usage']['total_tokens'], 'responses')

    e = find('responses', True)
    last = None
    for event in client(ident=e['id']).responses.create(
            model='gpt-4o-mini', input='x', stream=True):
        last = event
    tap.ok(last.type == 'response.completed' and last.response.usage is not
           None, 'responses, streamed', last)

    e = find('completions', False)
    got = client(ident=e['id']).completions.create(model='gpt-4o-mini',
                                                   prompt='x')
    tap.ok(got.choices[0].text
           == json.loads(text_of(e))['choices'][0]['text'], 'completions')

    names = [m.id for m in client().models.list()]
    tap.ok('assistant' in names and 'secret' in names, 'models', names)
    names = [m.id for m in client('sk-some').models.list()]
    tap.ok(sorted(names) == ['gpt-4o-mini', 'made-up'],
           'models of a tenant that may use two', names)
    tap.ok(client().models.retrieve('gpt-4o-mini').id == 'gpt-4o-mini',
           'one model')


def test_errors():
    x = raises(openai.AuthenticationError, '401: a key nobody knows',
               lambda: chat(client('sk-wrong')))
    tap.ok(getattr(x, 'code', None) == 'invalid_api_key', '401: its code',
           repr(x))
    tap.ok(x is not None and 'sk-wrong' not in str(x), '401: not the key')
    raises(openai.PermissionDeniedError, '403: a model that is not allowed',
           lambda: chat(client('sk-some'), 'secret'))
    x = raises(openai.NotFoundError, '404: no such model',
               lambda: chat(client(), 'nonesuch'))
    tap.ok(getattr(x, 'code', None) == 'model_not_found', '404: its code')
    raises(openai.BadRequestError, '400: of the provider',
           lambda: chat(client(ident='special-400'), 'made-up'))
    raises(openai.UnprocessableEntityError, '422: of the provider',
           lambda: chat(client(ident='special-422'), 'made-up'))
    raises(openai.InternalServerError, 'nobody answers',
           lambda: chat(client(), 'dead'))

    chat(client('sk-poor', 'special-ok'), 'made-up')
    c = client('sk-poor', 'special-ok', max_retries=3)
    begun = time.time()
    x = raises(openai.RateLimitError, '429: the budget is used up',
               lambda: chat(c, 'made-up'))
    tap.ok(getattr(x, 'code', None) == 'insufficient_quota', '429: its code')
    tap.ok(time.time() - begun < 2 and x.response.headers.get(
        'x-should-retry') == 'false', '429: the SDK does not try again')
    tap.ok(x.response.headers.get('retry-after', '').isdigit(),
           '429: Retry-After')


def test_retries():
    got = chat(client(ident='special-429-once-python', max_retries=3),
               'gpt-4o-mini')
    tap.ok(got.choices[0].message.content == 'hello',
           'a 429 of the provider, then an answer')
    got = chat(client(ident='special-ok'), 'assistant')
    tap.ok(got.choices[0].message.content == 'hello',
           'a route goes on to its next target')


def test_abort():
    closed = state()['closed']
    stream = chat(client(ident='special-slow-python'), 'made-up', stream=True)

    for i, _ in enumerate(stream):
        if i == 2:
            break

    stream.close()

    for _ in range(100):
        if state()['closed'] > closed:
            break

        time.sleep(0.05)

    tap.ok(state()['closed'] > closed, 'a stream left: the provider too')

    parts, error = 0, None

    try:
        for _ in chat(client(ident='special-cut-python'), 'made-up',
                      stream=True):
            parts += 1
    except openai.APIError as x:
        error = x

    tap.ok(parts >= 3 and isinstance(error, openai.APIError),
           'a stream that breaks off is an error to the SDK',
           '%d parts, %r' % (parts, error))


def test_budget():
    def tight(n, e):
        return openai.OpenAI(base_url=BASE.replace('/v1', '/trust/v1'),
                             api_key='sk-tight-%d' % n, max_retries=0,
                             timeout=20,
                             default_headers={'x-replay-id': e['id']})

    def long(api):
        return max((e for e in by_id.values()
                    if e['provider'] == 'openai' and e['api'] == api
                    and e['stream']),
                   key=lambda e: len(e['expected_text'] or ''))

    e = long('chat.completions')
    text, done, usage, ids = '', None, None, set()

    for part in chat(tight(1, e), stream=True,
                     stream_options={'include_usage': True}):
        usage = part.usage or usage
        ids.add(part.id)

        for choice in part.choices:
            text += choice.delta.content or ''
            done = choice.finish_reason or done

    tap.ok(0 < len(text) < len(e['expected_text'])
           and e['expected_text'].startswith(text) and done == 'length',
           'a spent budget: the answer ends for its length', (text, done))
    tap.ok(usage is not None and usage.completion_tokens > 0
           and 80 < usage.total_tokens <= 100, 'its usage is the limit', usage)
    tap.ok(len(ids) == 1, 'under one id', ids)
    raises(openai.RateLimitError, 'then nothing is left',
           lambda: chat(tight(1, e), max_tokens=50))

    e = long('completions')
    text, done = '', None

    for part in tight(2, e).completions.create(
            model='gpt-4o-mini', prompt='x', stream=True):
        text += part.choices[0].text
        done = part.choices[0].finish_reason or done

    tap.ok(0 < len(text) < len(e['expected_text']) and done == 'length',
           'completions: the same', (text, done))

    e = long('responses')
    text, last = '', None

    with tight(3, e).responses.stream(model='gpt-4o-mini', input='x') as events:
        for event in events:
            if event.type == 'response.output_text.delta':
                text += event.delta

            last = event

    tap.ok(last.type == 'response.incomplete'
           and last.response.incomplete_details.reason == 'max_output_tokens'
           and last.response.status == 'incomplete'
           and 80 < last.response.usage.total_tokens <= 100,
           'responses: incomplete, and its usage', last)
    tap.ok(e['expected_text'].startswith(text)
           and len(text) < len(e['expected_text']), 'the text before it', text)


def test_async():
    async def run():
        e = find('chat.completions', True, text=True)

        async with openai.AsyncOpenAI(
                base_url=BASE, api_key='sk-test', max_retries=0, timeout=20,
                default_headers={'x-replay-id': e['id']}) as c:

            async def one():
                text = ''
                stream = await c.chat.completions.create(
                    model='gpt-4o-mini', messages=HELLO, stream=True)

                async for part in stream:
                    for choice in part.choices[:1]:
                        text += choice.delta.content or ''

                return text

            texts = await asyncio.gather(*[one() for _ in range(20)])
            tap.ok(all(t == e['expected_text'] for t in texts),
                   'twenty streams at once')

    asyncio.run(run())


for test in (test_plain, test_tools, test_stream, test_other_apis,
             test_errors, test_retries, test_abort, test_budget, test_async):
    try:
        test()
    except Exception as x:
        tap.ok(False, test.__name__, repr(x))

sys.exit(tap.done())
