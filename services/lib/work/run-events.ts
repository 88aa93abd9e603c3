// Events of a run: their subjects, their CloudEvents headers and their payload. An event is a hint; the truth is a record.
import { type Clock, DdkError, sha256Hex, systemClock } from '#base';
import { type Bus, type BusMessage, cloudEventHeaders } from '#bus';
import { RunEvent } from '#proto/ddk/v1/events';
import { injectContext } from '#telemetry';

/** What is told of, with its content. */
export type Kind = NonNullable<RunEvent['kind']>;
export type EventKind = Kind['$case'];

const formatVersion = 1;

const names: Readonly<Record<EventKind, string>> = {
  runChanged: 'run-changed',
  intervalPlanned: 'interval-planned',
  intervalTrained: 'interval-trained',
  gapsMeasured: 'gaps-measured',
  exportFinished: 'export-finished',
  workFailed: 'work-failed',
  progress: 'progress',
};

/** `ddk.event.<run>.<kind>`; `*` for every run, `>` for every kind. */
export function runEventSubject(runId: string | '*', kind: EventKind | '>'): string {
  return `ddk.event.${runId}.${kind === '>' ? '>' : names[kind]}`;
}

/**
 * Tells of `kind`. The id is made of the content, so an event that is told again after a crash is known for the same.
 * `source` is the service that tells.
 */
export async function publishRunEvent(
  bus: Bus,
  source: string,
  runId: string,
  kind: Kind,
  clock: Clock = systemClock,
): Promise<void> {
  const content = RunEvent.encode({ formatVersion, runId, time: undefined, kind }).finish();
  const id = sha256Hex(content).slice(0, 32);
  const timeMs = clock.now();
  const carrier: Record<string, string> = {};
  injectContext(carrier);
  const headers = cloudEventHeaders({
    id,
    type: `ddk.v1.${names[kind.$case]}`,
    source,
    subject: runId,
    timeMs,
    ...(carrier.traceparent === undefined ? {} : { traceparent: carrier.traceparent }),
  });
  const data = RunEvent.encode({ formatVersion, runId, time: new Date(timeMs), kind }).finish();
  await bus.publish({ subject: runEventSubject(runId, kind.$case), id, headers, data });
}

/** Undefined for formats and kinds that this version does not know. invalid_argument: no RunEvent at all. */
export function decodeRunEvent(message: BusMessage): RunEvent | undefined {
  try {
    const event = RunEvent.decode(message.data);
    return event.formatVersion === formatVersion && event.kind ? event : undefined;
  } catch (error) {
    throw new DdkError(
      'invalid_argument',
      `The message ${message.id} on ${message.subject} is no event of a run.`,
      {
        cause: error,
      },
    );
  }
}
