"""The packages that real clients are, at the versions that are tested: what is
installed lands in build/clients and stays for the next time."""

import os
import subprocess
import sys

PYTHON = ('openai==3.57.0', 'anthropic==2.14.0', 'google-genai==3.6.1',
          'boto3==1.44.8', 'ollama==0.6.3', 'cohere==7.3.1')
NODE = 'openai@>=4.80'


def installed(command, log):
    with open(log, 'ab') as f:
        try:
            return subprocess.run(command, stdout=f, stderr=f,
                                  stdin=subprocess.DEVNULL).returncode == 0
        except OSError:
            return False


def python_of(top):
    """A Python with all of them, or None: see the log in top."""
    python = os.path.join(top, 'venv/bin/python')
    ready = os.path.join(top, 'venv/ready')
    want = '\n'.join(PYTHON)
    os.makedirs(top, exist_ok=True)

    try:
        with open(ready) as f:
            if f.read() == want:
                return python
    except OSError:
        pass

    if not (installed([sys.executable, '-m', 'venv', top + '/venv'],
                      top + '/log')
            and installed([python, '-m', 'pip', 'install', '-q', *PYTHON],
                          top + '/log')):
        return None

    with open(ready, 'w') as f:
        f.write(want)

    return python


def modules_of(top):
    node = os.path.join(top, 'node')
    os.makedirs(node, exist_ok=True)

    if os.path.exists(node + '/node_modules/openai/package.json') \
            or installed(['npm', 'install', '--silent', '--no-audit',
                          '--no-fund', '--prefix', node, NODE],
                         top + '/log'):
        return node

    return None
