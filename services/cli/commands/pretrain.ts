// `ddk pretrain`: a small model from scratch.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { DdkError } from '#base';
import { describeModel } from '#model';
import type { ProviderSetting } from '#runtime';
import { pretrainModel } from '../pretrain/pretrain-model.js';
import { type PretrainOptions, settingsOf } from '../pretrain/read-options.js';
import type { PretrainSettings } from '../pretrain/settings.js';
import type { Session } from '../session.js';
import { requireRoom } from '../user-path.js';

export interface PretrainPlan {
  /** Model folder to write. */
  readonly folder: string;
  readonly settings: PretrainSettings;
  readonly provider: ProviderSetting;
  readonly threads: number;
}

/** Checks what was asked for, and that its result will have a place. */
export async function planPretrain(out: string, options: PretrainOptions): Promise<PretrainPlan> {
  const folder = path.resolve(out);
  const like = options.like === undefined ? undefined : await describeModel(options.like);
  const settings = settingsOf(options, like);
  const taken = await stat(folder).then(
    () => true,
    () => false,
  );
  if (taken) throw new DdkError('already_exists', `${folder} exists; give another name or remove it first.`);
  await requireRoom({
    path: path.dirname(folder),
    cannot: 'hold the model',
    remedy: 'give another place',
  });
  return { folder, settings, provider: options.provider, threads: options.threads };
}

export async function pretrain(session: Session, plan: PretrainPlan): Promise<void> {
  const { folder, settings, provider, threads } = plan;
  const title = `training ${path.basename(folder)}`;
  await session.data.writing(() =>
    pretrainModel(session, { title, out: folder, settings, provider, threads }),
  );
  session.display.result(`The model is in ${folder}.`, { folder, settings });
}
