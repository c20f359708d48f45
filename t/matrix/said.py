"""What the mock says: a scenario's answer, in no dialect's words.

A request names its scenario and the number of its conversation in a user's
text, "@@SCENARIO.NUMBER@@": the text reaches every provider, whatever else of
the request a dialect has another place for. A step is how many turns of
results have come.
"""

import base64
import hashlib
import json
import re

MARK = re.compile(r'@@(\w+)\.(\w+)@@')

TEXT = 'Grüße: "42" \\ ok, 🦊\n\t漢字 — done'
REFUSAL = 'I will not say that, 🦊.'
HALF = 'Half of a sen'
JSON = '{"city":"Köln","degrees":21}'
TOLD = 'upstream-says'          # in the message of an error
STOP = 'STOP-HERE'

# as they are to arrive: order, a float that is whole, more than 53 bits
ARGUMENTS = ('{"city":"Köln \\"x\\" \\\\ 🦊","zoom":1.0,"id":9007199254740993,'
             '"also":{"b":[1,null,true],"a":""}}')
CITIES = [json.dumps({'city': c}, ensure_ascii=False)
          for c in ('Köln', 'Oslo', 'Köln')]

RETRY_AFTER = 7

# tools of coding agents, and the member that is the command
SHELLS = (('Bash', 'command'), ('exec_command', 'cmd'),
          ('shell_command', 'command'))

ERRORS = {'e400': 400, 'e429': 429, 'e500': 500, 'e503': 503}


def signature(n, step):
    """Bytes as a provider signs its reasoning, in base64 of all letters: of
    the second step so many that no id of a call has room for them."""
    data = b''.join(hashlib.sha256(b'%s %d %d' % (n.encode(), step, i))
                    .digest() for i in range(100 if step == 1 else 6))

    return base64.b64encode(b'\xfb\xef\xff' + data + b'\x01').decode()


def thought(n, step):
    return 'Let me think about %s, "step" %d — 🦊.\nYes.' % (n, step)


class Said:
    """blocks: ('text', text), ('refusal', text), ('think', text, signature),
    ('call', name, arguments as text); finish: "stop", "tool_calls", "limit",
    "stop_seq", "refuse" (the model will not), "filter" (its provider), or
    "blocked" (the prompt); usage: tokens by what they are."""

    def __init__(self, number, step, blocks, finish='stop', stop=None):
        n = int(re.sub(r'\D', '', number) or 0)
        self.number = number
        self.tag = '%s_%d' % (number, step)     # of ids
        self.blocks = blocks
        self.finish = finish
        self.stop = stop
        self.usage = {'in': 11 + n % 7, 'read': 32 + n % 3, 'write': 5,
                      'out': 9 + n % 5,
                      'think': 6 if any(b[0] == 'think' for b in blocks)
                      else 0}

    def of(self, *kinds):
        return [b for b in self.blocks if b[0] in kinds]

    def text(self):
        return ''.join(b[1] for b in self.of('text'))

    def total_in(self):
        return self.usage['in'] + self.usage['read'] + self.usage['write']

    def total_out(self):
        return self.usage['out'] + self.usage['think']


def coder(number, step, view):
    """What a coding agent is told to do: a command, two side by side, and one
    more, in the words of whichever tool of its own runs commands. Each tells
    whether the one before it was run."""
    name, member = next((n, m) for n, m in SHELLS
                        if n in [t[0] for t in view.tools])
    commands = (['echo one-%s > made.txt && echo wrote' % number],
                ['cat made.txt', 'wc -c < made.txt'],
                ['tr a-z A-Z < made.txt > big.txt; cat big.txt'])[step]

    return ([('think', thought(number, step), signature(number, step))]
            * (view.think and step == 0)
            + [('text', HALF)] * (step == 1)
            + [('call', name, json.dumps(dict({member: c}, **(
                {'description': 'A step'} if name == 'Bash' else {}))))
               for c in commands])


def said(scenario, number, step, view):
    """view: what was asked, for what is said only if it was."""
    if scenario == 'tool' and step == 0:
        return Said(number, step, [('text', HALF),
                             ('call', 'get_weather', ARGUMENTS)],
                    'tool_calls')

    if scenario in ('parallel', 'quirkcalls') and step == 0:
        return Said(number, step, [('call', 'get_weather', c) for c in CITIES],
                    'tool_calls')

    if scenario == 'named' and step == 0:
        # whatever it was declared as
        return Said(number, step, [('call', view.tools[0][0], ARGUMENTS)],
                    'tool_calls')

    if scenario == 'empty' and step == 0:
        return Said(number, step, [('call', 'get_time', '{}')], 'tool_calls')

    if scenario.startswith('reason') and step < 2:
        name, arguments = (('get_weather', ARGUMENTS), ('get_time', '{}'))[step]

        return Said(number, step, [('think', thought(number, step),
                              signature(number, step))] * view.think
                    + [('call', name, arguments)], 'tool_calls')

    if scenario == 'coder' and step < 3:
        return Said(number, step, coder(number, step, view), 'tool_calls')

    if scenario == 'json':
        return Said(number, step, [('text', JSON)])

    if scenario == 'stop':
        return Said(number, step, [('text', HALF)], 'stop_seq', STOP)

    if scenario == 'stopcut':
        # of a provider without stop sequences: who asked has to be spared it
        return Said(number, step, [('text', HALF + STOP + ' and more of it')],
                    'stop', STOP)

    if scenario == 'limit':
        return Said(number, step, [('text', HALF)], 'limit')

    if scenario == 'refuse':
        return Said(number, step, [('refusal', REFUSAL)], 'refuse')

    if scenario == 'filter':
        return Said(number, step, [('text', HALF)], 'filter')

    if scenario == 'blocked':
        return Said(number, step, [], 'blocked')

    return Said(number, step, [('text', TEXT)])


def split(text, size=4):
    """As a stream cuts it: also within a word."""
    return [text[i:i + size] for i in range(0, len(text), size)] or ['']
