// JSON lines on standard output: one object an event, for scripts.
import { jsonOf } from '../spec/proto-json.js';
import type { Display } from './display.js';

/** One line; whatever there is of messages in it is in the JSON of protocol buffers. */
export const toJson = (value: unknown): string => JSON.stringify(jsonOf(value));

export function jsonDisplay(write: (line: string) => void): Display {
  const emit = (type: string, fields: object) => write(`${toJson({ type, ...fields })}\n`);
  return {
    note: (text) => emit('note', { text }),
    warn: (text) => emit('warning', { text }),
    task(title, unit) {
      let lastMs = 0;
      return {
        update(done, total, detail) {
          const now = performance.now();
          if (now - lastMs < 500 && (done < total || total === 0)) return;
          lastMs = now;
          emit('task', { title, unit, done, total, ...(detail === undefined ? {} : { detail }) });
        },
        end: (summary) => emit('task-done', { title, ...(summary === undefined ? {} : { summary }) }),
      };
    },
    run: (run) => emit('run', { run }),
    progress: (_run, progress) => emit('progress', { ...progress }),
    result: (_text, data) => emit('result', { result: data }),
    close() {},
  };
}
