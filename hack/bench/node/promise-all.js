// The usual hand-written fan-out: Promise.all of two fetch calls.
const http = require('node:http');
const [, , port, ...backends] = process.argv;

http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    const body = Buffer.concat(chunks);
    try {
      const [one, two] = await Promise.all(backends.map((url) =>
        fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body }).then((r) => r.json())));
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ one, two }));
    } catch (error) {
      response.statusCode = 502;
      response.end(String(error));
    }
  });
}).listen(Number(port), '127.0.0.1');
