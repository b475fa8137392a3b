// An independent authorization server as MCP clients expect one, on loopback: npm's `oidc-provider` with dynamic registration
// (RFC 7591), metadata (RFC 8414) and resource indicators (RFC 8707), its access tokens JWTs for the resource that was named.
//
// usage: node mcp.mjs RESOURCE ACCESS_TOKEN_SECONDS
// Prints the issuer on one line once it listens. `GET /test/seen` tells the resources that were asked for, by grant.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { text } from 'node:stream/consumers';
import Provider, { errors } from 'oidc-provider';

const [resource, accessTokenSeconds] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const scopes = ['mcp:use', 'mcp:admin'];

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'ES256-1' }] },
    cookies: { keys: ['loopback test only'] },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: () => true,
    ttl: { AccessToken: Number(accessTokenSeconds), RefreshToken: 3600, Grant: 3600, Interaction: 600, Session: 3600 },
    scopes: ['openid', 'offline_access', ...scopes],
    features: {
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, named) => {
          if (named !== resource) throw new errors.InvalidTarget();
          return { scope: scopes.join(' '), audience: named, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } },
            accessTokenTTL: Number(accessTokenSeconds) };
        },
      },
    },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  });
  const seen = [];
  provider.on('grant.success', (ctx) => seen.push([ctx.oidc.params.grant_type, ctx.oidc.params.resource ?? null]));
  const handle = provider.callback();
  server.on('request', async (request, response) => {
    if (request.url === '/reg' && request.method === 'POST') {
      // Clients register with the scopes that they want first. Here that does not keep them from asking for more later.
      const { scope, ...metadata } = JSON.parse(await text(request));
      request.body = metadata;
    }
    if (request.url === '/test/seen') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(seen));
    } else {
      handle(request, response);
    }
  });
  console.log(issuer);
});
process.on('SIGTERM', () => process.exit(0));
