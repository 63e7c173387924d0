// Proves an identity token on standard input as any relying party would: with nothing but the address of its issuer
// and the library of others. Prints header and claims.
//
// node verify.mjs ISSUER AUDIENCE < token

import { readFileSync } from 'node:fs';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const [issuer, audience] = process.argv.slice(2);
const token = readFileSync(0, 'utf8').trim();
const answer = await fetch(`${issuer}/.well-known/openid-configuration`);
const configuration = await answer.json();
if (configuration.issuer !== issuer) {
  throw new Error(`the document is about ${configuration.issuer}`);
}
const algorithms = configuration.id_token_signing_alg_values_supported;
const keys = createRemoteJWKSet(new URL(configuration.jwks_uri));
const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience, algorithms });
console.log(JSON.stringify({ header: protectedHeader, claims: payload }));
