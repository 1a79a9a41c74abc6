// Judges what a receiver got, as its libraries do: by whether they throw, and by what they
// sign themselves. Reads {messages, requests} from standard input; prints the counts.
import { createRequire } from "node:module";

const folder = process.argv[2];
const require = createRequire(folder + "/");
const standard = require("standardwebhooks");
const svix = require("svix");
const Stripe = require("stripe");
const { SignatureV4 } = require("@smithy/signature-v4");
const { Sha256 } = require("@aws-crypto/sha256-js");

let input = "";
for await (const chunk of process.stdin) input += chunk;
const { messages, requests } = JSON.parse(input);

const verify = {
  standardwebhooks: (m, body) => new standard.Webhook(m.secret).verify(body, m.headers),
  svix: (m, body) => new svix.Webhook(m.secret).verify(body, m.headers),
  stripe: (m, body) => Stripe.webhooks.constructEvent(body, m.headers["stripe-signature"], m.secret),
};

const counts = {};
for (const m of messages) {
  const c = (counts[m.judge] ??= { taken: 0, of: 0, tampered: 0 });
  const throws = (message, body) => {
    try {
      verify[m.judge](message, body);
      return false;
    } catch {
      return true;
    }
  };
  const body = Buffer.from(m.body, "base64").toString();
  c.of++;
  if (!throws(m, body)) c.taken++;
  const other = (name, change) => {
    if (!(name in m.headers)) return m;
    const altered = m.headers[name].replace(/\d{10}|$/, change);
    return { ...m, headers: { ...m.headers, [name]: altered } };
  };
  const later = (seconds) => String(Number(seconds) + 1);
  const forged = [other("webhook-timestamp", later), other("stripe-signature", later), other("webhook-id", () => "x")].filter((f) => f !== m);
  if (forged.length === 0 || !throws(m, body + " ") || forged.some((f) => !throws(f, body))) c.tampered++;
}

const aws = (counts["@smithy/signature-v4"] = { taken: 0, of: 0, tampered: 0, misses: [] });
for (const r of requests) {
  const signer = new SignatureV4({
    service: r.service, region: r.region, sha256: Sha256, uriEscapePath: r.service !== "s3", applyChecksum: true,
    credentials: { accessKeyId: r.id, secretAccessKey: r.secret, sessionToken: r.session || undefined },
  });
  const query = {};
  for (const pair of r.query.split("&").filter((p) => p !== "")) {
    const [name, value = ""] = pair.split(/=(.*)/s).map((t) => decodeURIComponent(t));
    query[name] = name in query ? [query[name], value].flat() : value;
  }
  const sign = async (body) => {
    const { "x-amz-content-sha256": ours, ...headers } = r.headers; // it makes its own
    const request = { method: r.method, protocol: "http:", hostname: headers.host, path: r.path, query, headers, body };
    const signed = await signer.sign(request, { signingDate: new Date(r.at) });
    return signed.headers.authorization;
  };
  aws.of++;
  const body = Buffer.from(r.body, "base64");
  if ((await sign(body)) === r.authorization) aws.taken++;
  else aws.misses.push(r.service + " " + r.path + "?" + r.query);
  if ((await sign(Buffer.concat([body, Buffer.from(" ")]))) === r.authorization) aws.tampered++;
}
console.log(JSON.stringify(counts));
