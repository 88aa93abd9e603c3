// What to say of a run that has ended or lies still, with the way on.
import { type Run, RunState } from '#proto/ddk/v1/types';
import { runLine } from './describe-run.js';

/**
 * What to say of a run that is over or paused.
 *
 * @param where the option that leads to the run's services, where they are not in this process
 */
export function farewell(run: Run, where = ''): string {
  const name = run.spec?.name ?? run.id;
  switch (run.state) {
    case RunState.SUCCEEDED:
      return `${name} succeeded.`;
    case RunState.PAUSED: {
      const why = sentence(run.reason?.message ?? 'no reason given');
      return `${name} is paused: ${why} ${wayOn(run, name, where)}`;
    }
    case RunState.CANCELLED:
    case RunState.FAILED:
      return `${name}: ${sentence(runLine(run))} It cannot be resumed; \`ddk run SPEC --from ${name}${where}\` with another name in the spec goes on from its last checkpoint.`;
    default:
      return `${name}: ${runLine(run)}`;
  }
}

/** With one full stop at its end. */
const sentence = (text: string): string => text.replace(/\.?$/, '.');

/** Where resuming would only come to the same again, it says what to do instead. */
function wayOn(run: Run, name: string, where: string): string {
  const fork = `start it with \`ddk run SPEC --from ${name}${where}\``;
  switch (run.reason?.code) {
    case 'REQUESTED':
      return `\`ddk resume ${name}${where}\` continues it.`;
    case 'LOSS_NOT_FINITE':
      return afterBrokenLoss(run, name, where);
    case 'MIXTURE_COLLAPSED':
      return `Resuming it would come to the same again: give the spec another name and a lower mixture.alpha or a mixture.ratioClip, and ${fork}.`;
    case 'DOMAIN_EMPTY':
    case 'DOMAINS_CHANGED':
      return `Resuming it would come to the same again: give the spec another name and every domain enough text, or leave the domain out, and ${fork}.`;
    default:
      return `\`ddk resume ${name}${where}\` tries again; with other settings, give the spec a new name and ${fork}.`;
  }
}

function afterBrokenLoss(run: Run, name: string, where: string): string {
  const again = 'Resuming it would come to the same again';
  const lower = 'give the spec another name and a lower optimizer.learningRate';
  const trained = run.checkpointDigest !== run.spec?.baseCheckpointDigest;
  if (run.pausedFrom !== RunState.MEASURING)
    return trained
      ? `${again}: ${lower}, and start it from its last checkpoint with \`ddk run SPEC --from ${name}${where}\`, or from its best with \`--from-best\` as well.`
      : `${again}: ${lower}, and start it anew with \`ddk run SPEC${where}\`.`;
  // Measured after training: the last checkpoint is the broken one, and the best one was still whole.
  if (trained && run.bestCheckpointDigest !== '')
    return `${again}: ${lower}, and start it from its best checkpoint with \`ddk run SPEC --from ${name} --from-best${where}\`.`;
  return `${again}, since nothing was trained yet: \`ddk generate MODEL\` shows whether a model works; give the spec other models and another name.`;
}
