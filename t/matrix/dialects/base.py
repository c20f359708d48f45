"""What all of the seven have: a request's view, what is demanded of any
request, and the tools that a dialect's own file is written with."""

import base64
import json
import re

PNG = base64.b64decode(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAD'
    'hgGAWjR9awAAAABJRU5ErkJggg==')
PDF = (b'%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n'
       b'2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n'
       b'trailer<</Root 1 0 R>>\n%%EOF\n')

MODEL = 'real.model-v1:0'
CREATED = 1764000000

# headers that carry a credential, and those that one maker alone reads
CREDENTIALS = ('authorization', 'x-api-key', 'api-key', 'x-goog-api-key',
               'cookie', 'x-amz-security-token', 'proxy-authorization')
OWN = ('anthropic-', 'openai-', 'x-goog-', 'x-amz-', 'x-amzn-', 'amz-sdk-')


class Wrong(Exception):
    """What a provider would refuse."""


def need(held, text, *more):
    if not held:
        raise Wrong(text % more if more else text)


class View:
    """What a request asks, in no dialect's words.

    turns: of (role, blocks), the role "user" or "assistant", a block
    ('text', text), ('image', bytes), ('image_url', url), ('pdf', bytes),
    ('pdf_url', url), ('call', id, name, arguments as text), ('result', id or
    None, name or None, text), ('think', text, signature)."""

    def __init__(self):
        self.system = []
        self.turns = []
        self.tools = []         # (name, about, schema)
        self.choice = None      # "auto", "none", "any", or a tool's name
        self.schema = None
        self.max_tokens = None
        self.stop = []
        self.temperature = None
        self.think = False      # is the reasoning to be told?
        self.stream = False

    def add(self, role, blocks):
        self.turns.append((role, blocks))

    def blocks(self, *kinds):
        return [b for _, blocks in self.turns for b in blocks
                if b[0] in kinds]

    def step(self):
        """How many turns of results have come since the calls began."""
        n, last = 0, None

        for role, blocks in self.turns:
            results = any(b[0] == 'result' for b in blocks)
            n += results and last != 'results'
            last = 'results' if results else role

        return n


def tool_schema(schema):
    """No parameters, in whatever words, are one thing."""
    if schema in (None, {}, {'type': 'object'}):
        return {'type': 'object', 'properties': {}}

    return schema


def ordered(value):
    return json.dumps(value, ensure_ascii=False, separators=(',', ':'))


def reread(text):
    """JSON by its meaning: members in their order, numbers by their kind."""
    return ordered(json.loads(text))


def data_url(url, what):
    """The bytes of a "data:" URL of that kind."""
    m = re.fullmatch(r'data:([\w.+-]+/[\w.+-]+);base64,([A-Za-z0-9+/]+={0,2})',
                     url)
    need(m, 'a data: URL that is none: %.60s', url)
    data = decoded(m.group(2))
    need(m.group(1) == sniffed(data), '%s that is %s, called %s', what,
         sniffed(data), m.group(1))

    return data


def decoded(text):
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong('base64 that is none: %.40s' % text)


def encoded(data):
    return base64.b64encode(data).decode()


def sniffed(data):
    for magic, kind in ((b'\x89PNG', 'image/png'), (b'%PDF', 'application/pdf'),
                        (b'\xff\xd8\xff', 'image/jpeg')):
        if data.startswith(magic):
            return kind

    return 'application/octet-stream'


def media(block):
    """An image or a document of bytes: as what it is."""
    return ('pdf' if sniffed(block) == 'application/pdf' else 'image', block)


def sse(data, name=None):
    return (('event: %s\n' % name if name else '')
            + 'data: %s\n\n' % json.dumps(data)).encode()


class Calls:
    """Calls and their results, as the strict ones want them: all results of
    a turn's calls before anything else, each once."""

    def __init__(self):
        self.open = []
        self.seen = set()

    def made(self, i):
        need(i not in self.seen, 'the id %s twice', i)
        self.seen.add(i)
        self.open.append(i)

    def answered(self, i):
        need(i in self.open, 'a result for %s, which is no open call', i)
        self.open.remove(i)

    def done(self):
        need(not self.open, 'no result for %s', self.open)


class Dialect:
    """One dialect: what it demands, what it says, and what its clients bear.

    As a provider: credential(), view(), rules(), whole(), stream(), error(),
    error_event(). As what a client is told: events() and grammar()."""

    code = ''               # as the matrix has it
    version = ''            # the path below a provider's endpoint
    request = answer = event = error_schema = ''
    stream_type = 'text/event-stream'
    own = ()                # headers of its own
    finishes = {}           # what is said for a Said's finish
    beside = ()             # members that its servers have beside the schema
    inline = False          # are images by URL fetched by the gateway?
    reads = ()              # of "read", "write", "think": what usage tells

    def credential(self, headers, key):
        need(headers.get('authorization') == 'Bearer ' + key,
             'Authorization %s', headers.get('authorization'))
        return 'authorization'

    def headers(self, headers, key):
        """Its own credential and no other, and nobody else's headers."""
        place = self.credential(headers, key)

        for name, value in headers.items():
            need(name not in CREDENTIALS or name == place
                 or (name == 'x-amz-security-token'
                     and place == 'authorization'),
                 'the credential %s: %s', name, value)
            need(not name.startswith(OWN) or name.startswith(self.own),
                 "another maker's header %s", name)

        need(headers.get('content-type', '').split(';')[0]
             == 'application/json', 'Content-Type %s',
             headers.get('content-type'))

    def path(self, path):
        """Is it one of its endpoints? Returns the model, or None."""
        raise NotImplementedError

    def plain(self, body):
        """The body in the one spelling that the schema has."""
        return without(body, self.beside)

    def schema(self, path):
        return self.request

    def rules(self, headers, path, body):
        pass

    def signed(self, view, number, level):
        """The reasoning of the steps so far has come back: where it was, the
        signature as it was made (of levels "reason" and "reasonsig"), the
        text too ("reason")."""

    def sse_events(self, body):
        """(name, data) of each event, and whether it ended as it should."""
        need(body.endswith(b'\n\n') or not body, 'an event without its end')

        for block in body.decode().split('\n\n'):
            if not block.strip('\n'):
                continue

            lines = [l for l in block.split('\n') if l]
            name = [l[7:] for l in lines if l.startswith('event: ')]
            data = [l[6:] for l in lines if l.startswith('data: ')]
            rest = [l for l in lines
                    if not l.startswith(('event: ', 'data: ', ':'))]
            need(not rest, 'a line %.80r', rest and rest[0])

            if data:
                yield (name[0] if name else None), '\n'.join(data)

    def quirks(self, pieces):
        """The same events, as some servers write them: lines end in CRLF,
        comments between, no blank after the colon, an event that nobody
        knows."""
        out = [b': first\r\n\r\n']

        for i, p in enumerate(pieces):
            p = p.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n')
            out.append(p.replace(b'data: ', b'data:') if i % 2 else p)
            out.append(b': keep-alive\r\n\r\n' if i % 3 else b'')

        return out

    def retry(self, status):
        return {'retry-after': '7'} if status == 429 else {}


def without(value, names):
    if not names:
        return value

    if isinstance(value, dict):
        return {k: without(v, names) for k, v in value.items()
                if k not in names}

    if isinstance(value, list):
        return [without(v, names) for v in value]

    return value


def stable(bodies):
    """A provider's prompt cache goes by the bytes of what is before: what was
    asked is asked again, and something after it."""
    before = None

    for body in map(json.loads, bodies):
        turns, rest = [], []

        for name, value in body.items():
            if name in ('messages', 'input', 'contents'):
                turns = [json.dumps(t) for t in value]
            elif name in ('system', 'systemInstruction', 'instructions',
                          'tools', 'toolConfig'):
                rest.append((name, json.dumps(value)))

        if before is not None:
            assert rest == before[1], 'what precedes the turns has changed'
            assert turns[:len(before[0])] == before[0], (
                'the turns have changed: %s, then %s' % (
                    before[0], turns))[:900]

        before = turns, rest
