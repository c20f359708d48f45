#!/usr/bin/env python3

"""The official anthropic package for Python against a gateway whose provider
speaks OpenAI's API: recorded answers, told in the client's dialect.

    sdk_anthropic.py BASE_URL REPLAY_URL    TAP on the standard output
"""

import sys

import anthropic

import gateway
import replay

BASE = sys.argv[1].removesuffix('/v1')
HELLO = [{'role': 'user', 'content': 'Hello'}]
TOOL = {'name': 'get_weather', 'description': 'The weather of a city',
        'input_schema': {'type': 'object',
                         'properties': {'city': {'type': 'string'}}}}

tap = gateway.Tap()
exchanges = replay.exchanges()


def client(key='sk-test', ident=None, **more):
    headers = {'x-replay-id': ident} if ident else {}

    return anthropic.Anthropic(base_url=BASE, api_key=key, timeout=20,
                               max_retries=0, default_headers=headers, **more)


def find(stream, *features):
    for e in exchanges:
        if (e['provider'] == 'openai' and e['api'] == 'chat.completions'
                and e['stream'] == stream and e['expected_usage']
                and e['response']['status'] == 200
                and ('tool_call' in features or e['expected_text'])
                and all(f in e['features'] for f in features)):
            return e

    raise SystemExit('Bail out! no exchange %s' % (features,))


def ask(c, model='gpt-4o-mini', **more):
    return c.messages.create(model=model, max_tokens=100, messages=HELLO,
                             **more)


def text_of(message):
    return ''.join(b.text for b in message.content if b.type == 'text')


def metered(usage, e, text):
    want = e['expected_usage']
    got = usage.input_tokens + (usage.cache_read_input_tokens or 0) \
        + (usage.cache_creation_input_tokens or 0)

    tap.ok((got, usage.output_tokens)
           == (want['input_tokens'], want['output_tokens']), text,
           '%r, want %r' % (usage, want))


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


def test_plain():
    e = find(False)
    message = ask(client(ident=e['id']), system='Be brief.')

    tap.ok(message.type == 'message' and message.role == 'assistant',
           'a message')
    tap.ok(text_of(message) == e['expected_text'], 'its text',
           text_of(message))
    tap.ok(message.stop_reason in ('end_turn', 'max_tokens'), 'why it ended')
    metered(message.usage, e, 'its usage')


def test_stream():
    e = find(True)

    with client(ident=e['id']).messages.stream(
            model='gpt-4o-mini', max_tokens=100, messages=HELLO) as s:
        text = ''.join(s.text_stream)
        message = s.get_final_message()

    tap.ok(text == e['expected_text'], 'a stream: its text', text)
    tap.ok(message.stop_reason in ('end_turn', 'max_tokens'),
           'a stream: why it ended')
    tap.ok(message.usage.output_tokens
           == e['expected_usage']['output_tokens'],
           'a stream: what it used', repr(message.usage))


def test_tools():
    for stream in (False, True):
        e = find(stream, 'tool_call')
        c = client(ident=e['id'])
        what = 'a stream of calls' if stream else 'a call'

        if stream:
            with c.messages.stream(model='gpt-4o-mini', max_tokens=100,
                                   messages=HELLO, tools=[TOOL]) as s:
                message = s.get_final_message()
        else:
            message = ask(c, tools=[TOOL])

        calls = [b for b in message.content if b.type == 'tool_use']

        if not calls:
            tap.ok(text_of(message) == (e['expected_text'] or ''),
                   '%s: none was made' % what)
            continue

        tap.ok(message.stop_reason == 'tool_use', '%s: why it ended' % what)
        tap.ok(all(b.id and b.name and isinstance(b.input, dict)
                   for b in calls), '%s: with its arguments' % what)


def test_errors():
    raises(anthropic.AuthenticationError, 'an unknown key',
           lambda: ask(client(key='sk-nobody')))
    raises(anthropic.NotFoundError, 'an unknown model',
           lambda: ask(client(), model='nobody'))
    x = raises(anthropic.BadRequestError, 'a role that is none',
               lambda: client().messages.create(
                   model='gpt-4o-mini', max_tokens=10,
                   messages=[{'role': 'nobody', 'content': 'x'}]))
    tap.ok('nobody' in str(x), 'a role that is none: it is named', str(x))
    raises(anthropic.InternalServerError, 'a provider that is not there',
           lambda: ask(client(), model='dead'))


for test in (test_plain, test_stream, test_tools, test_errors):
    try:
        test()
    except Exception as x:
        tap.ok(False, test.__name__, repr(x))

sys.exit(tap.done())
