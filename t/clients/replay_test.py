#!/usr/bin/env python3

"""Every recorded exchange of an OpenAI-compatible API through the gateway,
whole, in one-byte chunks, and some in one-byte writes: the answer comes back
byte for byte, the provider gets the client's bytes but for the model's name,
and the usage that the gateway tells is the one that was worked out of the
recording by somebody else's program.

What is no answer does not come back as it was: refusals of our key, pages and
broken errors become errors of the gateway's own; and what a tenant may not ask
(work in the background, another one's responses) is refused by name.

TAP on the standard output."""

import base64
import http.client
import json
import re
import sys
import time

import gateway
import replay

APIS = {'chat.completions', 'completions', 'embeddings', 'responses',
        'images'}
BYTES = 60              # exchanges that are also sent in one-byte writes


def wanted(e):
    return (e['api'] in APIS and e['request']['method'] == 'POST'
            and e['request']['path'].split('?')[0].count('/') <= 2
            and 'compact' not in e['request']['path']
            and 'input_tokens' not in e['request']['path'])


def asks(e):
    """What the client sends and what the provider is to get: the recorded
    body under the exchange's own model name, and with that of the recording.
    """

    body = e['request']['body']
    name = e['model'] or 'model'

    try:
        value = json.loads(body) if body else None
    except ValueError:
        value = None

    if not isinstance(value, dict) or not isinstance(value.get('model'), str):
        body = None

    if body:
        name = value['model']

    if not body:
        value = {'model': name, 'input': 'hi', 'prompt': 'hi',
                 'messages': [{'role': 'user', 'content': 'hi'}]}

        if e['stream']:
            value['stream'] = True

        body = json.dumps(value)

    if e['api'] in ('chat.completions', 'completions') \
            and value.get('stream') is True \
            and not (value.get('stream_options') or {}).get('include_usage'):

        # ask for the usage, or a chunk with it is not for this client
        value['stream_options'] = {'include_usage': True}
        body = json.dumps(value)

    m = re.search(r'"model"\s*:\s*("(?:[^"\\]|\\.)*")', body)

    if m is None or json.loads(m.group(1)) != name:
        value['model'] = name
        body = json.dumps(value)
        m = re.search(r'"model"\s*:\s*("(?:[^"\\]|\\.)*")', body)

    sent = body[:m.start(1)] + '"' + e['id'] + '"' + body[m.end(1):]

    return sent.encode(), body.encode(), name


BOUNDS = ('max_tokens', 'max_completion_tokens', 'max_output_tokens')


def unbound(body):
    """The body without its bound, and the bound: it is told by the name that
    the provider reads."""

    try:
        value = json.loads(body)
    except ValueError:
        return body, None

    if not isinstance(value, dict):
        return body, None

    said = [value.pop(n) for n in BOUNDS if n in value]

    return value, max((n for n in said if n is not None), default=None)


def foreign(body):
    """What a gateway of several tenants does not pass on: what works on
    behind the answer, and what names something of an unknown owner."""

    value = json.loads(body)

    return (value.get('background') or value.get('previous_response_id')
            or value.get('conversation') or b'"item_reference"' in body
            or b'file_id"' in body or b'"vector_store_ids"' in body
            or b'"container"' in body)


def error(body):
    """The error object of a body, or None."""

    try:
        value = json.loads(body)
    except ValueError:
        return None

    e = value.get('error') if isinstance(value, dict) else None

    return e if isinstance(e, dict) else None


def own(e, want, status, got):
    """Whether the gateway answers in its own words, as it should."""

    recorded = e['response']['status']
    said = error(got) or {}

    if not said.get('message'):
        return False

    if recorded in (401, 402, 403, 407):
        return status == 502 and said.get('code') == 'provider_auth'

    if recorded < 300:
        return status == 502 and (error(want) is not None
                                  or not want.strip().startswith(b'{'))

    if recorded >= 500 or recorded == 408:
        return status in (502, 503, 504)

    return status == recorded and error(want) is None


class Suite:

    def __init__(self):
        self.tap = gateway.Tap()
        self.list = [e for e in replay.exchanges() if wanted(e)]
        self.asks = {e['id']: asks(e) for e in self.list}
        self.server = replay.Server().start()

        self.models = ''.join(
            'soma_model %s provider=replay "name=%s" input=1 output=2;\n'
            % (e['id'], self.asks[e['id']][2]) for e in self.list)


    def exchange(self, e, mode):
        sent = self.asks[e['id']][0]
        path = '/v1' + e['request']['path'].split('?')[0]

        self.conn.request('POST', path, sent, {
            'Authorization': 'Bearer sk-test',
            'Content-Type': 'application/json', 'Accept-Encoding': 'identity',
            'x-replay-id': e['id'], 'x-replay-mode': mode})
        self.sent += 1

        r = self.conn.getresponse()

        return r.status, r.headers, r.read()

    def replay(self, e, mode):
        want = base64.b64decode(e['response']['body_b64'])
        bad = []

        try:
            status, headers, got = self.exchange(e, mode)
        except (http.client.HTTPException, OSError) as x:
            self.conn.close()
            self.tap.ok(False, '%s %s' % (e['id'], mode), repr(x))
            return

        sent = self.server.seen.get(e['id'])

        if status in (400, 404) and foreign(self.asks[e['id']][0]) \
                and error(got) and not sent:
            self.tap.ok(True, '%s %s: refused by name' % (e['id'], mode))
            return

        if got != want and own(e, want, status, got):
            self.tap.ok(True, '%s %s: an error of ours' % (e['id'], mode))
            return

        if status != e['response']['status']:
            bad.append('status %d, want %d' % (status,
                                               e['response']['status']))

        # blank lines that keep a connection alive may be left out, those that
        # came before anything else

        if got.lstrip() != want.lstrip() or not want.endswith(got):
            n = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b),
                     min(len(got), len(want)))
            bad.append('%d bytes, want %d, differ at %d: %r, want %r'
                       % (len(got), len(want), n, got[n:n + 60],
                          want[n:n + 60]))

        if sent != self.asks[e['id']][1] \
                and unbound(sent or b'') != unbound(self.asks[e['id']][1]):
            bad.append('the provider got %r, want %r'
                       % ((sent or b'')[:300], self.asks[e['id']][1][:300]))

        if not headers.get('x-request-id'):
            bad.append('no x-request-id')

        self.tap.ok(not bad, '%s %s' % (e['id'], mode), '\n'.join(bad))

    def usage(self):
        lines = {}

        for line in self.gateway.log().splitlines():
            line = json.loads(line)
            lines[line['id']] = line

        for e in self.list:
            want = e['expected_usage']

            if want is None or want.get('ambiguous') or e['id'] not in lines \
                    or foreign(self.asks[e['id']][0]):
                continue

            got = lines[e['id']]
            have = (got['input'], got['output'], got['cached'])
            need = (want.get('total_input_tokens'),
                    want.get('total_output_tokens'),
                    want.get('cached_input_tokens') or 0)
            need = tuple(str(n or 0) for n in need)

            self.tap.ok(tuple(n or '0' for n in have) == need,
                        '%s %s: usage' % (e['id'], got['mode']),
                        'input, output, cached: %s, want %s' % (have, need))

    def round(self, mode, some):

        # a gateway for each: a 429 with Retry-After keeps a target from
        # being asked for a while, in the next round too

        self.gateway = gateway.Gateway('replay-' + mode, self.server.port,
                                       self.models)
        self.conn = http.client.HTTPConnection('127.0.0.1',
                                               self.gateway.port, timeout=30)
        self.sent = 0

        for e in some:
            self.replay(e, mode)

        # a line is written when its request is over, not when it is read
        for _ in range(100):
            if self.gateway.log().count('\n') >= self.sent:
                break

            time.sleep(0.05)

        self.usage()
        self.conn.close()
        self.gateway.stop()

        log = self.gateway.log('error.log')

        self.tap.ok(not re.search(r'\[(alert|crit|emerg)\]', log),
                    mode + ': nothing bad in the error log')
        self.tap.ok('sk-provider' not in log and 'sk-test' not in log,
                    mode + ': no key in the error log')

    def run(self):
        small = sorted((e for e in self.list
                        if e['response']['status'] == 200),
                       key=lambda e: len(e['response']['body_b64']))

        self.round('whole', self.list)
        self.round('chunks', self.list)
        self.round('bytes', small[::max(1, len(small) // (2 * BYTES))][:BYTES])

        return self.tap.done()


if __name__ == '__main__':
    sys.exit(Suite().run())
