// Quantities as people read them.

/** `1.5 GiB`; powers of 1024, three significant digits. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'], ' ');
}

/** `12.3M`; powers of 1000, three significant digits. */
export function formatCount(count: number): string {
  return scaled(count, 1000, ['', 'k', 'M', 'G', 'T', 'P'], '');
}

function scaled(value: number, step: number, units: readonly string[], space: string): string {
  let scale = 0;
  let left = value;
  // 999.5 would be rounded to four digits.
  while (Math.abs(left) >= (scale === 0 ? step : step - 0.5) && scale < units.length - 1) {
    left /= step;
    scale += 1;
  }
  const digits = scale === 0 ? String(Math.round(left * 100) / 100) : threeDigits(left);
  return `${digits}${space}${units[scale]}`;
}

function threeDigits(value: number): string {
  const magnitude = Math.abs(value);
  return value.toFixed(magnitude < 9.995 ? 2 : magnitude < 99.95 ? 1 : 0);
}

/** `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 03 min`. */
export function formatDurationMs(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${twoDigits(seconds % 60)} s`;
  const minutes = Math.round(ms / 60_000);
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
