// How long the event loop keeps its callers waiting: what tells that something computes where it should not.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { metrics } from './metrics.js';

const resolutionMs = 10;
const periodMs = 10_000;
const nanosecondsPerSecond = 1e9;

/** Records the delay every ten seconds until the returned function is called. */
export function watchEventLoop(): () => void {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  delays.enable();
  // The monitor times a timer, so what it reports includes the time the timer was meant to take.
  const seconds = (nanoseconds: number): number =>
    Math.max(0, nanoseconds / nanosecondsPerSecond - resolutionMs / 1000);
  const timer = setInterval(() => {
    metrics.eventLoopDelayP99.record(seconds(delays.percentile(99)));
    metrics.eventLoopDelayMax.record(seconds(delays.max));
    delays.reset();
  }, periodMs);
  timer.unref();
  return () => {
    clearInterval(timer);
    delays.disable();
  };
}
