"""A gateway for the tests of clients: nginx with the module, in a directory
of its own."""

import hashlib
import os
import shutil
import socket
import subprocess
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), '../..'))
BUILD = os.path.abspath(os.environ.get('SOMA_BUILD')
                        or os.path.join(TOP, 'build'))

# the limits are wide, but for sk-poor
KEYS = {
    'sk-test': 'tenant=acme user=alice',
    'sk-some': 'tenant=some user=bob',
    'sk-poor': 'tenant=poor user=carl',
    'sk-tight-1': 'tenant=tight user=1',
    'sk-tight-2': 'tenant=tight user=2',
    'sk-tight-3': 'tenant=tight user=3',
}

CONF = '''
load_module %(module)s;
%(user)s
worker_processes 2;
error_log error.log info;
pid nginx.pid;
events { worker_connections 1024; }
http {
    log_format soma escape=json '{"id":"$http_x_replay_id",'
        '"mode":"$http_x_replay_mode","status":$status,'
        '"input":"$soma_input_tokens","output":"$soma_output_tokens",'
        '"cached":"$soma_cached_tokens","cost":"$soma_cost",'
        '"model":"$soma_model","error":"$soma_error"}';
    access_log access.log soma;
    client_max_body_size 32m;
    client_body_buffer_size 64k;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    keepalive_requests 100000;

    soma_zone 16m;
    soma_provider replay {
        dialect openai;
        allow models route provider plugins preset;
        tools all;
        endpoint http://127.0.0.1:%(upstream)d/v1;
        api_key sk-provider;
    }
    soma_provider dead {
        dialect openai;
        endpoint http://127.0.0.1:%(dead)d/v1;
        api_key sk-provider;
    }
    soma_model gpt-4o-mini provider=replay input=0.15 output=0.60;
    soma_model made-up provider=replay input=1 output=1;
    soma_model secret provider=replay input=1 output=1;
    soma_model dead provider=dead input=1 output=1;
    soma_route assistant { model dead; model made-up; }
    %(models)s
    soma_tenant acme { }
    soma_tenant some { models gpt-4o-mini made-up; }
    soma_tenant poor { limit requests 1/day; }
    soma_tenant tight { limit tokens 100/day per=user; }
    %(keys)s
    server {
        listen 127.0.0.1:%(port)d;
        location /v1/ { soma_pass; }
        location /trust/v1/ { soma_pass; soma_max_tokens trust; }
    }
}
'''


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as s:
        return s.getsockname()[1]


class Gateway:

    def __init__(self, name, upstream, models=''):
        self.dir = os.path.join(BUILD, 'clients', 'nginx-' + name)
        self.port = free_port()

        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        os.chmod(self.dir, 0o755)

        keys = ''.join('soma_key sha256:%s %s;\n'
                       % (hashlib.sha256(k.encode()).hexdigest(), v)
                       for k, v in KEYS.items())

        with open(os.path.join(self.dir, 'nginx.conf'), 'w') as f:
            f.write(CONF % {
                'module': os.path.join(BUILD,
                                       'modules/ngx_http_soma_module.so'),
                'user': 'user root;' if os.getuid() == 0 else '',
                'upstream': upstream, 'dead': free_port(), 'models': models,
                'keys': keys, 'port': self.port})

        self.process = subprocess.Popen(
            [os.environ.get('TEST_NGINX_BINARY', 'nginx'), '-p', self.dir,
             '-c', 'nginx.conf', '-e', 'error.log', '-g', 'daemon off;'])

        for _ in range(100):
            try:
                socket.create_connection(('127.0.0.1', self.port)).close()
                return
            except OSError:
                time.sleep(0.05)

        raise SystemExit('Bail out! nginx does not start, see ' + self.dir)

    def log(self, name='access.log'):
        with open(os.path.join(self.dir, name), errors='replace') as f:
            return f.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Tap:

    def __init__(self):
        self.n = 0
        self.failed = 0

    def ok(self, held, text, note=''):
        self.n += 1
        self.failed += not held

        print('%s %d - %s' % ('ok' if held else 'not ok', self.n, text))

        if not held and note:
            for line in str(note)[:1500].splitlines():
                print('#   ' + line)

        return held

    def done(self):
        print('1..%d' % self.n, flush=True)

        return 1 if self.failed else 0
