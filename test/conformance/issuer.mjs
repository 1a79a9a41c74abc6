// A real token endpoint: npm's oidc-provider over TLS, for the clients that it is told on
// standard input. /judge tells what it knows of a token. Prints its port; ends with its input.
import https from "node:https";

const folder = process.argv[2];
const { default: Provider, errors } = await import(folder + "/node_modules/oidc-provider/lib/index.js");
const jose = await import(folder + "/node_modules/jose/dist/webapi/index.js");

const lines = (async function* () {
  let rest = "";
  for await (const chunk of process.stdin) {
    rest += chunk;
    for (let i; (i = rest.indexOf("\n")) >= 0; rest = rest.slice(i + 1)) yield rest.slice(0, i);
  }
})();
const { key, cert, clients, cookie, cluster } = JSON.parse((await lines.next()).value);

const server = https.createServer({ key, cert, requestCert: true, rejectUnauthorized: false });
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = "https://127.0.0.1:" + server.address().port;
const provider = new Provider(issuer, {
  clients: clients.map((c) => ({ grant_types: ["client_credentials"], redirect_uris: [], response_types: [], scope: "read write", ...c })),
  scopes: ["read", "write"],
  cookies: { keys: [cookie] },
  clientAuthMethods: ["client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth", "none"],
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

// The grant of RFC 8693, which the provider has not of its own, for tokens of the cluster that
// are for this endpoint.
const clusterKey = await jose.importJWK(cluster.key, "EdDSA");
const types = "urn:ietf:params:oauth:token-type:";
provider.registerGrantType("urn:ietf:params:oauth:grant-type:token-exchange", async (ctx) => {
  const { client, params } = ctx.oidc;
  if (params.subject_token_type !== types + "jwt") throw new errors.InvalidRequest("subject_token_type is not that of a JWT");
  try {
    await jose.jwtVerify(params.subject_token, clusterKey, { issuer: cluster.issuer, audience: issuer });
  } catch {
    throw new errors.InvalidGrant("subject_token is not believed");
  }
  const token = new provider.ClientCredentials({ client, scope: params.scope });
  token.resourceServer = new provider.ResourceServer(params.resource, { scope: "read write", audience: params.resource, accessTokenTTL: 3600, accessTokenFormat: "opaque" });
  ctx.body = { access_token: await token.save(), issued_token_type: types + "access_token", token_type: "Bearer", expires_in: token.expiration, scope: token.scope };
}, ["subject_token", "subject_token_type", "requested_token_type", "scope", "resource"]);
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
