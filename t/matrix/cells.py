"""One client against some targets: the cells of a row of the matrix.

    cells.py OPTIONS    (JSON, see run) says a line of JSON for each cell
"""

import http.client
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import refused                                          # noqa: E402
from bite import BITES                                  # noqa: E402
from clients import CLIENTS, Failed                     # noqa: E402
from dialects import DIALECTS, PDF, PNG, reread         # noqa: E402
from dialects.base import ordered                       # noqa: E402
from dialects.converse import ACCESS, SECRET            # noqa: E402
from rows import EXTRA, ROWS                            # noqa: E402
from wire import Recorder, told                         # noqa: E402

WAIT = 2            # seconds that a recording may take to come to its end

# what these rows look at by themselves
LOOSE = {'names': ('tools', 'turns'), 'results': ('turns',),
         'choices': ('choice', 'tools')}

HELPED = ('turns', 'tool', 'parallel', 'empty', 'schema')


def canon(view):
    """A view that both ends have to share: who said what, with what apart
    from texts, whose blanks do not count."""
    turns, open_, n = [], [], 0

    for role, blocks in view.turns:
        # a turn of nothing may be left out
        if not [b for b in blocks if b[0] != 'text' or b[1].strip()]:
            continue

        if not turns or turns[-1][0] != role:
            turns.append((role, [], [], []))

        _, results, said, apart = turns[-1]

        for b in blocks:
            if b[0] == 'call':
                open_.append((n, b[1], b[2]))
                apart.append(('call', n, b[2], reread(b[3])))
                n += 1
            elif b[0] == 'result':
                found = [o for o in open_ if b[1] and o[1] == b[1]] \
                    or [o for o in open_ if o[2] == b[2]]
                results.append(((found or [('none',)])[0][0], b[3]))
                if found:
                    open_.remove(found[0])
            elif b[0] in ('image', 'image_url'):
                apart.append(('image', b[1] if isinstance(b[1], bytes)
                              else PNG))
            elif b[0] in ('pdf', 'pdf_url'):
                apart.append(('pdf', b[1] if isinstance(b[1], bytes)
                              else PDF))
            elif b[0] == 'text':
                said.extend(b[1].split())

    return {'system': ' '.join(view.system).split(),
            'turns': [(role, sorted(results), ''.join(said), apart) for
                      role, results, said, apart in turns
                      if results or said or apart],
            'tools': [(name, about, ordered(s))
                      for name, about, s in view.tools],
            'choice': None if view.choice == 'auto' else view.choice,
            'schema': view.schema and ordered(view.schema),
            'stop': view.stop, 'temperature': view.temperature,
            'think': view.think, 'stream': view.stream}


class Mock:
    """The mock's memory, from another process."""

    def __init__(self, port):
        self.port = port
        self.local = threading.local()

    def get(self, path):
        if not hasattr(self.local, 'c'):
            self.local.c = http.client.HTTPConnection('127.0.0.1', self.port,
                                                      timeout=10)

        self.local.c.request('GET', path)

        return json.load(self.local.c.getresponse())


class Cell:

    def __init__(self, options, recorder, mock, to, row, stream, n):
        self.way, self.to, self.row = options['way'], to, row
        self.stream, self.direct = stream, options['direct']
        self.recorder, self.mock = recorder, mock
        self.n, self.conversations = n, []
        base = 'http://127.0.0.1:%d' % recorder.port
        model = 'to-%s-%s' % (to, 'sw'[not stream])
        more = {}

        if row in ('error', 'cut'):
            # a target that fails is left alone: each has one of its own
            model = 'bad-%s-%s-%s-%s' % (to, self.way, row, 'sw'[not stream])

        if self.direct:
            base, key, model = base + '/' + to, 'pk-%s-matrix' % to, 'some'
        else:
            key = options['key']

        if self.way == 'be' and stream:
            # what is streamed is signed, else a key is sent
            more['pair'] = (ACCESS, SECRET) if self.direct \
                else options['pair']

        self.client = CLIENTS[self.way](base, key, model, **more)

    # what a row asks with

    def start(self, scenario, system, turns, **options):
        def marked(part):
            return part.replace('@@', '@@%s.%s@@' % (scenario, self.number)) \
                if isinstance(part, str) else part

        self.client.start(system, [
            (role, [marked(p) for p in parts] if isinstance(parts, list)
             else marked(parts)) for role, parts in turns], **options)

    def words(self, text):
        """A text that names the scenario; a conversation begins."""
        self.number = 'c%d%s' % (self.n, chr(97 + len(self.conversations)))
        self.conversations.append(self.number)

        return text + ' @@'

    def url(self, name):
        return 'http://127.0.0.1:%d/media/%s/%s' % (self.mock.port,
                                                    self.number, name)

    def ask(self):
        # the packages' helpers want more of a stream than their users do
        return self.client.ask(self.stream, self.n % 4 < 2
                               and self.row in HELPED)

    # what came of it

    def notes(self, number=None):
        return self.mock.get('/_got/' + (number or self.number))

    def got(self):
        note = self.notes()[-1]

        return DIALECTS[self.to].view(note['path'], json.loads(note['body']))

    def fetched(self):
        return self.mock.get('/_media/' + self.number)

    def exchanges(self, number=None):
        return self.recorder.exchanges(number or self.number)

    def retry_after(self):
        e = self.exchanges()[-1]
        header = e.answer_headers.get('retry-after')

        if self.way == 'ge':
            details = json.loads(e.answer)['error'].get('details') or ()
            seconds = int(next((d['retryDelay'] for d in details
                                if 'retryDelay' in d), '0s')[:-1])
            assert self.way == self.to or header == str(seconds), \
                'Retry-After %s, and retryDelay %s' % (header, seconds)
            return seconds

        return int(header or 0)

    def failures(self):
        """Do both ends have another word for a result that is an error?"""
        return self.way in ('an', 'ge', 'be')

    def refusal_apart(self):
        return self.way in ('oc', 'or') and self.to in ('oc', 'or')

    # was all of it as it had to be?

    def run(self):
        why = refused.reason(self.row, self.way, self.to)

        try:
            (ROWS.get(self.row) or EXTRA[self.row])(self)
        except AssertionError as x:
            return 'FAIL', self.fault() or str(x)
        except Failed as x:
            if why and x.status == 400:
                return self.refused(x, why)
            return 'FAIL', self.fault() or '%s (%s): %s' % (x.kind, x.status,
                                                            x)
        except Exception as x:
            return 'FAIL', self.fault() or '%s: %s' % (type(x).__name__, x)

        found = self.fault() or self.heard()

        return ('FAIL', found) if found else ('pass', '')

    def fault(self):
        """What the mock refused, in its own words."""
        for number in self.conversations:
            for note in self.notes(number):
                if note['fault']:
                    return 'to the provider: ' + note['fault']

                if not self.direct and 'sk-matrix' in str(
                        (note['headers'], note['path'], note['body'])):
                    return "to the provider: the client's key"

        return None

    def heard(self):
        """What the client was told, and whether the provider heard it."""
        for number in self.conversations:
            exchanges = self.exchanges(number)
            limit = time.time() + WAIT

            while not all(e.whole for e in exchanges) \
                    and self.row != 'cut' and time.time() < limit:
                time.sleep(0.01)

            for e in exchanges:
                found = told(self.way, e)
                if found:
                    return 'to the client: ' + found

            notes = self.notes(number)

            if self.row not in ('error', 'cut') and \
                    len(notes) != len(exchanges):
                return '%d requests were %d' % (len(exchanges), len(notes))

            for e, note in zip(exchanges, notes):
                found = self.unlike(e, note)
                if found:
                    return found

        return None

    def unlike(self, e, note):
        asked = DIALECTS[self.way].view(e.path, json.loads(e.body))
        got = DIALECTS[self.to].view(note['path'], json.loads(note['body']))

        if asked.max_tokens not in (None, got.max_tokens):
            # some have to say one; the gateway may say a lower one
            return 'max_tokens %s became %s' % (asked.max_tokens,
                                                got.max_tokens)

        a, b = canon(asked), canon(got)

        if self.to == 'or':
            a['stop'] = []

        for name in LOOSE.get(self.row, ()):
            a.pop(name)

        for name in a:
            if a[name] != b[name]:
                return '%s became another: %.300r / %.300r' % (
                    name, b[name], a[name])

        return None

    def refused(self, x, why):
        number = self.conversations[-1]
        members = refused.MEMBERS[self.row, self.way]

        if self.way == self.to:
            # its bytes pass, and the provider refuses them
            return ('refused', why) if 'STRICT' in str(x) else (
                'FAIL', 'refused, and not by the provider: %s' % x)

        if self.notes(number):
            return 'FAIL', 'refused, and asked all the same: %s' % x

        if not any(m in str(x) for m in members):
            return 'FAIL', 'refused, and neither of %s is named: %s' % (
                members, x)

        if (self.row, self.way) not in refused.UNSAID \
                and refused.TARGETS[self.to] not in str(x):
            return 'FAIL', 'refused, and who cannot take it is not named: ' \
                '%s' % x

        found = told(self.way, self.exchanges(number)[-1])

        return ('FAIL', found) if found else ('refused', why)

    def story(self):
        """All bytes of a cell, to look at."""
        out = []

        for number in self.conversations:
            notes = self.notes(number)

            for i, e in enumerate(self.exchanges(number)):
                out.append('>>> client: %s %s\n%s' % (
                    e.method, e.path, e.body.decode(errors='replace')))
                if i < len(notes):
                    note = notes[i]
                    out.append('>>> provider %s: %s\n%s\n%s\nfault: %s' % (
                        note['code'], note['path'],
                        json.dumps(note['headers']), note['body'],
                        note['fault']))
                out.append('<<< client: %d %s whole=%s\n%s' % (
                    e.status, json.dumps(e.answer_headers), e.whole,
                    e.answer.decode(errors='replace')))

        return '\n\n'.join(out) + '\n'


def main():
    options = json.loads(sys.argv[1])
    bite = BITES[options['bite']][2] if 'bite' in options else {}
    recorder = Recorder(options['port'], (bite.get('asked'),
                                          bite.get('told')))
    mock = Mock(options['mock'])
    lock = threading.Lock()

    def one(job):
        to, row, stream, n = job
        cell = Cell(options, recorder, mock, to, row, stream, n)
        verdict, why = cell.run()

        if verdict == 'FAIL' or options.get('keep'):
            name = '-'.join((options['way'], to, row, 'sw'[not stream]))
            with open(os.path.join(options['dir'], name), 'w') as f:
                f.write('%s %s\n\n%s' % (verdict, why, cell.story()))

        with lock:
            print(json.dumps([options['way'], to, row, stream, verdict, why]),
                  flush=True)

    with ThreadPoolExecutor(options['threads']) as pool:
        list(pool.map(one, options['jobs']))

    sys.stdout.flush()
    os._exit(0)


if __name__ == '__main__':
    main()
