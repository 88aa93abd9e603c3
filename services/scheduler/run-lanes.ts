// One lane a run: what is done to a run is done one after the other, what is done to different runs side by side.
import { createTurns, type TakeTurn } from '#base';

interface Lane {
  readonly takeTurn: TakeTurn;
  /** A look is queued that has not begun: another would see nothing else. */
  queued: boolean;
  /** The last attempt handed out by this process. */
  dispatched: number;
}

export class RunLanes {
  readonly #lanes = new Map<string, Lane>();

  /** Runs that are being looked after. */
  get runIds(): readonly string[] {
    return [...this.#lanes.keys()];
  }

  /** Runs `body` after everything queued for this run before it. */
  enter<T>(runId: string, body: () => Promise<T>): Promise<T> {
    return this.#lane(runId).takeTurn(body);
  }

  /** Like `enter`, unless a look that has not begun is queued already. */
  async look(runId: string, body: () => Promise<void>): Promise<void> {
    const lane = this.#lane(runId);
    if (lane.queued) return;
    lane.queued = true;
    await this.enter(runId, () => {
      lane.queued = false;
      return body();
    });
  }

  wasDispatched(runId: string, attempt: number): boolean {
    return this.#lane(runId).dispatched >= attempt;
  }

  dispatched(runId: string, attempt: number): void {
    this.#lane(runId).dispatched = attempt;
  }

  /** The run needs looking after no more. */
  leave(runId: string): void {
    this.#lanes.delete(runId);
  }

  /** Resolves once nothing is under way or queued. */
  async idle(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map(({ takeTurn }) => takeTurn(async () => {})));
  }

  #lane(runId: string): Lane {
    let lane = this.#lanes.get(runId);
    if (lane === undefined) {
      lane = { takeTurn: createTurns(), queued: false, dispatched: 0 };
      this.#lanes.set(runId, lane);
    }
    return lane;
  }
}
