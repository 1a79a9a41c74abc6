// A real issuer whose keys rotate: npm's oidc-provider on loopback. Each line of standard input
// lets it sign by a new key from then on; the one before stays published, older ones do not.
// Prints its address, and a line for each rotation; ends with its input.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import http from "node:http";
import readline from "node:readline";

const [folder, secret, audience] = process.argv.slice(2);
const { default: Provider } = await import(folder + "/node_modules/oidc-provider/lib/index.js");

const server = http.createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = "http://127.0.0.1:" + server.address().port;

const client = (client_id) => ({
  client_id, client_secret: secret, grant_types: ["client_credentials"], redirect_uris: [], response_types: [], scope: "read",
});
const fresh = () => ({ ...generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig" });

let keys = [fresh()];
const provide = () => new Provider(issuer, {
  clients: [client("caller"), client("route")],
  jwks: { keys },
  scopes: ["read"],
  cookies: { keys: [secret] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({ scope: "read", audience, accessTokenTTL: 20, accessTokenFormat: "jwt", jwt: { sign: { alg: "RS256" } } }),
    },
  },
}).callback();

let callback = provide();
server.on("request", (request, response) => callback(request, response));
console.log(issuer);
for await (const _ of readline.createInterface({ input: process.stdin })) {
  keys = [fresh(), keys[0]];
  callback = provide();
  console.log(keys[0].kid);
}
process.exit(0);
