"""The rows: what is asked of each pair, and what has to arrive.

A row gets a client, the mock, the names of both dialects and whether to
stream, and raises AssertionError where something is not as it was asked.
"""

import base64
import json

from clients import Failed
import mock as m

WEATHER = ('get_weather', 'The weather in a city.',
           {'type': 'object', 'properties': {'city': {'type': 'string'}},
            'required': ['city']})
TIME = ('get_time', 'The time now.', {'type': 'object', 'properties': {}})
SCHEMA = {'type': 'object', 'properties': {
    'city': {'type': 'string'}, 'temperature': {'type': 'integer'}},
    'required': ['city', 'temperature'], 'additionalProperties': False}

# rows that a target refuses by name: what TRANSLATION says R of
REFUSED = {
    ('pdf', 'ol'): 'C7: Ollama takes no documents',
    ('pdf', 'co'): 'C7: Cohere takes no documents but plain text',
    ('stop', 'or'): 'E5: Responses has no stop sequences',
}

# what a client's dialect has no words for
UNSAID = {
    ('pdf', 'ol'): 'no documents', ('pdf', 'co'): 'no documents',
    ('url', 'be'): 'no images by URL', ('url', 'ol'): 'no images by URL',
    ('url', 'ge'): 'no images by any URL',
    ('stop', 'or'): 'no stop sequences',
}


class Check:

    def __init__(self, client, mock, way, to, stream, check):
        self.client, self.mock = client, mock
        self.way, self.to, self.stream, self.check = way, to, stream, check

    def words(self, scenario, text='What is it?'):
        return '%s scenario=%s check=%s' % (text, scenario, self.check)

    def ask(self):
        return self.client.ask(self.stream)

    def got(self, n=-1):
        return self.mock.got[self.check][n][2]

    def said(self, n=-1):
        return json.dumps(self.got(n), ensure_ascii=False)

    def holds(self, data):
        """Bytes in base64, of either alphabet."""
        return base64.b64encode(data).decode().rstrip('=') in \
            self.said().replace('-', '+').replace('_', '/')


def need(cond, *what):
    assert cond, ' '.join(map(str, what))[:400]


def ended(c, r, finish):
    need(r.finish == c.client.finishes[finish] or
         # a dialect that calls it what it is not: Ollama has no refusal
         (finish == 'filter' and c.to == 'ol'),
         'finish', r.finish)


def used(r):
    need(r.usage == m.USAGE, 'usage', r.usage)


def turns(c):
    c.client.start('Be brief, MARK-SYSTEM.', [
        ('user', 'First MARK-ONE'), ('assistant', 'Second MARK-TWO'),
        ('user', c.words('text', 'Third MARK-THREE'))], temperature=0.5
        if c.way != 'an' else None)
    r = c.ask()
    need(r.text == m.TEXT, 'text', repr(r.text))
    ended(c, r, 'stop')
    used(r)
    said = c.said()
    at = [said.find(w) for w in ('MARK-ONE', 'MARK-TWO', 'MARK-THREE')]
    need(-1 not in at and at == sorted(at), 'turns', said)
    need('MARK-SYSTEM' in said, 'system', said)


def tools(c, scenario, declared, calls):
    c.client.start(None, [('user', c.words(scenario))], tools=declared)
    r = c.ask()
    need([(n, a) for _, n, a in r.calls] == calls, 'calls', r.calls)
    need(len({i for i, _, _ in r.calls if i}) in (0, len(calls)), 'ids',
         r.calls)
    ended(c, r, 'tool_calls')
    used(r)
    for name, about, schema in declared:
        need(name in c.said() and about in c.said(), 'tools', c.said())
    c.client.results([(call, 'RESULT-%d' % i)
                      for i, call in enumerate(r.calls)])
    r = c.ask()
    need(r.text == m.TEXT, 'text', repr(r.text))
    said = c.said()
    at = [said.find('RESULT-%d' % i) for i in range(len(calls))]
    need(-1 not in at and at == sorted(at), 'results', said)


def tool(c):
    tools(c, 'tool', [WEATHER], [('get_weather', {'city': 'Paris'})])


def parallel(c):
    tools(c, 'parallel', [WEATHER, TIME],
          [('get_weather', {'city': x}) for x in ('Paris', 'Rome', 'Oslo')])


def empty(c):
    tools(c, 'empty', [TIME], [('get_time', {})])


def image(c):
    kinds = [('image', m.PNG)]
    if ('url', c.way) not in UNSAID:
        kinds.append(('url', 'http://127.0.0.1:%d/media/a.png'
                      % c.mock.port))
    for kind in kinds:
        c.client.start(None, [('user', [c.words('text', 'Look:'), kind])])
        r = c.ask()
        need(r.text == m.TEXT, 'text', repr(r.text))
        said = c.said()
        need(c.holds(m.PNG) or (kind[0] == 'url' and kind[1] in said),
             'image', said)


def pdf(c):
    c.client.start(None, [('user', [c.words('text', 'Read:'),
                                    ('pdf', m.PDF)])])
    r = c.ask()
    need(r.text == m.TEXT, 'text', repr(r.text))
    need(c.holds(m.PDF), 'document', c.said())


def schema(c):
    c.client.start(None, [('user', c.words('json'))], schema=SCHEMA)
    r = c.ask()
    need(json.loads(r.text) == json.loads(m.JSON), 'text', r.text)
    ended(c, r, 'stop')
    said = c.said().replace('\\"', '"').replace(' ', '')
    need('"temperature":{"type":"integer"}' in said, 'schema', said)


def reason(c):
    c.client.start(None, [('user', c.words('reason'))], tools=[WEATHER],
                   effort='medium')
    for i in range(2):
        r = c.ask()
        need(len(r.calls) == 1, 'calls', r.calls)
        c.client.results([(r.calls[0], 'RESULT-%d' % i)])
    r = c.ask()
    need(r.text == m.TEXT, 'text', repr(r.text))
    if (c.to in ('an', 'be', 'or', 'ge') and c.way in ('an', 'be', 'or', 'ge')
            and not (c.to == 'ge' and c.way != 'ge'
                     and 'skip_thought' in c.said())):
        need(c.said().count(m.SIGNATURE) == 2, 'signatures', c.said())


def stop(c):
    c.client.start(None, [('user', c.words('limit'))], stop='END-MARK',
                   max_tokens=77)
    r = c.ask()
    ended(c, r, 'length')
    need('77' in c.said(), 'limit', c.said())
    if ('stop', c.way) not in UNSAID:
        need('END-MARK' in c.said(), 'stop', c.said())


def refusal(c):
    c.client.start(None, [('user', c.words('refuse'))])
    if c.to == 'co':
        # its finish is an error's
        try:
            ended(c, c.ask(), 'filter')
        except Failed:
            pass
        return
    ended(c, c.ask(), 'filter')


def limited(c):
    c.client.start(None, [('user', c.words('limited'))])
    try:
        c.ask()
    except Failed as x:
        kinds = {'oc': 'RateLimitError', 'or': 'RateLimitError',
                 'an': 'RateLimitError', 'ge': 'ClientError',
                 'be': 'ThrottlingException', 'ol': 'ResponseError',
                 'co': 'TooManyRequestsError'}
        need(x.status == 429, 'status', x.status, x)
        need(x.kind == kinds[c.way], 'class', x.kind, x)
        return
    need(False, 'an error before the answer is none')


def cut(c):
    c.client.start(None, [('user', c.words('cut'))])
    try:
        r = c.ask()
    except Failed:
        return
    need(False, 'a cut is taken for an answer:', repr(r.text), r.finish)


ROWS = [('turns', turns), ('tool', tool), ('parallel', parallel),
        ('empty', empty), ('image', image), ('pdf', pdf),
        ('schema', schema), ('reason', reason), ('stop', stop),
        ('refusal', refusal), ('error', limited), ('cut', cut)]
