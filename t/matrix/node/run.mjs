// The providers' packages for Node against every provider, by the gateway.
//
//     node run.mjs OPTIONS      TAP on stdout; ../others makes the options
//     node run.mjs ways         names of the clients, as models have them

import { PACKAGES } from './packages.mjs';
import { FRAMEWORKS } from './frameworks.mjs';

const CLIENTS = [...PACKAGES, ...FRAMEWORKS];

for (const client of CLIENTS) {
    client.way = client.name.replace(/\W+/g, '_');
}

if (process.argv[2] === 'ways') {
    console.log(JSON.stringify(CLIENTS.map((c) => c.way)));
    process.exit(0);
}

const w = JSON.parse(process.argv[2]);
const PNG = Buffer.from(w.png, 'base64');
const AT_ONCE = 6;              // conversations

const WEATHER = {
    name: 'get_weather', about: 'The weather "now" in a city — °C.',
    schema: { type: 'object', properties: {
        zoom: { type: 'number' }, city: { type: 'string' },
        id: { type: 'number' }, also: { type: 'object' } },
              required: ['city'] } };
const TIME = { name: 'get_time', about: 'The time.' };
const SYSTEM = 'Be brief, "please" — 漢字.';

// what a dialect cannot carry of signed reasoning: as rows.py has it
const LEVELS = { oc: 'reasonsig', co: 'reasonsig', ol: 'reasonlost' };

let n = 0;
let failed = 0;


function need(held, ...what) {
    if (!held) {
        throw new Error(what.map((x) => typeof x === 'string' ? x
                                 : JSON.stringify(x)).join(' '));
    }
}


function same(what, got, want) {
    need(JSON.stringify(sorted(got)) === JSON.stringify(sorted(want)),
         what, 'is', got ?? 'nothing', 'and was to be', want);
}


// arguments lose their order on some ways
function sorted(x) {
    if (Array.isArray(x)) {
        return x.map(sorted);
    }

    return x && typeof x === 'object' ? Object.fromEntries(
        Object.keys(x).sort().map((k) => [k, sorted(x[k])])) : x;
}


async function notes(number) {
    const got = await (await fetch(`${w.mock}/_got/${number}`)).json();

    for (const note of got) {
        need(note.fault === null, 'the provider says:', note.fault);
    }

    return got;
}


function conversation(c, scenario, number, more) {
    c.start({ system: SYSTEM, text: `Well? @@${scenario}.${number}@@`,
              ...more });
}


// a provider's prompt cache goes by the bytes: what was asked is asked again
function stable(bodies) {
    bodies.map((b) => JSON.parse(b)).reduce((before, b) => {
        const turns = (x) => x.messages || x.input || x.contents;
        const rest = (x) => JSON.stringify([x.system || x.systemInstruction
                                            || x.instructions,
                                            x.tools || x.toolConfig]);

        need(JSON.stringify(turns(b).slice(0, turns(before).length))
             === JSON.stringify(turns(before)), 'its turns have changed:',
             turns(before), turns(b));
        need(rest(b) === rest(before), 'what precedes them has changed');

        return b;
    });
}


const rows = {

    async image(c, number, stream) {
        conversation(c, 'text', number, { image: PNG });

        const r = await c.ask(stream);
        const [note] = await notes(number);

        same('text', r.text, w.said.text);
        need(r.usage.in > 0 && r.usage.out > 0, 'usage', r.usage);
        need(note.body.includes(w.png), 'the image did not arrive');
    },

    // two calls, one after the other, each after a thought that is signed
    async agent(c, number, stream, to) {
        const level = LEVELS[c.constructor.code] || 'reason';

        conversation(c, level, number, { tools: [WEATHER, TIME],
                                         effort: true });

        for (const [name, args] of [['get_weather', w.said.arguments],
                                    ['get_time', {}]])
        {
            const r = await c.ask(stream);

            same('calls', r.calls.map((x) => [x.name, x.args]),
                 [[name, args]]);
            need(r.think.includes('Let me think') || level !== 'reason',
                 'no thought in', r.think);
            c.results([`RESULT of ${name}`]);
        }

        const r = await c.ask(stream);
        same('text', r.text, w.said.text);

        const got = await notes(number);
        same('requests', got.length, 3);
        stable(got.map((x) => x.body));

        for (const name of ['get_weather', 'get_time']) {
            need(got[2].body.includes(`RESULT of ${name}`),
                 'a result is not in', got[2].body);
        }
    },

    async parallel(c, number, stream) {
        conversation(c, 'parallel', number, { tools: [WEATHER] });

        const r = await c.ask(stream);
        same('calls', r.calls.map((x) => x.args), w.said.cities);
        c.results(r.calls.map((x, i) => `RESULT ${i}`));
        same('text', (await c.ask(stream)).text, w.said.text);
        same('requests', (await notes(number)).length, 2);
    },

    async error(c, number, stream) {
        conversation(c, 'e429', number, {});

        try {
            await c.ask(stream);
        } catch (x) {
            const status = x.status || x.statusCode || x.cause?.status_code
                || x.status_code || x.$metadata?.httpStatusCode;

            same('status', status, 429);
            need(String(x.message).includes('upstream-says'),
                 'its message:', x.message);
            return;
        }

        need(false, 'it is no error');
    },

    async cut(c, number, stream) {
        conversation(c, 'cut', number, {});

        try {
            await c.ask(stream);
        } catch (x) {
            need(!String(x).includes('Unfinished'), 'it is an end:', x);
            return;
        }

        need(false, 'it is taken for an answer:', c.r.text);
    },
};


async function cell({ client, to, row, stream, number }) {
    const fails = row === 'error' || row === 'cut';
    const how = stream ? 's' : 'w';
    const model = fails ? `bad-${to}-${client.way}-${row}-${how}`
        : `to-${to}-${how}`;
    const text = `${client.name} to ${w.names[to]}, ${row}, `
        + (stream ? 'streamed' : 'whole');

    try {
        await rows[row](new client(w, model), number, stream, to);
        n += 1;
        console.log(`ok ${n} - ${text}`);
    } catch (x) {
        n += 1;
        failed += 1;
        console.log(`not ok ${n} - ${text}`);
        console.log(`#   ${number} ${String(x.stack).slice(0, 900)
            .replaceAll('\n', ' ')}`);
    }
}


const left = [];

for (const client of CLIENTS) {
    for (const to of w.targets) {
        for (const row of Object.keys(rows)) {
            for (const stream of [false, true]) {
                // bytes pass where the dialects are the same, and a client
                // may say more than the schema has
                const spared = (client.own?.includes(row)
                                && to === client.code)
                    || (row === 'cut' && !stream);
                const wanted = (!w.only || client.name.includes(w.only))
                    && (!w.rows || w.rows.includes(row));

                if (!spared && wanted) {
                    left.push({ client, to, row, stream,
                                number: `n${left.length}` });
                }
            }
        }
    }
}

if (w.short) {
    // each client with each provider, and each row of it now and then
    const all = left.splice(0);
    left.push(...all.filter((_, i) => i % 4 === 0));
}

await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (left.length) {
        await cell(left.shift());
    }
}));

console.log(`1..${n}`);
process.exit(failed ? 1 : 0);
