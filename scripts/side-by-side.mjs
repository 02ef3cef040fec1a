// node scripts/side-by-side.mjs NAME…: runs npm scripts at the same time; what each says is printed when it has ended. Fails if one fails.
import { spawn } from 'node:child_process';

const names = process.argv.slice(2);

function run(name) {
  return new Promise((resolve) => {
    const began = Date.now();
    const child = spawn('npm', ['run', '--silent', name], { stdio: ['ignore', 'pipe', 'pipe'] });
    const said = [];
    child.stdout.on('data', (chunk) => said.push(chunk));
    child.stderr.on('data', (chunk) => said.push(chunk));
    child.on('close', (code) => {
      process.stdout.write(`${code === 0 ? '✓' : '✗'} ${name} ${((Date.now() - began) / 1000).toFixed(1)} s\n${Buffer.concat(said)}`);
      resolve(code === 0);
    });
  });
}

const passed = await Promise.all(names.map(run));
process.exitCode = passed.every(Boolean) ? 0 : 1;
