// What a bus is: facts told to whoever listens, and work given to exactly one of many, at least once.

export interface BusMessage {
  /** Tokens of [A-Za-z0-9_-] joined by dots, e.g. `ddk.events.run.paused`. */
  readonly subject: string;
  /** Names the fact or the piece of work: the same id means the same message. Printable ASCII without spaces. */
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  /** At most `maxMessageBytes`; bulk goes into artifacts or over gRPC. */
  readonly data: Uint8Array;
}

/** One attempt at a piece of work. */
export interface Delivery {
  readonly message: BusMessage;
  /** 1 for the first. */
  readonly attempt: number;
  /**
   * Done: it is not delivered again. Succeeds also when the deadline has passed and somebody else is at it, so it proves
   * nothing about who owned the work; effects must be fenced by a compare-and-set of their own.
   */
  ack(): Promise<void>;
  /** Not done: deliver it again after `delayMs` (default 0). */
  nak(delayMs?: number): Promise<void>;
  /** Still at it: the deadline starts anew. Call it every third of `ackWaitMs`. */
  working(): Promise<void>;
  /** Cannot be done by anybody: straight to the dead letters, with the reason. */
  terminate(reason: string): Promise<void>;
}

export interface ConsumeOptions {
  /** How many deliveries this consumer handles at once. */
  readonly concurrency: number;
  /** A delivery that is neither settled nor reported `working` for so long is given to somebody else. */
  readonly ackWaitMs: number;
  /** After so many attempts the message becomes a dead letter. Equal for all consumers of a queue. */
  readonly maxAttempts: number;
}

/** Ends a subscription or a consumer; resolves once the handlers that are running have returned. */
export type Stop = () => Promise<void>;

export interface Bus {
  /** Resolves once the bus has the message. Nobody may be listening; one published twice may arrive twice. */
  publish(message: BusMessage): Promise<void>;
  /**
   * Tells what is published from now on under a subject that fits: `*` stands for one token, a final `>` for one or
   * more. Messages come one at a time, those of one publisher in order; what a handler throws is logged.
   */
  subscribe(subjectPattern: string, handler: (message: BusMessage) => Promise<void> | void): Promise<Stop>;
  /** Resolves once the bus has the work. The same id again, within two minutes, is the same work and does nothing. */
  enqueue(queue: string, message: BusMessage): Promise<void>;
  /**
   * Takes work until stopped. A handler settles its delivery by ack, nak or terminate. One that throws has its delivery
   * returned with a delay that doubles by attempt (`retryDelayMs`); one that just returns lets the deadline pass.
   */
  consume(
    queue: string,
    options: ConsumeOptions,
    handler: (delivery: Delivery) => Promise<void>,
  ): Promise<Stop>;
  /** Health: throws unless messages can be sent and received now. */
  check(): Promise<void>;
  /** Stops every subscription and consumer. */
  close(): Promise<void>;
}
