// A small service with a method of every kind, whose messages travel as JSON, and a server and client of it.
import { type DdkError, type Logger, silentLogger } from '#base';
import {
  type Client,
  type ClientOptions,
  createClient,
  Health,
  type Implementation,
  type RunningServer,
  type ServerSettings,
  service,
  startServer,
} from '#rpc';

export interface Note {
  readonly text: string;
  readonly payload?: string;
}

const serialize = (value: Note): Buffer => Buffer.from(JSON.stringify(value));
const deserialize = (bytes: Buffer): Note => JSON.parse(bytes.toString());
const codec = {
  requestSerialize: serialize,
  requestDeserialize: deserialize,
  responseSerialize: serialize,
  responseDeserialize: deserialize,
};

export const EchoService = {
  ask: { path: '/test.Echo/Ask', requestStream: false, responseStream: false, ...codec },
  tell: { path: '/test.Echo/Tell', requestStream: false, responseStream: true, ...codec },
  talk: { path: '/test.Echo/Talk', requestStream: true, responseStream: true, ...codec },
  count: { path: '/test.Echo/Count', requestStream: true, responseStream: false, ...codec },
} as const;

export type Echo = Implementation<typeof EchoService>;

/** Answers what it is asked. */
export const echo: Echo = {
  ask: async (note) => note,
  async *tell(note) {
    for (let i = 0; i < 3; i += 1) yield { text: `${note.text} ${i}` };
  },
  async *talk(notes) {
    for await (const note of notes) yield note;
  },
  async count(notes) {
    let count = 0;
    for await (const _ of notes) count += 1;
    return { text: String(count) };
  },
};

export interface Pair {
  readonly server: RunningServer;
  readonly client: Client<typeof EchoService>;
  readonly health: Health;
}

/** Runs a test against a server with these handlers instead of the echoing ones, and closes both sides. */
export async function withEcho(
  handlers: Partial<Echo>,
  body: (pair: Pair) => Promise<void>,
  settings: Partial<ServerSettings> & { readonly client?: ClientOptions; readonly logger?: Logger } = {},
): Promise<void> {
  const health = new Health({ logger: silentLogger, maxAgeMs: 0 });
  const server = await startServer({
    address: '127.0.0.1:0',
    services: [service(EchoService, { ...echo, ...handlers })],
    health,
    logger: silentLogger,
    ...settings,
  });
  const client = await createClient(EchoService, server.address, settings.client);
  try {
    await body({ server, client, health });
  } finally {
    client.close();
    await server.close();
  }
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

/** For assert.rejects: an error of this code whose message matches. */
export function failure(code: DdkError['code'], message = /./): (error: DdkError) => boolean {
  return (error) => error.name === 'DdkError' && error.code === code && message.test(error.message);
}
