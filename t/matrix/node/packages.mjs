// The providers' own packages for Node, each behind one face: as clients.py is
// for Python's.
//
// start(o): o.system, o.text, o.image (bytes), o.tools [{name, about, schema}],
// o.effort.  ask(stream) resolves to {text, think, calls: [{id, name, args}],
// finish, usage: {in, out}}; results(texts) answers its calls.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const BUDGET = 2048;            // tokens of reasoning
const MAX_TOKENS = 4096;        // where a dialect has to be told
const TIMEOUT = 20000;          // ms


export class Package {

    // w: {base, tls, ca, key, pair, modules}
    constructor(w, model) {
        this.w = w;
        this.model = model;
        this.require = createRequire(join(w.modules, 'x.js'));
        this.c = this.make();
    }

    start(o) {
        this.o = o;
        this.history = [];
        this.said();
    }

    // a package that says nothing of an end has not seen one
    async ask(stream) {
        this.r = { text: '', think: '', calls: [], finish: null, usage: {} };
        await (stream ? this.streamed() : this.whole());

        if (this.r.finish === null || this.r.finish === undefined) {
            throw new Error('Unfinished: there was no end');
        }

        return this.r;
    }
}


class Chat extends Package {
    static code = 'oc';
    static name = 'openai, chat';

    make() {
        const OpenAI = this.require('openai').default;

        return new OpenAI({ baseURL: `${this.w.base}/v1`, maxRetries: 0,
                            apiKey: this.w.key, timeout: TIMEOUT });
    }

    said() {
        const { text, image } = this.o;

        this.history = [
            { role: 'system', content: this.o.system },
            { role: 'user', content: image ? [{ type: 'text', text }, {
                type: 'image_url', image_url: { url: dataUrl(image) },
            }] : text }];
    }

    request() {
        const { tools, effort } = this.o;

        return {
            model: this.model, messages: this.history,
            ...(tools && { tools: functions(tools) }),
            ...(effort && { reasoning_effort: 'medium' }),
        };
    }

    took(a) {
        const { message, finish_reason } = a.choices[0];

        Object.assign(this.r, {
            text: message.content || '', finish: finish_reason,
            think: message.reasoning_content || '',
            calls: (message.tool_calls || []).map((c) => ({
                id: c.id, name: c.function.name,
                args: JSON.parse(c.function.arguments) })),
            usage: { in: a.usage.prompt_tokens,
                     out: a.usage.completion_tokens },
        });
        this.history.push(message);
    }

    async whole() {
        this.took(await this.c.chat.completions.create(this.request()));
    }

    async streamed() {
        const s = this.c.chat.completions.stream({
            ...this.request(), stream_options: { include_usage: true } });

        for await (const part of s) {
            this.r.text += part.choices[0]?.delta?.content || '';
        }

        this.took(bare(await s.finalChatCompletion()));
    }

    results(texts) {
        texts.forEach((content, i) => this.history.push({
            role: 'tool', tool_call_id: this.r.calls[i].id, content }));
    }
}


class Responses extends Package {
    static code = 'or';
    static name = 'openai, responses';

    make() {
        return Chat.prototype.make.call(this);
    }

    said() {
        const { text, image } = this.o;

        this.history = [{ role: 'user', content: image ? [
            { type: 'input_text', text },
            { type: 'input_image', detail: 'auto', image_url: dataUrl(image) },
        ] : text }];
    }

    request() {
        const { tools, effort, system } = this.o;

        return {
            model: this.model, input: this.history, store: false,
            instructions: system,
            ...(tools && { tools: tools.map((t) => ({
                type: 'function', name: t.name, description: t.about,
                parameters: t.schema || null, strict: false })) }),
            ...(effort && {
                reasoning: { effort: 'medium', summary: 'auto' },
                include: ['reasoning.encrypted_content'] }),
        };
    }

    took(a) {
        const of = (type) => a.output.filter((i) => i.type === type);

        Object.assign(this.r, {
            text: a.output_text, finish: a.status,
            think: of('reasoning').flatMap((i) => i.summary)
                .map((s) => s.text).join(''),
            calls: of('function_call').map((i) => ({
                id: i.call_id, name: i.name, args: JSON.parse(i.arguments) })),
            usage: { in: a.usage.input_tokens, out: a.usage.output_tokens },
        });
        this.history.push(...a.output);
    }

    async whole() {
        this.took(await this.c.responses.create(this.request()));
    }

    async streamed() {
        const s = this.c.responses.stream(this.request());

        for await (const e of s) {
            if (e.type === 'response.output_text.delta') {
                this.r.text += e.delta;
            }
        }

        const last = await s.finalResponse();

        if (last.status !== 'completed' && last.status !== 'incomplete') {
            throw new Error(last.error?.message || last.status);
        }

        this.took(bare(last));
    }

    results(texts) {
        texts.forEach((output, i) => this.history.push({
            type: 'function_call_output', call_id: this.r.calls[i].id,
            output }));
    }
}


class Messages extends Package {
    static code = 'an';
    static name = '@anthropic-ai/sdk';

    make() {
        const Anthropic = this.require('@anthropic-ai/sdk').default;

        return new Anthropic({ baseURL: this.w.base, apiKey: this.w.key,
                               maxRetries: 0, timeout: TIMEOUT });
    }

    said() {
        const { text, image } = this.o;

        this.history = [{ role: 'user', content: [
            { type: 'text', text },
            ...(image ? [{ type: 'image', source: {
                type: 'base64', media_type: 'image/png',
                data: image.toString('base64') } }] : [])] }];
    }

    request() {
        const { tools, effort, system } = this.o;

        return {
            model: this.model, messages: this.history, system,
            max_tokens: MAX_TOKENS,
            ...(tools && { tools: tools.map((t) => ({
                name: t.name, description: t.about,
                input_schema: t.schema || NOTHING })) }),
            ...(effort && {
                thinking: { type: 'enabled', budget_tokens: BUDGET } }),
        };
    }

    took(a) {
        const of = (type) => a.content.filter((b) => b.type === type);
        const u = a.usage;

        Object.assign(this.r, {
            text: of('text').map((b) => b.text).join(''),
            think: of('thinking').map((b) => b.thinking).join(''),
            calls: of('tool_use').map((b) => ({
                id: b.id, name: b.name, args: b.input })),
            finish: a.stop_reason,
            usage: { in: u.input_tokens + (u.cache_read_input_tokens || 0)
                         + (u.cache_creation_input_tokens || 0),
                     out: u.output_tokens },
        });
        this.history.push({ role: 'assistant', content: a.content });
    }

    async whole() {
        this.took(await this.c.messages.create(this.request()));
    }

    async streamed() {
        const s = this.c.messages.stream(this.request());

        for await (const e of s) {
            if (e.type === 'content_block_delta') {
                this.r.text += e.delta.text || '';
            }
        }

        this.took(await s.finalMessage());
    }

    results(texts) {
        this.history.push({ role: 'user', content: texts.map((content, i) => ({
            type: 'tool_result', tool_use_id: this.r.calls[i].id,
            content })) });
    }
}


class Gemini extends Package {
    static code = 'ge';
    static name = '@google/genai';

    make() {
        const { GoogleGenAI } = this.require('@google/genai');

        return new GoogleGenAI({ apiKey: this.w.key, httpOptions: {
            baseUrl: this.w.base, timeout: TIMEOUT } });
    }

    said() {
        const { text, image } = this.o;

        this.history = [{ role: 'user', parts: [{ text }, ...(image ? [
            { inlineData: { mimeType: 'image/png',
                            data: image.toString('base64') } }] : [])] }];
    }

    request() {
        const { tools, effort, system } = this.o;

        return {
            model: this.model, contents: this.history, config: {
                systemInstruction: system,
                ...(tools && { tools: [{ functionDeclarations: tools.map(
                    (t) => ({ name: t.name, description: t.about,
                              parametersJsonSchema: t.schema })) }] }),
                ...(effort && { thinkingConfig: {
                    includeThoughts: true, thinkingBudget: BUDGET } }),
            },
        };
    }

    took(answers) {
        const parts = [];
        const r = this.r;

        for (const a of answers) {
            const c = a.candidates?.[0];

            parts.push(...(c?.content?.parts || []));
            r.finish = c?.finishReason || r.finish;

            if (a.usageMetadata) {
                const u = a.usageMetadata;

                r.usage = { in: u.promptTokenCount,
                            out: (u.candidatesTokenCount || 0)
                                 + (u.thoughtsTokenCount || 0) };
            }
        }

        for (const p of parts) {
            if (p.functionCall) {
                r.calls.push({ id: p.functionCall.id, name: p.functionCall.name,
                               args: p.functionCall.args || {} });
            } else if (p.thought) {
                r.think += p.text || '';
            } else {
                r.text += p.text || '';
            }
        }

        this.history.push({ role: 'model', parts });
    }

    async whole() {
        this.took([await this.c.models.generateContent(this.request())]);
    }

    async streamed() {
        const answers = [];

        for await (const a of await this.c.models.generateContentStream(
            this.request()))
        {
            answers.push(a);
        }

        this.took(answers);
    }

    results(texts) {
        this.history.push({ role: 'user', parts: texts.map((result, i) => ({
            functionResponse: { id: this.r.calls[i].id,
                                name: this.r.calls[i].name,
                                response: { result } } })) });
    }
}


// HTTP/2 is what it speaks unless told otherwise: over TLS, and signed
class Converse extends Package {
    static code = 'be';
    static name = '@aws-sdk/client-bedrock-runtime, HTTP/2';

    make() {
        const { BedrockRuntimeClient } =
            this.require('@aws-sdk/client-bedrock-runtime');
        const { NodeHttp2Handler } =
            this.require('@smithy/node-http-handler');

        return new BedrockRuntimeClient({
            endpoint: this.w.tls, region: 'us-east-1', maxAttempts: 1,
            credentials: { accessKeyId: this.w.pair[0],
                           secretAccessKey: this.w.pair[1] },
            requestHandler: new NodeHttp2Handler({
                requestTimeout: TIMEOUT,
                nodeHttp2ConnectOptions: { ca: readFileSync(this.w.ca) } }),
        });
    }

    said() {
        const { text, image } = this.o;

        this.history = [{ role: 'user', content: [{ text }, ...(image ? [
            { image: { format: 'png', source: { bytes: image } } }] : [])] }];
    }

    request() {
        const { tools, effort, system } = this.o;

        return {
            modelId: this.model, messages: this.history,
            system: [{ text: system }],
            ...(tools && { toolConfig: { tools: tools.map((t) => ({
                toolSpec: { name: t.name, description: t.about,
                            inputSchema: { json: t.schema || NOTHING } },
            })) } }),
            ...(effort && { additionalModelRequestFields: { thinking: {
                type: 'enabled', budget_tokens: BUDGET } } }),
        };
    }

    command(name) {
        return this.c.send(new (this.require(
            '@aws-sdk/client-bedrock-runtime')[name])(this.request()));
    }

    took(content, finish, u) {
        const of = (name) => content.filter((b) => b[name])
            .map((b) => b[name]);

        Object.assign(this.r, {
            text: of('text').join(''), finish,
            think: of('reasoningContent')
                .map((b) => b.reasoningText?.text || '').join(''),
            calls: of('toolUse').map((b) => ({
                id: b.toolUseId, name: b.name, args: b.input })),
            usage: { in: u.inputTokens + (u.cacheReadInputTokens || 0)
                         + (u.cacheWriteInputTokens || 0),
                     out: u.outputTokens },
        });
        this.history.push({ role: 'assistant', content });
    }

    async whole() {
        const a = await this.command('ConverseCommand');

        this.took(a.output.message.content, a.stopReason, a.usage);
    }

    delta(blocks, i, d) {
        if (d.text !== undefined) {
            blocks[i] ||= { text: '' };
            blocks[i].text += d.text;
            this.r.text += d.text;

        } else if (d.toolUse) {
            blocks[i].toolUse.input += d.toolUse.input;

        } else {
            blocks[i] ||= { reasoningContent: { reasoningText: { text: '' } } };

            const t = blocks[i].reasoningContent.reasoningText;

            for (const [name, value] of Object.entries(d.reasoningContent)) {
                t[name] = (t[name] || '') + value;
            }
        }
    }

    async streamed() {
        const blocks = [];
        let finish;
        let usage;

        for await (const e of (await this.command('ConverseStreamCommand'))
            .stream)
        {
            if (e.contentBlockStart) {
                const { contentBlockIndex, start } = e.contentBlockStart;

                blocks[contentBlockIndex] = { toolUse: {
                    ...start.toolUse, input: '' } };

            } else if (e.contentBlockDelta) {
                this.delta(blocks, e.contentBlockDelta.contentBlockIndex,
                           e.contentBlockDelta.delta);
            }

            finish = e.messageStop?.stopReason || finish;
            usage = e.metadata?.usage || usage;
        }

        if (!finish || !usage) {
            throw new Error('Unfinished: no messageStop or no metadata');
        }

        for (const b of blocks) {
            if (b.toolUse) {
                b.toolUse.input = JSON.parse(b.toolUse.input || '{}');
            }
        }

        this.took(blocks, finish, usage);
    }

    results(texts) {
        this.history.push({ role: 'user', content: texts.map((text, i) => ({
            toolResult: { toolUseId: this.r.calls[i].id,
                          content: [{ text }] } })) });
    }
}


// HTTP/1.1 in clear, and a key in place of a signature
class ConversePlain extends Converse {
    static name = '@aws-sdk/client-bedrock-runtime, HTTP/1.1';

    make() {
        const { BedrockRuntimeClient } =
            this.require('@aws-sdk/client-bedrock-runtime');
        const { NodeHttpHandler } = this.require('@smithy/node-http-handler');

        return new BedrockRuntimeClient({
            endpoint: this.w.base, region: 'us-east-1', maxAttempts: 1,
            token: { token: this.w.key },
            authSchemePreference: ['httpBearerAuth'],
            requestHandler: new NodeHttpHandler({ requestTimeout: TIMEOUT }),
        });
    }
}


class Ollama extends Package {
    static code = 'ol';
    static name = 'ollama';

    make() {
        const { Ollama: Client } = this.require('ollama');

        return new Client({ host: this.w.base, headers: {
            Authorization: `Bearer ${this.w.key}` } });
    }

    said() {
        const { text, image, system } = this.o;

        this.history = [
            { role: 'system', content: system },
            { role: 'user', content: text,
              ...(image && { images: [image.toString('base64')] }) }];
    }

    request() {
        const { tools, effort } = this.o;

        return {
            model: this.model, messages: this.history,
            ...(tools && { tools: functions(tools, NOTHING) }),
            ...(effort && { think: 'medium' }),
        };
    }

    took(answers) {
        const r = this.r;
        const calls = [];

        for (const a of answers) {
            r.text += a.message.content || '';
            r.think += a.message.thinking || '';
            calls.push(...(a.message.tool_calls || []));

            if (a.done) {
                r.finish = a.done_reason;
                r.usage = { in: a.prompt_eval_count, out: a.eval_count };
            }
        }

        r.calls = calls.map((c) => ({ name: c.function.name,
                                      args: c.function.arguments }));
        this.history.push({
            role: 'assistant', content: r.text,
            ...(r.think && { thinking: r.think }),
            ...(calls.length && { tool_calls: calls }) });
    }

    async whole() {
        this.took([await this.c.chat(this.request())]);
    }

    async streamed() {
        const answers = [];

        for await (const a of await this.c.chat({ ...this.request(),
                                                  stream: true }))
        {
            answers.push(a);
        }

        this.took(answers);
    }

    results(texts) {
        texts.forEach((content, i) => this.history.push({
            role: 'tool', tool_name: this.r.calls[i].name, content }));
    }
}


class Cohere extends Package {
    static code = 'co';
    static name = 'cohere-ai';

    make() {
        const { CohereClientV2 } = this.require('cohere-ai');

        return new CohereClientV2({ environment: this.w.base,
                                    token: this.w.key });
    }

    said() {
        const { text, image, system } = this.o;

        this.history = [
            { role: 'system', content: system },
            { role: 'user', content: image ? [{ type: 'text', text }, {
                type: 'image_url', imageUrl: { url: dataUrl(image) },
            }] : text }];
    }

    request() {
        const { tools, effort } = this.o;

        return {
            model: this.model, messages: this.history,
            ...(tools && { tools: functions(tools, NOTHING) }),
            ...(effort && { thinking: { type: 'enabled',
                                        tokenBudget: BUDGET } }),
        };
    }

    took(message, finish, usage) {
        const content = message.content || [];
        const text = (name) => content.map((c) => c[name] || '').join('');

        Object.assign(this.r, {
            text: (message.toolPlan || '') + text('text'),
            think: text('thinking'), finish,
            calls: (message.toolCalls || []).map((c) => ({
                id: c.id, name: c.function.name,
                args: JSON.parse(c.function.arguments || '{}') })),
            usage: { in: usage.tokens.inputTokens,
                     out: usage.tokens.outputTokens },
        });
        this.history.push({ role: 'assistant', ...message });
    }

    async whole() {
        const a = await this.c.chat(this.request(), { maxRetries: 0 });

        this.took({
            ...(a.message.content?.length && { content: a.message.content }),
            ...(a.message.toolPlan && { toolPlan: a.message.toolPlan }),
            ...(a.message.toolCalls?.length
                && { toolCalls: a.message.toolCalls }),
        }, a.finishReason, a.usage);
    }

    async streamed() {
        const content = [];
        const calls = [];
        let plan = '';
        let end;

        for await (const e of await this.c.chatStream(this.request(),
                                                      { maxRetries: 0 }))
        {
            const m = e.delta?.message;

            if (e.type === 'content-start') {
                content.push({ ...m.content });

            } else if (e.type === 'content-delta') {
                for (const name of ['text', 'thinking']) {
                    if (m.content[name]) {
                        const c = content.at(-1);
                        c[name] = (c[name] || '') + m.content[name];
                    }
                }

                this.r.text += m.content.text || '';

            } else if (e.type === 'tool-plan-delta') {
                plan += m.toolPlan;

            } else if (e.type === 'tool-call-start') {
                calls.push(structuredClone(m.toolCalls));

            } else if (e.type === 'tool-call-delta') {
                const f = calls.at(-1).function;
                f.arguments = (f.arguments || '')
                    + m.toolCalls.function.arguments;

            } else if (e.type === 'message-end') {
                end = e.delta;
            }
        }

        if (!end) {
            throw new Error('Unfinished: no message-end');
        }

        if (end.error) {
            throw new Error(end.error);
        }

        this.took({ ...(content.length && { content }),
                    ...(plan && { toolPlan: plan }),
                    ...(calls.length && { toolCalls: calls }) },
                  end.finishReason, end.usage);
    }

    results(texts) {
        texts.forEach((content, i) => this.history.push({
            role: 'tool', toolCallId: this.r.calls[i].id, content }));
    }
}


const NOTHING = { type: 'object', properties: {} };


// as OpenAI has them, and others since; none: what a tool without a schema has
function functions(tools, none) {
    return tools.map((t) => ({ type: 'function', function: {
        name: t.name, description: t.about, parameters: t.schema || none } }));
}


function dataUrl(image) {
    return `data:image/png;base64,${image.toString('base64')}`;
}


// what OpenAI's package adds of its own, and OpenAI does not take back
function bare(answer) {
    return JSON.parse(JSON.stringify(answer, (name, value) =>
        name === 'parsed' || name === 'parsed_arguments' ? undefined : value));
}


export const PACKAGES = [Chat, Responses, Messages, Gemini, Converse,
                         ConversePlain, Ollama, Cohere];
