// A few open files out of many.

import { type FileHandle, open } from 'node:fs/promises';
import { DdkError } from '#base';

interface OpenFile {
  readonly handle: Promise<FileHandle>;
  users: number;
}

/** Keeps the files used last open, at most `capacity` of them beside those in use at this moment. */
export class FileHandles {
  readonly #capacity: number;
  readonly #locate: (name: string) => Promise<string>;
  /** In the order of last use. */
  readonly #files = new Map<string, OpenFile>();
  #closed = false;

  /** @param locate the path of what a name stands for; asked when the file is to be opened */
  constructor(capacity: number, locate: (name: string) => Promise<string>) {
    this.#capacity = capacity;
    this.#locate = locate;
  }

  /** Reads exactly `length` bytes at `offset`. Throws `data_loss` where the file ends before. */
  async read(name: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#closed) throw new DdkError('failed_precondition', 'The corpus is closed.');
    const file = this.#files.get(name) ?? {
      handle: this.#locate(name).then((path) => open(path, 'r')),
      users: 0,
    };
    this.#files.delete(name);
    this.#files.set(name, file);
    file.users += 1;
    try {
      const handle = await file.handle;
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0) {
          throw new DdkError(
            'data_loss',
            `Artifact ${name} has no byte ${offset + done}; it does not fit its manifest.`,
          );
        }
        done += bytesRead;
      }
      return bytes;
    } catch (error) {
      // A file that could not be opened is to be tried again next time.
      const isOpen = await file.handle.then(
        () => true,
        () => false,
      );
      if (!isOpen && this.#files.get(name) === file) this.#files.delete(name);
      throw DdkError.from(error);
    } finally {
      file.users -= 1;
      await this.#trim(this.#closed ? 0 : this.#capacity);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#trim(0);
  }

  async #trim(capacity: number): Promise<void> {
    for (const [name, file] of this.#files) {
      if (this.#files.size <= capacity) return;
      if (file.users > 0) continue;
      this.#files.delete(name);
      await (await file.handle).close();
    }
  }
}
