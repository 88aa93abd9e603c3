// A process that increments a counter record: `node counter-process.js FOLDER KEY TIMES`. Prints how often it lost a race.

import { DdkError } from '#base';
import { isConflict, openDiskStore } from '#store';

const [folder, key, times] = process.argv.slice(2);
if (folder === undefined || key === undefined)
  throw new DdkError('invalid_argument', 'Give FOLDER KEY TIMES.');
const { records } = await openDiskStore(folder);
let conflicts = 0;
for (let done = 0; done < Number(times); ) {
  try {
    const current = await records.get(key);
    if (current) {
      const next = String(Number(new TextDecoder().decode(current.value)) + 1);
      await records.update(key, new TextEncoder().encode(next), current.revision);
    } else {
      await records.create(key, new TextEncoder().encode('1'));
    }
    done += 1;
  } catch (error) {
    if (!isConflict(error)) throw error;
    conflicts += 1;
  }
}
console.log(conflicts);
