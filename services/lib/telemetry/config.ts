// The one setting of OpenTelemetry's SDK that is ours to make; the others (OTEL_*) it reads by itself.

/** Exporters are made by the SDK, which chooses them by OTEL_EXPORTER_OTLP_PROTOCOL; this is the only way to tell them. */
export function sendTo(endpoint: string): void {
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = endpoint;
}
