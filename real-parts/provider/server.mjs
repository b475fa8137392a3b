// An independent OpenID provider on loopback: npm's `oidc-provider` with one confidential client, refresh tokens that
// rotate and are revoked as a family when reused, and the package's own sign-in and consent forms. It has RFC 8414 metadata,
// registers clients (RFC 7591), and gives JWT access tokens for whatever `resource` is named (RFC 8707), to people and to
// clients; the scope `mcp:tools` is the resources'.
//
// usage: node server.mjs CLIENT_ID CLIENT_SECRET REDIRECT_URI POST_LOGOUT_URI ID_TOKEN_SECONDS
// Prints the issuer on one line once it listens. `GET /test/refreshes` counts refresh_token grants, by outcome.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const [clientId, clientSecret, redirectUri, postLogoutUri, idTokenSeconds] = process.argv.slice(2);
const key = (kty, options, alg) => {
  const { privateKey } = generateKeyPairSync(kty, options);
  return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: `${alg}-1` };
};

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [redirectUri],
      post_logout_redirect_uris: [postLogoutUri],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      id_token_signed_response_alg: 'ES256',
    }],
    jwks: { keys: [key('rsa', { modulusLength: 2048 }, 'RS256'), key('ec', { namedCurve: 'P-256' }, 'ES256')] },
    cookies: { keys: ['loopback test only'] },
    claims: { openid: ['sub', 'groups'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    rotateRefreshToken: true,
    features: {
      clientCredentials: { enabled: true },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => ({
          scope: 'mcp:tools', audience: resource, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    scopes: ['mcp:tools', 'openid', 'offline_access', 'profile', 'email'],
    ttl: { IdToken: Number(idTokenSeconds), AccessToken: Number(idTokenSeconds), ClientCredentials: Number(idTokenSeconds), RefreshToken: 3600, Grant: 3600, Interaction: 600, Session: 3600 },
    findAccount: (_ctx, id) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        name: `${id} of the provider`,
        preferred_username: id,
        email: `${id}@provider.test`,
        email_verified: true,
        groups: id === 'outsider' ? ['visitors'] : ['crew', 'deck'],
      }),
    }),
  });
  const refreshes = { granted: 0, refused: 0 };
  provider.on('grant.success', (ctx) => { if (ctx.oidc.params.grant_type === 'refresh_token') refreshes.granted += 1; });
  provider.on('grant.error', (ctx) => { if (ctx.oidc?.params?.grant_type === 'refresh_token') refreshes.refused += 1; });
  const handle = provider.callback();
  server.on('request', (request, response) => {
    if (request.url === '/test/refreshes') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(refreshes));
    } else {
      handle(request, response);
    }
  });
  console.log(issuer);
});
process.on('SIGTERM', () => process.exit(0));
