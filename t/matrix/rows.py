"""The twelve rows: what is asked of each pair, and what has to arrive. A row
raises AssertionError where something is not as it was asked or said."""

import json

from clients import Failed
from dialects import DIALECTS, PDF, PNG, reread
from dialects.base import stable
from said import (ARGUMENTS, CITIES, ERRORS, HALF, JSON, REFUSAL,
                  RETRY_AFTER, STOP, TEXT, TOLD, said, thought)

WEATHER = ('get_weather', 'The weather "now" in a city — °C.', {
    'type': 'object', 'properties': {
        'zoom': {'type': 'number', 'minimum': 0.5},
        'city': {'type': 'string', 'description': 'Its "name", 漢字'},
        'also': {'type': 'object', 'properties': {
            'a': {'type': ['string', 'null'], 'enum': ['', 'x', None]}},
            'additionalProperties': False}},
    'required': ['city']})
TIME = ('get_time', 'The time.', None)

SCHEMA = {'type': 'object', 'properties': {
    'city': {'type': 'string'}, 'degrees': {'type': 'integer'}},
    'required': ['city', 'degrees'], 'additionalProperties': False}

SYSTEM = ['Be brief, "please" — 漢字.', 'Second rule: \\n is no newline.']

# where a client's dialect has no place for what a provider signed: the id of
# a call has room for it; Ollama's package has no ids
LEVELS = {('oc', True): 'reasonsig', ('co', True): 'reasonsig',
          ('co', False): 'reasonsig', ('ol', True): 'reasonlost',
          ('ol', False): 'reasonlost'}

KINDS = {       # what a package raises, by e400 e429 e500 e503
    'oc': ('BadRequestError', 'RateLimitError', 'InternalServerError',
           'InternalServerError'),
    'an': ('BadRequestError', 'RateLimitError', 'InternalServerError',
           'OverloadedError'),
    'ge': ('ClientError', 'ClientError', 'ServerError', 'ServerError'),
    'be': ('ValidationException', 'ThrottlingException',
           'InternalServerException', 'ServiceUnavailableException'),
    'ol': ('ResponseError',) * 4,
    'co': ('BadRequestError', 'TooManyRequestsError', 'InternalServerError',
           'ServiceUnavailableError')}
KINDS['or'] = KINDS['oc']


def need(held, *what):
    assert held, ' '.join(map(str, what))[:700]


def same(what, got, want):
    assert got == want, ('%s: %r, to be %r' % (what, got, want))[:900]


def answered(c, r, scenario='text', step=0, finish=None):
    """What a package made of what the mock said."""
    view = type('Asked', (), {'think': scenario.startswith('reason')})()
    s = said(scenario, c.number, step, view)

    if scenario == 'stopcut':
        s.blocks = [('text', HALF)]

    text = s.text()

    if c.to == 'co' and s.of('call') and text:
        # its plan of what to call: a text, or a thought
        need(text in (r.text, r.think), 'the plan', repr(r.text))
    else:
        same('text', r.text, text if not s.of('refusal')
             or c.refusal_apart() else REFUSAL)

    if s.of('refusal') and c.refusal_apart():
        same('refusal', r.refusal, REFUSAL)

    calls = s.of('call')
    same('calls', [name for _, name, _ in r.calls],
         [name for _, name, _ in calls])

    for (i, name, got), (_, _, want) in zip(r.calls, calls):
        if c.way == c.to and not got:
            got = '{}'
        same('arguments of ' + name, reread(got), reread(want))

    ids = [i for i, _, _ in r.calls if i is not None]
    need(len(set(ids)) == len(ids), 'ids of calls', ids)
    need(all(ids) and (len(ids) == len(calls) or c.way in ('ge', 'ol')),
         'calls without ids', r.calls)

    if s.of('think'):
        same('reasoning', r.think, thought(c.number, step))

    ended(c, r, finish or s.finish)
    used(c, r, s)


def ended(c, r, finish):
    """finish: what was said, as the provider's dialect can say it."""
    if finish == 'stop_seq' and c.to in ('oc', 'ge', 'ol'):
        finish = 'stop'

    if finish == 'refuse' and c.to not in ('oc', 'or'):
        finish = 'stop'

    d = DIALECTS[c.way]
    same('finish', r.finish, d.finishes[finish])

    if c.way == 'or':
        same('incomplete_details', r.why, d.why.get(finish))

    if c.way == 'an':
        same('stop_sequence', r.stop, STOP if finish == 'stop_seq'
             and c.to in ('an', 'or') else None)


def used(c, r, s):
    """Usage: the whole in and out, and the parts that both dialects tell."""
    same('usage in', r.usage['in'], s.total_in())
    same('usage out', r.usage['out'], s.total_out())

    for part in DIALECTS[c.way].reads:
        want = s.usage[part] if part in DIALECTS[c.to].reads else 0

        # the SDK of Cohere has no reasoning_tokens
        if c.way != 'co' or part != 'think':
            same('usage ' + part, r.usage.get(part) or 0, want)


# the rows

def turns(c):
    more = {} if c.way == 'an' else {'temperature': 0.5}
    c.start('text', SYSTEM, [
        ('user', 'First: "Hi" 🦊'), ('assistant', 'Second.\nWell —'),
        ('user', c.words('Third?'))], **more)
    answered(c, c.ask())
    need('First: "Hi" 🦊' in str(c.got().turns), 'the first turn',
         c.got().turns)
    need(SYSTEM[1] in ' '.join(c.got().system), 'system', c.got().system)


def tools(c, scenario, declared, **more):
    c.start(scenario, [], [('user', c.words('Call.'))], tools=declared,
            **more)
    r = c.ask()
    answered(c, r, scenario)
    same('tools', [t[:2] for t in c.got().tools], [t[:2] for t in declared])
    c.client.o.pop('any', None)
    results = [(call, 'RESULT %d "°"' % i) for i, call in enumerate(r.calls)]

    # where results are told by their ids, they may come in any order
    if c.way not in ('ge', 'ol'):
        results.reverse()

    c.client.results(results)
    answered(c, c.ask(), scenario, 1)
    same('results', sorted(b[3] for b in c.got().blocks('result')),
         sorted(text for _, text in results))


def tool(c):
    tools(c, 'tool', [WEATHER])
    same('the call in the history', reread(c.got().blocks('call')[0][3]),
         reread(ARGUMENTS))


def parallel(c):
    # Ollama has no choice of tools
    more = {} if 'ol' in (c.way, c.to) else {'any': True}
    tools(c, 'parallel', [WEATHER, TIME], **more)
    same('the calls in the history',
         [reread(b[3]) for b in c.got().blocks('call')],
         [reread(t) for t in CITIES])


def empty(c):
    tools(c, 'empty', [TIME])
    same('the call in the history', c.got().blocks('call')[0][3], '{}')


def media(c, kind, data, url_clients):
    """By bytes, and by URL where a client can say one."""
    for by_url in (False, True):
        if by_url and c.way not in url_clients:
            continue

        c.start('text', [], [('user', [
            c.words('Look at this:'),
            (kind + '_url', c.url('a.png' if kind == 'image' else 'a.pdf'))
            if by_url else (kind, data), 'What is it?'])])
        answered(c, c.ask())
        got = c.got().blocks(kind, kind + '_url')
        need(len(got) == 1, 'the %s: %s' % (kind, got))

        if by_url and got[0][0] == kind + '_url':
            need(not DIALECTS[c.to].inline, 'a URL for', c.to)
            same('URL', got[0][1], c.url(''.join(got[0][1].split('/')[-1:])))
        else:
            need(got[0][1] == data, 'the bytes of the', kind)
            need(c.fetched() == by_url, 'fetched', c.fetched(), 'times')


def image(c):
    media(c, 'image', PNG, ('oc', 'or', 'an', 'co'))


def pdf(c):
    media(c, 'pdf', PDF, ('or', 'an'))


def schema(c):
    c.start('json', [], [('user', c.words('As JSON.'))], schema=SCHEMA)
    r = c.ask()
    answered(c, r, 'json')
    same('JSON', r.text, JSON)
    same('schema', c.got().schema, SCHEMA)


def reason(c):
    level = LEVELS.get((c.way, c.stream), 'reason')
    c.start(level, [], [('user', c.words('Think.'))], tools=[WEATHER, TIME],
            effort=True)

    for step in range(2):
        r = c.ask()
        answered(c, r, level, step)
        c.client.results([(r.calls[0], 'RESULT %d' % step)])

    answered(c, c.ask(), level, 2)
    stable([n['body'] for n in c.notes()])


def stop(c):
    if c.way != 'or':
        scenario = 'stopcut' if c.to == 'or' else 'stop'
        c.start(scenario, [], [('user', c.words('Go on.'))], stop=STOP)
        answered(c, c.ask(), scenario, finish='stop_seq')
        same('stop', c.got().stop, [] if c.to == 'or' else [STOP])

    c.start('limit', [], [('user', c.words('Go on.'))], max_tokens=77)
    answered(c, c.ask(), 'limit')
    same('limit', c.got().max_tokens, 77)


def refusal(c):
    for scenario in {'oc': ('refuse', 'filter'), 'or': ('refuse', 'filter'),
                     'ge': ('filter', 'blocked'), 'ol': ('refuse',),
                     'co': ('refuse',)}.get(c.to, ('filter',)):
        c.start(scenario, [], [('user', c.words('Say it.'))])
        answered(c, c.ask(), scenario)


def error(c):
    for scenario, kind in zip(ERRORS, KINDS[c.way]):
        c.start(scenario, [], [('user', c.words('Fail.'))])

        try:
            c.ask()
        except Failed as x:
            status = ERRORS[scenario]
            allowed = {500: (500, 502), 503: (529,) if c.way == 'an'
                       else (503,)}.get(status, (status,))

            if c.way == c.to and c.direct:
                allowed += (529,)

            need(x.status in allowed, scenario, 'is told as', x.status, x)
            need(x.kind == kind or c.way == 'co' and x.status == 502
                 and x.kind in ('ApiError', 'BadGatewayError'),
                 scenario, 'is raised as', x.kind, x)
            need(TOLD in str(x) or status >= 500, 'its message', x)
            if status == 429:
                same('Retry-After', c.retry_after(), RETRY_AFTER)

            need(status != 400 or len(c.notes()) == 1, 'asked',
                 len(c.notes()), 'times')
        else:
            need(False, scenario, 'is no error')


def cut(c):
    for scenario in ('cut', 'early', 'errmid') if c.stream else ('cut',):
        # a package may take the end of a body for the end of an answer
        if scenario == 'early' and c.direct:
            continue

        c.start(scenario, [], [('user', c.words('Break off.'))])

        try:
            r = c.ask()
            need(False, scenario, 'is taken for an answer:', repr(r.text),
                 r.finish)
        except Failed as x:
            need(x.kind != 'Unfinished', scenario, 'is an end:', x)
            need(x.result.finish is None, scenario, 'has a finish',
                 x.result.finish)
            need(TEXT.startswith(x.result.text), scenario, 'has the text',
                 repr(x.result.text))
            need(not c.stream or x.result.text, scenario,
                 'lost what came before it:', x.kind, x)


# beside the twelve: `run --rows extra`

def quirks(c):
    """Streams as they are, not as they are documented; of equal dialects
    their bytes pass."""
    if c.way == c.to:
        return

    for scenario in ('torn', 'quirktext', 'quirkcalls'):
        c.start(scenario, [], [('user', c.words('Go.'))],
                tools=[WEATHER, TIME])
        answered(c, c.ask(), scenario)


def choices(c):
    """One tool forced, one call at a time, none while calls are history."""
    if 'ol' in (c.way, c.to):
        return

    # Converse cannot say "none", and Cohere no one tool; where there are
    # calls it is refused, which t/unit/test_bedrock.c looks at
    for kind in {'be': ('one',), 'co': ('none',)}.get(c.way,
                                                      ('one', 'none')):
        if kind == 'none' and c.to == 'be':
            continue

        c.start('tool', [], [('user', c.words('Call.'))], tools=[
            WEATHER, TIME], **({'one': 'get_weather'} if kind == 'one'
                               else {}))
        r = c.ask()
        answered(c, r, 'tool')

        if kind == 'one':
            # Cohere is given this tool alone, and has to call one
            need(c.got().choice == 'get_weather' or c.to == 'co'
                 and [t[0] for t in c.got().tools] == ['get_weather'],
                 'the choice', c.got().choice)
            continue

        c.client.o['none'] = True
        c.client.results([(r.calls[0], 'RESULT')])
        answered(c, c.ask(), 'tool', 1)
        need(c.got().choice == 'none' or not c.got().tools,
             'the choice', c.got().choice)


def results(c):
    """A result that is an error, an empty one, one with JSON in it."""
    for text, failed in (('it "failed"', True), ('', False),
                         ('{"result":{"a":[1.0,"x"]},"n":null}', False),
                         ('[1, 2]', False)):
        c.start('tool', [], [('user', c.words('Call.'))], tools=[WEATHER])
        r = c.ask()
        c.client.results([(r.calls[0], text)], failed)
        answered(c, c.ask(), 'tool', 1)
        got = c.got().blocks('result')[0][3]

        if failed and c.failures():
            need(got.endswith(text) or text in json.loads(got).get(
                'error', ''), 'the result', repr(got))
        else:
            same('the result', ''.join(got.split()), ''.join(text.split()))


def names(c):
    """Names of tools and ids of calls that some do not take."""
    name = {'oc': 'a' * 64, 'or': 'get-it_' + 'b' * 57, 'an': 'c' * 128,
            'ge': 'ns.tool:x-1', 'be': 'd' * 64, 'ol': 'näme of a tool',
            'co': 'my.tool/2'}[c.way]
    c.start('named', [], [('user', c.words('Call.'))],
            tools=[(name,) + WEATHER[1:]])
    r = c.ask()
    same('the name', [n for _, n, _ in r.calls], [name])
    c.client.results([(r.calls[0], 'RESULT')])
    answered(c, c.ask(), 'named', 1)
    same('the name in the history', c.got().blocks('call')[0][2],
         c.got().tools[0][0])


def blanks(c):
    """Turns of one role, blank ones, and a first turn of the assistant."""
    if c.way == c.to == 'be':
        return

    c.start('text', [], [('user', 'One.'), ('user', c.words('Two.')),
                         ('assistant', 'Three.'), ('assistant', 'Four.'),
                         ('user', 'Five.')])
    answered(c, c.ask())

    if c.way in ('oc', 'or', 'ol', 'co'):
        c.start('text', [], [('user', c.words('One.')), ('assistant', ''),
                             ('user', 'Two.')])
        answered(c, c.ask())


EXTRA = {f.__name__: f for f in (quirks, choices, results, names, blanks)}
ROWS = {f.__name__: f for f in (turns, tool, parallel, empty, image, pdf,
                                schema, reason, stop, refusal, error, cut)}

TITLES = {'turns': 'system and several turns', 'tool': 'a tool, and back',
          'parallel': 'three calls at once', 'empty': 'no arguments',
          'image': 'an image, by bytes and by URL',
          'pdf': 'a PDF, by bytes and by URL', 'schema': 'JSON by a schema',
          'reason': 'signed reasoning over two calls',
          'stop': 'stop sequence and limit', 'refusal': 'refusals',
          'error': 'errors before the answer', 'cut': 'cuts in the answer'}
