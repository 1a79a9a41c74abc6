// A real token endpoint: npm's oidc-provider over TLS, for the clients that it is told on
// standard input. /judge tells what it knows of a token. Prints its port; ends with its input.
import https from "node:https";

const folder = process.argv[2];
const { default: Provider } = await import(folder + "/node_modules/oidc-provider/lib/index.js");

const lines = (async function* () {
  let rest = "";
  for await (const chunk of process.stdin) {
    rest += chunk;
    for (let i; (i = rest.indexOf("\n")) >= 0; rest = rest.slice(i + 1)) yield rest.slice(0, i);
  }
})();
const { key, cert, clients, cookie } = JSON.parse((await lines.next()).value);

const server = https.createServer({ key, cert, requestCert: true, rejectUnauthorized: false });
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = "https://127.0.0.1:" + server.address().port;
const provider = new Provider(issuer, {
  clients: clients.map((c) => ({ grant_types: ["client_credentials"], redirect_uris: [], response_types: [], scope: "read write", ...c })),
  scopes: ["read", "write"],
  cookies: { keys: [cookie] },
  clientAuthMethods: ["client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth"],
  enabledJWA: { clientAuthSigningAlgValues: ["RS256", "ES256", "ES384", "ES512", "EdDSA"] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    mTLS: {
      enabled: true,
      tlsClientAuth: true,
      getCertificate: (ctx) => ctx.socket.getPeerX509Certificate?.(),
      certificateAuthorized: () => true,
      certificateSubjectMatches: (ctx, property, expected) =>
        property === "tls_client_auth_subject_dn" && ctx.socket.getPeerX509Certificate().subject === expected,
    },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (ctx, resource) => ({ scope: "read write", audience: resource, accessTokenTTL: 3600, accessTokenFormat: "opaque" }),
    },
  },
});
const callback = provider.callback();
server.on("request", async (request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname !== "/judge") return callback(request, response);
  const token = await provider.ClientCredentials.find(url.searchParams.get("token"));
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(token ? { client: token.clientId, audience: [token.aud].flat(), scope: token.scope ?? "" } : {}));
});
console.log(server.address().port);
await lines.next();
process.exit(0);
