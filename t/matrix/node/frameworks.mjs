// The AI SDK with each of its providers' packages, behind the face that
// packages.mjs has.

import { Package } from './packages.mjs';

const BUDGET = 2048;            // tokens of reasoning


class AiSdk extends Package {

    // its package with that name, and what it makes
    made(name, make, options) {
        return this.require(name)[make](options);
    }

    start(o) {
        const { image, text } = o;

        this.o = o;
        this.history = [{ role: 'user', content: image ? [
            { type: 'text', text },
            { type: 'file', data: image, mediaType: 'image/png' }] : text }];
    }

    request() {
        const { jsonSchema, tool } = this.require('ai');
        const { system, tools, effort } = this.o;

        return {
            model: this.c, messages: this.history, instructions: system,
            maxRetries: 0, maxOutputTokens: 4096,
            ...(tools && { tools: Object.fromEntries(tools.map((t) => [
                t.name, tool({
                    description: t.about, inputSchema: jsonSchema(
                        t.schema || { type: 'object', properties: {} }),
                })])) }),
            ...(effort && { providerOptions: this.constructor.effort }),
        };
    }

    took(a) {
        this.r = {
            text: a.text, think: a.reasoningText || '',
            finish: a.finishReason,
            calls: a.toolCalls.map((c) => ({
                id: c.toolCallId, name: c.toolName, args: c.input })),
            usage: { in: a.usage.inputTokens, out: a.usage.outputTokens },
        };
        this.history.push(...a.response.messages);

        if (a.finishReason === 'other' || a.finishReason === 'unknown') {
            throw new Error('Unfinished: there was no end');
        }
    }

    async whole() {
        this.took(await this.require('ai').generateText(this.request()));
    }

    async streamed() {
        let error;
        const s = this.require('ai').streamText({
            ...this.request(), onError: (x) => { error = x.error; } });

        try {
            for await (const text of s.textStream) {
                this.r.text += text;
            }
        } catch (x) {
            error ||= x;
        }

        if (error) {
            throw error;
        }

        this.took({
            text: await s.text, reasoningText: await s.reasoningText,
            finishReason: await s.finishReason, usage: await s.usage,
            toolCalls: await s.toolCalls, response: await s.response,
        });
    }

    results(texts) {
        this.history.push({ role: 'tool', content: texts.map((value, i) => ({
            type: 'tool-result', toolCallId: this.r.calls[i].id,
            toolName: this.r.calls[i].name,
            output: { type: 'text', value } })) });
    }
}


class AiChat extends AiSdk {
    static code = 'oc';
    static name = 'AI SDK, @ai-sdk/openai, chat';
    static effort = { openai: { reasoningEffort: 'medium',
                                forceReasoning: true } };

    make() {
        return this.made('@ai-sdk/openai', 'createOpenAI', {
            baseURL: `${this.w.base}/v1`, apiKey: this.w.key,
        }).chat(this.model);
    }
}


class AiResponses extends AiSdk {
    static code = 'or';
    static name = 'AI SDK, @ai-sdk/openai, responses';
    static effort = { openai: { reasoningEffort: 'medium', store: false,
                                reasoningSummary: 'auto',
                                include: ['reasoning.encrypted_content'],
                                forceReasoning: true } };

    make() {
        return this.made('@ai-sdk/openai', 'createOpenAI', {
            baseURL: `${this.w.base}/v1`, apiKey: this.w.key,
        }).responses(this.model);
    }
}


class AiCompatible extends AiSdk {
    static code = 'oc';
    static name = 'AI SDK, @ai-sdk/openai-compatible';
    static effort = { soma: { reasoningEffort: 'medium' } };

    make() {
        return this.made('@ai-sdk/openai-compatible',
                         'createOpenAICompatible', {
            name: 'soma', baseURL: `${this.w.base}/v1`, apiKey: this.w.key,
            includeUsage: true,
        })(this.model);
    }
}


class AiAnthropic extends AiSdk {
    static code = 'an';
    static name = 'AI SDK, @ai-sdk/anthropic';
    static effort = { anthropic: { thinking: {
        type: 'enabled', budgetTokens: BUDGET } } };

    make() {
        return this.made('@ai-sdk/anthropic', 'createAnthropic', {
            baseURL: `${this.w.base}/v1`, apiKey: this.w.key,
        })(this.model);
    }
}


class AiGoogle extends AiSdk {
    static code = 'ge';
    static name = 'AI SDK, @ai-sdk/google';
    static effort = { google: { thinkingConfig: {
        includeThoughts: true, thinkingBudget: BUDGET } } };

    make() {
        return this.made('@ai-sdk/google', 'createGoogleGenerativeAI', {
            baseURL: `${this.w.base}/v1beta`, apiKey: this.w.key,
        })(this.model);
    }
}


class AiBedrock extends AiSdk {
    static code = 'be';
    static name = 'AI SDK, @ai-sdk/amazon-bedrock';
    // its own reasoningConfig is for models with Claude in their names
    static effort = { bedrock: { additionalModelRequestFields: { thinking: {
        type: 'enabled', budget_tokens: BUDGET } } } };

    make() {
        return this.made('@ai-sdk/amazon-bedrock', 'createAmazonBedrock', {
            baseURL: this.w.base, region: 'us-east-1',
            accessKeyId: this.w.pair[0], secretAccessKey: this.w.pair[1],
        })(this.model);
    }
}


class AiOllama extends AiSdk {
    static code = 'ol';
    static name = 'AI SDK, ai-sdk-ollama';

    // a call of its history has a type, which Ollama's schema has not
    static own = ['agent', 'parallel'];
    static effort = { ollama: { think: true } };

    make() {
        return this.made('ai-sdk-ollama', 'createOllama', {
            baseURL: this.w.base,
            headers: { Authorization: `Bearer ${this.w.key}` },
        })(this.model);
    }
}


class AiCohere extends AiSdk {
    static code = 'co';
    static name = 'AI SDK, @ai-sdk/cohere';

    // it says nothing of stream where it wants none, and Cohere's schema does
    static own = ['image', 'agent', 'parallel', 'error'];
    static effort = { cohere: { thinking: {
        type: 'enabled', tokenBudget: BUDGET } } };

    make() {
        return this.made('@ai-sdk/cohere', 'createCohere', {
            baseURL: `${this.w.base}/v2`, apiKey: this.w.key,
        })(this.model);
    }
}


export const FRAMEWORKS = [AiChat, AiResponses, AiCompatible, AiAnthropic,
                           AiGoogle, AiBedrock, AiOllama, AiCohere];
