// The commands of `ddk` with their options and what `--help` says of them.
import { Command, Option } from 'commander';
import { exportRun } from './commands/export.js';
import { collectGarbage } from './commands/gc.js';
import { generate } from './commands/generate.js';
import { type InitOptions, initSpec } from './commands/init.js';
import { inspect } from './commands/inspect.js';
import { showRun, showRuns, watchRun } from './commands/inspect-runs.js';
import { planPretrain, pretrain } from './commands/pretrain.js';
import { type PreviewOptions, preview } from './commands/preview.js';
import {
  resumeRemotely,
  runRemotely,
  showRunRemotely,
  showRunsRemotely,
  steerRemotely,
  watchRemotely,
} from './commands/remote-runs.js';
import { writeRunReport } from './commands/report.js';
import { type RunOptions, readRun, resumeByName, runSpecHere } from './commands/run.js';
import { steerRun } from './commands/steer.js';
import type { CliConfig } from './config.js';
import { demoFolder, demonstrate, prepareDemonstration } from './demo/demo.js';
import { collect, count, filled, notNegative, positive, refuseEmpty, whole } from './option-values.js';
import type { PretrainOptions } from './pretrain/read-options.js';
import { addEvaluatorOption, addRemoteOptions, type RemoteOptions, remoteOf } from './remote-options.js';
import {
  type CommandContext,
  createDisplay,
  type GlobalOptions,
  type Session,
  withContext,
  withSession,
} from './session.js';
import { readSpec } from './spec/read-spec.js';

const version = '0.1.0';

/** @param outputClosed aborts once standard output or standard error cannot be written any more */
export function createProgram(config: CliConfig, outputClosed: AbortSignal): Command {
  const program = new Command('ddk')
    .description(
      'Distils a large language model into a small one, spending the training where the student is furthest behind.',
    )
    .version(version)
    .option(
      '--data <folder>',
      'where runs, checkpoints and corpora are kept; an empty name is refused, an empty DDK_DATA counts as not set',
      filled('Name a folder, or leave the option out.'),
      config.data,
    )
    .option('--json', 'write JSON lines to standard output', false)
    .addOption(
      new Option('--log-level <level>', "of the services' log, <data>/ddk.log")
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    // A command that ends here throws, so that its mistake is told as all others are.
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(`ddk help COMMAND` explains it)')
    .helpCommand(false)
    .addHelpText(
      'after',
      `
First steps:
  ddk demo                     a whole distillation on text that is already on this machine
  ddk init my-run.yaml         write a commented spec; edit it
  ddk run my-run.yaml --dry-run
  ddk run my-run.yaml          start it, or continue it after anything
`,
    );
  const globals = (): GlobalOptions => ({
    ...program.opts<Omit<GlobalOptions, 'outputClosed'>>(),
    outputClosed,
  });
  const session = <T>(body: (session: Session) => Promise<T>): Promise<T> => withSession(globals(), body);
  /** For commands that make nothing where there is nothing. */
  const look = <T>(body: (session: Session) => Promise<T>): Promise<T> =>
    withSession(globals(), body, { create: false });
  const context = <T>(body: (context: CommandContext) => Promise<T>): Promise<T> =>
    withContext(globals(), body);
  const remoteAddress = (options: RemoteOptions) => remoteOf(options, config.allowInsecure);

  addRemoteOptions(program.command('run <spec>'), 'services start in this process')
    .description('start the run of a spec file, or continue it where it was left')
    .option('--dry-run', 'read everything, show what would happen, start nothing')
    .option('--from <run>', "fork: start from another run's last checkpoint", filled('Name a run.'))
    .option('--from-best', 'with --from: from its best checkpoint instead')
    .action(async (file: string, options: RunOptions & RemoteOptions) => {
      const remote = options.dryRun ? undefined : remoteAddress(options);
      const spec = await readRun(file, options);
      await session((s) => (remote ? runRemotely(s, remote, spec, options) : runSpecHere(s, spec, options)));
    });
  addRemoteOptions(
    program.command('resume <run>'),
    'a `ddk run` at work in the data folder, else services start in this process; a scheduler at work there must be given',
  )
    .description('continue a paused or interrupted run, or extend one that has ended')
    .option('--extend <intervals>', 'train this many further intervals', count(10_000), 0)
    .action((run: string, options: { extend: number } & RemoteOptions) => {
      const remote = remoteAddress(options);
      return look((s) =>
        remote ? resumeRemotely(s, remote, run, options.extend) : resumeByName(s, run, options.extend),
      );
    });
  addRemoteOptions(
    program.command('watch <run>'),
    'a `ddk run` at work in the data folder; a scheduler at work there must be given',
  )
    .description('follow a run that another process is at work on')
    .action((run: string, options: RemoteOptions) => {
      const remote = remoteAddress(options);
      return remote ? context((c) => watchRemotely(c, remote, run)) : look((s) => watchRun(s, run));
    });
  addRemoteOptions(program.command('runs'), 'the data folder is read')
    .description('list the runs of the data folder, or of a scheduler')
    .action((options: RemoteOptions) => {
      const remote = remoteAddress(options);
      return remote ? context((c) => showRunsRemotely(c, remote)) : look(showRuns);
    });
  addRemoteOptions(program.command('show <run>'), 'the data folder is read')
    .description('one run: state, gaps, weights, checkpoints')
    .action((run: string, options: RemoteOptions) => {
      const remote = remoteAddress(options);
      return remote ? context((c) => showRunRemotely(c, remote, run)) : look((s) => showRun(s, run));
    });
  for (const [change, description] of [
    ['pause', 'stop a run after what is committed; `resume` continues it'],
    ['cancel', 'end a run for good; its checkpoints stay'],
  ] as const)
    addRemoteOptions(
      program.command(`${change} <run>`),
      'a `ddk run` at work in the data folder, else the record of the run there is changed; a scheduler at work there must be given',
    )
      .description(description)
      .action((run: string, options: RemoteOptions) => {
        const remote = remoteAddress(options);
        return remote
          ? context((c) => steerRemotely(c, remote, run, change))
          : look((s) => steerRun(s, run, change));
      });
  addEvaluatorOption(addRemoteOptions(program.command('preview <spec>'), 'services start in this process'))
    .description('measure the gaps as they are and show the mixture they would give; trains nothing')
    .option(
      '--of <run>',
      "measure this run's last checkpoint instead of the spec's student",
      filled('Name a run.'),
    )
    .action(async (file: string, options: PreviewOptions & RemoteOptions) => {
      const remote = remoteAddress(options);
      const spec = await readSpec(file);
      await session((s) => preview(s, spec, options, remote));
    });
  program
    .command('pretrain')
    .argument('<out>', 'model folder to write; must not exist', filled('Name a new folder.'))
    .description('train a small model from scratch on a corpus, to have something to distil or to try with')
    .requiredOption(
      '--text <name=paths>',
      'a domain and its files, folders or globs (commas between); once for each',
      collect,
    )
    .option(
      '--like <model>',
      'take the tokenizer and vocabulary of this model folder, so that it can be the teacher',
      filled('Name a model folder, or leave the option out.'),
    )
    .option(
      '--tokenizer <file>',
      'tokenizer.json; left out: bytes',
      filled('Name a file, or leave the option out.'),
    )
    .option(
      '--weight <name=share>',
      "a domain's share of the training, 0 for those not named; left out: by tokens; once for each",
      collect,
    )
    .option('--hidden <n>', 'hidden size', count(65_536), 128)
    .option('--layers <n>', 'decoder layers', count(1024), 4)
    .option('--heads <n>', 'attention heads', count(1024), 4)
    .option('--kv-heads <n>', 'key-value heads; left out: as many as heads', count(1024))
    .option(
      '--intermediate <n>',
      'width of the feed-forward layers; left out: 8/3 of hidden',
      count(1_048_576),
    )
    .option(
      '--length <n>',
      'predicted positions of a window; left out: 128, or what --like takes if that is less',
      count(1_048_576),
    )
    .option('--batch <n>', 'windows a step', count(65_536), 16)
    .option('--steps <n>', 'optimizer steps', count(2 ** 31 - 1), 500)
    .option('--lr <rate>', 'peak learning rate', positive(1), 2e-3)
    .option('--validation <n>', 'held-out documents a domain', count(65_536), 50)
    .option('--seed <n>', 'keys every random choice', whole(2 ** 32 - 1), 0)
    .option('--threads <n>', '0 = all cores', whole(1024), 0)
    .addOption(new Option('--provider <provider>').choices(['auto', 'cpu', 'cuda']).default('auto'))
    .action(async (out: string, options: PretrainOptions) => {
      const plan = await planPretrain(out, options);
      await session((s) => pretrain(s, plan));
    });
  program
    .command('export <run>')
    .description("a run's student as ONNX, safetensors, configuration and tokenizer")
    .requiredOption('--out <folder>', 'where to put the files', filled('Name a new folder.'))
    .action((run: string, options: { out: string }) => look((s) => exportRun(s, run, options.out)));
  program
    .command('generate <model>')
    .description('text from a model folder, to see what it has learnt')
    .option('--prompt <text>', 'what it goes on from', '')
    .option('--tokens <n>', 'most tokens to write', count(1_000_000), 200)
    .option('--temperature <t>', '0 takes the likeliest token each time', notNegative(100), 0.8)
    .option('--top-k <k>', 'draw from the k likeliest', count(2 ** 24), 40)
    .option('--seed <n>', 'keys the drawing', whole(2 ** 32 - 1), 0)
    .action((model: string, options) => {
      const write = globals().json
        ? () => {}
        : (text: string) => {
            // Nobody is there to read the rest.
            outputClosed.throwIfAborted();
            process.stdout.write(text);
          };
      return generate(createDisplay(globals()), model, options, write);
    });
  program
    .command('report <run>')
    .description("write a run's HTML report and its metrics as CSV")
    .option('--out <folder>', "left out: the run's folder", filled('Name a folder, or leave the option out.'))
    .option('--with <runs...>', 'other runs to show beside it')
    .action((run: string, options) => look((s) => writeRunReport(s, run, options)));
  program
    .command('gc')
    .description('show what no run needs any more; delete it when asked')
    .option('--delete', 'delete it', false)
    .option('--grace-minutes <n>', 'spare what was written in the last minutes', whole(5_256_000), 60)
    .option(
      '--caches',
      'also what can be made again: corpora no run uses, pretraining checkpoints, cached targets',
      false,
    )
    .action((options: { delete: boolean; graceMinutes: number; caches: boolean }) =>
      look((s) => collectGarbage(s, { ...options, graceMs: options.graceMinutes * 60_000 })),
    );
  program
    .command('inspect <model>')
    .description('a model folder or ONNX file: inputs, operators, parameters, fingerprint')
    .action((model: string) => inspect(createDisplay(globals()), model));
  program
    .command('init [file]')
    .description('write a commented spec that fits the models, where they are there already')
    .option('--teacher <model>', 'left out: teacher, beside the spec', filled('Name a model folder.'))
    .option('--student <model>', 'left out: student, beside the spec', filled('Name a model folder.'))
    .option('--text <name=paths>', 'a domain and its text, as of pretrain; once for each', collect)
    .action(async (file = 'run.yaml', options: InitOptions) => {
      const { summary, ...written } = await initSpec(file, options);
      createDisplay(globals()).result(summary, written);
    });
  program
    .command('demo')
    .description(
      'a whole distillation on text that is already on this machine; a second time reuses what it trained',
    )
    .option('--fresh', 'throw away what an earlier demonstration left', false)
    .action(async (options: { fresh: boolean }) => {
      const { data } = globals();
      const { note } = createDisplay(globals());
      const texts = await prepareDemonstration(data, options.fresh, note);
      await withSession({ ...globals(), data: demoFolder(data) }, (s) => demonstrate(s, texts));
    });
  program
    .command('help [command]')
    .description('explain a command, or list them')
    .action((name?: string) => {
      const command = name === undefined ? program : program.commands.find((one) => one.name() === name);
      // Commander's own help command answers a name that it does not know with the list, and says no more.
      if (command) command.help();
      else program.error(`error: unknown command '${name}'`, { code: 'commander.unknownCommand' });
    });
  for (const command of program.commands) refuseEmpty(command);
  return program;
}
