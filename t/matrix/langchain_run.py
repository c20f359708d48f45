"""LangChain with each of its providers' packages, against every provider.

    langchain_run.py OPTIONS      TAP on stdout; others makes the options
"""

import base64
import json
import os
import sys
import traceback
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from dialects.base import stable

MODEL_TIMEOUT = 20      # seconds
AT_ONCE = 3             # conversations
BUDGET = 2048           # tokens of reasoning
MAX_TOKENS = 4096

SYSTEM = 'Be brief, "please" — 漢字.'
TOOLS = [
    {'type': 'function', 'function': {
        'name': 'get_weather', 'description': 'The weather in a city — °C.',
        'parameters': {'type': 'object', 'properties': {
            'zoom': {'type': 'number'}, 'city': {'type': 'string'},
            'id': {'type': 'number'}, 'also': {'type': 'object'}},
            'required': ['city']}}},
    {'type': 'function', 'function': {
        'name': 'get_time', 'description': 'The time.',
        'parameters': {'type': 'object', 'properties': {}}}}]


def chat(w, model, effort):
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=model, base_url=w['base'] + '/v1',
                      api_key=w['key'], max_retries=0, stream_usage=True,
                      timeout=MODEL_TIMEOUT,
                      **({'reasoning_effort': 'medium'} if effort else {}))


def responses(w, model, effort):
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=model, base_url=w['base'] + '/v1',
                      api_key=w['key'], max_retries=0, timeout=MODEL_TIMEOUT,
                      use_responses_api=True, store=False,
                      **({'reasoning': {'effort': 'medium',
                                        'summary': 'auto'},
                          'include': ['reasoning.encrypted_content']}
                         if effort else {}))


def anthropic(w, model, effort):
    from langchain_anthropic import ChatAnthropic

    return ChatAnthropic(model=model, base_url=w['base'], api_key=w['key'],
                         max_retries=0, timeout=MODEL_TIMEOUT,
                         max_tokens=MAX_TOKENS,
                         **({'thinking': {'type': 'enabled',
                                          'budget_tokens': BUDGET}}
                            if effort else {}))


def gemini(w, model, effort):
    from langchain_google_genai import ChatGoogleGenerativeAI

    return ChatGoogleGenerativeAI(
        model=model, base_url=w['base'], google_api_key=w['key'],
        max_retries=1, timeout=MODEL_TIMEOUT, temperature=1,
        **({'include_thoughts': True, 'thinking_budget': BUDGET}
           if effort else {}))


def bedrock(w, model, effort):
    from botocore.config import Config
    from langchain_aws import ChatBedrockConverse

    return ChatBedrockConverse(
        model=model, region_name='us-east-1',
        endpoint_url=w['base'], aws_access_key_id=w['pair'][0],
        aws_secret_access_key=w['pair'][1],
        config=Config(retries={'total_max_attempts': 1},
                      read_timeout=MODEL_TIMEOUT),
        **({'additional_model_request_fields': {'thinking': {
            'type': 'enabled', 'budget_tokens': BUDGET}}} if effort else {}))


def ollama(w, model, effort):
    from langchain_ollama import ChatOllama

    return ChatOllama(model=model, base_url=w['base'], client_kwargs={
        'headers': {'Authorization': 'Bearer ' + w['key']},
        'timeout': MODEL_TIMEOUT}, reasoning=True if effort else None)


def cohere(w, model, effort):
    from langchain_cohere import ChatCohere

    return ChatCohere(model=model, base_url=w['base'],
                      cohere_api_key=w['key'], timeout_seconds=MODEL_TIMEOUT)


def tools_of(code):
    """Cohere's package takes LangChain's own alone."""
    if code != 'co':
        return TOOLS

    from langchain_core.tools import StructuredTool

    return [StructuredTool(name=f['name'], description=f['description'],
                           args_schema=f['parameters'], func=print)
            for f in (t['function'] for t in TOOLS)]


# by name: the dialect, what makes it, and rows that are nobody's: its package
# drops images, asks for no reasoning, and puts a stream's calls together wrongly
CLIENTS = {
    'langchain-openai, chat': ('oc', chat, ()),
    'langchain-openai, responses': ('or', responses, ()),
    'langchain-anthropic': ('an', anthropic, ()),
    'langchain-google-genai': ('ge', gemini, ()),
    'langchain-aws': ('be', bedrock, ()),
    'langchain-ollama': ('ol', ollama, ()),
    'langchain-cohere': ('co', cohere, ('image', 'agent', 'parallel s')),
}

# bytes pass where the dialects are the same, and a client may say more, or in
# other words, than the strict provider takes
OWN = {
    'langchain-openai, responses': ('agent', 'parallel'),   # no "strict"
    'langchain-google-genai': ('image',),       # base64 of URLs
    'langchain-ollama': ('agent', 'parallel'),  # results without tool_name
}

# what a dialect, or its package here, cannot carry of signed reasoning
LEVELS = {'oc': 'reasonsig', 'co': 'reasonsig', 'ol': 'reasonlost'}


def need(held, *what):
    if not held:
        raise AssertionError(' '.join(map(str, what)))


def same(what, got, want):
    need(got == want, '%s: %r, to be %r' % (what, got, want))


class Conversation:

    def __init__(self, w, code, llm, number, stream):
        self.w, self.code, self.llm = w, code, llm
        self.number, self.stream = number, stream
        self.history = []

    def start(self, scenario, more=()):
        from langchain_core.messages import HumanMessage, SystemMessage

        text = 'Well? @@%s.%s@@' % (scenario, self.number)
        self.history = [SystemMessage(SYSTEM), HumanMessage(
            [{'type': 'text', 'text': text}, *more] if more else text)]

    def ask(self):
        if self.stream:
            r = None

            for chunk in self.llm.stream(self.history):
                r = chunk if r is None else r + chunk
        else:
            r = self.llm.invoke(self.history)

        need(r is not None, 'nothing came')
        self.history.append(r)
        self.last = r

        return r

    def results(self):
        from langchain_core.messages import ToolMessage

        for i, c in enumerate(self.last.tool_calls):
            self.history.append(ToolMessage(
                'RESULT %d of %s' % (i, c['name']), tool_call_id=c['id'],
                name=c['name']))

    def notes(self):
        got = json.load(urllib.request.urlopen(
            '%s/_got/%s' % (self.w['mock'], self.number)))

        for note in got:
            need(note['fault'] is None, 'the provider says:', note['fault'])

        return got


def image(c):
    w = c.w
    c.start('text', [{'type': 'image', 'base64': w['png'],
                      'mime_type': 'image/png'}])
    r = c.ask()
    note, = c.notes()
    same('text', r.text, w['said']['text'])
    need(r.usage_metadata['input_tokens'] > 0
         and r.usage_metadata['output_tokens'] > 0, r.usage_metadata)
    need(w['png'] in note['body'], 'the image did not arrive')


def agent(c):
    w = c.w
    c.start(LEVELS.get(c.code, 'reason'))

    for name, args in (('get_weather', w['said']['arguments']),
                       ('get_time', {})):
        r = c.ask()
        same('calls', [(x['name'], x['args']) for x in r.tool_calls],
             [(name, args)])
        c.results()

    same('text', c.ask().text, w['said']['text'])
    got = c.notes()
    same('requests', len(got), 3)
    stable([n['body'] for n in got])

    for name in ('get_weather', 'get_time'):
        need('RESULT 0 of ' + name in got[2]['body'], 'a result is not in',
             got[2]['body'])


def parallel(c):
    w = c.w
    c.start('parallel')
    same('calls', [x['args'] for x in c.ask().tool_calls],
         w['said']['cities'])
    c.results()
    same('text', c.ask().text, w['said']['text'])
    same('requests', len(c.notes()), 2)


def error(c):
    c.start('e429')

    try:
        c.ask()
    except Exception as x:
        need('429' in str(x) or 'upstream-says' in str(x)
             or 'Throttling' in str(x), 'it is raised as',
             type(x).__name__, x)
        return

    need(False, 'it is no error')


def cut(c):
    c.start('cut')

    try:
        c.ask()
    except AssertionError:
        raise
    except Exception:
        return

    need(False, 'it is taken for an answer:', c.last.text)


ROWS = {f.__name__: f for f in (image, agent, parallel, error, cut)}


def cell(w, name, to, row, stream, number):
    code, make, _ = CLIENTS[name]
    way, how = way_of(name), 'sw'[not stream]
    model = 'bad-%s-%s-%s-%s' % (to, way, row, how) \
        if row in ('error', 'cut') else 'to-%s-%s' % (to, how)

    try:
        llm = make(w, model, row == 'agent')

        if row in ('agent', 'parallel'):
            llm = llm.bind_tools(tools_of(code))

        ROWS[row](Conversation(w, code, llm, number, stream))
    except Exception as x:
        if os.environ.get('TRACE'):
            traceback.print_exc()

        return '%s: %s' % (type(x).__name__, x)

    return None


def way_of(name):
    return ''.join(c if c.isalnum() else '_' for c in name)


def spared(name, to, row, stream):
    code, _, without = CLIENTS[name]

    return (row in without or '%s %s' % (row, 'ws'[stream]) in without
            or (code == to and row in OWN.get(name, ()))
            or (row == 'cut' and not stream))


def main():
    if sys.argv[1] == 'ways':
        print(json.dumps([way_of(n) for n in CLIENTS]))
        return 0

    os.environ['AWS_EC2_METADATA_DISABLED'] = 'true'
    w = json.loads(sys.argv[1])
    cells = [(name, to, row, stream) for name in CLIENTS
             for to in w['targets'] for row in ROWS
             for stream in (False, True)
             if w['only'] in name and not spared(name, to, row, stream)
             and (not w['rows'] or row in w['rows'])]

    if w['short']:
        cells = cells[::4]

    n = failed = 0

    def one(i):
        return cell(w, *cells[i], 'l%d' % i)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for i, why in enumerate(pool.map(one, range(len(cells)))):
            name, to, row, stream = cells[i]
            n += 1
            failed += why is not None
            print('%sok %d - %s to %s, %s, %s' % (
                'not ' * (why is not None), n, name, w['names'][to], row,
                'streamed' if stream else 'whole'), flush=True)

            if why:
                print('#   l%d %s' % (i, why.replace('\n', ' ')[:600]))

    print('1..%d' % n)

    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
