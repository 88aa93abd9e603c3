// A whole scheduling world in memory: two schedulers, workers, a store with compare-and-set, a queue that loses, repeats
// and reorders. Everything that happens follows from one seed.
import assert from 'node:assert/strict';
import { unreachable } from '#base';
import {
  type EvaluationRecord,
  type ExportRecord,
  type Interval,
  type IntervalRecord,
  WorkState,
} from '#proto/ddk/v1/types';
import {
  assignEvaluation,
  assignExport,
  assignTraining,
  emptyRecord,
  isOpen,
  withdraw,
} from '../../services/scheduler/assignment.js';
import { type Command, commandsFor } from '../../services/scheduler/commands.js';
import type { RunInput, WorkReport } from '../../services/scheduler/events.js';
import { createRun, transition } from '../../services/scheduler/machine.js';
import { mostFailures } from '../../services/scheduler/reports.js';
import { closedIntervals, type RunState } from '../../services/scheduler/run-state.js';
import { type OutstandingRecord, outstandingWork, reportOf } from '../../services/scheduler/work-report.js';
import { domains, exampleSpec } from './example.js';
import { type AnyRecord, checkRecord, computed, type Item, keyOf } from './simulated-work.js';

export const intervals = 3;
export const stepsPerInterval = 4;

interface Stored<T> {
  readonly value: T;
  readonly revision: number;
}

interface Worker {
  readonly item: Item;
  /** The record as this worker last wrote it: what its commits are compared with. */
  held: Stored<AnyRecord>;
}

/** Mistakes to plant, so that the simulation can show that it would find them. */
export type Bug =
  | 'no fence'
  | 'assigns without looking'
  | 'takes any report for its own'
  | 'keeps intervals after the run is saved'
  | 'keeps intervals that are not committed'
  | 'none';

export class World {
  readonly trace: string[] = [];
  readonly #bug: Bug;
  readonly #draw: () => number;
  /** How hostile this world is, 0 to 1: calm ones get far, wild ones see every accident. */
  readonly #faults: number;
  #run: Stored<RunState>;
  /** Records of final intervals, by index. */
  readonly #kept = new Map<number, Interval>();
  /** Every reading is another: what two schedulers make of one report differs. */
  #clock = 0;
  /** What each scheduler believes; it may have been overtaken. */
  readonly #beliefs: [Stored<RunState>, Stored<RunState>];
  readonly #records = new Map<string, Stored<AnyRecord>>();
  readonly #queue: Item[] = [];
  readonly #workers: Worker[] = [];
  readonly #reports: WorkReport[] = [];
  /** Retryable failures of a piece of work, by the steps that it had committed. */
  readonly #failures = new Map<string, number>();

  constructor(seed: number, bug: Bug = 'none') {
    this.#bug = bug;
    this.#draw = generator(seed);
    this.#faults = this.#draw();
    const spec = exampleSpec({ intervals });
    const training = { ...spec.training!, intervalSteps: stepsPerInterval };
    const { state } = createRun({ id: 'run', requestId: 'request', spec: { ...spec, training }, atMs: 0 });
    this.#run = { value: state, revision: 1 };
    this.#beliefs = [this.#run, this.#run];
  }

  get state(): RunState {
    return this.#run.value;
  }

  /** Every interval of the run, by its records. */
  get history(): Interval[] {
    const { intervals } = this.state;
    const kept = Array.from({ length: intervals[0]?.index ?? 0 }, (_, index) => {
      const interval = this.#kept.get(index);
      assert.ok(interval, `interval ${index} is in no record`);
      return interval;
    });
    return [...kept, ...intervals];
  }

  /** One thing happens, good or bad. */
  disturb(): void {
    const scheduler = this.#draw() < 0.7 ? 0 : 1;
    const dice = this.#draw();
    if (dice < 0.2) this.#refresh(scheduler);
    else if (dice < 0.35) this.#perform(scheduler);
    else if (dice < 0.55) this.#reconcile(scheduler, this.#draw() < 0.3 * this.#faults);
    else if (dice < 0.72) this.#deliver(this.#draw() < 0.4 * this.#faults, this.#draw() < 0.4 * this.#faults);
    else if (dice < 0.92)
      this.#work(this.#pick(this.#workers), 1 - this.#draw() * (0.6 + 0.4 * this.#faults));
    else if (dice < 0.96) this.#repeatReport(scheduler);
    else this.#ask(scheduler, this.#draw() < 0.3 * this.#faults ? 'pause_requested' : 'resume_requested');
  }

  /** Nothing goes wrong any more: everything outstanding is done once, in turn. */
  heal(): void {
    this.#refresh(0);
    if (this.state.phase.kind === 'paused') this.#ask(0, 'resume_requested');
    this.#refresh(0);
    // Whoever had work before is gone or fenced off; what is still open is assigned anew, as after a restart.
    this.#reconcile(0, true);
    this.#refresh(0);
    this.#perform(0);
    while (this.#queue.length > 0) this.#deliver(false, false);
    for (const worker of [...this.#workers]) this.#work(worker, 0.9);
    this.#reconcile(0, false);
  }

  #refresh(scheduler: 0 | 1): void {
    this.#beliefs[scheduler] = this.#run;
  }

  /** Performs what is outstanding by what this scheduler believes. Preparing is its own work. */
  #perform(scheduler: 0 | 1): void {
    for (const command of commandsFor(this.#beliefs[scheduler].value)) this.#command(scheduler, command);
  }

  #command(scheduler: 0 | 1, command: Command): void {
    switch (command.kind) {
      case 'publish':
        return;
      case 'prepare':
        this.#apply(scheduler, { kind: 'prepared', attempt: command.attempt, domains, atMs: this.#now() });
        return;
      case 'evaluate':
        this.#assign({ work: 'evaluate', ...command }, (existing) =>
          assignEvaluation('run', command, existing as EvaluationRecord | undefined),
        );
        return;
      case 'train':
        this.#assign({ work: 'train', ...command }, (existing) =>
          assignTraining('run', command, existing as IntervalRecord | undefined),
        );
        return;
      case 'export':
        this.#assign({ work: 'export', interval: 0, attempt: command.attempt }, (existing) =>
          assignExport('run', command, existing as ExportRecord | undefined),
        );
        return;
      case 'withdraw': {
        const key = keyOf(command);
        const existing = this.#records.get(key)?.value;
        const empty = emptyRecord[command.work]('run', command.interval);
        const next = withdraw<AnyRecord>(command.attempt, existing, empty);
        if (next) this.#write(key, next, 'withdrawn');
        return;
      }
      default:
        unreachable(command);
    }
  }

  #assign(
    { work, interval, attempt }: Item,
    decide: (existing: AnyRecord | undefined) => AnyRecord | undefined,
  ): void {
    const key = keyOf({ work, interval });
    const existing = this.#records.get(key)?.value;
    const next = decide(this.#bug === 'assigns without looking' ? undefined : existing);
    if (next) this.#write(key, next, `assigned to attempt ${attempt}`);
    const record = this.#records.get(key)!.value;
    if (isOpen(record, attempt)) this.#queue.push({ work, interval, attempt });
  }

  /** Looks at the record of the outstanding work and reports what it says. */
  #reconcile(scheduler: 0 | 1, giveUp: boolean): void {
    const { value: state } = this.#beliefs[scheduler];
    const { attempt, interval } = state;
    const work = outstandingWork(state);
    const record = work && this.#records.get(keyOf({ work, interval }))?.value;
    if (work === undefined || record === undefined) return;
    const report = reportOf(state, { work, record } as OutstandingRecord, this.#now());
    if (report) this.#reports.push(report);
    if (report) this.#apply(scheduler, report);
    else if (giveUp && isOpen(record, attempt))
      this.#apply(scheduler, { kind: 'work_lost', attempt, atMs: this.#now() });
  }

  #repeatReport(scheduler: 0 | 1): void {
    const report = this.#pick(this.#reports);
    if (!report) return;
    const { attempt, interval } = this.#beliefs[scheduler].value;
    const forged = this.#bug === 'takes any report for its own';
    this.#apply(
      scheduler,
      forged ? { ...report, attempt, ...('interval' in report ? { interval } : {}) } : report,
    );
  }

  #ask(scheduler: 0 | 1, kind: 'pause_requested' | 'resume_requested'): void {
    this.#refresh(scheduler);
    this.#apply(scheduler, { kind, atMs: this.#now() });
  }

  /** A transition from what the scheduler believes, committed only if nobody was faster. */
  #apply(scheduler: 0 | 1, input: RunInput): void {
    const belief = this.#beliefs[scheduler];
    const { state, commands } = transition(belief.value, input);
    if (state === belief.value) return;
    if (this.#bug !== 'keeps intervals after the run is saved') this.#keep(belief.value, state);
    // Now and then the scheduler dies before it gets to save anything.
    const dies = this.#draw() < 0.3 * this.#faults;
    if (dies || belief.revision !== this.#run.revision) return;
    this.trace.push(
      `scheduler ${scheduler}: ${input.kind} -> ${state.phase.kind} ${state.interval} attempt ${state.attempt}`,
    );
    checkRun(this.#run.value, state);
    const before = this.history;
    if (input.kind === 'work_failed' && input.retryable) this.#countFailure(input, state);
    this.#run = { value: state, revision: belief.revision + 1 };
    this.#beliefs[scheduler] = this.#run;
    // Now and then the scheduler dies before it gets to perform anything.
    const lives = this.#draw() > 0.7 * this.#faults;
    if (lives && this.#bug === 'keeps intervals after the run is saved') this.#keep(belief.value, state);
    checkHistory(before, this.history);
    if (lives) for (const command of commands) this.#command(scheduler, command);
  }

  #now(): number {
    this.#clock += 1;
    return this.#clock;
  }

  /** Makes records of the intervals that leave the run's. Where there is one already, it must be the same. */
  #keep(before: RunState, after: RunState): void {
    const uncommitted = this.#bug === 'keeps intervals that are not committed';
    const final = uncommitted
      ? after.intervals.filter(({ checkpointDigest }) => checkpointDigest !== '')
      : closedIntervals(before, after);
    for (const interval of final) {
      const there = this.#kept.get(interval.index);
      if (there) assert.deepEqual(interval, there, 'an interval was kept in two forms');
      else this.#kept.set(interval.index, interval);
    }
  }

  /** However often work fails, a run pauses only where it has got no further. */
  #countFailure(
    { work, interval, step }: Extract<WorkReport, { kind: 'work_failed' }>,
    after: RunState,
  ): void {
    const key = `${work}/${interval} at step ${step}`;
    const count = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, count);
    const paused = after.phase.kind === 'paused';
    assert.ok(!paused || count >= mostFailures, `paused after ${count} failures of ${key}`);
  }

  /** Hands an item of the queue to a fresh worker, in any order. */
  #deliver(lose: boolean, repeat: boolean): void {
    if (this.#queue.length === 0) return;
    const at = Math.floor(this.#draw() * this.#queue.length);
    const item = this.#queue[at]!;
    if (!repeat) this.#queue.splice(at, 1);
    const key = keyOf(item);
    const stored = this.#records.get(key)!;
    if (lose || !isOpen(stored.value, item.attempt)) return;
    this.#write(key, { ...stored.value, state: WorkState.RUNNING, worker: 'somebody' } as AnyRecord, 'taken');
    this.#workers.push({ item, held: this.#records.get(key)! });
  }

  #work(worker: Worker | undefined, dice: number): void {
    if (!worker) return;
    const { value } = worker.held;
    const key = keyOf(worker.item);
    const leave = () => this.#workers.splice(this.#workers.indexOf(worker), 1);
    if (dice < 0.15) {
      this.trace.push(`the worker of ${key} dies`);
      leave();
      return;
    }
    if (dice < 0.25) {
      const failure = { code: 'UNAVAILABLE', message: 'no answer' };
      const retryable = this.#draw() < 0.8;
      this.#commit(worker, {
        ...value,
        state: WorkState.FAILED,
        failure,
        failureRetryable: retryable,
      } as AnyRecord);
      leave();
      return;
    }
    const complete = dice > 0.6;
    this.#commit(worker, computed(worker.item, value, complete));
    if (complete) leave();
  }

  #commit(worker: Worker, record: AnyRecord): void {
    const key = keyOf(worker.item);
    const current = this.#records.get(key)!;
    if (current.revision !== worker.held.revision && this.#bug !== 'no fence') return;
    this.#write(key, record, `committed by attempt ${worker.item.attempt}`);
    worker.held = this.#records.get(key)!;
  }

  #write(key: string, record: AnyRecord, why: string): void {
    const before = this.#records.get(key);
    this.trace.push(
      `${key}: ${why}, attempt ${record.attempt}, ${'step' in record ? `step ${record.step}` : ''}`,
    );
    if (before) checkRecord(key, before.value, record);
    this.#records.set(key, { value: record, revision: (before?.revision ?? 0) + 1 });
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.#draw() * list.length)];
  }
}

function checkRun(before: RunState, after: RunState): void {
  assert.ok(after.attempt >= before.attempt, 'the attempt went back');
  assert.ok(after.interval >= before.interval, 'the interval went back');
  assert.ok(after.interval - before.interval <= 1, 'an interval was left out');
  assert.ok(after.checkpointDigest.startsWith(before.checkpointDigest), 'the lineage was cut');
  assert.ok(after.intervals.length <= 2, 'the record grows with the intervals');
  const steps = after.checkpointDigest.split(' ').slice(1);
  assert.deepEqual(
    steps.map((step) => Number.parseInt(step, 10)),
    Array.from({ length: after.interval * stepsPerInterval }, (_, i) => i + 1),
    'the committed steps are not 1, 2, 3 and so on',
  );
}

function checkHistory(before: readonly Interval[], after: readonly Interval[]): void {
  const trained = before.filter((interval) => interval.checkpointDigest !== '');
  assert.deepEqual(after.slice(0, trained.length), trained, 'a trained interval changed');
  assert.deepEqual(
    after.map(({ index }) => index),
    after.map((_, index) => index),
    'the history has gaps',
  );
}

/** Mulberry32: small, fast, and the same everywhere. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
