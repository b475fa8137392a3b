// The server that the conformance package's server scenarios are written for, on the TypeScript SDK 1.x: stateful, answers as
// event streams, requests of its own to the client. server-everything fails most scenarios by itself, since it has other tools.
//
// usage: node fixture.mjs       Prints its URL once it listens.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as types from '@modelcontextprotocol/sdk/types.js';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WAV = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=';
const text = (said) => ({ type: 'text', text: said });
const image = { type: 'image', data: PNG, mimeType: 'image/png' };
const resource = (uri, mimeType, said) => ({ type: 'resource', resource: { uri, mimeType, text: said } });
const answers = (...content) => () => ({ content });
const strings = (names) => ({
  type: 'object', properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])), required: names });

async function elicited(extra, message, requestedSchema) {
  const { action, content } = await extra.sendRequest(
    { method: 'elicitation/create', params: { message, requestedSchema } }, types.ElicitResultSchema);
  return { content: [text(`User response: action=${action}, content=${JSON.stringify(content)}`)] };
}

const options = ['option1', 'option2', 'option3'];
const titled = ['First', 'Second', 'Third'].map((name, n) => ({ const: `value${n + 1}`, title: `${name} Option` }));

// By name: what it wants, and what it does.
const tools = {
  test_simple_text: [[], answers(text('This is a simple text response for testing.'))],
  test_image_content: [[], answers(image)],
  test_audio_content: [[], answers({ type: 'audio', data: WAV, mimeType: 'audio/wav' })],
  test_embedded_resource: [[], answers(
    resource('test://embedded-resource', 'text/plain', 'This is an embedded resource content.'))],
  test_multiple_content_types: [[], answers(text('Multiple content types test:'), image,
    resource('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'))],
  test_tool_with_logging: [[], async (_, extra) => {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data } });
      await pause(50);
    }
    return { content: [text('Logged.')] };
  }],
  test_tool_with_progress: [[], async (_, extra) => {
    const progressToken = extra._meta?.progressToken;
    for (const progress of [0, 50, 100]) {
      if (progressToken !== undefined) {
        await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } });
      }
      await pause(50);
    }
    return { content: [text('Done.')] };
  }],
  test_error_handling: [[], () => ({ isError: true, content: [text('This tool intentionally returns an error for testing')] })],
  test_sampling: [['prompt'], async ({ prompt }, extra) => {
    const { content } = await extra.sendRequest({ method: 'sampling/createMessage', params: {
      messages: [{ role: 'user', content: text(prompt) }], maxTokens: 100 } }, types.CreateMessageResultSchema);
    return { content: [text(`LLM response: ${content.text}`)] };
  }],
  test_elicitation: [['message'], ({ message }, extra) => elicited(extra, message, strings(['username', 'email']))],
  test_elicitation_sep1034_defaults: [[], (_, extra) => elicited(extra, 'Some defaults', { type: 'object', properties: {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
  } })],
  test_elicitation_sep1330_enums: [[], (_, extra) => elicited(extra, 'Some choices', { type: 'object', properties: {
    untitledSingle: { type: 'string', enum: options },
    titledSingle: { type: 'string', oneOf: titled },
    legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
    untitledMulti: { type: 'array', items: { type: 'string', enum: options } },
    titledMulti: { type: 'array', items: { anyOf: titled } },
  } })],
};

const resources = {
  'test://static-text': { mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
  'test://static-binary': { mimeType: 'image/png', blob: PNG },
  'test://watched-resource': { mimeType: 'text/plain', text: 'Watched.' },
};

const prompts = {
  test_simple_prompt: [[], () => [text('This is a simple prompt for testing.')]],
  test_prompt_with_arguments: [['arg1', 'arg2'], ({ arg1, arg2 }) => [text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)]],
  test_prompt_with_embedded_resource: [['resourceUri'], ({ resourceUri }) => [
    resource(resourceUri, 'text/plain', 'Embedded resource content for testing.'),
    text('Please process the embedded resource above.')]],
  test_prompt_with_image: [[], () => [image, text('Please analyze the image above.')]],
};

function read(uri) {
  const [, id] = /^test:\/\/template\/([^/]+)\/data$/.exec(uri) ?? [];
  const found = resources[uri] ?? (id && { mimeType: 'application/json', text: JSON.stringify(
    { id, templateTest: true, data: `Data for ID: ${id}` }) });
  if (!found) throw new types.McpError(-32002, `no resource ${uri}`);
  return { contents: [{ uri, ...found }] };
}

function fixture() {
  const server = new Server({ name: 'conformance-fixture', version: '1.0.0' }, { capabilities: {
    tools: {}, resources: { subscribe: true }, prompts: {}, logging: {}, completions: {} } });
  const on = (schema, answer) => server.setRequestHandler(schema, answer);
  on(types.ListToolsRequestSchema, () => ({ tools: Object.entries(tools).map(([name, [wanted]]) => (
    { name, description: `Does what ${name} says.`, inputSchema: strings(wanted) })) }));
  on(types.CallToolRequestSchema, ({ params }, extra) => tools[params.name][1](params.arguments ?? {}, extra));
  on(types.ListResourcesRequestSchema, () => ({ resources: Object.entries(resources).map(([uri, { mimeType }]) => (
    { uri, name: uri, description: `The resource ${uri}.`, mimeType })) }));
  on(types.ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: [
    { uriTemplate: 'test://template/{id}/data', name: 'template', description: 'By id.', mimeType: 'application/json' }] }));
  on(types.ReadResourceRequestSchema, ({ params }) => read(params.uri));
  on(types.SubscribeRequestSchema, () => ({}));
  on(types.UnsubscribeRequestSchema, () => ({}));
  on(types.ListPromptsRequestSchema, () => ({ prompts: Object.entries(prompts).map(([name, [wanted]]) => (
    { name, description: `The prompt ${name}.`, arguments: wanted.map((argument) => ({ name: argument, required: true })) })) }));
  on(types.GetPromptRequestSchema, ({ params }) => (
    { messages: prompts[params.name][1](params.arguments ?? {}).map((content) => ({ role: 'user', content })) }));
  on(types.CompleteRequestSchema, () => ({ completion: { values: ['paris', 'park', 'party'], total: 3, hasMore: false } }));
  on(types.SetLevelRequestSchema, () => ({}));
  return server;
}

const sessions = new Map();
const http = createServer(async (request, response) => {
  const id = request.headers['mcp-session-id'];
  let transport = sessions.get(id);
  if (!transport && id) return response.writeHead(404).end();
  if (!transport) {
    transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (made) => sessions.set(made, transport),
      onsessionclosed: (gone) => sessions.delete(gone),
    });
    await fixture().connect(transport);
  }
  await transport.handleRequest(request, response);
});
http.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${http.address().port}`));
process.on('SIGTERM', () => process.exit(0));
