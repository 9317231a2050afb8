// Answers with how many words its copy of the data holds.
const { createServer } = require("node:http");
const { readdirSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");

const data = dirname(process.env.DATABASE);
writeFileSync(join(data, "written-by-node.txt"), "in a rehearsal");
createServer((request, response) => {
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ status: "OK", files: readdirSync(data).length, uid: process.getuid() }));
}).listen(Number(process.env.PORT), "127.0.0.1");
