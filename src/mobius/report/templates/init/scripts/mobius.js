// Runs mobius on this project, also where package.json says "type": "module".
import("node:child_process").then(({ spawnSync }) => {
  const windows = process.platform === "win32";
  const launcher = process.argv[1].replace(/[^\\/]*$/, windows ? "mobius.cmd" : "mobius.sh");
  const words = [...(windows ? ["/d", "/c"] : []), launcher, ...process.argv.slice(2)];
  const done = spawnSync(windows ? "cmd.exe" : "sh", words, { stdio: "inherit" });
  if (done.error) console.error(`error: ${done.error.message}`);
  process.exit(done.status ?? 1);
});
