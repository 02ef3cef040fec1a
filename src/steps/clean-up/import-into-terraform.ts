import type { Clients } from '../../clients.ts';
import { blocked, done, type Step, task } from '../../engine/step.ts';
import { terraformFor } from '../../gcp/terraform.ts';

/** Until the pull request is merged an apply of the infrastructure code would undo the upgrade. */
export const importIntoTerraform: Step<Pick<Clients, 'target' | 'cloudSql'>> = {
  id: 'import-into-terraform',
  title: 'Import the new instance into Terraform and remove the old one',
  impact: 'none',

  async check({ target, cloudSql }, run) {
    const answer = run.answer?.trim() ?? '';
    if (/^https:\/\/\S+$/.test(answer)) return done(`pull request ${answer}`);
    const [instance, old] = await Promise.all([cloudSql.instance(target.destination), cloudSql.instance(target.source)]);
    if (!instance)
      return blocked('gcp.not-found', `Instance ${target.destination} does not exist.`, 'Look at the project, then press Retry.');
    const what = [
      `Put the attached file into the infrastructure code: it imports ${target.destination} and lets go of ${target.source} without deleting it (its way back still needs it).`,
      ...(answer === '' ? [] : [`"${answer}" is no link: answer with the pull request’s https:// address.`]),
    ];
    return task(what, 'the pull request’s link', {
      expects: 'the link of the pull request (https://…)',
      file: {
        name: `${target.destination}.tf`,
        content: terraformFor(instance, old ?? { name: target.source }, { project: target.project }),
      },
    });
  },

  undo: { keep: 'the pull request is people’s own: close it by hand' },
};
