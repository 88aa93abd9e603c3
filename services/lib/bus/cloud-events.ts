// CloudEvents 1.0 in the binary mode of its NATS binding: attributes as `ce-` headers, the payload untouched.

export interface CloudEvent {
  /** Unique for one source; the same event told again keeps it. */
  readonly id: string;
  /** E.g. `ddk.v1.IntervalTrained`. */
  readonly type: string;
  /** Who tells it, e.g. `ddk/student-trainer`. */
  readonly source: string;
  /** What it is about, e.g. `runs/r1/intervals/3`. */
  readonly subject: string;
  readonly timeMs: number;
  /** W3C trace context, as `injectContext` of #telemetry gives it. */
  readonly traceparent?: string | undefined;
}

/** The headers of an event whose payload is protobuf. */
export function cloudEventHeaders(event: CloudEvent): Record<string, string> {
  return {
    'ce-specversion': '1.0',
    'ce-id': percentEncoded(event.id),
    'ce-type': percentEncoded(event.type),
    'ce-source': percentEncoded(event.source),
    'ce-subject': percentEncoded(event.subject),
    'ce-time': new Date(event.timeMs).toISOString(),
    'content-type': 'application/protobuf',
    ...(event.traceparent === undefined ? {} : { traceparent: event.traceparent }),
  };
}

/** Space, double quote, percent and everything outside printable ASCII (CloudEvents HTTP binding, 3.1.3.2). */
function percentEncoded(value: string): string {
  return value.replace(/[^!#$&-~]/gu, (character) =>
    [...new TextEncoder().encode(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}
