// Sizes and times that servers and clients agree on, and the grpc-js options that carry them.
import type { ChannelOptions, ServerOptions } from '@grpc/grpc-js';

export interface ServerLimits {
  /** Largest message either way. Default 8 MiB; callers chunk bulk data to about 1 MiB, where throughput peaks. */
  readonly maxMessageBytes?: number;
  /** Streams that one connection may have open. Default 256. */
  readonly maxConcurrentStreams?: number;
  /** Connections are asked to reconnect after about this long, so that new replicas get their share. Default: never. */
  readonly maxConnectionAgeMs?: number;
  /** How long a stream may go on after that. Default: until it ends. */
  readonly maxConnectionAgeGraceMs?: number;
}

export const defaultMaxMessageBytes = 8 * 1024 * 1024;

/** A single response is due within this, unless the caller says otherwise. */
export const defaultTimeoutMs = 30_000;

/** A connection that is silent this long is asked whether it lives ... */
const keepaliveTimeMs = 30_000;
/** ... and given up when it does not answer within this. */
const keepaliveTimeoutMs = 10_000;

/** HTTP/2's default of 64 KiB halves the throughput of a download and makes it depend on the round trip. */
const flowControlWindowBytes = 4 * 1024 * 1024;

/** Applies to calls that never reached a handler (UNAVAILABLE) and whose request is below grpc-js's 1 MiB retry buffer. */
const serviceConfig = {
  loadBalancingConfig: [{ round_robin: {} }],
  methodConfig: [
    {
      name: [{}],
      retryPolicy: {
        maxAttempts: 4,
        initialBackoff: '0.1s',
        maxBackoff: '2s',
        backoffMultiplier: 2,
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
  ],
};

export function serverOptions(limits: ServerLimits): ServerOptions {
  const maxMessageBytes = limits.maxMessageBytes ?? defaultMaxMessageBytes;
  return {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc.max_concurrent_streams': limits.maxConcurrentStreams ?? 256,
    'grpc.keepalive_time_ms': keepaliveTimeMs,
    'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
    ...(limits.maxConnectionAgeMs === undefined
      ? {}
      : { 'grpc.max_connection_age_ms': limits.maxConnectionAgeMs }),
    ...(limits.maxConnectionAgeGraceMs === undefined
      ? {}
      : { 'grpc.max_connection_age_grace_ms': limits.maxConnectionAgeGraceMs }),
  };
}

export function channelOptions(maxMessageBytes: number, loopback: boolean): ChannelOptions {
  return {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc.keepalive_time_ms': keepaliveTimeMs,
    'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc-node.flow_control_window': flowControlWindowBytes,
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 5_000,
    'grpc.service_config': JSON.stringify(serviceConfig),
    // The service config above is the only one; DNS is not asked for another.
    'grpc.service_config_disable_resolution': 1,
    // A proxy from the environment never stands between two processes of one machine.
    ...(loopback ? { 'grpc.enable_http_proxy': 0 } : {}),
  };
}
