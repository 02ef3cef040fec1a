import { type FileWorkerSettings, startFileWorker } from './file-worker.ts';

/** `file-worker-process SETTINGS`: a worker that can be killed. */
const worker = await startFileWorker(JSON.parse(process.argv[2] ?? '{}') as FileWorkerSettings, (event) => {
  if (event.kind === 'error') process.stderr.write(`${event.where}: ${String(event.error)}\n`);
});
process.stdout.write('working\n');
process.on('SIGTERM', () => void worker.close().then(() => process.exit(0)));
