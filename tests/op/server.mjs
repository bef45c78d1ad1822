// A real OpenID Provider for the tests: node server.mjs PORT [ISSUER] [CLIENTS.json]
//
// Listens on 127.0.0.1 only. ISSUER differs from the address where something stands in between.
// Beside the provider's own endpoints, for the tests:
//   POST /control/rotate?keep=1   other keys sign from now on; the old ones stay published, or not
//   GET  /control/keys            the private keys (for a wrapper that signs what it tampered with)
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';
import MemoryAdapter from 'oidc-provider/lib/adapters/memory_adapter.js';

// Debian 12 has Node 18, which lacks two things that the provider wants
globalThis.crypto ??= webcrypto;
URL.parse ??= (url, base) => (URL.canParse(url, base) ? new URL(url, base) : null);

const [port, issuer = `http://127.0.0.1:${port}`, clientsFile] = process.argv.slice(2);

// Nobody's child any more: whoever started this is gone without ending it.
const parent = process.ppid;
setInterval(() => process.ppid === parent || process.exit(), 1000).unref();

let turn = 0;
async function newKeys() {
  turn += 1;
  return Promise.all(['RS256', 'ES256', 'PS256', 'EdDSA'].map(async (alg) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    const kid = `${alg.toLowerCase()}-${turn}`;
    return { ...await exportJWK(privateKey), kid, alg, use: 'sig' };
  }));
}

let keys = await newKeys();

const configuration = () => ({
  clients: clientsFile ? JSON.parse(readFileSync(clientsFile, 'utf8')) : [],
  adapter: Shared,
  jwks: { keys },
  cookies: { keys: ['a key for the cookies of a test'] },
  scopes: ['openid', 'offline_access', 'profile', 'email', 'groups'],
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username'],
    email: ['email', 'email_verified'],
    groups: ['groups'],
  },
  conformIdTokenClaims: false,
  // any login is somebody, as the built-in pages have it
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      name: `User ${id}`,
      preferred_username: id,
      email: `${id}@example.test`,
      email_verified: true,
      groups: ['a', 'b'],
    }),
  }),
  features: {
    dPoP: {
      enabled: true,
      nonceSecret: Buffer.alloc(32, 7),
      requireNonce: (ctx) => ctx.oidc.client?.clientId === 'nonce',
    },
    backchannelLogout: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    // access tokens for an API are JWTs (RFC 9068), for one of them texts that say nothing
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, resource) => ({
        scope: 'orders:read orders:write',
        audience: resource,
        accessTokenFormat: resource === 'https://opaque.example.test' ? 'opaque' : 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
    registration: { enabled: true },
    revocation: { enabled: true },
  },
  enabledJWA: {
    idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256'],
  },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
  // the default refuses loopback, where the tests' applications are
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
});

// The memory adapter itself gets a memory for each provider; a subclass has the one of the process,
// so that sessions and codes survive when the provider is swapped.
class Shared extends MemoryAdapter {}

const handler = () => new Provider(issuer, configuration()).callback();
let handle = handler();

createServer(async (request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname === '/control/rotate' && request.method === 'POST') {
    const fresh = await newKeys();
    keys = url.searchParams.has('keep') ? [...fresh, ...keys] : fresh;
    handle = handler();
    response.end(JSON.stringify(fresh.map(({ kid }) => kid)));
  } else if (url.pathname === '/control/keys') {
    response.end(JSON.stringify({ keys }));
  } else {
    handle(request, response);
  }
}).listen(Number(port), '127.0.0.1');
