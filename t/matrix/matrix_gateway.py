"""The gateway of the matrix: a provider of each dialect, all of them the mock,
and a model for each of them."""

import base64
import hashlib
import hmac
import os
import re
import shutil
import socket
import subprocess
import sys
import time

from dialects import MODEL, NAMES
from dialects.converse import ACCESS, SECRET
from mock import key

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), '../..'))
BUILD = os.path.abspath(os.environ.get('SOMA_BUILD')
                        or os.path.join(TOP, 'build'))
ROOT = os.path.join(BUILD, 'matrix')
KEY = 'sk-matrix-client'
PAIR = 'a secret of the gateway, for clients that sign'

# the dialect, and the path below the endpoint
PROVIDERS = {'oc': ('openai-chat', '/v1'), 'or': ('openai-responses', '/v1'),
             'an': ('anthropic', '/v1'), 'ge': ('gemini', '/v1beta'),
             'be': ('bedrock', ''), 'ol': ('ollama', ''),
             'co': ('cohere', '/v2')}

# Google's models of 3 want a call's signature, or to be told of none
FACTS = {'ge': 'facts=call_check'}

def known(code):
    """Can the module be told to speak it? It says so in its own list."""
    with open(os.path.join(TOP, 'src/dialect/soma_dialect.c')) as f:
        listed = re.search(r'soma_dialects\[\] = \{(.*?)\}', f.read(), re.S)

    return re.search(r'&soma_%s\b' % PROVIDERS[code][0].replace('-', '_'),
                     listed.group(1)) is not None


def heard(code):
    """Can a client ask it in these words?"""
    return code in ('oc', 'or') or known(code)


def provider(code, mock, ways):
    """What is asked of it streamed goes to Bedrock signed, else with a key. A
    target that fails is left alone for a while: each cell has its own."""
    dialect, version = PROVIDERS[code]
    lines = []

    for how in 'ws':
        credential = 'credentials env; region us-east-1' \
            if (code, how) == ('be', 's') else 'api_key ' + key(code)
        names = ['to-%s-%s' % (code, how)] + [
            'bad-%s-%s-%s-%s' % (code, way, row, how)
            for way in ways for row in ('error', 'cut')]

        lines.append('soma_provider %s-%s { dialect %s; endpoint '
                     'http://127.0.0.1:%d/%s%s; %s; }' % (
                         code, how, dialect, mock, code, version,
                         credential))
        lines += ['soma_model %s provider=%s-%s name=%s input=1 output=1 '
                  'max_output=8192 %s;' % (name, code, how, MODEL,
                                           FACTS.get(code, ''))
                  for name in names]

    return '\n    '.join(lines)


class Mock:
    """The strict provider of mock.py, in a process of its own."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(
                os.path.abspath(__file__)), 'mock.py')],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


def pair():
    """What a client of AWS signs with: docs/configuration.md."""
    access = 'SOMA' + hashlib.sha256(KEY.encode()).hexdigest()
    secret = hmac.new(PAIR.encode(), access.encode(), 'sha256').digest()

    return access, base64.b64encode(secret).decode()


CONF = '''
load_module %(build)s/modules/ngx_http_soma_module.so;
%(user)s
worker_processes 1;
pid nginx.pid;
error_log error.log info;
events { worker_connections 1024; }
http {
    access_log access.log;
    client_max_body_size 32m;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 100000;

    soma_zone 16m;
    soma_ledger off;
    soma_fetch_media all;
    soma_sigv4 file:pair;
    %(providers)s
    soma_tenant matrix { }
    soma_key sha256:%(digest)s tenant=matrix;
    server {
        listen 127.0.0.1:%(port)d;
        %(tls)s
        location / { soma_pass; }
    }
}
'''


TLS = '''listen 127.0.0.1:%d ssl http2;
        ssl_certificate tls.pem;
        ssl_certificate_key tls.key;'''


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as s:
        return s.getsockname()[1]


class Gateway:
    """ways: names of the clients, each of which has targets of its own to
    see fail; tls: HTTP/2 too, at tls_port; more: lines of configuration."""

    def __init__(self, targets, mock, asan=False, ways=NAMES, tls=False,
                 name='nginx', more=()):
        self.port, self.tls_port = free_port(), free_port()
        self.dir = os.path.join(ROOT, name)
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)

        with open(os.path.join(self.dir, 'pair'), 'w') as f:
            os.fchmod(f.fileno(), 0o600)
            f.write(PAIR)

        if tls:
            self.certify()

        with open(os.path.join(self.dir, 'nginx.conf'), 'w') as f:
            f.write(CONF % {
                'build': BUILD + '/asan' * asan,
                'user': 'user root;' if os.getuid() == 0 else '',
                'providers': '\n    '.join(
                    [provider(t, mock, ways) for t in targets]
                    + list(more)),
                'digest': hashlib.sha256(KEY.encode()).hexdigest(),
                'tls': TLS % self.tls_port if tls else '',
                'port': self.port})

        self.start(asan)

        for _ in range(200):
            try:
                socket.create_connection(('127.0.0.1', self.port)).close()
                return
            except OSError:
                time.sleep(0.05)

        raise SystemExit('Bail out! nginx does not start, see ' + self.dir)

    def certify(self):
        """A certificate of its own: tls.pem is what clients trust."""
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes',
             '-keyout', 'tls.key', '-out', 'tls.pem', '-days', '2',
             '-subj', '/CN=127.0.0.1', '-addext',
             'subjectAltName=IP:127.0.0.1'], cwd=self.dir, check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self, asan):
        nginx = os.environ.get('TEST_NGINX_BINARY', 'nginx')
        env = dict(os.environ, AWS_ACCESS_KEY_ID=ACCESS,
                   AWS_SECRET_ACCESS_KEY=SECRET)

        if asan:
            # a module that is opened at run time defines its globals twice
            # in the eyes of ASan
            nginx = BUILD + '/asan/core/nginx'
            env.update(LD_PRELOAD=BUILD + '/keep_open.so',
                       ASAN_OPTIONS='detect_odr_violation=0:detect_leaks=1:'
                                    'log_path=%s/asan' % self.dir,
                       LSAN_OPTIONS='suppressions=%s/t/lsan.suppress:'
                                    'print_suppressions=0' % TOP,
                       UBSAN_OPTIONS='print_stacktrace=1')

        self.process = subprocess.Popen(
            [nginx, '-p', self.dir, '-c', 'nginx.conf', '-e', 'error.log',
             '-g', 'daemon off;'], env=env)

    def stop(self):
        """What its log has that is not to be there."""
        self.process.terminate()
        self.process.wait(20)

        with open(os.path.join(self.dir, 'error.log'),
                  errors='replace') as f:
            bad = [line for line in f
                   if re.search(r'\[(alert|crit|emerg)\]', line)]

        for name in sorted(os.listdir(self.dir)):
            if name.startswith('asan.'):
                with open(os.path.join(self.dir, name)) as f:
                    bad.extend(f)

        return bad
