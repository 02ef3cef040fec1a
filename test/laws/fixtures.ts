import { closed, flow, gone, onDestination, onSource } from './outsider.ts';
import type { Stage } from './stage.ts';

/** What the laws have to know of one step beside the step itself. */
export interface Fixture {
  /** What the first look may say; `todo` where left out. Two: it depends on how fast the world is. */
  readonly first?: readonly ('todo' | 'done' | 'task')[];
  /** Why it is undone only on the way back of the whole run, not on its own. */
  readonly onlyInReverseOrder?: string;
  /** Lines of the plan that the undo leaves done, and why that is no harm. */
  readonly stays?: { readonly lines: RegExp; readonly why: string };
  /** What a person does when asked; gives the answer. */
  person?(stage: Stage): string;
  /** What a person does when the undo says that something is to be taken back by hand. */
  personUndoes?(stage: Stage): void;
  /** What must be seen from outside once it is done, and once it is undone. */
  applied?(stage: Stage): Promise<void>;
  undone?(stage: Stage): Promise<void>;
}

const flag = 'ASYNC_AUDIENCE_CREATION_ENABLED';
/** A person flips the flag, and sets it back to what it was. */
function flips(to: 'on' | 'off'): Pick<Fixture, 'person' | 'personUndoes'> {
  const before = new WeakMap<Stage, string>();
  return {
    person(stage) {
      before.set(stage, stage.world.flags.get(flag) ?? 'off');
      stage.world.flags.set(flag, to);
      return '';
    },
    personUndoes: (stage) => void stage.world.flags.set(flag, before.get(stage) ?? 'off'),
  };
}
const plain: Fixture = {};
/** There is nothing to do: the look itself is the step. */
const looks: Fixture = { first: ['done'] };
const fastOrSlow: Fixture = { first: ['todo', 'done'] };

/** One entry a step of the runbook, in its order. A step without one, or one without a step, fails the suite. */
export const fixtures: Readonly<Record<string, Fixture>> = {
  preflight: looks,
  'create-destination': plain,
  'back-up-source': plain,
  'enable-replication-flags': plain,
  'create-migration-user': plain,
  'grant-migration-user': plain,
  'drop-deferrable-constraints': plain,
  'add-missing-primary-keys': plain,
  'create-client-certificate': plain,
  'create-connection-profiles': plain,
  'create-migration-job': {
    onlyInReverseOrder: 'Google deletes the destination’s connection profile with the job, and the next job needs it',
  },
  'demote-destination': plain,
  'verify-migration-job': plain,
  'create-destination-users': plain,
  'hold-schema-changes': { first: ['task'], ...flips('on') },
  'start-migration-job': {
    stays: { lines: /^(re)?start migration job /, why: 'the job is there: what was stopped with its slots dropped is restarted' },
  },
  'wait-for-sync': looks,
  'grant-destination-roles': plain,
  'analyze-destination': plain,
  'register-custom-types': plain,
  'validate-live': plain,
  'prepare-switch': looks,
  'rehearse-way-back': plain,
  'approve-cutover': plain,
  'stop-workers': { applied: gone('inapp-worker'), undone: flow('inapp-worker', onSource) },
  'stop-web': { applied: gone('inapp-web'), undone: flow('inapp-web', onSource) },
  // Nobody told the bot of this writer: only the fence keeps it out.
  'fence-source': { applied: closed('adhoc'), undone: flow('adhoc', onSource) },
  'drain-replication': fastOrSlow,
  'synchronize-sequences': fastOrSlow,
  validate: plain,
  'promote-destination': plain,
  'hand-over-ownership': plain,
  'arm-way-back': plain,
  'switch-services': plain,
  'start-services': { applied: flow('inapp-', onDestination), undone: gone('inapp-') },
  'back-up-destination': plain,
  'configure-backups': {
    stays: {
      lines: /\.(startTime|location|transactionLogRetentionDays|backupRetentionSettings) null → /,
      why: 'a patch cannot unset them, and with backups off they mean nothing',
    },
  },
  'enable-high-availability': plain,
  'restore-constraints': plain,
  'refresh-materialized-views': plain,
  'release-schema-changes': flips('off'),
  'import-into-terraform': { first: ['task'], person: () => 'https://github.com/example/me-infrastructure/pull/4711' },
  'remove-external-sync-user': plain,
  'remove-migration': plain,
  'prepare-rollback': { first: ['todo', 'done'] },
  'validate-live-rollback': plain,
  'approve-rollback': plain,
  'stop-services-for-rollback': { applied: gone('inapp-'), undone: flow('inapp-', onDestination) },
  'fence-destination': plain,
  'drain-way-back': fastOrSlow,
  'synchronize-sequences-back': plain,
  'validate-rollback': plain,
  // The writer that nobody told the bot about has been turned away since the cutover.
  'open-source': { applied: flow('adhoc', onSource) },
  'switch-services-back': plain,
  'start-services-back': { applied: flow('inapp-', onSource) },
  'remove-way-back': plain,
  'disarm-way-back': plain,
  'remove-migration-users': plain,
  'remove-replication-flags': plain,
  'back-up-old-instance': plain,
  'delete-source': { first: ['task'], person: (stage) => onSource(stage.world).name },
};
