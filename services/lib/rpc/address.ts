// What an address of a service looks like, for those who read one from a user.
import type { Environment } from '#base';

const largestPort = 65_535;

/** What is wrong with an address, as the end of a sentence about it; undefined where it is one. */
export function addressProblem(address: string): string | undefined {
  if (/^unix:./.test(address)) return undefined;
  const port = /^(?:dns:\/\/\/)?(?:\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):(\d+)$/.exec(address)?.[1];
  if (port === undefined) return 'must be host:port, such as 127.0.0.1:7000';
  if (Number(port) > largestPort) return `must end with a port from 0 to ${largestPort}`;
  return undefined;
}

/** Reads an address; one that is none is noted as a problem of the variable. */
export function readAddress(env: Environment, name: string, fallback?: string): string {
  const address = env.string(name, fallback);
  const problem = address === '' ? undefined : addressProblem(address);
  if (problem !== undefined) env.reject(name, `${problem}, is ${JSON.stringify(address)}`);
  return address;
}
