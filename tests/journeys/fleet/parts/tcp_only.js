// A service as there are many: one TCP port, no signal handling beyond closing its server.
const http = require('http');
const fs = require('fs');
const version = fs.readFileSync('VERSION', 'utf8').trim();
const server = http.createServer((request, answer) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const bad = version.startsWith('bad') && request.url !== '/health';
    const body = request.url === '/health'
      ? JSON.stringify({ status: 'OK', version })
      : request.method === 'POST' ? Buffer.concat(chunks) : version;
    setTimeout(() => {
      answer.writeHead(bad ? 500 : 200, { 'X-Release': version, 'Content-Length': Buffer.byteLength(body) });
      answer.end(body);
    }, request.url === '/slow' ? 400 : 2);
  });
});
server.listen(Number(process.env.PORT), '127.0.0.1');
process.on('SIGTERM', () => { server.close(() => process.exit(0)); server.closeIdleConnections(); });
