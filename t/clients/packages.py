"""The packages that real clients are, at the versions that are tested: what is
installed lands in build/clients and stays for the next time."""

import os
import subprocess
import sys

PYTHON = ('openai==3.57.0', 'anthropic==2.14.0', 'google-genai==3.6.1',
          'boto3==1.44.8', 'ollama==0.6.3', 'cohere==7.3.1')
LANGCHAIN = ('langchain-core==1.8.3', 'langchain-openai==1.7.4',
             'langchain-anthropic==1.7.10', 'langchain-google-genai==4.4.3',
             'langchain-aws==1.9.1', 'langchain-ollama==1.1.0',
             'langchain-cohere==0.6.0')
NODE = ('openai@7.59.0', '@anthropic-ai/sdk@1.15.0', '@google/genai@3.3.0',
        '@aws-sdk/client-bedrock-runtime@3.1164.0',
        '@smithy/node-http-handler', 'ollama@0.6.4', 'cohere-ai@8.1.0',
        'ai@7.0.173', '@ai-sdk/openai@4.0.118', '@ai-sdk/anthropic@4.0.105',
        '@ai-sdk/google@4.0.121', '@ai-sdk/amazon-bedrock@5.0.101',
        'ai-sdk-ollama@4.3.0', '@ai-sdk/cohere@4.0.52',
        '@ai-sdk/openai-compatible@3.0.92')
AGENTS = ('@anthropic-ai/claude-code@2.1.332', '@openai/codex@0.171.0')


def installed(command, log):
    with open(log, 'ab') as f:
        try:
            return subprocess.run(command, stdout=f, stderr=f,
                                  stdin=subprocess.DEVNULL).returncode == 0
        except OSError:
            return False


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return None


def there(found, top):
    """What was found, or the end of a program that cannot do without."""
    if found is None:
        raise SystemExit('Bail out! the packages are not to be had, see %s/'
                         'log' % top)

    return found


def python_of(top, name='venv', wanted=PYTHON):
    """A Python with all that is wanted, or None: see the log in top."""
    python = os.path.join(top, name, 'bin/python')
    ready = os.path.join(top, name, 'ready')
    want = '\n'.join(wanted)
    os.makedirs(top, exist_ok=True)

    if read(ready) == want:
        return python

    if not (installed([sys.executable, '-m', 'venv', os.path.join(top, name)],
                      top + '/log')
            and installed([python, '-m', 'pip', 'install', '-q', *wanted],
                          top + '/log')):
        return None

    with open(ready, 'w') as f:
        f.write(want)

    return python


def langchain_of(top):
    """Its packages pin others than ours: a Python of its own."""
    return python_of(top, 'langchain', LANGCHAIN)


def modules_of(top, name='node', wanted=NODE):
    """A folder of Node's modules with all that is wanted, or None: see the
    log in top."""
    node = os.path.join(top, name)
    ready = os.path.join(node, 'ready')
    want = '\n'.join(wanted)
    os.makedirs(node, exist_ok=True)

    if read(ready) == want:
        return node

    if not installed(['npm', 'install', '--silent', '--no-audit', '--no-fund',
                      '--prefix', node, *wanted], top + '/log'):
        return None

    with open(ready, 'w') as f:
        f.write(want)

    return node


def agents_of(top):
    return modules_of(top, 'agents', AGENTS)
