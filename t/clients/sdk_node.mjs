// The official openai package for Node against the gateway.
//
//     node sdk_node.mjs BASE_URL REPLAY_URL MODULES     TAP on stdout

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [BASE, REPLAY, MODULES] = process.argv.slice(2);
const OpenAI = createRequire(join(MODULES, 'x.js'))('openai').default;

const here = dirname(fileURLToPath(import.meta.url));
const all = readFileSync(join(here, '../traffic/openai.jsonl'), 'utf8')
    .trim().split('\n').map((line) => JSON.parse(line));

const HELLO = [{ role: 'user', content: 'Hello' }];
let n = 0;
let failed = 0;


function ok(held, text, note) {
    n += 1;
    console.log(`${held ? 'ok' : 'not ok'} ${n} - ${text}`);

    if (!held) {
        failed += 1;
        console.log(`#   ${String(note).slice(0, 600)}`);
    }
}


function client(key, id, more) {
    return new OpenAI({
        baseURL: BASE, apiKey: key || 'sk-test', maxRetries: 0,
        timeout: 20000, defaultHeaders: id ? { 'x-replay-id': id } : {},
        ...more,
    });
}


function find(api, stream, ...features) {
    return all.find((e) => e.provider === 'openai' && e.api === api
        && e.stream === stream && e.expected_usage
        && e.response.status === 200
        && features.every((f) => e.features.includes(f)));
}


function body(e) {
    return JSON.parse(Buffer.from(e.response.body_b64, 'base64').toString());
}


function chat(c, model, more) {
    return c.chat.completions.create(
        { model: model || 'gpt-4o-mini', messages: HELLO, ...more });
}


async function throws(kind, text, call) {
    try {
        await call();
        ok(false, text, 'nothing was thrown');
    } catch (x) {
        ok(x instanceof kind, text, x);
        return x;
    }
}


async function state() {
    return (await fetch(`${REPLAY}/_state`)).json();
}


const tests = {

    async plain() {
        const e = find('chat.completions', false);
        const want = body(e);
        const got = await chat(client(null, e.id));

        ok(got.choices[0].message.content
           === want.choices[0].message.content, 'plain: the text');
        ok(got.usage.total_tokens === want.usage.total_tokens,
           'plain: usage');

        const raw = await chat(client(null, e.id)).asResponse();
        ok(raw.headers.get('x-soma-provider') === 'replay',
           'x-soma-provider');
        ok(await raw.text()
           === Buffer.from(e.response.body_b64, 'base64').toString(),
           'plain: byte for byte');
    },

    async tools() {
        const e = find('chat.completions', false, 'tool_call');
        const got = await chat(client(null, e.id));

        ok(JSON.stringify(got.choices[0].message.tool_calls)
           === JSON.stringify(body(e).choices[0].message.tool_calls),
           'tools: the calls');
    },

    async stream() {
        const e = all.find((x) => x.provider === 'openai' && x.stream
            && x.api === 'chat.completions' && x.expected_text
            && x.expected_usage && x.response.status === 200);
        let text = '';
        let usage = null;

        for await (const part of await chat(client(null, e.id), null, {
            stream: true, stream_options: { include_usage: true } }))
        {
            text += part.choices[0]?.delta?.content || '';
            usage = part.usage || usage;
        }

        ok(text && text === e.expected_text, 'stream: the text');
        ok(usage?.prompt_tokens === e.expected_usage.total_input_tokens
           && usage?.completion_tokens
              === e.expected_usage.total_output_tokens,
           'stream: usage where asked', JSON.stringify(usage));

        usage = null;

        for await (const part of await chat(client(null, e.id), null,
                                            { stream: true })) {
            usage = part.usage || usage;
        }

        ok(usage === null, 'stream: none where not asked');

        const t = find('chat.completions', true, 'tool_call');
        const runner = client(null, t.id).chat.completions.stream(
            { model: 'gpt-4o-mini', messages: HELLO });
        const last = await runner.finalChatCompletion();

        ok(last.choices[0].message.tool_calls.every(
            (c) => c.function.name && JSON.parse(c.function.arguments)),
           'stream: tools, put together by the SDK');
    },

    async others() {
        let e = find('embeddings', false);
        let got = await client(null, e.id).embeddings.create({
            model: 'gpt-4o-mini', input: 'x', encoding_format: 'float' });
        ok(got.data.length === body(e).data.length, 'embeddings');

        e = find('responses', false);
        got = await client(null, e.id).responses.create({
            model: 'gpt-4o-mini', input: 'x' });
        ok(got.id === body(e).id, 'responses');

        e = find('responses', true);
        let last;

        for await (const event of await client(null, e.id).responses.create({
            model: 'gpt-4o-mini', input: 'x', stream: true })) {
            last = event;
        }

        ok(last.type === 'response.completed', 'responses, streamed',
           last.type);

        const names = [];

        for await (const m of client('sk-some').models.list()) {
            names.push(m.id);
        }

        ok(names.sort().join() === 'gpt-4o-mini,made-up', 'models', names);
    },

    async errors() {
        let x = await throws(OpenAI.AuthenticationError, '401',
                             () => chat(client('sk-wrong')));
        ok(x?.code === 'invalid_api_key', '401: its code', x?.code);
        await throws(OpenAI.PermissionDeniedError, '403',
                     () => chat(client('sk-some'), 'secret'));
        x = await throws(OpenAI.NotFoundError, '404',
                         () => chat(client(), 'nonesuch'));
        ok(x?.code === 'model_not_found', '404: its code', x?.code);
        await throws(OpenAI.BadRequestError, '400 of the provider',
                     () => chat(client(null, 'special-400'), 'made-up'));
        await throws(OpenAI.InternalServerError, 'nobody answers',
                     () => chat(client(), 'dead'));

        const begun = Date.now();
        x = await throws(OpenAI.RateLimitError, '429',
                         () => chat(client('sk-poor', 'special-ok',
                                           { maxRetries: 3 }), 'made-up'));
        ok(x?.code === 'insufficient_quota', '429: its code', x?.code);
        ok(Date.now() - begun < 2000, '429: the SDK does not try again');
    },

    async retries() {
        const got = await chat(client(null, 'special-429-once-node',
                                      { maxRetries: 3 }));
        ok(got.choices[0].message.content === 'hello',
           'a 429 of the provider, then an answer');
    },

    async abort() {
        const before = (await state()).closed;
        const stream = await chat(client(null, 'special-slow-node'),
                                  'made-up', { stream: true });
        let parts = 0;

        for await (const part of stream) {
            parts += part.choices.length;

            if (parts === 3) {
                stream.controller.abort();
                break;
            }
        }

        let after = before;

        for (let i = 0; i < 100 && after === before; i++) {
            await new Promise((resolve) => setTimeout(resolve, 50));
            after = (await state()).closed;
        }

        ok(after > before, 'a stream left: the provider too');

        let error;

        try {
            for await (const part of await chat(
                client(null, 'special-cut-node'), 'made-up',
                { stream: true }))
            {
                parts += part.choices.length;
            }
        } catch (x) {
            error = x;
        }

        ok(error instanceof OpenAI.APIError,
           'a stream that breaks off is an error to the SDK', error);
    },
};


for (const [name, test] of Object.entries(tests)) {
    try {
        await test();
    } catch (x) {
        ok(false, name, x.stack);
    }
}

console.log(`1..${n}`);
process.exitCode = failed ? 1 : 0;
