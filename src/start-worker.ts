import type { Clients } from './clients.ts';
import { compareNow } from './compare-now.ts';
import { targetOf } from './config/target.ts';
import type { RunHeader } from './engine/facts.ts';
import type { LookRequest } from './engine/ports.ts';
import { provingSteps } from './engine/proof.ts';
import { idsOf, shapeOf } from './engine/shape.ts';
import type { Leg } from './engine/step.ts';
import { NeedsHuman, Refused } from './errors.ts';
import { migrationJobId } from './gcp/names.ts';
import { startWorker } from './jobs/worker.ts';
import { createProofKeeper } from './keep-proofs.ts';
import { keptClients } from './kept-clients.ts';
import { clientsOpener, type OpenClients } from './open-clients.ts';
import { standingFences } from './postgres/fence-ledger.ts';
import { ifItAnswers } from './postgres/reachable.ts';
import type { Side } from './postgres/types.ts';
import type { Process } from './process.ts';
import { runbook } from './runbook.ts';
import { createWayBackTender } from './tend-way-back.ts';
import { withTimeLimit } from './time-limit.ts';

/** Twice what a busy instance takes for a new session; every moment of it is an outage. */
const oldAnswersWithinMs = 2_000;

/** Executes steps. Several side by side are fine: a run has one owner at a time. Gives the function that ends it. */
export async function startStepWorker({ runtime, services, jobs }: Process): Promise<() => Promise<void>> {
  const open = clientsOpener(runtime, services);
  const kept = keptClients(open);
  const tend = createWayBackTender();
  const proofs = createProofKeeper(open);
  const worker = await startWorker<Clients>(jobs, {
    runbook,
    async openClients(header, { guard, signal, applicationName, token, step, leg }) {
      // Writes are given back on one instance; the other one may be the trouble.
      const spare = step !== 'give-back' ? undefined : leg === 'rollback' ? 'source' : 'destination';
      const run = `${header.run}-${header.uid}`;
      const opened = kept.take(run, header, { guard, signal, applicationName, readOnly: false });
      return {
        clients: { ...opened.clients, proof: proofs.of(header, opened) },
        takeOver: () => opened.postgres.takeOver(header, token, spare),
        keep: () => kept.keep(run, opened),
        close: opened.close,
      };
    },
    async openLook(request, run, signal) {
      const header = run ?? imagined(request, services);
      const opened = open(header, { guard: refuseChange, signal, applicationName: 'pgupgrade/look', readOnly: true });
      return { header, clients: opened.clients, compare: (asked) => compareNow(opened.clients, asked), close: opened.close };
    },
    deadlineMs: (header) => serviceOf(header.service, services).cutover.deadline,
    mayGiveBack: (header, leg) => mayGiveBack(open, header, leg),
    async standBy(header, leg) {
      const opened = open(header, {
        guard: refuseChange,
        signal: new AbortController().signal,
        applicationName: `pgupgrade-stand-by/${header.run}`,
        readOnly: false,
      });
      const { target, workloads, postgres } = opened.clients;
      // Clients that are loaded, tokens and connections: asked once, they are there.
      await Promise.allSettled([
        mayGiveBack(open, header, leg),
        postgres.database(leg === 'rollback' ? 'destination' : 'source', 'postgres'),
        ...Object.keys(target.workloads).map((name) => workloads.wanted(name)),
      ]);
      kept.keep(`${header.run}-${header.uid}`, opened);
    },
    proving: { begunBy: provingSteps, keep: proofs.keep, keepOnly: proofs.keepOnly },
    tending: {
      armedBy: 'arm-way-back',
      async tend({ header, state, before, guard, signal }) {
        // Not named as an execution of the run: the next one would take it for an earlier owner's and end it.
        const opened = open(header, { guard, signal, applicationName: `pgupgrade-way-back/${header.run}`, readOnly: false });
        return tend({ clients: opened.clients, uid: header.uid, state, before, signal }).finally(() => opened.close());
      },
    },
  });
  return async () => {
    await worker.close();
    await kept.close();
  };
}

function serviceOf(name: string, services: Process['services']) {
  const service = services.get(name);
  if (!service) throw new Refused('service.unknown', `There is no service file for "${name}".`);
  return service;
}

/** A plan before any run: the header that a start would write, with a uid that names nothing outside. */
function imagined(request: LookRequest, services: Process['services']): RunHeader {
  const target = targetOf(serviceOf(request.service, services), request.environment, 'to' in request ? request.to : undefined);
  return {
    run: 'plan',
    uid: '00000000',
    service: request.service,
    environment: request.environment,
    from: target.from,
    to: target.to,
    by: 'bot',
    channel: target.channel,
    steps: idsOf(shapeOf(runbook), 'upgrade'),
    format: 1,
  };
}

async function refuseChange(): Promise<never> {
  throw new NeedsHuman('look.changes-nothing', 'A look tried to change something; nothing was changed.', {
    remedy: 'Report this to the maintainers.',
  });
}

/**
 * The log may have lost the fact that the promotion was called: Google knows. Of a rollback both instances know: the new one was told
 * before the old one was opened, and once that was done its fence is gone. The old one may be the very trouble, so it is not waited for.
 */
async function mayGiveBack(open: OpenClients, header: RunHeader, leg: Leg): Promise<'yes' | { readonly no: string }> {
  const opened = open(header, {
    guard: refuseChange,
    signal: withTimeLimit(30_000),
    applicationName: `pgupgrade/${header.run}/give-back`,
    readOnly: true,
  });
  try {
    const { dataMigration, postgres, target } = opened.clients;
    if (leg === 'rollback') {
      const name = `${header.run}-${header.uid}`;
      const fences = (side: Side) => postgres.database(side, 'postgres').then(standingFences);
      const [onOld, onNew] = await Promise.all([ifItAnswers(fences('source'), oldAnswersWithinMs), fences('destination')]);
      if (onNew.some(({ run, final }) => run === name && final)) return { no: `${target.source} was opened to writers, or is about to be` };
      const closed = onOld === undefined || onOld.some(({ run }) => run === name);
      return closed ? 'yes' : { no: `${target.source} is open to writers again` };
    }
    const id = migrationJobId(header);
    const [job, running] = await Promise.all([dataMigration.job(id), dataMigration.runningOperations(id)]);
    if (!job) return 'yes';
    if (job.state === 'COMPLETED' || job.phase === 'PROMOTE_IN_PROGRESS')
      return { no: `migration job ${id} is ${job.state}, phase ${job.phase}: the promotion was called` };
    if (running.some(({ metadata }) => metadata?.['verb'] === 'promote')) return { no: `a promotion of migration job ${id} is under way` };
    return 'yes';
  } finally {
    await opened.close();
  }
}
