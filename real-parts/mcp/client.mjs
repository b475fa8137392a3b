// An MCP client on the TypeScript SDK, told what to do on its standard input and answering on its standard output.
//
// usage: node client.mjs v1|v2       v1: @modelcontextprotocol/sdk   v2: @modelcontextprotocol/client
//
// One JSON object a line: {"connect": URL, "metadata_url"?: URL, "bearer"?: TOKEN} · {"tools": true} · {"call": NAME, "arguments"?: {}} ·
// {"spoil": true} (the access token becomes one that nobody issued, so the refresh token is needed) · {"forget": true} (there is
// no refresh token any more) · {"tokens": true} · {"close": true}. Each is answered by {"ok": …} or {"error": TEXT}. Where a person has to sign in, {"open": URL} comes first,
// and {"opened": URL} is expected: where the browser was sent in the end.
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';

const modern = process.argv[2] === 'v2';
const { Client } = await import(modern ? '@modelcontextprotocol/client' : '@modelcontextprotocol/sdk/client/index.js');
const { StreamableHTTPClientTransport } = await import(
  modern ? '@modelcontextprotocol/client' : '@modelcontextprotocol/sdk/client/streamableHttp.js');

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => {
  const { value, done } = await lines.next();
  if (done) process.exit(0);
  return JSON.parse(value);
};
const say = (message) => console.log(JSON.stringify(message));

const kept = {};
const person = {
  redirectUrl: 'http://127.0.0.1:33418/callback',
  clientMetadata: {
    client_name: `Real parts (${process.argv[2]})`,
    redirect_uris: ['http://127.0.0.1:33418/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  },
  state: () => (kept.state = randomUUID()),
  clientInformation: () => kept.client,
  saveClientInformation: (client) => { kept.client = client; },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens; },
  saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
  codeVerifier: () => kept.verifier,
  saveDiscoveryState: (found) => { kept.discovery = found; },
  discoveryState: () => kept.discovery,
  redirectToAuthorization: async (url) => {
    say({ open: String(url) });
    kept.answer = new URL((await read()).opened).searchParams;
  },
  invalidateCredentials: (scope) => {
    if (['all', 'client'].includes(scope)) delete kept.client;
    if (['all', 'tokens'].includes(scope)) delete kept.tokens;
    if (['all', 'discovery'].includes(scope)) delete kept.discovery;
  },
};

let client, transport;

// Once more after the person has been asked: that is how the SDK wants it.
async function asked(what) {
  try {
    return await what();
  } catch (error) {
    const answer = kept.answer;
    delete kept.answer;
    if (!answer) throw error;
    if (answer.get('error')) throw new Error(`authorization: ${answer.get('error')} ${answer.get('error_description')}`);
    if (answer.get('state') !== kept.state) throw new Error('another state than was sent');
    await transport.finishAuth(modern ? answer : answer.get('code'));
    return await what();
  }
}

const verbs = {
  connect: async (url, { metadata_url: metadata, bearer }) => {
    if (metadata) person.clientMetadataUrl = metadata;
    const how = bearer ? { requestInit: { headers: { Authorization: `Bearer ${bearer}` } } } : { authProvider: person };
    await asked(async () => {
      transport = new StreamableHTTPClientTransport(new URL(url), how);
      client = new Client({ name: 'real-parts', version: '1.0.0' }, modern ? { versionNegotiation: { mode: 'auto' } } : undefined);
      await client.connect(transport);
    });
    return client.getServerVersion()?.name ?? '';
  },
  tools: async () => (await asked(() => client.listTools())).tools.map((tool) => tool.name),
  call: async (name, { arguments: given = {} }) => {
    const result = await asked(() => client.callTool({ name, arguments: given }));
    return { error: result.isError ?? false, text: result.content.map((part) => part.text ?? '').join('\n') };
  },
  spoil: () => { kept.tokens = { ...kept.tokens, access_token: 'spoilt' }; return true; },
  forget: () => { delete kept.tokens.refresh_token; return true; },
  tokens: () => ({ ...kept.tokens, client_id: kept.client?.client_id }),
  close: async () => {
    await transport?.terminateSession?.().catch(() => {});
    await client?.close();
    return true;
  },
};

for (;;) {
  const command = await read();
  const [verb] = Object.keys(command);
  try {
    say({ ok: await verbs[verb](command[verb], command) });
  } catch (error) {
    say({ error: `${error.name}: ${error.message}` });
  }
}
