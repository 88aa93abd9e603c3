// Text generation: sampling, streaming, limits.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { DdkError } from '#base';
import { generateText, sampleToken } from '#model';
import { inFolder, makeTiny, session, withRuntime } from './tiny.js';

test('temperature 0 takes the most probable token, the first of equals', () => {
  assert.equal(sampleToken(Float32Array.of(1, 3, 3, 2), { temperature: 0, seed: 1 }, 0), 1);
});

test('draws follow the tempered softmax of the kept tokens', () => {
  // Weights exp(z / T) of the best two: exp(2/2) and exp(0) give shares e/(e+1) = 0.731 and 0.269.
  const logits = Float32Array.of(0, 2, -1, -50);
  const counts = [0, 0, 0, 0];
  for (let step = 0; step < 4000; step++)
    counts[sampleToken(logits, { temperature: 2, topK: 2, seed: 3 }, step)]! += 1;
  assert.deepEqual(counts.slice(2), [0, 0]);
  // Standard error sqrt(0.731 * 0.269 / 4000) = 0.007.
  assert.ok(Math.abs(counts[1]! / 4000 - Math.E / (Math.E + 1)) < 0.03);
});

test('the same seed writes the same text, in pieces that join to the whole', () =>
  inFolder(async (folder) => {
    const model = await makeTiny(join(folder, 'm'));
    await withRuntime(async (runtime) => {
      const options = { model, prompt: 'Once', maxNewTokens: 12, temperature: 1, topK: 50, session } as const;
      const pieces: string[] = [];
      const first = await generateText(runtime, { ...options, seed: 1, onText: (text) => pieces.push(text) });
      const again = await generateText(runtime, { ...options, seed: 1 });
      const other = await generateText(runtime, { ...options, seed: 2 });
      assert.deepEqual(again, first);
      assert.notDeepEqual(other.ids, first.ids);
      assert.equal(pieces.join(''), first.text);
      assert.ok(first.end === 'end_of_text' || first.ids.length === 12);
      assert.ok(first.ids.every((id) => id < 257));
    });
  }));

test('text longer than the positions of the model forgets its beginning', () =>
  inFolder(async (folder) => {
    const model = await makeTiny(join(folder, 'm'), { maxPositions: 8 });
    await withRuntime(async (runtime) => {
      const long = await generateText(runtime, {
        model,
        prompt: 'x'.repeat(30),
        maxNewTokens: 4,
        temperature: 0,
        seed: 1,
        session,
      });
      const recent = await generateText(runtime, {
        model,
        prompt: 'x'.repeat(8),
        maxNewTokens: 4,
        temperature: 0,
        seed: 1,
        session,
      });
      assert.deepEqual(long.ids, recent.ids);
      assert.ok(
        (
          await generateText(runtime, {
            model,
            prompt: '',
            maxNewTokens: 1,
            temperature: 0,
            seed: 1,
            session,
          })
        ).ids.length <= 1,
      );
    });
  }));

test('settings that mean nothing are refused, and a signal ends the text', () =>
  inFolder(async (folder) => {
    const model = await makeTiny(join(folder, 'm'));
    await withRuntime(async (runtime) => {
      const options = { model, prompt: 'a', maxNewTokens: 4, temperature: 1, seed: 1, session } as const;
      const rejects = (changes: object, code: string): Promise<void> =>
        assert.rejects(
          generateText(runtime, { ...options, ...changes }),
          (error) => error instanceof DdkError && error.code === code,
        );
      await rejects({ temperature: -1 }, 'invalid_argument');
      await rejects({ topK: 0.5 }, 'invalid_argument');
      await rejects({ maxNewTokens: 0 }, 'invalid_argument');
      await rejects({ signal: AbortSignal.abort() }, 'cancelled');
    });
  }));
