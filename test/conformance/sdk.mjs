// Calls the address given as an SDK does that repeats by itself, and prints what came of it.
// NODE_PATH is of no use to modules: the folder with node_modules is given too.
import { createRequire } from "node:module";

const [address, folder] = process.argv.slice(2);
const require = createRequire(folder + "/");
const messages = [{ role: "user", content: "hello" }];
const calls = {
  openai: async () => {
    const { OpenAI } = require("openai");
    const client = new OpenAI({ apiKey: "none", baseURL: address });
    await client.chat.completions.create({ model: "m", messages });
  },
  anthropic: async () => {
    const { Anthropic } = require("@anthropic-ai/sdk");
    const client = new Anthropic({ apiKey: "none", baseURL: address });
    await client.messages.create({ model: "m", max_tokens: 1, messages });
  },
};
const name = process.argv[4];
try {
  await calls[name]();
  console.log("succeeded");
} catch (error) {
  console.log(error.status ?? String(error));
}
