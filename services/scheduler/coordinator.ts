// Performs what the machine commands: keeps every run's record, assigns its work, and looks at what has become of it.
// All truth is in records; what is kept in memory may be lost at any moment.
import { type Clock, DdkError, failpoint, type Logger } from '#base';
import type { Domain } from '#proto/ddk/v1/types';
import { isConflict, type Store } from '#store';
import { spans, withSpan } from '#telemetry';
import { isOpen } from './assignment.js';
import { type Command, commandsFor, type Dispatch, type PublishedKind } from './commands.js';
import type { RunInput, RunRequest, WorkReport } from './events.js';
import { requireExtension } from './limits.js';
import { transition } from './machine.js';
import { requestProblem } from './requests.js';
import { RunLanes } from './run-lanes.js';
import { isOver, isWorking, type RunState } from './run-state.js';
import type { RunStore, StoredRun } from './run-store.js';
import { logMove, noticeTrouble, tellOthers } from './telling.js';
import { mayPass, reasonOf, stuck } from './trouble.js';
import { assignWork, outstandingRecord, withdrawWork } from './work-records.js';
import { failureOf, reportOf } from './work-report.js';
import type { Workers } from './workers.js';

export interface CoordinatorOptions {
  readonly store: Store;
  readonly runs: RunStore;
  readonly workers: Workers;
  /** Looks at a run's inputs and returns its domains; a DdkError that is not retryable fails the run. */
  readonly prepare: (state: RunState) => Promise<readonly Domain[]>;
  readonly publish: (runId: string, event: PublishedKind) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often every run is looked at whether or not anything was heard of it. Default 2 s. */
  readonly intervalMs?: number;
  /** Which of the unfinished runs, by name, are taken up at the start. Default: all. */
  readonly takesUp?: (name: string) => boolean;
  /** Told of a run that can neither go on nor be paused; it is looked at no more until somebody asks for something. */
  readonly onStuck?: (error: DdkError) => void;
}

export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #lanes = new RunLanes();
  /** What watchers have been told of a run that cannot be looked after, until it can be again. */
  readonly #troubles = new Map<string, string>();
  readonly #closing = new AbortController();
  #ticking: Promise<void> | undefined;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
  }

  /** Takes up the runs that are not over, where their records say they stand. */
  async start(): Promise<void> {
    for (const { state } of await this.#options.runs.list()) {
      if (isOver(state) || !(this.#options.takesUp?.(state.spec.name) ?? true)) continue;
      if (!this.#options.workers.outliveScheduler) {
        await this.#lanes
          .enter(state.id, () => this.#recover(state.id))
          .catch((error: unknown) => this.#complain(state.id, error));
      }
      this.hint(state.id);
    }
    this.#ticking = this.#tick();
  }

  /** Something may have changed about this run: look at it soon. */
  hint(runId: string): void {
    if (this.#closing.signal.aborted) return;
    this.#lanes
      .look(runId, () => this.#reconcile(runId))
      .catch((error: unknown) => this.#complain(runId, error));
  }

  /**
   * A worker has let go of an attempt. Where its record is still open, nobody is at it any more: without an error it is
   * assigned anew, with one it counts as a failure worth another try.
   */
  workEnded(runId: string, attempt: number, error: DdkError | undefined): void {
    if (this.#closing.signal.aborted) return;
    this.#lanes
      .enter(runId, () => this.#giveUp(runId, attempt, error))
      .catch((failure: unknown) => this.#complain(runId, failure))
      .finally(() => this.hint(runId));
  }

  /** Applies requests together and returns the run as it is then. Throws DdkError failed_precondition where one makes no sense. */
  async request(runId: string, requests: readonly RunRequest[]): Promise<StoredRun> {
    const stored = await this.#lanes.enter(runId, () => this.#request(runId, requests));
    this.hint(runId);
    return stored;
  }

  /** Resolves once nothing is under way any more. Records stay as they are: the next start goes on from them. */
  async close(): Promise<void> {
    this.#closing.abort(new DdkError('cancelled', 'The scheduler is closing.'));
    await this.#ticking;
    await this.#lanes.idle();
  }

  async #tick(): Promise<void> {
    const { clock, intervalMs = 2_000 } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      for (const runId of this.#lanes.runIds) this.hint(runId);
      // The sleep ends early, with an error that means nothing here, when the coordinator closes.
      await clock.sleep(intervalMs, signal).catch(() => {});
    }
  }

  /** Work that was in somebody's hands when the last scheduler ended, and ended with it, is assigned anew. */
  async #recover(runId: string): Promise<void> {
    const { runs, store, clock } = this.#options;
    const stored = await runs.get(runId);
    const found = stored && (await outstandingRecord(store.records, stored.state));
    if (!found || found.record.worker === '' || !isOpen(found.record, stored.state.attempt)) return;
    await this.#apply(stored, [{ kind: 'work_lost', attempt: stored.state.attempt, atMs: clock.now() }]);
  }

  async #giveUp(runId: string, attempt: number, error: DdkError | undefined): Promise<void> {
    const { runs, store, clock } = this.#options;
    const stored = await runs.get(runId);
    const found = stored && (await outstandingRecord(store.records, stored.state));
    if (!found || stored.state.attempt !== attempt || !isOpen(found.record, attempt)) return;
    const atMs = clock.now();
    const input: RunInput =
      error === undefined
        ? { kind: 'work_lost', attempt, atMs }
        : failureOf(stored.state, found, reasonOf(error), true, atMs);
    await this.#apply(stored, [input]);
  }

  async #request(runId: string, requests: readonly RunRequest[]): Promise<StoredRun> {
    for (;;) {
      const stored = await this.#options.runs.find(runId);
      for (const request of requests) {
        if (request.kind === 'extend_requested') requireExtension(stored.state, request.intervals);
        const problem = requestProblem(stored.state, request);
        if (problem !== undefined && !madeSenseOf(requests, request)) {
          throw new DdkError('failed_precondition', problem, { reason: 'RUN_STATE' });
        }
      }
      const changed = await this.#apply(stored, requests);
      if (changed) return changed;
    }
  }

  /** Takes the run as far as its records allow, then sees to it that what is outstanding then is being done. */
  async #reconcile(runId: string): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const stored = await this.#options.runs.get(runId);
      if (!stored || isOver(stored.state)) {
        if (stored) await this.#perform(stored.state);
        this.#lanes.leave(runId);
        return;
      }
      const report = await this.#look(stored.state);
      if (report === undefined) return this.#perform(stored.state);
      const changed = await this.#apply(stored, [report]);
      // A report that changes nothing would come again for ever.
      if (changed?.state === stored.state) return;
    }
  }

  async #look(state: RunState): Promise<WorkReport | undefined> {
    const { store, clock } = this.#options;
    if (state.phase.kind === 'preparing') return this.#prepare(state);
    const found = await outstandingRecord(store.records, state);
    return found && reportOf(state, found, clock.now());
  }

  async #prepare(state: RunState): Promise<WorkReport | undefined> {
    const { clock, prepare } = this.#options;
    if (commandsFor(state).some((command) => command.kind === 'prepare' && this.#mustWait(state, command))) {
      return undefined;
    }
    const { attempt, interval } = state;
    try {
      return { kind: 'prepared', attempt, domains: await prepare(state), atMs: clock.now() };
    } catch (thrown) {
      const error = DdkError.from(thrown);
      const { retryable } = error;
      const reason = reasonOf(error);
      return {
        kind: 'work_failed',
        work: 'prepare',
        interval,
        attempt,
        reason,
        retryable,
        step: 0,
        atMs: clock.now(),
      };
    }
  }

  async #perform(state: RunState): Promise<void> {
    for (const command of commandsFor(state)) await this.#command(state, command);
  }

  async #command(state: RunState, command: Command): Promise<void> {
    const { store, workers } = this.#options;
    switch (command.kind) {
      case 'publish':
        return tellOthers(this.#options, state, command.event);
      case 'withdraw':
        return withdrawWork(store.records, state.id, command);
      case 'prepare':
        // The scheduler's own work, done when it looks what has become of it.
        return;
      case 'evaluate':
      case 'train':
      case 'export': {
        const { attempt } = command;
        if (this.#lanes.wasDispatched(state.id, attempt) || this.#mustWait(state, command)) return;
        const record = await assignWork(store.records, state.id, command);
        failpoint('scheduler.assigned');
        if (!isOpen(record, attempt)) return;
        const interval = command.kind === 'export' ? 0 : command.interval;
        await workers.dispatch({ work: command.kind, runId: state.id, interval, attempt });
        this.#lanes.dispatched(state.id, attempt);
      }
    }
  }

  /** Whether a dispatch has to wait for its time yet; if so the run is looked at again then. */
  #mustWait(state: RunState, { delayMs }: Dispatch): boolean {
    const { clock } = this.#options;
    const leftMs = Math.min(state.updatedAtMs + delayMs - clock.now(), delayMs);
    if (leftMs <= 0) return false;
    clock.sleep(leftMs, this.#closing.signal).then(
      () => this.hint(state.id),
      // Closing: there is no next look.
      () => {},
    );
    return true;
  }

  /** Commits transitions and performs what they command. Undefined: somebody else changed the run, read it again. */
  async #apply(stored: StoredRun, inputs: readonly RunInput[]): Promise<StoredRun | undefined> {
    let { state } = stored;
    const announcements: Command[] = [];
    for (const input of inputs) {
      const next = transition(state, input);
      announcements.push(...next.commands.filter(({ kind }) => kind === 'publish'));
      state = next.state;
    }
    if (state === stored.state) return stored;
    failpoint('scheduler.before_commit');
    let revision: number;
    try {
      revision = await this.#options.runs.save(stored, state);
    } catch (error) {
      if (isConflict(error)) return undefined;
      throw error;
    }
    failpoint('scheduler.after_commit');
    this.#troubles.delete(state.id);
    logMove(this.#options.logger, stored.state, state);
    const attributes = {
      'ddk.run': state.id,
      'ddk.interval': state.interval,
      'ddk.attempt': state.attempt,
      'ddk.phase': state.phase.kind,
    };
    await withSpan(spans.scheduleRun, attributes, async () => {
      for (const command of announcements) await this.#command(state, command);
      await this.#perform(state);
    });
    return { state, revision };
  }

  /** One run's trouble must not stop the others. Where it may pass, the next look tries again. */
  #complain(runId: string, error: unknown): void {
    const err = DdkError.from(error);
    const { logger } = this.#options;
    if (mayPass(err) || this.#closing.signal.aborted) {
      logger.error({ runId, err }, 'a run could not be looked after; trying again');
      if (this.#troubles.get(runId) !== err.message) void noticeTrouble(this.#options, runId, err);
      this.#troubles.set(runId, err.message);
      return;
    }
    logger.error({ runId, err }, 'a run cannot go on');
    this.#lanes
      .enter(runId, () => this.#giveIn(runId, err))
      .catch((thrown: unknown) => {
        const failure = DdkError.from(thrown);
        if (mayPass(failure)) return this.#complain(runId, failure);
        logger.error({ runId, err: failure }, 'nor can it be paused');
        this.#lanes.leave(runId);
        this.#options.onStuck?.(stuck(runId, err));
      });
  }

  /** Trouble that will not pass pauses the run with the reason; one that is paused already is left alone. */
  async #giveIn(runId: string, error: DdkError): Promise<void> {
    const stored = await this.#options.runs.get(runId);
    const input: RunInput = { kind: 'run_stuck', reason: reasonOf(error), atMs: this.#options.clock.now() };
    try {
      const changed = stored && (await this.#apply(stored, [input]));
      // Where somebody else has changed it, the next look shows what has become of it.
      if (changed?.state !== stored?.state) return;
    } catch (failure) {
      // It may have been paused and its work not withdrawn: then nothing is lost but the worker's time.
      const now = await this.#options.runs.get(runId);
      if (now && isWorking(now.state.phase.kind)) throw failure;
    }
    this.#lanes.leave(runId);
  }
}

/** Resuming a run that has succeeded makes sense together with extending it. */
function madeSenseOf(requests: readonly RunRequest[], request: RunRequest): boolean {
  return request.kind === 'resume_requested' && requests.some(({ kind }) => kind === 'extend_requested');
}
